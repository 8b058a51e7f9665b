//! API tokens, in the form that the CLI reads.
//!
//! Every success is a 200, because the CLI takes any other status as an error and prints
//! the whole answer with the secret.

use axum::{
    Json,
    extract::{
        Path, Query as UriQuery, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_authn::{
    Authenticated, Principal,
    store::{Query, StoredToken, Usage},
    token::TokenState,
    tokens::{NewToken, TokenSelector},
};

use super::{
    Body, Cloud, ORGANIZATION, Organization,
    body::{now, text, time},
    organization::user_json,
};
use crate::{
    fault::Fault,
    rights::{CALL, RESOURCES},
};

/// The longest page, and the number of tokens that are read from the store at once.
const COUNT_MAX: usize = 1_000;

/// The CLI's name for all scopes.
const API: &str = "api";

#[derive(Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    start: usize,
    #[serde(default = "Page::count")]
    count: usize,
    search: Option<String>,
}

impl Page {
    fn count() -> usize {
        100
    }
}

/// The body of a request to create a token. Without `expired_at` it gets the default
/// lifetime.
#[derive(Deserialize)]
pub(super) struct CreateBody {
    name: String,
    description: Option<String>,
    scopes: Option<Vec<String>>,
    expired_at: Option<String>,
}

impl CreateBody {
    fn into_new_token(self, maker: &Principal) -> Result<NewToken, Fault> {
        let mut scopes = self.scopes.unwrap_or_default();
        if scopes.is_empty() {
            return Err(Fault::invalid("scopes: at least one is required"));
        }
        if scopes.iter().any(|scope| scope == API) {
            scopes.retain(|scope| scope != API);
            scopes.extend([RESOURCES, CALL].map(str::to_owned));
        }
        let token = NewToken::new(maker.subject())
            .organization(ORGANIZATION)
            .name(self.name)
            .description(self.description.unwrap_or_default())
            .scopes(scopes)
            .within_rights_of(maker);
        Ok(match self.expired_at {
            None => token,
            Some(end) => token.expires_at(time(&end)?),
        })
    }
}

/// Lists the tokens that the caller may manage.
pub(super) async fn list(
    State(cloud): State<Cloud>,
    Authenticated(caller): Authenticated,
    page: Result<UriQuery<Page>, QueryRejection>,
) -> Result<Json<Value>, Fault> {
    let UriQuery(page) = page.map_err(|_| Fault::invalid("start and count are numbers"))?;
    let organization = organization(&cloud).await?;
    let known = visible_tokens(&cloud, &caller, page.search).await?;
    let shown = known
        .iter()
        .skip(page.start)
        .take(page.count.min(COUNT_MAX));
    let items: Vec<Value> = shown
        .map(|stored| view(&cloud, stored, &organization))
        .collect();
    Ok(Json(json!({
        "start": page.start,
        "count": items.len(),
        "total": known.len(),
        "items": items,
    })))
}

pub(super) async fn create(
    State(cloud): State<Cloud>,
    Authenticated(caller): Authenticated,
    Body(draft): Body<CreateBody>,
) -> Result<Json<Value>, Fault> {
    let organization = organization(&cloud).await?;
    let created = cloud.tokens.create(draft.into_new_token(&caller)?).await?;
    let stored = StoredToken {
        record: created.record,
        usage: Usage::default(),
    };
    let mut body = view(&cloud, &stored, &organization);
    body["token"] = created.secret.expose().into();
    Ok(Json(body))
}

pub(super) async fn show(
    State(cloud): State<Cloud>,
    Authenticated(caller): Authenticated,
    uid: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Fault> {
    let organization = organization(&cloud).await?;
    let stored = find(&cloud, &caller, uid).await?;
    Ok(Json(view(&cloud, &stored, &organization)))
}

pub(super) async fn delete(
    State(cloud): State<Cloud>,
    Authenticated(caller): Authenticated,
    uid: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Fault> {
    let organization = organization(&cloud).await?;
    let stored = find(&cloud, &caller, uid).await?;
    let which = TokenSelector::Id(stored.record.id);
    cloud
        .tokens
        .revoke(which, caller.subject(), "deleted")
        .await?;
    let mut body = view(&cloud, &stored, &organization);
    body["deleted_at"] = now().into();
    Ok(Json(body))
}

async fn organization(cloud: &Cloud) -> Result<Organization, Fault> {
    let organization = Organization::load(&cloud.documents).await?;
    organization.ok_or_else(Fault::not_found)
}

/// Finds a token. A revoked token is not found, nor one with targets that the caller
/// lacks.
async fn find(
    cloud: &Cloud,
    caller: &Principal,
    uid: Result<Path<String>, PathRejection>,
) -> Result<StoredToken, Fault> {
    let Path(uid) = uid.map_err(|_| Fault::no_such_token())?;
    let id = uid.parse().map_err(|_| Fault::no_such_token())?;
    let stored = cloud.tokens.get(id).await?;
    match is_visible(cloud, caller, &stored) {
        true => Ok(stored),
        false => Err(Fault::no_such_token()),
    }
}

fn is_visible(cloud: &Cloud, caller: &Principal, StoredToken { record, .. }: &StoredToken) -> bool {
    let own = record.organization.as_deref() == Some(ORGANIZATION);
    let within = caller.has_targets(record.targets.as_deref());
    own && within && cloud.tokens.state(record) != TokenState::Revoked
}

/// Returns all visible tokens, the newest first.
async fn visible_tokens(
    cloud: &Cloud,
    caller: &Principal,
    search: Option<String>,
) -> Result<Vec<StoredToken>, Fault> {
    let mut query = Query::default();
    query.organization = Some(ORGANIZATION.to_owned());
    query.search = search;
    query.limit = COUNT_MAX;
    let mut known = Vec::new();
    loop {
        let page = cloud.tokens.list(query.clone()).await?;
        let shown = page
            .tokens
            .into_iter()
            .filter(|stored| is_visible(cloud, caller, stored));
        known.extend(shown);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(known),
        }
    }
}

fn view(
    cloud: &Cloud,
    StoredToken { record, usage }: &StoredToken,
    organization: &Organization,
) -> Value {
    let scopes: Vec<&str> = record.scopes.iter().map(|scope| scope.as_str()).collect();
    json!({
        "uid": record.id.as_str(),
        "name": record.name,
        "resource_type": "api_token",
        "created_at": text(record.created_at),
        "updated_at": null,
        "deleted_at": null,
        "labels": [],
        "description": record.description,
        "scopes": scopes,
        "user": user_json(&record.subject),
        "organization": organization,
        "expired_at": record.expires_at.map(text),
        "last_used_at": usage.last_used_at.map(text),
        "is_expired": cloud.tokens.state(record) == TokenState::Expired,
    })
}
