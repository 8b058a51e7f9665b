//! Routes and a page to manage tokens, for any axum app.
//!
//! [`Manage::routes`] is for programs: JSON over HTTP, guarded by credentials.
//! [`Manage::page`] is for people: one page that does the same, and signs in
//! with a token, or with a user and password. Both guard themselves, wherever
//! they are mounted.
//!
//! ```
//! use axum::Router;
//! use tower_authn::{manage::Manage, store::Tokens};
//!
//! fn app(tokens: Tokens) -> Router {
//!     let manage = Manage::new(tokens);
//!     Router::new()
//!         .nest("/manage", manage.routes())
//!         .nest("/api_tokens", manage.page())
//! }
//! ```
//!
//! | route | what | who |
//! |---|---|---|
//! | `GET /tokens` | a page of tokens, the newest first; `limit`, `cursor`, `search`, `state`, `subject`, `target` | manager |
//! | `POST /tokens` | makes one; its secret is in this answer alone | manager |
//! | `GET /tokens/{id}` | what is known of it | manager |
//! | `PATCH /tokens/{id}` | names it anew, or narrows it | manager |
//! | `POST /tokens/{id}/suspend`, `/resume` | withdraws it for a time | manager |
//! | `POST /tokens/{id}/rotate` | another one in its place, `grace_seconds` beside it | manager |
//! | `POST /tokens/{id}/revoke` | withdraws it for good, for a `reason` | manager |
//! | `POST /introspect` | what a token is worth ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)) | manager |
//! | `POST /revoke` | revokes the token that is presented ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)) | whoever holds it |
//! | `GET /whoami` | the caller | any good credential |
//! | `GET /openapi.json` | this, for programs | anybody |
//!
//! A manager has the scope `resources:access`, or [another](Manage::scope).
//! They make no token with more rights than their own, and one who belongs to
//! an organization sees that organization's tokens alone. Errors are problem
//! details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) whose `field`
//! says what to mend, and times are of
//! [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339).

mod input;
mod oauth;
mod openapi;
mod operations;
mod page;
mod problem;
mod view;

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Router, extract::OriginalUri, middleware::map_response, response::Response, routing::get,
};
use http::{HeaderValue, Method, StatusCode, Uri, header::CACHE_CONTROL};

use self::{page::Snippet, problem::Problem};
use crate::{
    access::{Access, policy_fn},
    credential::Sources,
    layer::AuthnLayer,
    principal::Principal,
    scope::{Scope, ScopeRule},
    store::Tokens,
    verifier::{AnyVerifier, Verifier},
};

/// What a manager needs unless told otherwise.
const SCOPE: &str = "resources:access";

/// Manages the tokens of a store, over HTTP and on a page.
#[derive(Clone)]
#[must_use]
pub struct Manage {
    tokens: Tokens,
    sources: Sources,
    scope: ScopeRule,
    users: Option<AnyVerifier<Principal>>,
    title: Arc<str>,
    session: Duration,
    snippets: Vec<Snippet>,
}

impl Manage {
    /// Manages these tokens.
    pub fn new(tokens: Tokens) -> Self {
        Self {
            tokens,
            sources: Sources::default(),
            scope: ScopeRule::of(Scope::known(SCOPE)),
            users: None,
            title: "API tokens".into(),
            session: Duration::from_secs(12 * 60 * 60),
            snippets: Vec::new(),
        }
    }

    /// Where the routes take a credential from; see [`Sources`].
    pub fn sources(mut self, sources: Sources) -> Self {
        self.sources = sources;
        self
    }

    /// What a manager must have; `resources:access` unless set.
    pub fn scope(mut self, rule: ScopeRule) -> Self {
        self.scope = rule;
        self
    }

    /// Who signs in to the page with a user and password. Without it a token is
    /// what one signs in with.
    pub fn users(mut self, users: impl Verifier<Principal = Principal>) -> Self {
        self.users = Some(users.into_any());
        self
    }

