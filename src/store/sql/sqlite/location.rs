//! The path of a database file, and what SQLite would take it for.

use std::path::{Path, PathBuf};

use crate::store::error::StoreError;

/// Makes a path absolute, so that a later change of the working directory
/// changes nothing.
///
/// SQLite gives some names another meaning, which this store does not: a name
/// for a database in memory would make a file of that name.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let text = path.as_os_str().to_string_lossy();
    let in_memory = "use MemoryStore to keep tokens in memory";
    let refused = match &*text {
        "" => format!("the path is empty; expected the path of a file; {in_memory}"),
        ":memory:" => {
            format!("\":memory:\" is not a path; expected the path of a file; {in_memory}")
        }
        _ if text.starts_with("file:") => {
            format!("a URI is not a path; expected the path of a file; {in_memory}")
        }
        _ => return std::path::absolute(path).map_err(StoreError::unavailable),
    };
    Err(StoreError::unavailable(refused))
}

/// The path of a file that SQLite keeps beside the database file.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A URI that has SQLite open a file as one that no process changes.
pub(super) fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => uri.push(char::from(*byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_holds_no_character_with_a_meaning_of_its_own() {
        let uri = immutable_uri(Path::new("/var/a b?c#d%e/ü.db"));
        assert_eq!(uri, "file:/var/a%20b%3Fc%23d%25e/%C3%BC.db?immutable=1");
    }
}
