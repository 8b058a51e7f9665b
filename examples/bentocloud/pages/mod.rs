//! The pages of the deployments, for people in a browser.
//!
//! They share the sign-in and the sessions of the page of the tokens. A person without
//! a session gets the same answer at every address, so strangers do not learn which
//! deployments exist. All links and redirects are relative, so the pages also work
//! through a proxy that cuts a prefix off the path.

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

/// The path of the page of the tokens, relative to the root of the pages.
pub(crate) const TOKENS: &str = "api_tokens";

/// The root of the pages, relative to the list, to one deployment, and to a tab of it.
const LIST: &str = ".";
const DEPLOYMENT: &str = "..";
const TAB: &str = "../..";

const READ: &str = "resources:deployments:read";
const UPDATE: &str = "resources:deployments:update";

/// A signed-in person who looks at a page.
struct Reader {
    caller: Principal,
    /// The root of the pages, relative to the page.
    root: &'static str,
}

#[derive(Clone)]
struct Pages {
    cloud: Cloud,
    manage: TokenAdmin,
}

/// Returns the routes of the pages, and the redirects to them.
pub(crate) fn router(cloud: Cloud, manage: TokenAdmin) -> Router {
    let signed_in = manage.session_layer();
    let css = ([(CONTENT_TYPE, "text/css")], include_str!("pages.css"));
    Router::new()
        .route("/", get(async || Redirect::to("deployments")))
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

/// Redirects to the path without its slash, relative to the path with it.
async fn without_slash(OriginalUri(uri): OriginalUri) -> Redirect {
    let path = uri.path().trim_end_matches('/');
    Redirect::to(&format!("../{}", last_segment(path)))
}

fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

async fn list(
    State(pages): State<Pages>,
    caller: Option<Authenticated>,
) -> Result<Response, Instead> {
    let reader = pages.reader(caller, LIST)?;
    let known: Result<Vec<Deployment>, _> = pages.cloud.documents.list(Kind::Deployment).await;
    let mut known = known.map_err(|error| Instead::from(Fault::from(error)))?;
    known.retain(|known| reader.caller.has_target(&known.name));
    Ok(html::list(&pages.cloud.origin, &reader, &known))
}

async fn show(
    State(pages): State<Pages>,
    Path(name): Path<String>,
    caller: Option<Authenticated>,
) -> Result<Response, Instead> {
    let reader = pages.reader(caller, DEPLOYMENT)?;
    let deployment = pages.find(&reader, &name).await?;
    let may_switch = has_scope(&reader.caller, UPDATE);
    Ok(html::overview(
        &pages.cloud.origin,
        &reader,
        &deployment,
        may_switch,
    ))
}

/// Shows the tab of a deployment's tokens.
async fn tokens(
    State(pages): State<Pages>,
    Path(name): Path<String>,
    caller: Option<Authenticated>,
) -> Result<Response, Instead> {
    let reader = pages.reader(caller, TAB)?;
    let deployment = pages.find(&reader, &name).await?;
    let base = format!("{TAB}/{TOKENS}");
    Ok(pages.manage.target_page(&base, &deployment.name))
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
    // Without the dot, a colon in the segment would end a scheme.
    let shown = Redirect::to(&format!("./{}", last_segment(uri.path())));
    if caller.is_none() {
        // The same address shows the sign-in.
        return Ok(shown.into_response());
    }
    let reader = pages.reader(caller, DEPLOYMENT)?;
    let deployment = pages.find(&reader, &name).await?;
    if !has_scope(&reader.caller, UPDATE) {
        return Err(html::forbidden(&reader).into());
    }
    let invalid = |_| Instead::from(Fault::invalid("access is public or protected"));
    let Form(Switch { access }) = form.map_err(invalid)?;
    let documents = &pages.cloud.documents;
    let switched = Deployment::switch(documents, &deployment.name, access).await;
    match switched.map_err(|error| Instead::from(Fault::from(error)))? {
        Some(_) => Ok(shown.into_response()),
        None => Err(html::not_found(&reader).into()),
    }
}

impl Pages {
    /// Returns the person who is signed in, if they may read deployments at all.
    fn reader(&self, caller: Option<Authenticated>, root: &'static str) -> Result<Reader, Instead> {
        let Some(Authenticated(caller)) = caller else {
            let base = format!("{root}/{TOKENS}");
            return Err(self.manage.sign_in_page(&base).into());
        };
        let may_read = has_scope(&caller, READ);
        let reader = Reader { caller, root };
        match may_read {
            true => Ok(reader),
            false => Err(html::forbidden(&reader).into()),
        }
    }

    /// Finds a deployment. A token that is held to others gets the same answer whether
    /// it exists or not.
    async fn find(&self, reader: &Reader, name: &str) -> Result<Deployment, Instead> {
        if !reader.caller.has_target(name) {
            return Err(html::not_found(reader).into());
        }
        let found = self.cloud.documents.get(Kind::Deployment, name).await;
        let found = found.map_err(|error| Instead::from(Fault::from(error)))?;
        found.ok_or_else(|| html::not_found(reader).into())
    }
}

/// The response in place of a page.
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

/// Returns a page with a status.
fn with_status(status: StatusCode, page: Response) -> Response {
    (status, page).into_response()
}
