//! The header by which a client of ours names its write.
//!
//! A write that is sent again under the id of the first counts once, as far as the store still knows
//! the first: that makes it safe to repeat a request whose answer was lost. Clients of the live
//! service send no such header, and their writes are named by the server.

use steadfast_core::WriteId;

/// Request: the id of the write, as 32 hexadecimal digits.
pub const WRITE_ID: &str = "steadfast-write-id";

/// How many digits an id has.
const DIGIT_COUNT: usize = 32;

/// Reads the value of the header. Nothing if it is anything but 32 hexadecimal digits.
pub fn parse(value: &[u8]) -> Option<WriteId> {
    let is_id = value.len() == DIGIT_COUNT && value.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(value).ok().filter(|_| is_id)?;
    u128::from_str_radix(text, 16).ok().map(WriteId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_in_either_case() {
        for id in [0, 0xabc, u128::MAX] {
            let text = WriteId(id).to_string();
            assert_eq!(parse(text.as_bytes()), Some(WriteId(id)));
            assert_eq!(parse(text.to_uppercase().as_bytes()), Some(WriteId(id)));
        }
    }

    #[test]
    fn anything_but_32_digits_is_refused() {
        let digits = "0123456789abcdef0123456789abcdef";
        assert!(parse(digits.as_bytes()).is_some());
        for value in ["", "0", &digits[1..], &format!("{digits}0"), &format!("+{}", &digits[1..])] {
            assert_eq!(parse(value.as_bytes()), None, "{value}");
        }
        assert_eq!(parse(&[b'g'; 32]), None);
        assert_eq!(parse(&[0xff; 32]), None);
        assert_eq!(parse("\u{660}".repeat(16).as_bytes()), None);
    }
}
