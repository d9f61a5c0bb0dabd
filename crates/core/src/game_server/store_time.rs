//! What the store's time is, as far as its answers tell.
//!
//! An answer shows a time that had come when it was given. That time and what has passed here since
//! it arrived is a lower bound of the store's time, as far as the two clocks run alike. Only the
//! newest answer counts: bounds of older ones would add up what the clocks differ by.

use std::time::Duration;

use crate::outcome::Outcome;
use crate::record::{PresenceRefusal, RecordAnswer, RecordRefusal, RecordReply};
use crate::time::{Monotonic, Timestamp};

/// How long an answer tells the time. The clocks of a store and of a server may differ by a
/// thousandth: what is concluded is less than a tenth of a second ahead.
pub(super) const TOLD_FOR: Duration = Duration::from_mins(1);

/// The newest time that the store told.
#[derive(Debug, Default)]
pub(super) struct StoreTime(Option<(Timestamp, Monotonic)>);

impl StoreTime {
    /// An answer arrived.
    pub(super) fn note(&mut self, now: Monotonic, answer: &RecordAnswer) {
        let told = answer.as_ref().ok().and_then(time_of);
        self.0 = told.map(|time| (time, now)).or(self.0);
    }

    /// A time that has come at the store; nothing if it told none lately.
    pub(super) fn at(&self, now: Monotonic) -> Option<Timestamp> {
        let (time, told_at) = self.0?;
        let passed = now.saturating_since(told_at);
        (passed <= TOLD_FOR).then(|| time.saturating_add(passed))
    }
}

/// The store's time that an answer shows.
fn time_of(reply: &RecordReply) -> Option<Timestamp> {
    match reply {
        RecordReply::Read(view)
        | RecordReply::Written(Outcome::Refused(RecordRefusal::Moved(view))) => Some(view.now),
        RecordReply::Written(Outcome::Committed(written)) => Some(written.stamped_at),
        RecordReply::WrittenAll(Outcome::Committed(written)) => Some(written.first()?.stamped_at),
        RecordReply::Presence(Outcome::Committed(renewed)) => Some(renewed.stamped_at),
        RecordReply::Operation(view) => Some(view.now),
        // They tell none, or one of an earlier write.
        RecordReply::Written(
            Outcome::Refused(
                RecordRefusal::Exhausted { .. }
                | RecordRefusal::Unavailable { .. }
                | RecordRefusal::Invalid(_),
            )
            | Outcome::Unknown,
        )
        | RecordReply::WrittenAll(Outcome::Refused(_) | Outcome::Unknown)
        | RecordReply::Presence(
            Outcome::Refused(PresenceRefusal::Moved(_) | PresenceRefusal::Store(_))
            | Outcome::Unknown,
        )
        | RecordReply::Inbox(_)
        | RecordReply::Checked(_)
        | RecordReply::Mail(_)
        | RecordReply::Noted
        | RecordReply::Queued(_)
        | RecordReply::Judged(_)
        | RecordReply::Receipts(..)
        | RecordReply::DeadLetters(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::OperationView;
    use crate::platform::PlatformError;

    fn told(seconds: i64) -> RecordReply {
        let now = Timestamp::from_unix_seconds(seconds);
        let view = OperationView { receipt: None, horizon: None, now };
        RecordReply::Operation(Box::new(view))
    }

    #[test]
    fn a_time_goes_on_from_the_newest_answer_for_a_minute_and_no_longer() {
        let start = Monotonic::from_nanos(5);
        let mut time = StoreTime::default();
        assert_eq!(time.at(start), None);
        time.note(start, &Ok(told(100)));
        assert_eq!(time.at(start), Some(Timestamp::from_unix_seconds(100)));
        let edge = start.saturating_add(TOLD_FOR);
        assert_eq!(time.at(edge), Some(Timestamp::from_unix_seconds(160)));
        assert_eq!(time.at(edge.saturating_add(Duration::from_nanos(1))), None);
    }

    #[test]
    fn an_answer_without_a_time_changes_nothing_and_a_store_that_went_back_counts() {
        let start = Monotonic::from_nanos(5);
        let mut time = StoreTime::default();
        time.note(start, &Ok(told(100)));
        for answer in [
            Ok(RecordReply::Noted),
            Ok(RecordReply::Written(Outcome::Unknown)),
            Err(PlatformError::Unavailable { reason: "gone".into() }),
        ] {
            time.note(start.saturating_add(Duration::from_secs(1)), &answer);
            assert_eq!(time.at(start), Some(Timestamp::from_unix_seconds(100)));
        }
        time.note(start, &Ok(told(40)));
        assert_eq!(time.at(start), Some(Timestamp::from_unix_seconds(40)));
    }
}
