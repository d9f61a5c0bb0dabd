//! The ends of operations in the file of a spill: what makes sure that an operation whose effect is
//! in the bytes is not applied to them again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use steadfast_core::id::{OperationId, OperationKind};
use steadfast_core::operation::{Death, OperationStatus, PendingBody, Settlement, Verdict};
use steadfast_core::row::Birth;
use steadfast_core::{JsonText, Timestamp};

use super::hexadecimal;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSettlement {
    seq: u64,
    id: String,
    kind: String,
    /// JSON as text, byte for byte.
    payload: String,
    /// Times are counts of 100 ns since 1970.
    issued_at: i64,
    /// Nothing if the row of the operation itself says it.
    queued_at: Option<i64>,
    schema: u32,
    is_permanent: bool,
    replaces: Option<String>,
    verdict: Option<WireVerdict>,
    status: WireStatus,
    result: Option<String>,
    error: Option<String>,
    tries: u32,
    death: Option<WireDeath>,
    is_kept_for_ever: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum WireVerdict {
    Cancel(String),
    Fail(String),
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum WireStatus {
    Applied,
    Cancelled,
    Failed,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum WireDeath {
    Attempts,
    TimeToLive,
    MissingHandler,
    Handler,
    Operator,
}

impl From<&Settlement> for WireSettlement {
    fn from(settlement: &Settlement) -> Self {
        let Settlement { seq, body, status, result, error, tries, death, is_permanent } =
            settlement;
        let PendingBody { id, kind, payload, issued_at, queued, schema, replaces, verdict, .. } =
            &**body;
        let text = |text: &Arc<str>| text.to_string();
        Self {
            seq: *seq,
            id: id.as_str().to_owned(),
            kind: kind.as_str().to_owned(),
            payload: payload.as_str().to_owned(),
            issued_at: issued_at.ticks(),
            queued_at: match queued {
                Birth::ThisWrite => None,
                Birth::At(time) => Some(time.ticks()),
            },
            schema: *schema,
            is_permanent: body.is_permanent,
            replaces: replaces.as_ref().map(|id| id.as_str().to_owned()),
            verdict: verdict.as_ref().map(|verdict| match verdict {
                Verdict::Cancel(reason) => WireVerdict::Cancel(text(reason)),
                Verdict::Fail(reason) => WireVerdict::Fail(text(reason)),
            }),
            status: match status {
                OperationStatus::Applied => WireStatus::Applied,
                OperationStatus::Cancelled => WireStatus::Cancelled,
                OperationStatus::Failed => WireStatus::Failed,
            },
            result: result.as_ref().map(|result| result.as_str().to_owned()),
            error: error.as_ref().map(text),
            tries: *tries,
            death: death.map(|death| match death {
                Death::Attempts => WireDeath::Attempts,
                Death::TimeToLive => WireDeath::TimeToLive,
                Death::MissingHandler => WireDeath::MissingHandler,
                Death::Handler => WireDeath::Handler,
                Death::Operator => WireDeath::Operator,
            }),
            is_kept_for_ever: *is_permanent,
        }
    }
}

impl WireSettlement {
    /// Nothing if it names an operation as none can be named.
    pub(super) fn into_settlement(self) -> Option<Settlement> {
        let body = PendingBody {
            id: OperationId::parse(&self.id).ok()?,
            kind: OperationKind::parse(&self.kind).ok()?,
            payload: JsonText::trusted(self.payload),
            issued_at: Timestamp::from_ticks(self.issued_at),
            queued: self
                .queued_at
                .map_or(Birth::ThisWrite, |ticks| Birth::At(Timestamp::from_ticks(ticks))),
            schema: self.schema,
            is_permanent: self.is_permanent,
            replaces: self.replaces.map(|id| OperationId::parse(&id)).transpose().ok()?,
            verdict: self.verdict.map(|verdict| match verdict {
                WireVerdict::Cancel(reason) => Verdict::Cancel(reason.into()),
                WireVerdict::Fail(reason) => Verdict::Fail(reason.into()),
            }),
        };
        let status = match self.status {
            WireStatus::Applied => OperationStatus::Applied,
            WireStatus::Cancelled => OperationStatus::Cancelled,
            WireStatus::Failed => OperationStatus::Failed,
        };
        let death = self.death.map(|death| match death {
            WireDeath::Attempts => Death::Attempts,
            WireDeath::TimeToLive => Death::TimeToLive,
            WireDeath::MissingHandler => Death::MissingHandler,
            WireDeath::Handler => Death::Handler,
            WireDeath::Operator => Death::Operator,
        });
        let (result, error) = (self.result.map(JsonText::trusted), self.error.map(Arc::from));
        let (seq, tries, is_permanent) = (self.seq, self.tries, self.is_kept_for_ever);
        let body = Arc::new(body);
        Some(Settlement { seq, body, status, result, error, tries, death, is_permanent })
    }
}

/// Of the ends of operations, in hexadecimal digits.
pub(super) fn digest_of(settled: &[WireSettlement]) -> String {
    let text = serde_json::to_vec(settled).expect("texts and numbers are JSON");
    hexadecimal(&Sha256::digest(text))
}
