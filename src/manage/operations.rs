//! What can be done to tokens, over HTTP.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, OriginalUri, Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, Uri, header::LOCATION};
use serde_json::{Value, json};

use super::{
    input::{Body, Draft, Filter, Patch, Revocation, Rotation, cursor},
    problem::Problem,
    view,
};
use crate::{
    extract::Authenticated,
    principal::Principal,
    store::{Cursor, Stored, Tokens, Which},
    token::{Record, TokenId},
};

/// The longest body, in bytes.
const BODY_MAX: usize = 64 * 1024;

/// How many tokens are looked at for one page of a filter that no store knows.
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
    let created = tokens.create(draft.made_by(&caller)).await?;
    let mut answer = view::created(&tokens, StatusCode::CREATED, &created);
    let location = format!("{}/{}", uri.path(), created.record.id);
    if let Ok(location) = HeaderValue::try_from(location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    Ok(answer)
}

async fn list(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let filter = Filter::of(&uri)?;
    let size = filter.page_size()?;
    let mut query = filter.query(&caller, tokens.now())?;
    let shown = |stored: &Stored| match (&filter.target, &stored.record.targets) {
        (Some(name), Some(targets)) => targets.iter().any(|target| target.covers_name(name)),
        _ => true,
    };
    // One more than is shown tells whether there is another page.
    query.limit = match filter.target {
        None => size + 1,
        Some(_) => SCAN_MAX,
    };
    let found = tokens.list(query.clone()).await?;
    let mut seen = 0;
    let mut items = Vec::new();
    for stored in &found {
        if items.len() == size {
            break;
        }
        seen += 1;
        if shown(stored) {
            items.push(view::token(&tokens, stored));
        }
    }
    let more = seen < found.len() || found.len() == query.limit;
    let last = seen.checked_sub(1).and_then(|last| found.get(last));
    let next = last.filter(|_| more);
    Ok(Json(json!({
        "items": items,
        "next_cursor": next.map(|stored| cursor(Cursor::of(&stored.record))),
    })))
}

async fn show(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let stored = visible(&tokens, &caller, &id).await?;
    Ok(Json(view::token(&tokens, &stored)))
}

async fn update(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(patch): Body<Patch>,
) -> Result<Response, Problem> {
    let Stored { record, usage } = visible(&tokens, &caller, &id).await?;
    let record = tokens.update(record.id, patch.into()).await?;
    Ok(view::changed(&tokens, record, usage))
}

async fn suspend(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let Stored { record, usage } = visible(&tokens, &caller, &id).await?;
    let record = tokens.suspend(record.id).await?;
    Ok(view::changed(&tokens, record, usage))
}

async fn resume(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let Stored { record, usage } = visible(&tokens, &caller, &id).await?;
    let record = tokens.resume(record.id).await?;
    Ok(view::changed(&tokens, record, usage))
}

async fn rotate(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(rotation): Body<Rotation>,
) -> Result<Response, Problem> {
    let Record { id, .. } = visible(&tokens, &caller, &id).await?.record;
    let grace = Duration::from_secs(rotation.grace_seconds);
    let created = tokens.rotate_by(&caller, id, grace).await?;
    Ok(view::created(&tokens, StatusCode::OK, &created))
}

async fn revoke(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(revocation): Body<Revocation>,
) -> Result<Response, Problem> {
    let Record { id, .. } = visible(&tokens, &caller, &id).await?.record;
    let (by, reason) = (caller.subject(), revocation.reason);
    tokens.revoke(Which::Id(id), by, &reason).await?;
    Ok(Json(view::token(&tokens, &tokens.get(id).await?)).into_response())
}

/// A token that this caller may know of: one of their organization, or any
/// where they belong to none. There are no others to them.
pub(super) async fn visible(
    tokens: &Tokens,
    caller: &Principal,
    id: &str,
) -> Result<Stored, Problem> {
    let id: TokenId = id.parse().map_err(|_| Problem::no_such_token())?;
    let stored = tokens.get(id).await?;
    match is_visible(caller, &stored.record) {
        true => Ok(stored),
        false => Err(Problem::no_such_token()),
    }
}

pub(super) fn is_visible(caller: &Principal, record: &Record) -> bool {
    let own = caller.organization();
    own.is_none() || own == record.organization.as_deref()
}
