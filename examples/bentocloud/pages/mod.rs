//! The pages of the deployments, for people in a browser.
//!
//! One signs in as on the page of the tokens, and a session of the one is a
//! session of the other. Who is not signed in is answered the same at every
//! address, so that strangers do not learn which names there are.

mod html;

use axum::{
    Form, Router,
    extract::{OriginalUri, Path, State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use http::{StatusCode, header::CONTENT_TYPE};
use serde::Deserialize;
use tower_authn::{Authenticated, Principal, Scope, Scoped, manage::TokenAdmin};

use crate::{
    control::{Cloud, Deployment, Exposure},
    fault::Fault,
    store::Kind,
};

/// Where the page of the tokens is mounted.
pub(crate) const TOKENS: &str = "/api_tokens";

const READ: &str = "resources:deployments:read";
const UPDATE: &str = "resources:deployments:update";

#[derive(Clone)]
struct Pages {
    cloud: Cloud,
    manage: TokenAdmin,
}

/// The routes, and those that lead to them.
pub(crate) fn router(cloud: Cloud, manage: TokenAdmin) -> Router {
    let signed_in = manage.session_layer();
    let css = ([(CONTENT_TYPE, "text/css")], include_str!("pages.css"));
    Router::new()
        .route("/", get(async || Redirect::to("/deployments")))
        .route("/deployments", get(list))
        .route("/deployments/", get(without_slash))
        .route("/deployments/{name}", get(show).post(switch))
        .route("/deployments/{name}/", get(without_slash))
        .route("/deployments/{name}/api_tokens", get(tokens))
        .route("/deployments/{name}/api_tokens/", get(without_slash))
        .layer(signed_in)
        .route("/deployments.css", get(async move || css))
        .with_state(Pages { cloud, manage })
}

/// The path is one of ours, so it leads to no other host.
async fn without_slash(OriginalUri(uri): OriginalUri) -> Redirect {
    Redirect::to(uri.path().trim_end_matches('/'))
}

async fn list(
    State(pages): State<Pages>,
    caller: Option<Authenticated>,
) -> Result<Response, Instead> {
    let caller = pages.reader(caller)?;
    let known: Result<Vec<Deployment>, _> = pages.cloud.documents.list(Kind::Deployment).await;
    let mut known = known.map_err(|error| Instead::from(Fault::from(error)))?;
    known.retain(|known| caller.has_target(&known.name));
    Ok(html::list(&pages.cloud.origin, &caller, &known))
}

async fn show(
    State(pages): State<Pages>,
    Path(name): Path<String>,
    caller: Option<Authenticated>,
) -> Result<Response, Instead> {
    let caller = pages.reader(caller)?;
    let deployment = pages.find(&caller, &name).await?;
    let may_switch = has_scope(&caller, UPDATE);
    Ok(html::overview(
        &pages.cloud.origin,
        &caller,
        &deployment,
        may_switch,
    ))
}

/// The tab of the deployment's tokens.
async fn tokens(
    State(pages): State<Pages>,
    Path(name): Path<String>,
    caller: Option<Authenticated>,
) -> Result<Response, Instead> {
    let caller = pages.reader(caller)?;
    let deployment = pages.find(&caller, &name).await?;
    Ok(pages.manage.target_page(TOKENS, &deployment.name))
}

#[derive(Deserialize)]
struct Switch {
    access: Exposure,
}

/// Makes a deployment public or protected, and shows it again.
async fn switch(
    State(pages): State<Pages>,
    Path(name): Path<String>,
    OriginalUri(uri): OriginalUri,
    caller: Option<Authenticated>,
    form: Result<Form<Switch>, FormRejection>,
) -> Result<Response, Instead> {
    let shown = Redirect::to(uri.path());
    if caller.is_none() {
        // There the person may sign in.
        return Ok(shown.into_response());
    }
    let caller = pages.reader(caller)?;
    let deployment = pages.find(&caller, &name).await?;
    if !has_scope(&caller, UPDATE) {
        return Err(html::forbidden(&caller).into());
    }
    let invalid = |_| Instead::from(Fault::invalid("access is public or protected"));
    let Form(Switch { access }) = form.map_err(invalid)?;
    let documents = &pages.cloud.documents;
    let switched = Deployment::switch(documents, &deployment.name, access).await;
    match switched.map_err(|error| Instead::from(Fault::from(error)))? {
        Some(_) => Ok(shown.into_response()),
        None => Err(html::not_found(&caller).into()),
    }
}

impl Pages {
    /// The person who is signed in, if they may read deployments at all.
    fn reader(&self, caller: Option<Authenticated>) -> Result<Principal, Instead> {
        match caller {
            None => Err(self.manage.sign_in_page(TOKENS).into()),
            Some(Authenticated(caller)) if has_scope(&caller, READ) => Ok(caller),
            Some(Authenticated(caller)) => Err(html::forbidden(&caller).into()),
        }
    }

    /// A token that is held to others does not learn whether there is one.
    async fn find(&self, caller: &Principal, name: &str) -> Result<Deployment, Instead> {
        if !caller.has_target(name) {
            return Err(html::not_found(caller).into());
        }
        let found = self.cloud.documents.get(Kind::Deployment, name).await;
        let found = found.map_err(|error| Instead::from(Fault::from(error)))?;
        found.ok_or_else(|| html::not_found(caller).into())
    }
}

/// What is answered in place of a page.
struct Instead(Box<Response>);

impl From<Response> for Instead {
    fn from(answer: Response) -> Self {
        Self(Box::new(answer))
    }
}

impl From<Fault> for Instead {
    fn from(fault: Fault) -> Self {
        fault.into_response().into()
    }
}

impl IntoResponse for Instead {
    fn into_response(self) -> Response {
        *self.0
    }
}

fn has_scope(caller: &Principal, scope: &str) -> bool {
    let scope: Result<Scope, _> = scope.parse();
    scope.is_ok_and(|scope| caller.has_scope(&scope))
}

/// A page of ours with a status.
fn with_status(status: StatusCode, page: Response) -> Response {
    (status, page).into_response()
}
