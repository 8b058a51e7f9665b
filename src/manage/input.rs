//! What a caller sends: bodies, filters, places in a list.

use axum::{
    body::Bytes,
    extract::{FromRequest, Query as UriQuery, Request},
};
use http::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use serde_json::{Map, Value};

use super::{problem::Problem, view::STATES};
use crate::{
    principal::Principal,
    store::{Change, Cursor, NewToken, Query},
    token::{Timestamp, TokenId},
};

const PAGE: usize = 50;
const PAGE_MAX: usize = 200;

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // A page of another origin can't send this type without being asked for
        // leave (CORS).
        if !has_type(request.headers(), "application/json") {
            let detail = "the body must be application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|error| Problem::new(error.status(), error.body_text()))?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let body = serde_path_to_error::deserialize(&mut json).map_err(malformed)?;
        let end = json.end();
        end.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        Ok(Self(body))
    }
}

/// A body that is no JSON, or not the one that is meant: then the error names
/// the field.
fn malformed(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let path = error.path().to_string();
    let error = error.into_inner();
    if !error.is_data() {
        return Problem::new(StatusCode::BAD_REQUEST, error.to_string());
    }
    let field = path.split(['.', '[']).next().unwrap_or_default();
    match field {
        "" => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        field => Problem::of_field(field, error.to_string()),
    }
}

/// Whether a body is of a media type, whatever its parameters (RFC 9110 §8.3.1).
pub(super) fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

/// A token to make.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct Draft {
    name: String,
    description: String,
    organization: Option<String>,
    subject: Option<String>,
    subject_kind: Option<String>,
    scopes: Vec<String>,
    targets: Option<Vec<String>>,
    metadata: Option<Map<String, Value>>,
    not_before: Option<Time>,
    /// Not there: the default end. Null: none.
    #[serde(deserialize_with = "present")]
    expires_at: Option<Option<Time>>,
}

impl Draft {
    /// The token, made by this one.
    pub(super) fn made_by(self, maker: &Principal) -> NewToken {
        let subject = self.subject.unwrap_or_else(|| maker.subject().to_owned());
        let mut token = NewToken::new(subject)
            .name(self.name)
            .description(self.description)
            .scopes(self.scopes)
            .made_by(maker);
        let own = || maker.organization().map(str::to_owned);
        if let Some(organization) = self.organization.or_else(own) {
            token = token.organization(organization);
        }
        if let Some(kind) = self.subject_kind {
            token = token.subject_kind(kind);
        }
        if let Some(targets) = self.targets {
            token = token.targets(targets);
        }
        if let Some(metadata) = self.metadata {
            token = token.metadata(Value::Object(metadata).to_string());
        }
        if let Some(Time(begin)) = self.not_before {
            token = token.not_before(begin);
        }
        match self.expires_at {
            None => token,
            Some(None) => token.never_expires(),
            Some(Some(Time(end))) => token.expires_at(end),
        }
    }
}

/// What is to be changed of a token.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct Patch {
    name: Option<String>,
    description: Option<String>,
    scopes: Option<Vec<String>>,
    targets: Option<Vec<String>>,
    metadata: Option<Map<String, Value>>,
    expires_at: Option<Time>,
}

impl From<Patch> for Change {
    fn from(patch: Patch) -> Self {
        let mut change = Self::default();
        if let Some(name) = patch.name {
            change = change.name(name);
        }
        if let Some(description) = patch.description {
            change = change.description(description);
        }
        if let Some(scopes) = patch.scopes {
            change = change.scopes(scopes);
        }
        if let Some(targets) = patch.targets {
            change = change.targets(targets);
        }
        if let Some(metadata) = patch.metadata {
            change = change.metadata(Value::Object(metadata).to_string());
        }
        if let Some(Time(end)) = patch.expires_at {
            change = change.expires_at(end);
        }
        change
    }
}

/// How long the old token stays good beside the new one.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct Rotation {
    pub(super) grace_seconds: u64,
}

/// Why a token is revoked.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct Revocation {
    pub(super) reason: String,
}

/// A time (RFC 3339).
struct Time(Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text
            .parse()
            .map_err(|_| D::Error::custom("is not a time of RFC 3339: 2026-12-31T23:59:59Z"))?;
        let millis =
            u64::try_from(time.as_millisecond()).map_err(|_| D::Error::custom("is before 1970"))?;
        Ok(Self(Timestamp::from_millis(millis)))
    }
}

/// Tells a field that is null from one that is not there.
fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Which tokens a list shows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    limit: Option<usize>,
    cursor: Option<String>,
    search: Option<String>,
    state: Option<String>,
    subject: Option<String>,
    /// Those that may have to do with the target of this name.
    pub(super) target: Option<String>,
}

impl Filter {
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        let UriQuery(filter) = UriQuery::try_from_uri(uri)
            .map_err(|error| Problem::of_field("query", error.body_text()))?;
        Ok(filter)
    }

    /// How many tokens a page has at most.
    pub(super) fn page_size(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(PAGE) {
            limit @ 1..=PAGE_MAX => Ok(limit),
            _ => Err(Problem::of_field(
                "limit",
                format!("is not 1 to {PAGE_MAX}"),
            )),
        }
    }

    /// The query, for a caller who sees this organization, or all of them.
    pub(super) fn query(&self, caller: &Principal, now: Timestamp) -> Result<Query, Problem> {
        let mut query = Query {
            organization: caller.organization().map(str::to_owned),
            subject: self.subject.clone(),
            search: self.search.clone(),
            ..Query::default()
        };
        if let Some(wanted) = &self.state {
            let named = STATES.iter().find(|(name, _)| name == wanted);
            let (_, state) = named.ok_or_else(|| Problem::of_field("state", "is not a state"))?;
            query.state = Some((*state, now));
        }
        if let Some(cursor) = &self.cursor {
            let place = place(cursor).ok_or_else(|| {
                Problem::of_field("cursor", "is not the next_cursor of a page before")
            })?;
            query.after = Some(place);
        }
        Ok(query)
    }
}

/// A place in a list, as text.
pub(super) fn cursor(place: Cursor) -> String {
    format!("{}.{}", place.created_at.as_millis(), place.id)
}

fn place(text: &str) -> Option<Cursor> {
    let (millis, id) = text.split_once('.')?;
    Some(Cursor {
        created_at: Timestamp::from_millis(millis.parse().ok()?),
        id: id.parse::<TokenId>().ok()?,
    })
}
