//! Extractors of bodies, names and times, with a fixed error text for each.

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Path, Request,
        rejection::{JsonRejection, PathRejection},
    },
};
use http::{StatusCode, request::Parts};
use serde::de::DeserializeOwned;
use tower_authn::token::Timestamp;

use crate::{fault::Fault, resolve::is_label};

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let body = Json::from_request(request, state).await;
        let Json(body) = body.map_err(|rejection: JsonRejection| match rejection.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => Fault::new(status, "the body is too long"),
            status @ StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Fault::new(status, "the body must be application/json")
            }
            _ => Fault::invalid("the body is not the expected JSON"),
        })?;
        Ok(Self(body))
    }
}

/// The name in a path, which may become a part of a host.
pub(super) struct Name(pub(super) String);

impl Name {
    pub(super) fn new(name: String) -> Result<Self, Fault> {
        match is_label(&name) {
            true => Ok(Self(name)),
            false => Err(NO_NAME),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let Path(name) = Path::from_request_parts(parts, state)
            .await
            .map_err(|_: PathRejection| NO_NAME)?;
        Self::new(name)
    }
}

const NO_NAME: Fault =
    Fault::invalid("a name is 1 to 63 of a-z, 0-9 and -, with no - at either end");

/// Parses a time of RFC 3339, or one in UTC without a zone, as the CLI sends it.
pub(super) fn time(text: &str) -> Result<Timestamp, Fault> {
    let fault = || Fault::invalid("expired_at is not a time such as 2026-12-31T23:59:59Z");
    let zoned = text.parse::<jiff::Timestamp>().or_else(|_| {
        let civil: jiff::civil::DateTime = text.parse()?;
        civil
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map(|zoned| zoned.timestamp())
    });
    let millis = zoned.map_err(|_| fault())?.as_millisecond();
    Ok(Timestamp::from_millis(
        u64::try_from(millis).map_err(|_| fault())?,
    ))
}

/// Formats a time as RFC 3339 does.
pub(super) fn text(time: Timestamp) -> String {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    time.to_string()
}

/// Returns the current time, in the format of the documents.
pub(crate) fn now() -> String {
    text(std::time::SystemTime::now().into())
}
