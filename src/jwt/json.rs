//! A strict JSON reader (RFC 8259).
//!
//! It refuses a member that is repeated in an object, at any depth, so that two readers
//! can't see different claims. Numbers keep their text. A value borrows from the input
//! where it can.

mod reader;

use std::borrow::Cow;

use self::reader::Reader;

/// The deepest nesting of arrays and objects.
const MAX_DEPTH: usize = 32;

/// A JSON value.
#[derive(Debug, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// The number as it is written.
    Number(&'a str),
    String(Cow<'a, str>),
    Array(Vec<Self>),
    Object(Members<'a>),
}

/// The members of an object, in their order. No name is repeated.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Members<'a> {
    /// Reads a text that is one object.
    ///
    /// # Errors
    ///
    /// Returns the reason if the text is not JSON, is not an object, repeats a name, or
    /// is nested more than 32 levels deep.
    pub(super) fn parse(text: &'a str) -> Result<Self, JsonError> {
        match Json::parse(text)? {
            Json::Object(members) => Ok(members),
            _ => Err(JsonError::NotAnObject),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Json<'a>> {
        let member = self.0.iter().find(|(known, _)| known == name);
        member.map(|(_, value)| value)
    }

    /// Returns the value of a member that is a string, or `None` if there is no such
    /// member.
    ///
    /// # Errors
    ///
    /// Returns an error if the member is something else.
    pub(super) fn get_str(&self, name: &str) -> Result<Option<&str>, NotAString> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(_) => Err(NotAString),
        }
    }
}

/// The error for a member that must be a string and is not.
pub(super) struct NotAString;

impl<'a> Json<'a> {
    /// Reads a text that is one value.
    ///
    /// # Errors
    ///
    /// Returns the reason if the text is not JSON, repeats a name in an object, or is
    /// nested more than 32 levels deep.
    pub(super) fn parse(text: &'a str) -> Result<Self, JsonError> {
        let mut reader = Reader::new(text);
        reader.skip_white_space();
        let value = reader.value(MAX_DEPTH)?;
        reader.skip_white_space();
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(JsonError::NotJson),
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

/// The reason why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum JsonError {
    NotAnObject,
    NotJson,
    RepeatedName,
    TooDeep,
}

impl JsonError {
    /// Returns the reason as the end of a sentence.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NotAnObject => "is not a JSON object",
            Self::NotJson => "is not JSON",
            Self::RepeatedName => "repeats a name in an object",
            Self::TooDeep => "is nested more than 32 levels deep",
        }
    }
}

#[cfg(test)]
mod tests;
