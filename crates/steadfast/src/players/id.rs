//! Who plays: a number, or text, and the key of their record.

use std::fmt;

use steadfast_core::UserId;

/// The id of a player. Digits as text are the same player as the number that they write.
///
/// ```
/// use steadfast::PlayerId;
///
/// assert_eq!(PlayerId::from("7"), PlayerId::from(7));
/// assert_ne!(PlayerId::from("07"), PlayerId::from(7));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlayerId(UserId);

impl PlayerId {
    /// The user whose data the record is.
    pub fn user(&self) -> &UserId {
        &self.0
    }
}

impl From<UserId> for PlayerId {
    fn from(user: UserId) -> Self {
        match user {
            UserId::Number(_) => Self(user),
            UserId::Text(text) => match text.parse::<u64>() {
                // Two ids must not share a key: only what the number writes itself is the number.
                Ok(number) if number.to_string() == *text => Self(UserId::Number(number)),
                Ok(_) | Err(_) => Self(UserId::Text(text)),
            },
        }
    }
}

impl From<u64> for PlayerId {
    fn from(number: u64) -> Self {
        Self(UserId::Number(number))
    }
}

impl From<&str> for PlayerId {
    fn from(text: &str) -> Self {
        UserId::Text(text.into()).into()
    }
}

impl From<String> for PlayerId {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&Self> for PlayerId {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

impl fmt::Display for PlayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_players_have_one_name_and_no_player_has_two() {
        let ids = ["7", "07", "+7", "", "seven", "18446744073709551615", "18446744073709551616"];
        let ids = ids.map(PlayerId::from);
        let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
        for (index, id) in ids.iter().enumerate() {
            assert_eq!(names.iter().position(|name| *name == id.to_string()), Some(index));
        }
        assert_eq!(ids[0].user(), &UserId::Number(7));
        assert_eq!(ids[1].user(), &UserId::Text("07".into()));
        assert_eq!(ids[5].user(), &UserId::Number(u64::MAX));
        assert_eq!(ids[0], PlayerId::from("7".to_owned()));
        assert_eq!(PlayerId::from(&ids[0]), ids[0]);
    }
}
