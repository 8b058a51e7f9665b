//! The reader of a text, byte by byte.

use std::borrow::Cow;

use super::{Json, JsonError, Members};

/// The largest object in which each pair of names is compared. The names of a larger one
/// are sorted first.
const MAX_PAIRWISE: usize = 16;

/// The rest of a text.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Moves past `expected` if it is next.
    fn accept(&mut self, expected: u8) -> bool {
        let is_next = self.peek() == Some(expected);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        match self.peek() {
            Some(b'"') => self.string().map(Json::String),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Json<'a>, JsonError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for (word, value) in [
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
            ("null", Json::Null),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(JsonError::NotJson)
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        let depth = depth.checked_sub(1).ok_or(JsonError::TooDeep)?;
        self.at += 1;
        self.skip_white_space();
        let mut members = Vec::new();
        if self.accept(b'}') {
            return Ok(Json::Object(Members(members)));
        }
        // Most objects are the claims of a token.
        members.reserve(MAX_PAIRWISE);
        loop {
            let name = self.string()?;
            self.skip_white_space();
            if !self.accept(b':') {
                return Err(JsonError::NotJson);
            }
            self.skip_white_space();
            members.push((name, self.value(depth)?));
            self.skip_white_space();
            match self.next() {
                Some(b',') => self.skip_white_space(),
                Some(b'}') => break,
                _ => return Err(JsonError::NotJson),
            }
        }
        match has_duplicate(&members) {
            true => Err(JsonError::RepeatedName),
            false => Ok(Json::Object(Members(members))),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        let depth = depth.checked_sub(1).ok_or(JsonError::TooDeep)?;
        self.at += 1;
        self.skip_white_space();
        let mut items = Vec::new();
        if self.accept(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_white_space();
            match self.next() {
                Some(b',') => self.skip_white_space(),
                Some(b']') => return Ok(Json::Array(items)),
                _ => return Err(JsonError::NotJson),
            }
        }
    }

    fn number(&mut self) -> Result<Json<'a>, JsonError> {
        let start = self.at;
        self.accept(b'-');
        if !self.accept(b'0') {
            self.digits()?;
        }
        if self.accept(b'.') {
            self.digits()?;
        }
        if self.accept(b'e') || self.accept(b'E') {
            let _ = self.accept(b'+') || self.accept(b'-');
            self.digits()?;
        }
        let text = self.text.get(start..self.at);
        text.map(Json::Number).ok_or(JsonError::NotJson)
    }

    /// Moves past one digit or more.
    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        match self.at > start {
            true => Ok(()),
            false => Err(JsonError::NotJson),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        if !self.accept(b'"') {
            return Err(JsonError::NotJson);
        }
        let mut text = Cow::Borrowed("");
        loop {
            // Quotes, backslashes and control characters are ASCII, so that each slice
            // begins and ends between characters.
            let start = self.at;
            let rest = self.text.as_bytes().get(start..).unwrap_or_default();
            let is_special = |b: &u8| matches!(b, b'"' | b'\\' | 0..0x20);
            let len = rest.iter().position(is_special).ok_or(JsonError::NotJson)?;
            self.at += len;
            text += self.text.get(start..self.at).ok_or(JsonError::NotJson)?;
            match self.next() {
                Some(b'"') => return Ok(text),
                Some(b'\\') => text.to_mut().push(self.escape()?),
                _ => return Err(JsonError::NotJson),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        Ok(match self.next() {
            Some(same @ (b'"' | b'\\' | b'/')) => char::from(same),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex()?;
                if !(0xD800..0xDC00).contains(&first) {
                    return char::from_u32(first).ok_or(JsonError::NotJson);
                }
                let second = match self.accept(b'\\') && self.accept(b'u') {
                    true => self.hex()?,
                    false => return Err(JsonError::NotJson),
                };
                let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400);
                let low = low.ok_or(JsonError::NotJson)?;
                char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + low)
                    .ok_or(JsonError::NotJson)?
            }
            _ => return Err(JsonError::NotJson),
        })
    }

    /// Reads four hexadecimal digits.
    fn hex(&mut self) -> Result<u32, JsonError> {
        (0..4).try_fold(0, |value, _| {
            let digit = self.next().and_then(|b| char::from(b).to_digit(16));
            digit
                .map(|digit| value << 4 | digit)
                .ok_or(JsonError::NotJson)
        })
    }
}

/// Returns whether two members have the same name.
fn has_duplicate(members: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    if members.len() <= MAX_PAIRWISE {
        let mut rest = members.iter();
        return (0..members.len()).any(|_| {
            rest.next()
                .is_some_and(|(a, _)| rest.clone().any(|(b, _)| a == b))
        });
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}
