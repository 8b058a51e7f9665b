//! The OAuth endpoints: introspection ([RFC 7662]) and revocation ([RFC 7009]).
//!
//! [RFC 7662]: https://www.rfc-editor.org/rfc/rfc7662
//! [RFC 7009]: https://www.rfc-editor.org/rfc/rfc7009

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Form, FromRequest, Request, State},
    routing::post,
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    api::{is_visible, require_media_type, to_strings},
    problem::Problem,
};
use crate::{
    axum::Authenticated,
    store::StoredToken,
    token::TokenState,
    tokens::{TokenSelector, Tokens},
};

/// The longest form, in bytes.
const FORM_MAX: usize = 16 * 1024;

/// Returns the introspection route. It expects a manager's [`Authenticated`]
/// principal in the request.
pub(super) fn introspection_router(tokens: Tokens) -> Router {
    Router::new()
        .route("/introspect", post(introspect))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .with_state(tokens)
}

/// Returns the revocation route, which needs no principal.
pub(super) fn revocation_router(tokens: Tokens) -> Router {
    Router::new()
        .route("/revoke", post(revoke))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .with_state(tokens)
}

/// Describes a token. One that is invalid, unknown, or hidden from the caller is
/// `{"active": false}` and nothing else (RFC 7662 §2.2).
async fn introspect(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    TokenForm(token): TokenForm,
) -> Result<Json<Value>, Problem> {
    let found = tokens.find(&token).await?;
    let active = found.filter(|StoredToken { record, .. }| {
        is_visible(&caller, record) && tokens.state(record) == TokenState::Active
    });
    let Some(StoredToken { record, .. }) = active else {
        return Ok(Json(json!({ "active": false })));
    };
    let mut body = json!({
        "active": true,
        "iat": record.created_at.as_secs(),
        "jti": record.id.as_str(),
        "scope": to_strings(&record.scopes).join(" "),
        "sub": record.subject,
        "token_type": "Bearer",
    });
    let ends = record.expires_at.into_iter().chain(record.grace_until);
    if let Some(expires_at) = ends.min() {
        body["exp"] = expires_at.as_secs().into();
    }
    if let Some(not_before) = record.not_before {
        body["nbf"] = not_before.as_secs().into();
    }
    // A resource server that decides by this response must know these limits.
    if let Some(organization) = record.organization {
        body["organization"] = organization.into();
    }
    if let Some(targets) = record.targets {
        body["targets"] = to_strings(&targets).into();
    }
    Ok(Json(body))
}

/// Revokes a token. The response does not reveal whether it existed
/// (RFC 7009 §2.2).
async fn revoke(
    State(tokens): State<Tokens>,
    TokenForm(token): TokenForm,
) -> Result<StatusCode, Problem> {
    let selector = TokenSelector::Presented(&token);
    tokens
        .revoke(selector, "holder", "revoked by its holder")
        .await?;
    Ok(StatusCode::OK)
}

/// The token of a form (RFC 7009 §2.1, RFC 7662 §2.1). Its hint is ignored.
struct TokenForm(String);

impl<S: Send + Sync> FromRequest<S> for TokenForm {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_media_type(request.headers(), "application/x-www-form-urlencoded")?;
        let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
        let Form(fields) = form.map_err(|error| Problem::unreadable_body(error.status()))?;
        let mut tokens = fields.into_iter().filter(|(name, _)| name == "token");
        match (tokens.next(), tokens.next()) {
            (Some((_, token)), None) => Ok(Self(token)),
            (None, _) => Err(Problem::oauth_field("token", "required")),
            (Some(_), Some(_)) => Err(Problem::oauth_field("token", "occurs more than once")),
        }
    }
}
