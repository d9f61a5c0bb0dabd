//! Users as JSON: a number if they look like one, or text.

use serde_json::Value;

/// A user that was read, as text.
pub(crate) fn text_of_user(user: &Value) -> String {
    user.as_str().map_or_else(|| user.to_string(), str::to_owned)
}

/// A user as it is written.
pub(crate) fn user_as_json(user: &str) -> Value {
    let is_number = user.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| user.parse::<u64>().ok()).flatten();
    number.map_or_else(|| Value::from(user), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_numbers_where_they_look_like_numbers() {
        assert_eq!(user_as_json("7"), Value::from(7));
        assert_eq!(user_as_json("steam:7"), Value::from("steam:7"));
        for user in ["18446744073709551615", "steam:7", "+7", ""] {
            assert_eq!(text_of_user(&user_as_json(user)), user);
        }
    }
}
