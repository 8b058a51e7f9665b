//! What a caller sends: bodies, and the token that a path names.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE, request::Parts};

use super::{fields::Fields, problem::Problem};
use crate::{
    principal::Principal,
    token::{Timestamp, TokenId},
    tokens::{NewToken, TokenUpdate},
};

/// The longest that a token stays good beside the one in its place: a year.
const GRACE_MAX: u64 = 365 * 24 * 60 * 60;

/// What a body is read as.
pub(super) trait Input: Sized {
    fn read(fields: &mut Fields) -> Result<Self, Problem>;
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: Input, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // A page of another origin can't send this type without being asked for
        // leave (CORS).
        require_type(request.headers(), "application/json")?;
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|error| Problem::unread(error.status()))?;
        let mut fields = Fields::of(&bytes)?;
        let body = T::read(&mut fields)?;
        fields.end()?;
        Ok(Self(body))
    }
}

/// A body must be of one media type, whatever its parameters (RFC 9110 §8.3.1).
pub(super) fn require_type(headers: &HeaderMap, wanted: &'static str) -> Result<(), Problem> {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    match essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted)) {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("the body is not {wanted}"),
        )),
    }
}

/// The token that a path names. What is no id names none.
pub(super) struct Id(pub(super) TokenId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // Where the routes are nested below a path with parameters of its own,
        // those are here too, and come first.
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Problem::no_such_token())?;
        let last = params.iter().filter(|(name, _)| *name == "id").last();
        let id = last.and_then(|(_, id)| id.parse().ok());
        id.map(Self).ok_or_else(Problem::no_such_token)
    }
}

/// A token to make.
pub(super) struct Draft {
    name: String,
    description: String,
    organization: Option<String>,
    subject: Option<String>,
    subject_kind: Option<String>,
    scopes: Vec<String>,
    targets: Option<Vec<String>>,
    metadata: Option<String>,
    not_before: Option<Timestamp>,
    end: End,
}

enum End {
    Default,
    Never,
    At(Timestamp),
}

impl Input for Draft {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        // As a token shows what it has not.
        for absent in ["organization", "targets", "not_before"] {
            fields.null(absent);
        }
        let never = fields.null("expires_at");
        Ok(Self {
            name: fields.text("name")?.unwrap_or_default(),
            description: fields.text("description")?.unwrap_or_default(),
            organization: fields.text("organization")?,
            subject: fields.text("subject")?,
            subject_kind: fields.text("subject_kind")?,
            scopes: fields.texts("scopes")?.unwrap_or_default(),
            targets: fields.texts("targets")?,
            metadata: fields.object("metadata")?,
            not_before: fields.time("not_before")?,
            end: match fields.time("expires_at")? {
                Some(end) => End::At(end),
                None if never => End::Never,
                None => End::Default,
            },
        })
    }
}

impl Draft {
    /// The token, made by this one.
    pub(super) fn within_rights_of(self, maker: &Principal) -> NewToken {
        let subject = self.subject.unwrap_or_else(|| maker.subject().to_owned());
        let mut token = NewToken::new(subject)
            .name(self.name)
            .description(self.description)
            .scopes(self.scopes)
            .within_rights_of(maker);
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
            token = token.metadata(metadata);
        }
        if let Some(begin) = self.not_before {
            token = token.not_before(begin);
        }
        match self.end {
            End::Default => token,
            End::Never => token.never_expires(),
            End::At(end) => token.expires_at(end),
        }
    }
}

/// What is to be changed of a token. A null is none of these: it would take a
/// limit away.
pub(super) struct Patch(pub(super) TokenUpdate);

impl Input for Patch {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let mut change = TokenUpdate::default();
        if let Some(name) = fields.text("name")? {
            change = change.name(name);
        }
        if let Some(description) = fields.text("description")? {
            change = change.description(description);
        }
        if let Some(scopes) = fields.texts("scopes")? {
            change = change.scopes(scopes);
        }
        if let Some(targets) = fields.texts("targets")? {
            change = change.targets(targets);
        }
        if let Some(metadata) = fields.object("metadata")? {
            change = change.metadata(metadata);
        }
        if let Some(end) = fields.time("expires_at")? {
            change = change.expires_at(end);
        }
        Ok(Self(change))
    }
}

/// How long the old token stays good beside the new one.
pub(super) struct Rotation {
    pub(super) grace_seconds: u64,
}

impl Input for Rotation {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let grace_seconds = fields.number("grace_seconds")?.unwrap_or_default();
        if grace_seconds > GRACE_MAX {
            let detail = format!("is more than {GRACE_MAX}");
            return Err(Problem::of_field("grace_seconds", detail));
        }
        Ok(Self { grace_seconds })
    }
}

/// Why a token is revoked.
pub(super) struct Revocation {
    pub(super) reason: String,
}

impl Input for Revocation {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let reason = fields.text("reason")?.unwrap_or_default();
        Ok(Self { reason })
    }
}
