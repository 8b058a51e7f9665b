//! The caller, the organization, its members and its cluster.
//!
//! The CLI requests the first two to log in.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tower_authn::Authenticated;

use super::{Body, Cloud, body::now};
use crate::{
    fault::Fault,
    store::{Documents, Kind, StoreError},
};

/// The name of the only organization.
pub(crate) const ORGANIZATION: &str = "mybentocloud";

/// The organization, in the form that the CLI reads.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Organization {
    uid: String,
    name: String,
    resource_type: String,
    created_at: String,
    updated_at: Option<String>,
    deleted_at: Option<String>,
    labels: Vec<Value>,
    description: String,
}

impl Organization {
    pub(crate) fn new() -> Self {
        Self {
            uid: "o1".to_owned(),
            name: ORGANIZATION.to_owned(),
            resource_type: "organization".to_owned(),
            created_at: now(),
            updated_at: None,
            deleted_at: None,
            labels: Vec::new(),
            description: String::new(),
        }
    }

    /// Loads the organization, which exists once the first start is complete.
    pub(crate) async fn load(documents: &Documents) -> Result<Option<Self>, StoreError> {
        documents.get(Kind::Organization, ORGANIZATION).await
    }
}

/// Returns a user in the form that the CLI reads.
pub(super) fn user_json(name: &str) -> Value {
    json!({
        "name": name,
        "email": format!("{name}@example.com"),
        "first_name": "",
        "last_name": "",
    })
}

pub(super) async fn user(Authenticated(caller): Authenticated) -> Json<Value> {
    Json(user_json(caller.subject()))
}

pub(super) async fn current(State(cloud): State<Cloud>) -> Result<Json<Organization>, Fault> {
    let organization = Organization::load(&cloud.documents).await?;
    Ok(Json(organization.ok_or_else(Fault::not_found)?))
}

pub(super) async fn members(State(cloud): State<Cloud>) -> Result<Json<Value>, Fault> {
    let members: Vec<Value> = cloud.documents.list(Kind::Member).await?;
    Ok(Json(json!({ "items": members })))
}

/// Adds a member, and returns whether the name was free.
pub(crate) async fn add_member(documents: &Documents, name: &str) -> Result<bool, StoreError> {
    documents.create(Kind::Member, name, &user_json(name)).await
}

const CLUSTER: &str = "default";

pub(super) async fn cluster(State(cloud): State<Cloud>) -> Result<Json<Map<String, Value>>, Fault> {
    let configuration = cloud.documents.get(Kind::Cluster, CLUSTER).await?;
    Ok(Json(configuration.unwrap_or_default()))
}

pub(super) async fn configure(
    State(cloud): State<Cloud>,
    Body(configuration): Body<Map<String, Value>>,
) -> Result<Json<Map<String, Value>>, Fault> {
    let documents = &cloud.documents;
    documents
        .put(Kind::Cluster, CLUSTER, &configuration, None)
        .await?;
    Ok(Json(configuration))
}
