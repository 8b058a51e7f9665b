//! What is asked of a token with the token itself: introspection (RFC 7662) and
//! revocation by whoever holds it (RFC 7009).

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Form, FromRequest, Request, State},
    response::IntoResponse,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    input::require_type,
    operations::is_visible,
    problem::Problem,
    view::{self, texts},
};
use crate::{
    axum::Authenticated,
    store::StoredToken,
    token::TokenState,
    tokens::{TokenSelector, Tokens},
};

/// The longest form, in bytes.
const FORM_MAX: usize = 16 * 1024;

pub(super) fn introspection(tokens: Tokens) -> Router {
    Router::new()
        .route("/introspect", post(introspect))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .with_state(tokens)
}

pub(super) fn revocation(tokens: Tokens) -> Router {
    Router::new()
        .route("/revoke", post(revoke))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .with_state(tokens)
}

pub(super) fn whoami() -> Router {
    let whoami = async |Authenticated(caller): Authenticated| {
        Json(view::Caller::of(&caller)).into_response()
    };
    Router::new().route("/whoami", get(whoami))
}

/// A token that is not good, is not known, or is another organization's is
/// `{"active": false}` and no more (RFC 7662 §2.2).
async fn introspect(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Presented(token): Presented,
) -> Result<Json<Value>, Problem> {
    let found = tokens.find(&token).await?;
    let good = found.filter(|StoredToken { record, .. }| {
        is_visible(&caller, record) && tokens.state(record) == TokenState::Active
    });
    let Some(StoredToken { record, .. }) = good else {
        return Ok(Json(json!({ "active": false })));
    };
    let end = record.expires_at.into_iter().chain(record.grace_until);
    let mut answer = json!({
        "active": true,
        "iat": record.created_at.as_secs(),
        "jti": record.id.as_str(),
        "scope": texts(&record.scopes).join(" "),
        "sub": record.subject,
        "token_type": "Bearer",
    });
    if let Some(end) = end.min() {
        answer["exp"] = end.as_secs().into();
    }
    if let Some(begin) = record.not_before {
        answer["nbf"] = begin.as_secs().into();
    }
    // Whoever decides by this answer must know what the token is held to.
    if let Some(organization) = record.organization {
        answer["organization"] = organization.into();
    }
    if let Some(targets) = record.targets {
        answer["targets"] = texts(&targets).into();
    }
    Ok(Json(answer))
}

/// Whether there is such a token is not said (RFC 7009 §2.2).
async fn revoke(
    State(tokens): State<Tokens>,
    Presented(token): Presented,
) -> Result<StatusCode, Problem> {
    let which = TokenSelector::Presented(&token);
    tokens
        .revoke(which, "holder", "revoked by its holder")
        .await?;
    Ok(StatusCode::OK)
}

/// The token of a form (RFC 7009 §2.1, RFC 7662 §2.1), whatever its hint.
struct Presented(String);

impl<S: Send + Sync> FromRequest<S> for Presented {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_type(request.headers(), "application/x-www-form-urlencoded")?;
        let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
        let Form(fields) = form.map_err(|error| Problem::unread(error.status()))?;
        let mut tokens = fields.into_iter().filter(|(name, _)| name == "token");
        match (tokens.next(), tokens.next()) {
            (Some((_, token)), None) => Ok(Self(token)),
            (None, _) => Err(Problem::of_form("token", "is not there")),
            (Some(_), Some(_)) => Err(Problem::of_form("token", "is there twice")),
        }
    }
}
