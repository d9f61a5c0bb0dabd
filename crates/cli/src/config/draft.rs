//! The configuration as it is put together, with where each value came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;
use steadfast::{Options, SettingInput};
use steadfast_core::ErrorKind;
use steadfast_core::platform::History;
use steadfast_server::Config;
use toml::{Table, Value};

use crate::args::{Profile, Serve};
use crate::failure::{Failure, Result};

/// Where a value came from; the later comes before the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File,
    Environment,
    Flag,
}

impl Origin {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

/// What a server runs with.
#[derive(Debug)]
pub(crate) struct Effective {
    pub(crate) data: PathBuf,
    pub(crate) profile: Profile,
    pub(crate) server: Config,
    pub(crate) options: Options,
    origins: BTreeMap<String, Origin>,
}

impl Effective {
    /// Where the value of a name came from.
    pub(crate) fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).copied().unwrap_or(Origin::Default)
    }
}

/// The configuration so far, and everything that is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Draft {
    data: Option<PathBuf>,
    profile: Profile,
    history: Option<History>,
    server: Config,
    options: Options,
    origins: BTreeMap<String, Origin>,
    problems: Vec<String>,
}

impl Draft {
    /// Takes what a file says. What is wrong with it is kept for [`finish`](Self::finish).
    ///
    /// # Errors
    /// It is no TOML at all.
    pub(super) fn take_file(&mut self, text: &str) -> Result<()> {
        let table: Table = toml::from_str(text).map_err(|error| {
            Failure::new(ErrorKind::Invalid, error.to_string().trim_end().to_owned())
        })?;
        for (key, value) in table {
            match (&*key, value) {
                ("data", Value::String(dir)) => {
                    self.data = Some(dir.into());
                    self.came_from("data", Origin::File);
                }
                ("limits", Value::String(name)) => match Profile::from_str(&name, false) {
                    Ok(profile) => {
                        self.profile = profile;
                        self.came_from("limits", Origin::File);
                    }
                    Err(_) => self.wrong("`limits` must be `native` or `roblox`"),
                },
                ("history", Value::String(name)) => {
                    self.history = History::parse(&name);
                    self.came_from("history", Origin::File);
                    if self.history.is_none() {
                        let names = History::ALL.map(|history| format!("`{}`", history.name()));
                        self.wrong(format!("`history` must be {}", names.join(" or ")));
                    }
                }
                ("server", Value::Table(server)) => self.take_server(server),
                ("settings", Value::Table(settings)) => self.take_settings(&settings),
                ("data" | "limits" | "history", _) => self.wrong(format!("`{key}` is not text")),
                ("server" | "settings", _) => self.wrong(format!("`{key}` is not a table")),
                (_, _) => self.wrong(format!("there is no `{key}`")),
            }
        }
        Ok(())
    }

    /// Reads each key by itself, so that one mistake does not hide the next.
    fn take_server(&mut self, server: Table) {
        let mut good = Table::new();
        for (key, value) in server {
            let alone: Table = [(key.clone(), value.clone())].into_iter().collect();
            match alone.try_into::<Config>() {
                Ok(_) => {
                    self.came_from_below(&format!("server.{key}"), &value);
                    good.insert(key, value);
                }
                Err(error) => self.wrong(format!("`server.{key}`: {}", error.message())),
            }
        }
        match good.try_into() {
            Ok(server) => self.server = server,
            Err(error) => self.wrong(format!("`server`: {}", error.message())),
        }
    }

    fn take_settings(&mut self, settings: &Table) {
        for (name, value) in settings {
            let input = match value {
                Value::Integer(number) => SettingInput::Whole(*number),
                Value::Float(number) => SettingInput::Number(*number),
                Value::Boolean(flag) => SettingInput::Flag(*flag),
                Value::String(text) => SettingInput::Text(text),
                Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
                    self.wrong(format!("`{name}` is neither a number, nor text, nor a flag"));
                    continue;
                }
            };
            match self.options.set(name, input) {
                Ok(()) => self.came_from(&format!("settings.{name}"), Origin::File),
                Err(error) => self.problems.extend(error.problems),
            }
        }
    }

    /// Takes what the command line says.
    pub(super) fn take_flags(&mut self, serve: &Serve) {
        if let Some(data) = &serve.data {
            self.data = Some(data.clone());
            self.came_from("data", Origin::Flag);
        }
        if let Some(listen) = serve.listen {
            self.server.listen = listen;
            self.came_from("server.listen", Origin::Flag);
        }
        if let Some(backups) = &serve.backups {
            self.server.backups = Some(backups.clone());
            self.came_from("server.backups", Origin::Flag);
        }
        if let Some(profile) = serve.limits {
            self.profile = profile;
            self.came_from("limits", Origin::Flag);
        }
        if let Some(ccu) = serve.ccu {
            self.server.budgets.ccu = ccu;
            self.came_from("server.budgets.ccu", Origin::Flag);
        }
        if let Some(history) = serve.kept.history() {
            self.history = Some(history);
            self.came_from("history", Origin::Flag);
        }
    }

    /// Checks what was put together.
    ///
    /// # Errors
    /// Everything that is wrong, in one message.
    pub(super) fn finish(&mut self) -> Result<Effective> {
        let Self { profile, data, history, server, options, origins, mut problems } =
            std::mem::take(self);
        let mut options =
            Options { limits: profile.limits(), settings: profile.settings(), ..options };
        options.settings.history = history.unwrap_or(options.settings.history);
        let says_nothing = server.budgets.ccu > 0 && options.limits.rates.is_none();
        if says_nothing {
            let name = match origins.get("server.budgets.ccu") {
                Some(Origin::Flag) => "--ccu",
                Some(Origin::Default | Origin::File | Origin::Environment) | None => {
                    "server.budgets.ccu"
                }
            };
            problems.push(format!("`{name}` says nothing to limits that count no requests"));
        }
        if let Err(error) = server.check(options.limits.value_size_max) {
            problems.push(error.to_string());
        }
        if let Err(error) = options.check() {
            problems.extend(error.problems);
        }
        if problems.is_empty() {
            let data = data.unwrap_or_else(|| "data".into());
            return Ok(Effective { data, profile, server, options, origins });
        }
        let failure = Failure::new(ErrorKind::Invalid, problems.join("; "));
        Err(if says_nothing { failure.hint("add `--limits roblox`") } else { failure })
    }

    fn wrong(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn came_from(&mut self, name: &str, origin: Origin) {
        self.origins.insert(name.to_owned(), origin);
    }

    /// The same of everything in a table of a file.
    fn came_from_below(&mut self, name: &str, value: &Value) {
        self.came_from(name, Origin::File);
        if let Value::Table(table) = value {
            for key in table.keys() {
                self.came_from(&format!("{name}.{key}"), Origin::File);
            }
        }
    }
}
