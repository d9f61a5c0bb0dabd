//! How a setting of each kind is read and written, wherever it lives in the options.

macro_rules! time {
    ($part:ident.$field:ident) => {
        Access {
            get: |options| SettingValue::Time(options.$part.$field),
            set: |options, value| {
                if let SettingValue::Time(time) = value {
                    options.$part.$field = time;
                }
            },
        }
    };
}

macro_rules! count {
    ($kind:ident $part:ident.$field:ident) => {
        Access {
            get: |options| SettingValue::$kind(options.$part.$field.number()),
            set: |options, value| {
                if let SettingValue::$kind(number) = value {
                    options.$part.$field = Number::of(number);
                }
            },
        }
    };
}

macro_rules! flag {
    ($part:ident.$field:ident) => {
        Access {
            get: |options| SettingValue::Flag(options.$part.$field),
            set: |options, value| {
                if let SettingValue::Flag(flag) = value {
                    options.$part.$field = flag;
                }
            },
        }
    };
}

macro_rules! choice {
    ($part:ident.$field:ident, $type:ident { $($word:ident),* }) => {
        Access {
            get: |options| {
                SettingValue::Choice(match options.$part.$field {
                    $($type::$word => stringify!($word),)*
                })
            },
            set: |options, value| {
                $(if value == SettingValue::Choice(stringify!($word)) {
                    options.$part.$field = $type::$word;
                })*
            },
        }
    };
}

/// The types of numbers in settings. What is out of range of them is out of range of the setting.
pub(super) trait Number {
    fn number(self) -> u64;
    fn of(number: u64) -> Self;
}

impl Number for u32 {
    fn number(self) -> u64 {
        self.into()
    }

    fn of(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }
}

impl Number for u64 {
    fn number(self) -> u64 {
        self
    }

    fn of(number: u64) -> Self {
        number
    }
}

impl Number for usize {
    fn number(self) -> u64 {
        u64::try_from(self).unwrap_or(u64::MAX)
    }

    fn of(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }
}

pub(super) use {choice, count, flag, time};
