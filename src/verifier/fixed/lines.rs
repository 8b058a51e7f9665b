//! The lines of a file of tokens or users.

use std::{fs, path::Path};

use crate::{error::ConfigError, file, principal::Principal, scope::Scope, text};

/// The white space that separates the words of a line. Other characters, such as a
/// no-break space, look the same but would not separate words.
const SPACES: [char; 2] = [' ', '\t'];

/// A line of a file, split after its first word.
pub(super) struct EntryLine<'a> {
    /// The number of the line, counted from 1.
    pub(super) number: usize,
    pub(super) first: &'a str,
    pub(super) rest: &'a str,
}

/// Returns the lines of a file that are neither empty nor comments. The error for a
/// character that is not allowed names the line.
pub(super) fn entry_lines(text: &str) -> impl Iterator<Item = Result<EntryLine<'_>, ConfigError>> {
    let lines = file::without_bom(text).lines().zip(1..);
    lines.filter_map(|(line, number)| {
        if let Err(message) = check_line(line) {
            return Some(Err(ConfigError::new(message).at_line(number)));
        }
        let line = line.trim_matches(SPACES);
        let is_entry = !line.is_empty() && !line.starts_with('#');
        is_entry.then(|| {
            let (first, rest) = split_first_word(line);
            Ok(EntryLine {
                number,
                first,
                rest,
            })
        })
    })
}

fn check_line(line: &str) -> Result<(), String> {
    // A comment may hold any text, but a control character in it may have been meant
    // to end it.
    let is_comment = line.trim_start_matches(SPACES).starts_with('#');
    let is_checked = |char: &char| !is_comment || char.is_control();
    for char in line.chars().filter(is_checked) {
        let forbidden = match char {
            '\t' | ' ' => None,
            '\r' => Some("a carriage return; lines end with a line feed, or both"),
            '\u{FEFF}' => Some("a byte order mark after the start of the file"),
            _ if char.is_whitespace() => Some("which is not a space or tab"),
            _ => text::forbidden_kind(char),
        };
        if let Some(kind) = forbidden {
            return Err(format!("contains U+{:04X}, {kind}", u32::from(char)));
        }
    }
    Ok(())
}

pub(super) fn split_first_word(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once(SPACES).unwrap_or((text, ""));
    (first, rest.trim_start_matches(SPACES))
}

/// Creates the principal of an entry. A word in the position of a scope may be the
/// rest of a password, so the error does not quote it.
pub(super) fn parse_principal(
    subject: &str,
    scopes: &str,
    line: usize,
) -> Result<Principal, ConfigError> {
    if let Err(error) = text::check_line(subject, usize::MAX) {
        return Err(ConfigError::new(format!("the subject {error}")).at_line(line));
    }
    for (scope, number) in scopes.split_whitespace().zip(1..) {
        if scope.parse::<Scope>().is_err() {
            let message = format!("scope {number}: not a scope");
            return Err(ConfigError::new(message).at_line(line));
        }
    }
    Principal::new(subject).with_scopes(scopes.split_whitespace())
}

pub(super) fn read_file(path: &Path) -> Result<String, ConfigError> {
    let bytes = fs::read(path)
        .map_err(|error| ConfigError::new(format!("can't read {}: {error}", path.display())))?;
    file::decode(&bytes).map(str::to_owned)
}
