//! Backups that a running server makes, through `/steadfast/v1/admin/backups`.

use std::time::Duration;

use reqwest::Response;
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval};

use super::Remote;
use super::answer::not_understood;
use crate::copy::{Copied, ManifestShown};
use crate::failure::Result;
use crate::target::status::Access;

/// How often a backup that takes long is asked for.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// A backup as the server shows it.
#[derive(Deserialize)]
struct Backup {
    path: String,
    progress: Option<Progress>,
    /// Once it is done.
    manifest: Option<ManifestShown>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    stage: String,
    row_count: u64,
    row_count_total: u64,
}

impl Remote {
    pub(in crate::target) async fn backup(
        &self,
        name: &str,
        mut observe: impl FnMut(&str, u64, u64),
    ) -> Result<Copied> {
        let all = ["steadfast", "v1", "admin", "backups"];
        let body = serde_json::json!({ "directory": name });
        let request = self.client.post(self.url(&all)).json(&body);
        let mut backup = self.shown(self.send(request, Access::Write).await?).await?;
        let mut polls = interval(POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(manifest) = backup.manifest {
                return Ok(Copied { directory: backup.path, manifest });
            }
            if let Some(Progress { stage, row_count, row_count_total }) = backup.progress {
                observe(&stage, row_count, row_count_total);
            }
            polls.tick().await;
            let url = self.url(&[&all[..], &[name]].concat());
            backup = self.shown(self.send(self.client.get(url), Access::Read).await?).await?;
        }
    }

    async fn shown(&self, response: Response) -> Result<Backup> {
        let text = self.text(response, Access::Read).await?;
        serde_json::from_str(&text).map_err(not_understood)
    }
}
