//! What can be done to tokens, over HTTP.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, OriginalUri, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, Uri, header::LOCATION};

use super::{
    filter::{Filter, cursor},
    input::{Body, Draft, Id, Patch, Revocation, Rotation},
    problem::Problem,
    view,
};
use crate::{
    axum::Authenticated,
    principal::Principal,
    store::{Cursor, StoredToken},
    token::{Record, TokenId},
    tokens::{TokenChange, Tokens},
};

/// The longest body, in bytes.
const BODY_MAX: usize = 64 * 1024;

/// How many tokens are looked at for one page where a store does not know all
/// of what is wanted.
const SCAN_MAX: usize = 1_000;

/// The operations, for callers whose rights were checked.
pub(super) fn router(tokens: Tokens) -> Router {
    Router::new()
        .route("/tokens", get(list).post(create))
        .route("/tokens/{id}", get(show).patch(update))
        .route("/tokens/{id}/suspend", post(suspend))
        .route("/tokens/{id}/resume", post(resume))
        .route("/tokens/{id}/rotate", post(rotate))
        .route("/tokens/{id}/revoke", post(revoke))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(tokens)
}

async fn create(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    OriginalUri(uri): OriginalUri,
    Body(draft): Body<Draft>,
) -> Result<Response, Problem> {
    let created = tokens.create(draft.within_rights_of(&caller)).await?;
    let location = format!("{}/{}", uri.path(), created.record.id);
    let mut answer = view::created(&tokens, StatusCode::CREATED, created);
    if let Ok(location) = HeaderValue::try_from(location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    Ok(answer)
}

async fn list(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    uri: Uri,
) -> Result<Response, Problem> {
    let filter = Filter::of(&uri)?;
    let (mut query, whole) = filter.query(&caller, &tokens);
    // One more than is shown tells whether there is another page.
    query.limit = if whole { filter.limit + 1 } else { SCAN_MAX };
    let full = query.limit;
    let found = tokens.list(query).await?;
    let mut seen = 0;
    let mut items = Vec::new();
    for stored in &found {
        if items.len() == filter.limit {
            break;
        }
        seen += 1;
        if filter.shows(&tokens, &caller, stored) {
            items.push(view::Token::of(&tokens, stored));
        }
    }
    let more = seen < found.len() || found.len() == full;
    let last = seen.checked_sub(1).and_then(|last| found.get(last));
    let next = last.filter(|_| more);
    let page = view::Page {
        items,
        next_cursor: next.map(|stored| cursor(Cursor::from_record(&stored.record))),
    };
    Ok(Json(page).into_response())
}

async fn show(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Id(id): Id,
) -> Result<Response, Problem> {
    let stored = visible(&tokens, &caller, id).await?;
    Ok(view::token(&tokens, &stored))
}

async fn update(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Id(id): Id,
    Body(Patch(update)): Body<Patch>,
) -> Result<Response, Problem> {
    change(&tokens, &caller, id, TokenChange::Update(&update)).await
}

async fn suspend(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Id(id): Id,
) -> Result<Response, Problem> {
    change(&tokens, &caller, id, TokenChange::Suspend).await
}

async fn resume(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Id(id): Id,
) -> Result<Response, Problem> {
    change(&tokens, &caller, id, TokenChange::ResumeAs(&caller)).await
}

async fn rotate(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Id(id): Id,
    Body(rotation): Body<Rotation>,
) -> Result<Response, Problem> {
    visible(&tokens, &caller, id).await?;
    let grace = Duration::from_secs(rotation.grace_seconds);
    let created = tokens.rotate_as(id, grace, &caller).await?;
    Ok(view::created(&tokens, StatusCode::OK, created))
}

async fn revoke(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Id(id): Id,
    Body(Revocation { reason }): Body<Revocation>,
) -> Result<Response, Problem> {
    let by = caller.subject();
    let revoke = TokenChange::Revoke {
        by,
        reason: &reason,
    };
    change(&tokens, &caller, id, revoke).await
}

/// Changes a token that the caller may see.
async fn change(
    tokens: &Tokens,
    caller: &Principal,
    id: TokenId,
    change: TokenChange<'_>,
) -> Result<Response, Problem> {
    let is_visible = |record: &Record| is_visible(caller, record);
    let stored = tokens.change_if(id, is_visible, change).await?;
    Ok(view::token(tokens, &stored))
}

/// A token that this caller may know of: one of their organization, or any
/// where they belong to none, and one that is held to no other targets than
/// they are. There are no others to them.
pub(super) async fn visible(
    tokens: &Tokens,
    caller: &Principal,
    id: TokenId,
) -> Result<StoredToken, Problem> {
    let stored = tokens.get(id).await?;
    match is_visible(caller, &stored.record) {
        true => Ok(stored),
        false => Err(Problem::no_such_token()),
    }
}

pub(super) fn is_visible(caller: &Principal, record: &Record) -> bool {
    let own = caller.organization();
    let is_own = own.is_none() || own == record.organization.as_deref();
    is_own && caller.has_targets(record.targets.as_deref())
}
