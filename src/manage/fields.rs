//! The fields of a JSON body, taken one by one: what is wrong with one names it,
//! and repeats nothing of what was sent.

use std::fmt;

use http::StatusCode;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::problem::Problem;
use crate::token::Timestamp;

/// What a body has, each value as it stands.
pub(super) struct Fields {
    left: Vec<(String, Box<RawValue>)>,
    taken: Vec<&'static str>,
}

impl Fields {
    pub(super) fn of(json: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(json).map_err(|error| match error.is_data() {
            true => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "is not a JSON object"),
            false => {
                let (line, column) = (error.line(), error.column());
                let detail = format!("is not JSON: line {line}, column {column}");
                Problem::new(StatusCode::BAD_REQUEST, detail)
            }
        })
    }

    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        self.take(name, "is not a text")
    }

    pub(super) fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, Problem> {
        self.take(name, "is not a list of texts")
    }

    pub(super) fn number(&mut self, name: &'static str) -> Result<Option<u64>, Problem> {
        self.take(name, "is not a whole number from 0 on")
    }

    /// An object, as it was written.
    pub(super) fn object(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let value: Option<Box<RawValue>> = self.take(name, "is not an object")?;
        let json = value.map(|value| value.get().to_owned());
        match json {
            Some(json) if !json.starts_with('{') => {
                Err(Problem::of_field(name, "is not an object"))
            }
            json => Ok(json),
        }
    }

    /// A time (RFC 3339), less what is finer than a millisecond.
    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        const FORM: &str = "is not a time of RFC 3339: 2026-12-31T23:59:59Z";
        let text: Option<String> = self.take(name, FORM)?;
        let Some(text) = text else { return Ok(None) };
        let time: jiff::Timestamp = text.parse().map_err(|_| Problem::of_field(name, FORM))?;
        let millis = u64::try_from(time.as_millisecond())
            .map_err(|_| Problem::of_field(name, "is before 1970"))?;
        Ok(Some(Timestamp::from_millis(millis)))
    }

    /// Takes a field that is null, and says whether it was.
    pub(super) fn null(&mut self, name: &'static str) -> bool {
        let pairs = self.left.iter().enumerate();
        let mut named = pairs.filter(|(_, (own, _))| own == name);
        let (Some((place, (_, value))), None) = (named.next(), named.next()) else {
            return false;
        };
        let is_null = value.get() == "null";
        if is_null {
            self.left.remove(place);
        }
        is_null
    }

    fn take<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        otherwise: &'static str,
    ) -> Result<Option<T>, Problem> {
        self.taken.push(name);
        let Some(place) = self.left.iter().position(|(own, _)| own == name) else {
            return Ok(None);
        };
        let (_, value) = self.left.remove(place);
        if self.left.iter().any(|(own, _)| own == name) {
            return Err(Problem::of_field(name, "is there twice"));
        }
        let value = serde_json::from_str(value.get());
        value
            .map(Some)
            .map_err(|_| Problem::of_field(name, otherwise))
    }

    /// Nothing else may be there: what is misspelt would be left undone.
    pub(super) fn end(self) -> Result<(), Problem> {
        if self.left.is_empty() {
            return Ok(());
        }
        let known = self.taken.join(", ");
        let detail = format!("has a field that is none of {known}");
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs)
    }
}

/// Keeps a name that comes twice, which a map would not.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut left = Vec::new();
        while let Some(pair) = map.next_entry()? {
            left.push(pair);
        }
        let taken = Vec::new();
        Ok(Fields { left, taken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::of(json.as_bytes()).unwrap_or_else(|_| panic!("{json}"))
    }

    #[test]
    fn an_object_is_kept_as_it_was_written() {
        let object = r#"{"b": 12345678901234567890123, "a" : 1.10, "é": "\u00e9"}"#;
        let mut fields = fields(&format!(r#" {{"metadata": {object} }} "#));
        assert_eq!(fields.object("metadata").unwrap().unwrap(), object);
        assert!(fields.end().is_ok());
    }

    #[test]
    fn a_time_is_read_to_the_millisecond() {
        for (text, millis) in [
            ("1970-01-01T00:00:01Z", 1_000),
            ("1970-01-01T01:00:00.0019+01:00", 1),
            ("1970-01-02T00:00:00.5Z", 86_400_500),
        ] {
            let time = fields(&format!(r#"{{"at": "{text}"}}"#)).time("at");
            assert_eq!(
                time.unwrap(),
                Some(Timestamp::from_millis(millis)),
                "{text}"
            );
        }
        for text in ["1969-12-31T23:59:59Z", "2026-12-31", "tomorrow", "", "17"] {
            assert!(
                fields(&format!(r#"{{"at": "{text}"}}"#))
                    .time("at")
                    .is_err()
            );
        }
    }
}