    /// What the page is headed with; `API tokens` unless set.
    pub fn title(mut self, title: impl Into<Arc<str>>) -> Self {
        self.title = title.into();
        self
    }

    /// How long one stays signed in at most; 12 hours unless set. A session ends
    /// with its token in any case. One of a user and password has no other end,
    /// whatever becomes of the user.
    pub fn session(mut self, longest: Duration) -> Self {
        self.session = longest;
        self
    }

    /// A text that the page shows with a new token, ready to be pasted. In it
    /// `{token}` stands for the token and `{origin}` for the page's own, as in
    /// `http://127.0.0.1:3000`. There is one for `curl` and one for `Python`,
    /// and another one of the same label takes its place.
    ///
    /// ```
    /// # use tower_authn::{manage::Manage, store::Tokens};
    /// # fn manage(tokens: Tokens) -> Manage {
    /// Manage::new(tokens)
    ///     .snippet("CLI", "acme login --endpoint {origin} --token {token}")
    ///     .snippet("curl", "curl {origin}/reports -H 'Authorization: Bearer {token}'")
    /// # }
    /// ```
    pub fn snippet(mut self, label: impl Into<Arc<str>>, template: impl Into<Arc<str>>) -> Self {
        self.snippets.push(Snippet {
            label: label.into(),
            template: template.into(),
        });
        self
    }

    /// The routes for programs, which guard themselves.
    pub fn routes(&self) -> Router {
        let scope = self.scope.clone();
        let access = policy_fn(move |head| match (head.method(), head.path()) {
            (&Method::GET | &Method::HEAD, "/whoami") => Access::Authenticated,
            (&Method::GET | &Method::HEAD, "/openapi.json") | (&Method::POST, "/revoke") => {
                Access::Public
            }
            _ => Access::Scopes(scope.clone()),
        });
        let layer = AuthnLayer::new(self.tokens.verifier())
            .sources(self.sources.clone())
            .access(access)
            .respond(problem::refusal);
        let document = openapi::document(&self.sources);
        let describe = async move |OriginalUri(uri): OriginalUri| openapi::serve(document, &uri);
        let routes = operations::router(self.tokens.clone())
            .merge(oauth::router(self.tokens.clone()))
            .route("/openapi.json", get(describe));
        answered(routes).layer(layer)
    }

    /// The page, with its sign-in and its own routes, which read the session's
    /// cookie and no other credential.
    pub fn page(&self) -> Router {
        page::router(self)
    }

    /// The page for the tokens that may have to do with one target, for a route
    /// of your own. `base` is where [`page`](Self::page) is mounted:
    ///
    /// ```
    /// # use axum::{Router, extract::Path, routing::get};
    /// # use tower_authn::{manage::Manage, store::Tokens};
    /// # fn app(tokens: Tokens) -> Router {
    /// let manage = Manage::new(tokens);
    /// let page = manage.page();
    /// let of_one = async move |Path(name): Path<String>| manage.page_of("/api_tokens", &name);
    /// Router::new()
    ///     .nest("/api_tokens", page)
    ///     .route("/deployments/{name}", get(of_one))
    /// # }
    /// ```
    #[must_use]
    pub fn page_of(&self, base: &str, target: &str) -> Response {
        page::of_target(&self.title, base, target)
    }
}

/// What all routes have in common: no answer is kept, and what is not there is
/// a problem too.
fn answered(routes: Router) -> Router {
    let missing = async |uri: Uri| {
        let detail = format!("there is nothing at {}", uri.path());
        Problem::new(StatusCode::NOT_FOUND, detail)
    };
    let other = async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not a method of this path");
    routes
        .fallback(missing)
        .method_not_allowed_fallback(other)
        .layer(map_response(no_store))
}

async fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl fmt::Debug for Manage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manage")
            .field("sources", &self.sources)
            .field("scope", &self.scope)
            .field("users", &self.users.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_managers_scope_is_one() {
        assert_eq!(SCOPE.parse(), Ok(Scope::known(SCOPE)));
    }
}
