//! Creates, lists, updates and terminates deployments.

use axum::{Json, extract::State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_authn::{Authenticated, Principal};

use super::{
    Body, Cloud,
    body::{Name, now},
};
use crate::{
    fault::Fault,
    store::{Documents, Kind, StoreError},
};

/// Who may call a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Exposure {
    /// Callers with a token for it.
    #[default]
    Protected,
    /// Everyone.
    Public,
}

/// A deployment, as the store keeps it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Deployment {
    pub(crate) name: String,
    pub(crate) access: Exposure,
    created_at: String,
    created_by: String,
}

impl Deployment {
    /// Creates a deployment, or returns `None` if the name is taken.
    pub(crate) async fn create(
        documents: &Documents,
        name: &str,
        access: Exposure,
        created_by: &str,
    ) -> Result<Option<Self>, StoreError> {
        let deployment = Self {
            name: name.to_owned(),
            access,
            created_at: now(),
            created_by: created_by.to_owned(),
        };
        let created = documents
            .create(Kind::Deployment, name, &deployment)
            .await?;
        Ok(created.then_some(deployment))
    }

    /// Makes a deployment public or protected, or returns `None` if it does not exist.
    pub(crate) async fn switch(
        documents: &Documents,
        name: &str,
        access: Exposure,
    ) -> Result<Option<Self>, StoreError> {
        let Some(known) = documents.get::<Self>(Kind::Deployment, name).await? else {
            return Ok(None);
        };
        let deployment = Self { access, ..known };
        let kind = Kind::Deployment;
        let is_there = documents.replace(kind, name, &deployment).await?;
        Ok(is_there.then_some(deployment))
    }

    /// Returns the time of its creation, and the creator.
    pub(crate) fn provenance(&self) -> String {
        format!("{} by {}", self.created_at, self.created_by)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBody {
    name: String,
    #[serde(default)]
    access: Exposure,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateBody {
    access: Exposure,
}

/// Lists the deployments among the caller's targets.
pub(super) async fn list(
    State(cloud): State<Cloud>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Fault> {
    let known: Vec<Deployment> = cloud.documents.list(Kind::Deployment).await?;
    let shown = known.iter().filter(|known| caller.has_target(&known.name));
    let items: Vec<Value> = shown.map(|known| view(&cloud, known)).collect();
    Ok(Json(json!({ "items": items })))
}

pub(super) async fn create(
    State(cloud): State<Cloud>,
    Authenticated(caller): Authenticated,
    Body(draft): Body<CreateBody>,
) -> Result<Json<Value>, Fault> {
    let Name(name) = Name::new(draft.name)?;
    check_target(&caller, &name)?;
    let (documents, by) = (&cloud.documents, caller.subject());
    let created = Deployment::create(documents, &name, draft.access, by).await?;
    let taken = || Fault::new(StatusCode::CONFLICT, "there is a deployment of this name");
    Ok(Json(view(&cloud, &created.ok_or_else(taken)?)))
}

pub(super) async fn show(
    State(cloud): State<Cloud>,
    Authenticated(caller): Authenticated,
    Name(name): Name,
) -> Result<Json<Value>, Fault> {
    check_target(&caller, &name)?;
    Ok(Json(view(&cloud, &find(&cloud, &name).await?)))
}

/// Updates a deployment. The change applies to the next request.
pub(super) async fn update(
    State(cloud): State<Cloud>,
    Authenticated(caller): Authenticated,
    Name(name): Name,
    Body(change): Body<UpdateBody>,
) -> Result<Json<Value>, Fault> {
    check_target(&caller, &name)?;
    let switched = Deployment::switch(&cloud.documents, &name, change.access).await?;
    Ok(Json(view(&cloud, &switched.ok_or_else(Fault::not_found)?)))
}

pub(super) async fn terminate(
    State(cloud): State<Cloud>,
    Authenticated(caller): Authenticated,
    Name(name): Name,
) -> Result<Json<Value>, Fault> {
    check_target(&caller, &name)?;
    let ended: Option<Deployment> = cloud.documents.delete(Kind::Deployment, &name).await?;
    Ok(Json(view(&cloud, &ended.ok_or_else(Fault::not_found)?)))
}

async fn find(cloud: &Cloud, name: &str) -> Result<Deployment, Fault> {
    let found = cloud.documents.get(Kind::Deployment, name).await?;
    found.ok_or_else(Fault::not_found)
}

/// Returns an error if the caller's token is restricted to other deployments.
fn check_target(caller: &Principal, name: &str) -> Result<(), Fault> {
    match caller.has_target(name) {
        true => Ok(()),
        false => Err(Fault::forbidden()),
    }
}

fn view(cloud: &Cloud, deployment: &Deployment) -> Value {
    json!({
        "name": deployment.name,
        "access": deployment.access,
        "url": cloud.origin.app(&deployment.name),
        "created_at": deployment.created_at,
        "created_by": deployment.created_by,
    })
}
