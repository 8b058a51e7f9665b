//! The path of a database file, and of the files next to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::store::error::StoreError;

/// Makes a path absolute, so that a later change of the working directory
/// changes nothing.
///
/// Names with a special meaning to SQLite are refused: this store would create a
/// file of that name where SQLite opens a database in memory.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let text = path.as_os_str().to_string_lossy();
    let in_memory = "use MemoryStore to keep tokens in memory";
    let message = match &*text {
        "" => format!("path: empty; expected the path of a file; {in_memory}"),
        ":memory:" => {
            format!("path: \":memory:\"; expected the path of a file; {in_memory}")
        }
        _ if text.starts_with("file:") => {
            format!("path: a URI; expected the path of a file; {in_memory}")
        }
        _ => return std::path::absolute(path).map_err(StoreError::unavailable),
    };
    Err(StoreError::unavailable(message))
}

/// Returns the path of a file next to the database file, such as its write-ahead
/// log.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns a URI with which SQLite opens a file as immutable.
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

/// Creates an empty file that only its owner can read.
pub(super) fn create_new(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_with_a_meaning_in_a_uri_are_escaped() {
        let uri = immutable_uri(Path::new("/var/a b?c#d%e/ü.db"));
        assert_eq!(uri, "file:/var/a%20b%3Fc%23d%25e/%C3%BC.db?immutable=1");
    }
}
