//! Decoding of configuration files.

use crate::error::ConfigError;

/// Returns the text of a file in UTF-8, without the byte order mark that some
/// editors put at its start.
///
/// # Errors
///
/// Returns an error if the file is UTF-16, or contains a NUL byte or bytes that are
/// not UTF-8. The error names the line and quotes nothing.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, ConfigError> {
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err(ConfigError::new("the file is UTF-16; save it as UTF-8"));
    }
    let line = |at: usize| 1 + bytes.iter().take(at).filter(|b| **b == b'\n').count();
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        let message = "contains a NUL byte; a file in UTF-16 must be saved as UTF-8";
        return Err(ConfigError::new(message).at_line(line(at)));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(without_bom(text)),
        Err(error) => {
            let line = line(error.valid_up_to());
            Err(ConfigError::new("is not UTF-8").at_line(line))
        }
    }
}

/// Returns the text without a byte order mark at its start.
pub(crate) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{FEFF}').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_with_a_byte_order_mark_and_without() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"a\r\nb", "a\r\nb"),
            (b"\xEF\xBB\xBFa", "a"),
            (b"\xEF\xBB\xBF", ""),
            // A second mark is a character of the text.
            (b"\xEF\xBB\xBF\xEF\xBB\xBFa", "\u{FEFF}a"),
        ] {
            assert_eq!(decode(bytes).unwrap(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_utf_8_is_refused_with_its_line() {
        let nul = "contains a NUL byte; a file in UTF-16 must be saved as UTF-8";
        let utf16 = "the file is UTF-16; save it as UTF-8";
        let rows: [(&[u8], String); 6] = [
            (b"\xFF\xFEa\0", utf16.to_owned()),
            (b"\xFE\xFF\0a", utf16.to_owned()),
            (b"a\0b\0", format!("line 1: {nul}")),
            (b"a\n\0b", format!("line 2: {nul}")),
            (b"a\nb\n\xE9", "line 3: is not UTF-8".to_owned()),
            (b"\xEF\xBB", "line 1: is not UTF-8".to_owned()),
        ];
        for (bytes, expected) in rows {
            assert_eq!(
                decode(bytes).unwrap_err().to_string(),
                expected,
                "{bytes:?}"
            );
        }
    }
}
