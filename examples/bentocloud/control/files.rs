//! Models and bentos, which are pushed and pulled as whole files.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_authn::Authenticated;

use super::{
    Cloud,
    body::{Name, now},
};
use crate::{fault::Fault, store::Kind};

/// The metadata of a file.
#[derive(Deserialize, Serialize)]
pub(super) struct File {
    name: String,
    size: usize,
    pushed_at: String,
    pushed_by: String,
}

pub(super) async fn list(
    State(cloud): State<Cloud>,
    Extension(kind): Extension<Kind>,
) -> Result<Json<Value>, Fault> {
    let files: Vec<File> = cloud.documents.list(kind).await?;
    Ok(Json(json!({ "items": files })))
}

/// Stores a file, and replaces one of the same name.
pub(super) async fn push(
    State(cloud): State<Cloud>,
    Extension(kind): Extension<Kind>,
    Authenticated(caller): Authenticated,
    Name(name): Name,
    content: Result<Bytes, BytesRejection>,
) -> Result<Json<File>, Fault> {
    let content = content.map_err(|rejection| match rejection.status() {
        status @ StatusCode::PAYLOAD_TOO_LARGE => Fault::new(status, "the file is too long"),
        _ => Fault::invalid("the file did not arrive whole"),
    })?;
    let file = File {
        size: content.len(),
        pushed_at: now(),
        pushed_by: caller.subject().to_owned(),
        name,
    };
    let documents = &cloud.documents;
    documents
        .put(kind, &file.name, &file, Some(content.into()))
        .await?;
    Ok(Json(file))
}

pub(super) async fn pull(
    State(cloud): State<Cloud>,
    Extension(kind): Extension<Kind>,
    Name(name): Name,
) -> Result<Response, Fault> {
    let content = cloud.documents.content(kind, &name).await?;
    let content = content.ok_or_else(Fault::not_found)?;
    // No browser may show a pushed file as a page of this origin.
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CONTENT_DISPOSITION, "attachment"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((headers, content).into_response())
}

pub(super) async fn delete(
    State(cloud): State<Cloud>,
    Extension(kind): Extension<Kind>,
    Name(name): Name,
) -> Result<Json<File>, Fault> {
    let deleted = cloud.documents.delete(kind, &name).await?;
    Ok(Json(deleted.ok_or_else(Fault::not_found)?))
}
