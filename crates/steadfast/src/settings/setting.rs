//! A setting: its name, its place, what it takes.

use super::table::SETTINGS;
use super::{Accepts, SettingInput, SettingValue};
use crate::engine::Options;

/// A setting under the name that games know it by.
#[derive(Debug)]
pub struct Setting {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) accepts: Accepts,
    pub(super) note: &'static str,
    pub(super) access: Access,
}

/// Where it is read and written. A value of another kind is never set.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) get: fn(&Options) -> SettingValue,
    pub(super) set: fn(&mut Options, SettingValue),
}

impl Setting {
    /// The setting of a name. Upper and lower case count.
    pub fn find(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its place in [`Options`].
    pub const fn place(&self) -> &'static str {
        self.place
    }

    /// What it takes.
    pub const fn accepts(&self) -> Accepts {
        self.accepts
    }

    /// What it does, or why it does nothing here.
    pub const fn note(&self) -> &'static str {
        self.note
    }

    /// What it holds.
    pub fn get(&self, options: &Options) -> SettingValue {
        (self.access.get)(options)
    }

    /// What it holds unless it is set.
    pub fn default_value(&self) -> SettingValue {
        self.get(&Options::default())
    }

    /// Reads what somebody wrote.
    pub(super) fn read(&self, input: SettingInput<'_>) -> Result<SettingValue, String> {
        let value = self.accepts.read(input).ok_or_else(|| {
            let usage = match self.accepts {
                Accepts::Time { .. } => "a number of seconds, or text such as `30s`",
                Accepts::Count { .. } => "a whole number",
                Accepts::Bytes { .. } => "a whole number of bytes, or text such as `64KiB`",
                Accepts::Text { .. } => "text",
                Accepts::Flag | Accepts::Choice(_) => return self.must_be(),
            };
            format!("`{}` must be {usage}", self.name)
        })?;
        if self.accepts.holds(&value) { Ok(value) } else { Err(self.refusal(&value)) }
    }

    pub(super) fn put(&self, options: &mut Options, value: SettingValue) {
        (self.access.set)(options, value);
    }

    /// What is wrong with it, if something is.
    pub(crate) fn problem(&self, options: &Options) -> Option<String> {
        let value = self.get(options);
        (!self.accepts.holds(&value)).then(|| self.refusal(&value))
    }

    fn refusal(&self, value: &SettingValue) -> String {
        format!("`{}` is {value}, it must be {}", self.name, self.accepts)
    }

    fn must_be(&self) -> String {
        format!("`{}` must be {}", self.name, self.accepts)
    }
}
