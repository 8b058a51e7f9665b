//! What both lists share: the checks when building, and the look-up.

use std::{fs, path::Path};

use crate::{
    ct::{MAX_SECRET, MAX_SECRETS, SecretTable},
    error::ConfigError,
    file,
    principal::Principal,
    rejection::Rejection,
    scope::Scope,
    text,
};

/// Secrets as they are presented, each with whose it is.
pub(super) struct List<P> {
    table: SecretTable,
    principals: Box<[P]>,
}

impl<P> List<P> {
    #[inline(always)]
    pub(super) fn whose(&self, presented: &[u8]) -> Result<P, Rejection>
    where
        P: Clone,
    {
        self.find(presented).cloned().ok_or_else(Rejection::invalid)
    }

    #[inline(always)]
    pub(super) fn find(&self, presented: &[u8]) -> Option<&P> {
        self.principals.get(self.table.find(presented)?)
    }

    pub(super) fn len(&self) -> usize {
        self.principals.len()
    }
}

/// Entries that are still to be checked.
pub(super) struct Draft<P> {
    /// What an entry is called in an error.
    noun: &'static str,
    /// The shortest secret, in bytes.
    min_len: usize,
    entries: Vec<Entry<P>>,
    pub(super) short_allowed: bool,
    pub(super) empty_allowed: bool,
}

/// One entry of a draft.
pub(super) struct Entry<P> {
    /// What must not be repeated: a token, a user.
    pub(super) key: String,
    /// What the caller presents.
    pub(super) presented: String,
    /// The length of the part that must not be guessed, in bytes.
    pub(super) secret_len: usize,
    /// What else is wrong with it.
    pub(super) fault: Option<String>,
    /// The line it was read from.
    pub(super) line: Option<usize>,
    pub(super) principal: P,
}

impl<P> Draft<P> {
    pub(super) fn new(noun: &'static str, min_len: usize) -> Self {
        Self {
            noun,
            min_len,
            entries: Vec::new(),
            short_allowed: false,
            empty_allowed: false,
        }
    }

    pub(super) fn push(&mut self, entry: Entry<P>) {
        self.entries.push(entry);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn build(self) -> Result<List<P>, ConfigError> {
        let noun = self.noun;
        if self.entries.is_empty() && !self.empty_allowed {
            return Err(ConfigError::new(format!("a list without a {noun}")));
        }
        if self.entries.len() > MAX_SECRETS {
            let message = format!("more than {MAX_SECRETS} entries belong in a token store");
            return Err(ConfigError::new(message));
        }
        for (index, entry) in self.entries.iter().enumerate() {
            if let Some(fault) = self.fault(index, entry) {
                let error = ConfigError::new(format!("{noun} {} {fault}", index + 1));
                return Err(match entry.line {
                    Some(line) => error.at_line(line),
                    None => error,
                });
            }
        }
        let presented = self.entries.iter().map(|entry| entry.presented.as_bytes());
        Ok(List {
            table: SecretTable::new(presented),
            principals: self.entries.into_iter().map(|e| e.principal).collect(),
        })
    }

    fn fault(&self, index: usize, entry: &Entry<P>) -> Option<String> {
        if let Some(fault) = &entry.fault {
            return Some(fault.clone());
        }
        if entry.secret_len < self.min_len && !self.short_allowed {
            return Some(format!("is shorter than {} bytes", self.min_len));
        }
        if entry.presented.len() > MAX_SECRET {
            return Some(format!("is longer than {MAX_SECRET} bytes on the wire"));
        }
        let earlier = &self.entries[..index];
        let twin = earlier.iter().position(|other| other.key == entry.key)?;
        Some(format!("repeats {} {}", self.noun, twin + 1))
    }
}

/// The blanks of a line. Others, such as a no-break space, look the same and
/// would part or join what the reader sees joined or parted.
const BLANKS: [char; 2] = [' ', '\t'];

/// An entry of a file, parted at its first blank.
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) first: &'a str,
    pub(super) rest: &'a str,
}

/// The lines of a file that are neither empty nor a comment. The error for a
/// character that has no place there names the line.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Result<Line<'_>, ConfigError>> {
    let lines = file::without_bom(text).lines().zip(1..);
    lines.filter_map(|(line, number)| {
        if let Err(message) = check_line(line) {
            return Some(Err(ConfigError::new(message).at_line(number)));
        }
        let line = line.trim_matches(BLANKS);
        let is_entry = !line.is_empty() && !line.starts_with('#');
        is_entry.then(|| {
            let (first, rest) = first_word(line);
            Ok(Line {
                number,
                first,
                rest,
            })
        })
    })
}

fn check_line(line: &str) -> Result<(), String> {
    // People write comments as they like, but a control character may have been
    // meant to end one.
    let is_comment = line.trim_start_matches(BLANKS).starts_with('#');
    let checked = |char: &char| !is_comment || char.is_control();
    for char in line.chars().filter(checked) {
        let what = match char {
            '\t' | ' ' => None,
            '\r' => Some("a carriage return; lines end with a line feed, or both"),
            '\u{FEFF}' => Some("a byte order mark after the start of the file"),
            _ if char.is_whitespace() => Some("which is not a space or tab"),
            _ => text::fault(char),
        };
        if let Some(what) = what {
            return Err(format!("holds U+{:04X}, {what}", u32::from(char)));
        }
    }
    Ok(())
}

pub(super) fn first_word(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once(BLANKS).unwrap_or((text, ""));
    (first, rest.trim_start_matches(BLANKS))
}

/// Returns the principal of an entry. A word in the place of a scope may be the
/// rest of a password, so the error does not quote it.
pub(super) fn principal(
    subject: &str,
    scopes: &str,
    line: usize,
) -> Result<Principal, ConfigError> {
    if let Err(error) = text::check_line(subject, usize::MAX) {
        return Err(ConfigError::new(format!("the subject {error}")).at_line(line));
    }
    for (scope, number) in scopes.split_whitespace().zip(1..) {
        if scope.parse::<Scope>().is_err() {
            let message = format!("what stands in the place of scope {number} is not a scope");
            return Err(ConfigError::new(message).at_line(line));
        }
    }
    Principal::new(subject).with_scopes(scopes.split_whitespace())
}

pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let bytes = fs::read(path)
        .map_err(|error| ConfigError::new(format!("can't read {}: {error}", path.display())))?;
    file::decode(&bytes).map(str::to_owned)
}
