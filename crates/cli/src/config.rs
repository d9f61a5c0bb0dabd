//! `config`, and what `serve` runs with: defaults, over them a file, over that flags.
//!
//! Everything that is wrong is found before anything is started, and told in one message.

mod draft;

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use steadfast::{SETTINGS, SettingValue};
use steadfast_core::ErrorKind;
use steadfast_server::config::Budgets;

use self::draft::Draft;
use crate::args;
use crate::environment;
use crate::failure::{Failure, Result};
use crate::printer::{Printer, Show};
use crate::serve::LOG_DEFAULT;

pub(crate) use self::draft::{Effective, Origin};

/// What a server with these flags runs with.
///
/// # Errors
/// The file cannot be read, or something is wrong with it or with the flags.
pub(crate) fn load(serve: &args::Serve) -> Result<Effective> {
    let mut draft = Draft::default();
    if let Some(file) = &serve.config {
        draft.take_file(&read(file)?).map_err(|failure| failure.context(cannot_use(file)))?;
    }
    draft.take_flags(serve);
    draft.finish().map_err(|failure| match &serve.config {
        Some(file) => failure.context(cannot_use(file)),
        None => failure,
    })
}

/// # Errors
/// As for [`load`].
pub(crate) fn run(config: &args::Config, printer: Printer) -> Result<()> {
    match config {
        args::Config::Show(serve) => printer.list(&rows(&load(serve)?)?),
        args::Config::Check(check) => {
            let file = &check.file;
            let mut draft = Draft::default();
            draft
                .take_file(&read(file)?)
                .and_then(|()| draft.finish())
                .map_err(|failure| failure.context(cannot_use(file)))?;
            let checked = Checked { file: file.display().to_string(), valid: true };
            printer.text_or_json(&format!("`{}` can be used", file.display()), &checked)
        }
    }
}

fn cannot_use(file: &Path) -> String {
    format!("cannot use `{}`", file.display())
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        let kind = if error.kind() == std::io::ErrorKind::NotFound {
            ErrorKind::NotFound
        } else {
            ErrorKind::Unavailable
        };
        Failure::of(kind, error).context(format!("cannot read `{}`", file.display()))
    })
}

/// A file without a problem.
#[derive(Serialize)]
struct Checked {
    file: String,
    valid: bool,
}

/// A value that `serve` runs with.
#[derive(Serialize)]
struct Row {
    name: String,
    value: String,
    from: &'static str,
}

impl Show for Row {
    fn titles() -> Vec<&'static str> {
        vec!["name", "value", "from"]
    }

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.value.clone(), self.from.to_owned()]
    }
}

/// Everything, under the names of the file.
fn rows(effective: &Effective) -> Result<Vec<Row>> {
    let row = |name: String, value: String| {
        let from = effective.origin(&name).name();
        Row { name, value, from }
    };
    let mut rows = vec![
        row("data".into(), effective.data.display().to_string()),
        row("limits".into(), effective.profile.name().into()),
        row("history".into(), effective.options.settings.history.name().into()),
    ];
    let server = server_values(effective);
    rows.extend(server.into_iter().map(|(name, value)| row(format!("server.{name}"), value)));
    rows.extend(SETTINGS.iter().map(|setting| {
        let value = setting.get(&effective.options).to_string();
        row(format!("settings.{}", setting.name()), value)
    }));
    let log = environment::read(&environment::LOG)?;
    let from = if log.is_some() { Origin::Environment } else { Origin::Default }.name();
    let value = log.unwrap_or_else(|| LOG_DEFAULT.to_owned());
    rows.push(Row { name: environment::LOG.name.to_owned(), value, from });
    Ok(rows)
}

/// The settings of the HTTP server.
fn server_values(effective: &Effective) -> Vec<(&'static str, String)> {
    // Named one by one, so that none can be forgotten.
    let steadfast_server::Config {
        listen,
        connection_count_max,
        backlog_count_max,
        head_timeout,
        header_count_max,
        head_size_max,
        uri_size_max,
        body_timeout,
        body_slack_size,
        body_memory_max,
        request_timeout,
        write_timeout,
        stream_count_max,
        shutdown_timeout,
        budgets: Budgets { ccu, universes, window_count_max, clock: _ },
        backups,
        metrics: _,
    } = &effective.server;
    let time = |time: &Duration| SettingValue::Time(*time).to_string();
    let backups = backups.as_ref().map_or("none".into(), |dir| dir.display().to_string());
    let universes: Vec<_> = universes.keys().map(ToString::to_string).collect();
    let universes = if universes.is_empty() { "none".to_owned() } else { universes.join(", ") };
    vec![
        ("listen", listen.to_string()),
        ("connection_count_max", connection_count_max.to_string()),
        ("backlog_count_max", backlog_count_max.to_string()),
        ("head_timeout", time(head_timeout)),
        ("header_count_max", header_count_max.to_string()),
        ("head_size_max", head_size_max.to_string()),
        ("uri_size_max", uri_size_max.to_string()),
        ("body_timeout", time(body_timeout)),
        ("body_slack_size", body_slack_size.to_string()),
        ("body_memory_max", body_memory_max.to_string()),
        ("request_timeout", time(request_timeout)),
        ("write_timeout", time(write_timeout)),
        ("stream_count_max", stream_count_max.to_string()),
        ("shutdown_timeout", time(shutdown_timeout)),
        ("budgets.ccu", ccu.to_string()),
        ("budgets.universes", universes),
        ("budgets.window_count_max", window_count_max.to_string()),
        ("backups", backups),
    ]
}
