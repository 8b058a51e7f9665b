//! The operations on tokens over HTTP.

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, OriginalUri, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, Uri, header::LOCATION};

use super::{
    fields::JsonFields,
    filter::{Filter, format_cursor},
    input::{PathId, parse_grace, parse_new_token, parse_reason, parse_update},
    rights::{find_visible, is_visible},
    view,
};
use crate::{
    axum::Authenticated,
    manage::problem::Problem,
    principal::Principal,
    store::{Cursor, TokenPage},
    token::{Record, TokenId},
    tokens::{TokenChange, Tokens},
};

/// The longest body, in bytes.
const BODY_MAX: usize = 64 * 1024;

/// The most tokens that are read for one page when the store can't apply the
/// whole filter.
const SCAN_MAX: usize = 1_000;

/// Returns the routes of the operations. They expect a manager's [`Authenticated`]
/// principal in the request.
pub(in crate::manage) fn router(tokens: Tokens) -> Router {
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
    fields: JsonFields,
) -> Result<Response, Problem> {
    let created = tokens.create(parse_new_token(fields, &caller)?).await?;
    let location = format!("{}/{}", uri.path(), created.record.id);
    let mut response = view::created(&tokens, StatusCode::CREATED, created);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

async fn list(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    uri: Uri,
) -> Result<Response, Problem> {
    let filter = Filter::from_uri(&uri)?;
    let (mut query, is_exact) = filter.query(&caller, &tokens);
    // One token more than the page shows whether another page follows.
    query.limit = if is_exact { filter.limit + 1 } else { SCAN_MAX };
    let TokenPage {
        tokens: found,
        next,
    } = tokens.list(query).await?;
    let mut scanned = 0_usize;
    let mut items = Vec::new();
    for stored in &found {
        if items.len() == filter.limit {
            break;
        }
        scanned += 1;
        if filter.matches(&tokens, &caller, stored) {
            items.push(view::Token::new(&tokens, stored));
        }
    }
    let last = scanned.checked_sub(1).and_then(|last| found.get(last));
    let next = match last {
        Some(last) if scanned < found.len() => Some(Cursor::from_record(&last.record)),
        _ => next,
    };
    let page = view::Page {
        items,
        next_cursor: next.map(format_cursor),
    };
    Ok(Json(page).into_response())
}

async fn show(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId,
) -> Result<Response, Problem> {
    let stored = find_visible(&tokens, &caller, id).await?;
    Ok(view::token(&tokens, &stored))
}

async fn update(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId,
    fields: JsonFields,
) -> Result<Response, Problem> {
    let update = parse_update(fields)?;
    change(&tokens, &caller, id, TokenChange::Update(&update)).await
}

async fn suspend(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId,
) -> Result<Response, Problem> {
    change(&tokens, &caller, id, TokenChange::Suspend).await
}

async fn resume(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId,
) -> Result<Response, Problem> {
    change(&tokens, &caller, id, TokenChange::ResumeAs(&caller)).await
}

async fn rotate(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId,
    fields: JsonFields,
) -> Result<Response, Problem> {
    let grace = parse_grace(fields)?;
    find_visible(&tokens, &caller, id).await?;
    let created = tokens.rotate_as(id, grace, &caller).await?;
    Ok(view::created(&tokens, StatusCode::OK, created))
}

async fn revoke(
    State(tokens): State<Tokens>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId,
    fields: JsonFields,
) -> Result<Response, Problem> {
    let reason = parse_reason(fields)?;
    let revoke = TokenChange::Revoke {
        by: caller.subject(),
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
