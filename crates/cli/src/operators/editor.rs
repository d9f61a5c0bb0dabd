//! A text in somebody's editor.

use std::io::Write;
use std::process::Command;

use steadfast_core::ErrorKind;

use crate::failure::{Failure, Result};

/// Has a text edited, and returns what it is then. Only this user can read the file meanwhile.
///
/// # Errors
/// The editor does not start or ends with a failure; the file cannot be written or read.
pub(super) fn edit(editor: &str, text: &str) -> Result<String> {
    let failed = |error: std::io::Error| {
        Failure::of(ErrorKind::Unavailable, error).context("cannot write the text for the editor")
    };
    let file = tempfile::Builder::new().prefix("record-").suffix(".json").tempfile();
    let mut file = file.map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
    file.flush().map_err(failed)?;
    // By the shell, because the variable may have arguments.
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file.path());
    let status = command.status().map_err(|error| {
        Failure::of(ErrorKind::Unavailable, error).context(format!("cannot start `{editor}`"))
    })?;
    if !status.success() {
        let message = format!("`{editor}` ended with {status}");
        return Err(Failure::new(ErrorKind::Denied, message).hint("nothing was written"));
    }
    // An editor may have put another file in its place.
    std::fs::read_to_string(file.path()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_editor_leaves_is_what_counts() {
        assert_eq!(edit("true", "{\"coins\": 5}").unwrap(), "{\"coins\": 5}\n");
        let edited = edit("sed -i s/5/9/", "{\"coins\": 5}").unwrap();
        assert_eq!(edited, "{\"coins\": 9}\n");
        assert_eq!(edit("false", "1").unwrap_err().kind(), ErrorKind::Denied);
        assert_eq!(edit("no-such-editor-anywhere", "1").unwrap_err().kind(), ErrorKind::Denied);
    }
}
