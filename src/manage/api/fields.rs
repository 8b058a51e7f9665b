//! The named values of a JSON body or of a query string, taken one by one.
//!
//! An error names the field at fault and never repeats its value.

use std::fmt;

use axum::{
    body::Bytes,
    extract::{FromRequest, Query, Request},
};
use http::{StatusCode, Uri};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::media_type::require_media_type;
use crate::{manage::problem::Problem, token::Timestamp};

/// The values of a JSON object, each as the client wrote it.
pub(super) type JsonFields = Fields<Box<RawValue>>;

/// Names and values. Repeated names are kept, so that they can be refused.
pub(super) struct Fields<V> {
    remaining: Vec<(String, V)>,
    known: Vec<&'static str>,
}

impl<V> Fields<V> {
    fn new(remaining: Vec<(String, V)>) -> Self {
        let known = Vec::new();
        Self { remaining, known }
    }

    /// Removes a field and returns its value.
    ///
    /// # Errors
    ///
    /// Returns an error if the field occurs more than once.
    fn take(&mut self, name: &'static str) -> Result<Option<V>, Problem> {
        self.known.push(name);
        let mut matching = self.remaining.extract_if(.., |(own, _)| own == name);
        let value = matching.next().map(|(_, value)| value);
        match matching.next() {
            Some(_) => Err(Problem::field(name, "occurs more than once")),
            None => Ok(value),
        }
    }

    /// Checks that no field is left: a misspelt one would be ignored.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.remaining.is_empty() {
            return Ok(());
        }
        let detail = format!("unknown field; expected one of {}", self.known.join(", "));
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
    }
}

impl Fields<String> {
    /// Reads the query string of a URI.
    pub(super) fn from_query(uri: &Uri) -> Result<Self, Problem> {
        let Query(pairs) = Query::try_from_uri(uri)
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "invalid query string"))?;
        Ok(Self::new(pairs))
    }

    /// Takes a value without control characters. No stored text contains one, and
    /// PostgreSQL refuses NUL.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let value = self.take(name)?;
        match value.iter().any(|text| text.contains(char::is_control)) {
            true => Err(Problem::field(name, "contains a control character")),
            false => Ok(value),
        }
    }
}

impl JsonFields {
    pub(super) fn from_json(json: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(json).map_err(|error| match error.is_data() {
            true => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "expected a JSON object"),
            false => {
                let (line, column) = (error.line(), error.column());
                let detail = format!("invalid JSON at line {line}, column {column}");
                Problem::new(StatusCode::BAD_REQUEST, detail)
            }
        })
    }

    pub(super) fn string(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        self.parse(name, "expected a string")
    }

    pub(super) fn strings(&mut self, name: &'static str) -> Result<Option<Vec<String>>, Problem> {
        self.parse(name, "expected a list of strings")
    }

    pub(super) fn number(&mut self, name: &'static str) -> Result<Option<u64>, Problem> {
        self.parse(name, "expected a non-negative integer")
    }

    /// Takes a JSON object and returns its text, unchanged.
    pub(super) fn object(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let value: Option<Box<RawValue>> = self.parse(name, "expected an object")?;
        let json = value.map(|value| value.get().to_owned());
        match json {
            Some(json) if !json.starts_with('{') => Err(Problem::field(name, "expected an object")),
            json => Ok(json),
        }
    }

    /// Takes an RFC 3339 time, rounded down to a millisecond.
    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        const EXPECTED: &str = "expected an RFC 3339 time such as 2026-12-31T23:59:59Z";
        let text: Option<String> = self.parse(name, EXPECTED)?;
        let Some(text) = text else { return Ok(None) };
        let time: jiff::Timestamp = text.parse().map_err(|_| Problem::field(name, EXPECTED))?;
        let millis = u64::try_from(time.as_millisecond())
            .map_err(|_| Problem::field(name, "before 1970"))?;
        Ok(Some(Timestamp::from_millis(millis)))
    }

    /// Removes a field that occurs once with the value null, and returns whether
    /// it did.
    pub(super) fn take_null(&mut self, name: &'static str) -> bool {
        let mut matching = (0..)
            .zip(&self.remaining)
            .filter(|(_, (own, _))| own == name);
        let (Some((index, (_, value))), None) = (matching.next(), matching.next()) else {
            return false;
        };
        let is_null = value.get() == "null";
        if is_null {
            self.remaining.remove(index);
        }
        is_null
    }

    fn parse<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, Problem> {
        let value = self.take(name)?;
        let parsed = value.map(|value| serde_json::from_str(value.get()));
        parsed
            .transpose()
            .map_err(|_| Problem::field(name, expected))
    }
}

impl<S: Send + Sync> FromRequest<S> for JsonFields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // A page of another origin can't send this type without a CORS preflight.
        require_media_type(request.headers(), "application/json")?;
        let bytes = Bytes::from_request(request, state).await;
        Self::from_json(&bytes.map_err(|error| Problem::unreadable_body(error.status()))?)
    }
}

impl<'de> Deserialize<'de> for JsonFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

/// Collects pairs, because a map would drop repeated names.
struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = JsonFields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonFields, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Fields::new(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> JsonFields {
        Fields::from_json(json.as_bytes()).unwrap_or_else(|_| panic!("{json}"))
    }

    #[test]
    fn an_object_keeps_its_text() {
        let object = r#"{"b": 12345678901234567890123, "a" : 1.10, "é": "\u00e9"}"#;
        let mut fields = fields(&format!(r#" {{"metadata": {object} }} "#));
        assert_eq!(fields.object("metadata").unwrap().unwrap(), object);
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn a_time_is_rounded_down_to_a_millisecond() {
        for (text, millis) in [
            ("1970-01-01T00:00:01Z", 1_000),
            ("1970-01-01T01:00:00.0019+01:00", 1),
            ("1970-01-02T00:00:00.5Z", 86_400_500),
        ] {
            let time = fields(&format!(r#"{{"at": "{text}"}}"#))
                .time("at")
                .unwrap();
            assert_eq!(time, Some(Timestamp::from_millis(millis)), "{text}");
        }
        for text in ["1969-12-31T23:59:59Z", "2026-12-31", "tomorrow", "", "17"] {
            let time = fields(&format!(r#"{{"at": "{text}"}}"#)).time("at");
            assert!(time.is_err(), "{text}");
        }
    }
}
