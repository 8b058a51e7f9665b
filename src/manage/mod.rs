//! Routes and a page to manage tokens, for any axum app.
//!
//! [`TokenAdmin::routes`] is for programs: JSON over HTTP, guarded by credentials.
//! [`TokenAdmin::page`] is for people: one page that does the same, and signs in
//! with a token, or with a user and password. Both guard themselves, wherever
//! they are mounted.
//!
//! ```
//! use axum::Router;
//! use tower_authn::{manage::TokenAdmin, tokens::Tokens};
//!
//! fn app(tokens: Tokens) -> Router {
//!     let manage = TokenAdmin::new(tokens);
//!     Router::new()
//!         .nest("/manage", manage.routes())
//!         .nest_service("/api_tokens", manage.page())
//! }
//! ```
//!
//! | route | what | who |
//! |---|---|---|
//! | `GET /tokens` | a page of tokens, the newest first; `limit`, `cursor`, `search`, `state`, `subject`, `target` | manager |
//! | `POST /tokens` | makes one; its secret is in this answer alone | manager, within their rights |
//! | `GET /tokens/{id}` | what is known of it | manager |
//! | `PATCH /tokens/{id}` | names it anew, or narrows it | manager |
//! | `POST /tokens/{id}/suspend` | withdraws it for a time | manager |
//! | `POST /tokens/{id}/resume` | gives it back | manager, within their rights |
//! | `POST /tokens/{id}/rotate` | another one in its place, `grace_seconds` beside it | manager, within their rights |
//! | `POST /tokens/{id}/revoke` | withdraws it for good, for a `reason` | manager |
//! | `POST /introspect` | what a token is worth ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)) | manager |
//! | `POST /revoke` | revokes the token that is presented ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)) | whoever holds it |
//! | `GET /whoami` | the caller | any good token |
//! | `GET /openapi.json` | this, for programs | anybody |
//!
//! A manager has the scope `resources:access`, or [another](TokenAdmin::scope).
//! Errors are problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457))
//! whose `field` says what to mend, and times are of
//! [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339).
//!
//! # Security
//!
//! - **Whose tokens.** A manager who belongs to an organization sees, and changes,
//!   that organization's tokens; any other is answered as one that is not there.
//!   One who belongs to none sees all.
//! - **Whose targets.** A manager whose token is held to targets sees, and
//!   changes, the tokens that are held to the same ones or to a part of them; any
//!   other is answered as one that is not there.
//! - **Within their rights.** What a manager makes, rotates or resumes has no
//!   scope, no target and no end beyond those of the token they call with; what
//!   lies beyond is 403, with the field. Whatever only takes rights away (to
//!   narrow, suspend or revoke) is for every manager of the organization, also
//!   where the token has more rights than theirs.
//! - **Names give no rights.** Within their organization a manager chooses the
//!   subject of what they make, and the metadata of every token. An app that
//!   decides by these trusts its managers with that.
//! - **Who did it** is written down by subject: `created_by`, `revoked_by`; a
//!   token that was presented to `/revoke` was revoked by `holder`.
//! - **Possession is the right to revoke.** `/revoke` asks for no credential but
//!   the token in the form, and never says whether there was such a token. One
//!   that was made up costs no read of the store.
//! - **Other sites** can do nothing with these routes: no cookie is read, and no
//!   user and password, which a browser would add by itself. A token may stand
//!   after `Basic`, but only as it is.
//! - **Secrets** stand in the answers that make a token, and nowhere else. No
//!   answer is stored (`Cache-Control: no-store`), and none repeats what was wrong
//!   with what was sent.
//! - **Limits** are the app's to add: how often, and from where.

mod fields;
mod filter;
mod input;
mod oauth;
mod openapi;
mod operations;
mod page;
mod problem;
mod unread;
mod view;

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::OriginalUri,
    middleware::{from_fn_with_state, map_response},
    response::Response,
    routing::get,
};
use futures::FutureExt;
use http::{HeaderValue, StatusCode, header::CACHE_CONTROL};

pub use self::page::{SignedIn, SignedInLayer};
use self::{
    page::{Snippet, SnippetsFor},
    problem::Problem,
};
use crate::{
    access::Access,
    credential::Sources,
    error::ConfigError,
    layer::{AuthnLayer, Drain},
    principal::Principal,
    scope::{Scope, ScopeRule},
    token::Record,
    tokens::Tokens,
    verifier::{BoxVerifier, Verifier},
};

/// What a manager needs unless told otherwise.
const SCOPE: &str = "resources:access";

/// What the form says of targets unless told otherwise.
const TARGETS_HINT: &str = "The names that it may be used for, such as demo or staging-*. \
    Leave it empty for all. With targets it manages only tokens that are held to them.";

/// Manages the tokens of a store, over HTTP and on a page.
#[derive(Clone)]
#[must_use]
pub struct TokenAdmin {
    tokens: Tokens,
    sources: Sources,
    scope: ScopeRule,
    users: Option<BoxVerifier<Principal>>,
    title: Arc<str>,
    session: Duration,
    cookie_name: Option<Arc<str>>,
    snippets: Vec<Snippet>,
    snippets_for: Option<SnippetsFor>,
    targets_hint: Arc<str>,
    drain: Drain,
}

impl TokenAdmin {
    /// Manages these tokens.
    pub fn new(tokens: Tokens) -> Self {
        Self {
            tokens,
            sources: Sources::default(),
            scope: ScopeRule::from_scope(Scope::from_static(SCOPE)),
            users: None,
            title: "API tokens".into(),
            session: Duration::from_secs(12 * 60 * 60),
            cookie_name: None,
            snippets: Vec::new(),
            snippets_for: None,
            targets_hint: TARGETS_HINT.into(),
            drain: Drain::new(),
        }
    }

    /// Where the routes take a token from; `Authorization` unless set. The
    /// OpenAPI document says so too.
    ///
    /// ```
    /// # use tower_authn::{ConfigError, Sources, manage::TokenAdmin, tokens::Tokens};
    /// # fn manage(tokens: Tokens) -> Result<TokenAdmin, ConfigError> {
    /// let sources = Sources::new().bearer().header("x-api-key")?;
    /// # Ok(
    /// TokenAdmin::new(tokens).sources(sources)
    /// # )
    /// # }
    /// ```
    pub fn sources(mut self, sources: Sources) -> Self {
        self.sources = sources;
        self
    }

    /// What a manager must have; `resources:access` unless set.
    ///
    /// ```
    /// # use tower_authn::{ConfigError, ScopeRule, manage::TokenAdmin, tokens::Tokens};
    /// # fn manage(tokens: Tokens) -> Result<TokenAdmin, ConfigError> {
    /// # Ok(
    /// TokenAdmin::new(tokens).scope(ScopeRule::any_of(["admin", "tokens:manage"])?)
    /// # )
    /// # }
    /// ```
    pub fn scope(mut self, rule: ScopeRule) -> Self {
        self.scope = rule;
        self
    }

    /// Who signs in to the page with a user and password. Without it a token is
    /// what one signs in with.
    pub fn users(mut self, users: impl Verifier<Principal = Principal>) -> Self {
        self.users = Some(users.boxed());
        self
    }

    /// What the page is headed with; `API tokens` unless set.
    pub fn title(mut self, title: impl Into<Arc<str>>) -> Self {
        self.title = title.into();
        self
    }

    /// The longest time that a person stays signed in; 12 hours unless set.
    ///
    /// The store keeps the sessions, so that each is good on every instance and
    /// after a restart. A session ends with its token in any case, at once, and
    /// ends everywhere when the person signs out. One of a user and password has no
    /// other end, whatever becomes of the user. A holder has 16 sessions at most;
    /// another sign-in then ends the oldest of them.
    pub fn session_max_age(mut self, longest: Duration) -> Self {
        self.session = longest;
        self
    }

    /// The name of the session's cookie: 1 to 64 of `[A-Za-z0-9_-]`. Over TLS the
    /// cookie bears `__Host-` before it.
    ///
    /// Unless set, the name is derived from the store, so that every instance of an
    /// app has the same one, and two apps on one host do not sign each other out.
    /// Pages over one store share their sessions; give each a name of its own if
    /// they have different [`users`](Self::users).
    ///
    /// # Errors
    ///
    /// Returns an error if the name is anything else.
    pub fn cookie_name(mut self, name: &str) -> Result<Self, ConfigError> {
        let in_name = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(in_name) {
            let message = "cookie_name: not a name; expected 1 to 64 of [A-Za-z0-9_-]";
            return Err(ConfigError::new(message));
        }
        self.cookie_name = Some(name.into());
        Ok(self)
    }

    /// A text that the page shows with a new token, ready to be pasted. In it
    /// `{token}` stands for the token and `{origin}` for the page's own, as in
    /// `http://127.0.0.1:3000`. There is one for `curl` and one for `Python`,
    /// and another one of the same label takes its place.
    ///
    /// ```
    /// # use tower_authn::{manage::TokenAdmin, tokens::Tokens};
    /// # fn manage(tokens: Tokens) -> TokenAdmin {
    /// TokenAdmin::new(tokens)
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

    /// Sets the snippets that the page shows with a new token, by a closure, for
    /// snippets that depend on the token. It takes the token's record and the
    /// target of the page that the token was made on, and answers with labels and
    /// templates as [`snippet`](Self::snippet) has them, in place of all others.
    ///
    /// ```
    /// # use tower_authn::{manage::TokenAdmin, tokens::Tokens};
    /// # fn manage(tokens: Tokens) -> TokenAdmin {
    /// TokenAdmin::new(tokens).snippets_for(|token, target| async move {
    ///     let target = target.or_else(|| Some(token.targets?.first()?.to_string()));
    ///     let line = target.map(|name| {
    ///         let line = format!("curl {{origin}}/{name} -H 'Authorization: Bearer {{token}}'");
    ///         ("curl".to_owned(), line)
    ///     });
    ///     line.into_iter().collect()
    /// })
    /// # }
    /// ```
    pub fn snippets_for<F, Fut>(mut self, snippets: F) -> Self
    where
        F: Fn(Record, Option<String>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<(String, String)>> + Send + 'static,
    {
        self.snippets_for = Some(Arc::new(move |token, target| {
            snippets(token, target).boxed()
        }));
        self
    }

    /// Sets the sentences that the form says of targets: what they name in this
    /// app, and what a token with targets may not do.
    pub fn targets_hint(mut self, text: impl Into<Arc<str>>) -> Self {
        self.targets_hint = text.into();
        self
    }

    /// Sets how much of a body that a route leaves unread is read and thrown
    /// away; see [`Drain`]. It covers every answer of the routes and the page:
    /// refusals, bodies of a wrong type, and bodies that are too large.
    pub fn drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }

    /// The routes for programs, which guard themselves. Nest them:
    ///
    /// ```
    /// # use axum::Router;
    /// # use tower_authn::{manage::TokenAdmin, tokens::Tokens};
    /// # fn app(tokens: Tokens, own: Router) -> Router {
    /// own.nest("/manage", TokenAdmin::new(tokens).routes())
    /// # }
    /// ```
    ///
    /// A layer that the app puts around them sees every request, also one that
    /// is then refused. An [`AuthnLayer`] of the app's own does not belong
    /// there: `/revoke` and `/openapi.json` ask for no credential.
    pub fn routes(&self) -> Router {
        let tokens = || self.tokens.clone();
        let guard = || {
            AuthnLayer::new(self.tokens.verifier())
                .sources(self.sources.clone())
                .respond(problem::refusal)
                .drain(Drain::off())
        };
        let document = openapi::document(&self.sources);
        let describe = async move |OriginalUri(uri): OriginalUri| openapi::serve(document, &uri);

        // What is not there is a manager's to know.
        let managers = operations::router(tokens()).merge(oauth::introspection(tokens()));
        let managers = answered(managers).layer(guard().access(Access::Scopes(self.scope.clone())));
        let callers = in_kind(oauth::whoami()).layer(guard());
        let anybody = oauth::revocation(tokens()).route("/openapi.json", get(describe));
        self.drained(managers.merge(callers).merge(in_kind(anybody)))
    }

    /// The page, with its sign-in and its own routes, which read the session's
    /// cookie and no other credential.
    ///
    /// Mounted with axum's `nest_service` it answers with and without a slash at
    /// the end of its path, with `nest` without one alone. It names its files and
    /// routes relative to itself, so that a proxy may cut a prefix off the path.
    pub fn page(&self) -> Router {
        self.drained(page::router(self))
    }

    fn drained(&self, routes: Router) -> Router {
        let drain = self.drain.clone();
        routes.layer(from_fn_with_state(drain, unread::drain_unread))
    }

    /// A layer for pages of the app's own. It adds the person who is signed in to
    /// [`page`](Self::page) to each request.
    ///
    /// ```
    /// # use axum::{Router, response::{Html, IntoResponse, Response}, routing::get};
    /// # use tower_authn::{Authenticated, manage::TokenAdmin, tokens::Tokens};
    /// # fn app(tokens: Tokens) -> Router {
    /// let manage = TokenAdmin::new(tokens);
    /// let (page, signed_in) = (manage.page(), manage.signed_in());
    /// let reports = async move |caller: Option<Authenticated>| match caller {
    ///     Some(_) => Html("<h1>Reports</h1>").into_response(),
    ///     None => manage.sign_in_page("api_tokens"),
    /// };
    /// Router::new()
    ///     .route("/reports", get(reports))
    ///     .layer(signed_in)
    ///     .nest_service("/api_tokens", page)
    /// # }
    /// ```
    ///
    /// # Security
    ///
    /// The layer refuses a request that may change something (a POST) if it comes
    /// from a page of another site, see [`SignedInLayer`]. The handlers decide who
    /// may see what.
    pub fn signed_in(&self) -> SignedInLayer {
        page::signed_in(self)
    }

    /// The sign-in form, to be answered in place of a page of the app's own. Once
    /// the person is signed in, the browser loads the same address again, so that
    /// no request says where to go next. `base` is where [`page`](Self::page) is
    /// mounted, as [`target_page`](Self::target_page) takes it. See
    /// [`signed_in`](Self::signed_in) for an example.
    #[must_use]
    pub fn sign_in_page(&self, base: &str) -> Response {
        page::sign_in(self, base)
    }

    /// The page for the tokens that may have to do with one target, for a route
    /// of your own.
    ///
    /// `base` is where [`page`](Self::page) is mounted, as a link of this page
    /// would name it. Make it relative, so that the page works behind a proxy that
    /// cuts a prefix off the path:
    ///
    /// ```
    /// # use axum::{Router, extract::Path, routing::get};
    /// # use tower_authn::{manage::TokenAdmin, tokens::Tokens};
    /// # fn app(tokens: Tokens) -> Router {
    /// let manage = TokenAdmin::new(tokens);
    /// let page = manage.page();
    /// let of_one = async move |Path(name): Path<String>| manage.target_page("../api_tokens", &name);
    /// Router::new()
    ///     .nest_service("/api_tokens", page)
    ///     .route("/deployments/{name}", get(of_one))
    /// # }
    /// ```
    #[must_use]
    pub fn target_page(&self, base: &str, target: &str) -> Response {
        page::of_target(self, base, target)
    }
}

/// Routes all of whose answers are of one kind, also where there is no route.
fn answered(routes: Router) -> Router {
    let missing = async || Problem::new(StatusCode::NOT_FOUND, "there is nothing here");
    in_kind(routes.fallback(missing))
}

/// No answer is kept, and a method that is not there is a problem too.
fn in_kind(routes: Router) -> Router {
    let other = async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not a method of this path");
    routes
        .method_not_allowed_fallback(other)
        .layer(map_response(no_store))
}

async fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl fmt::Debug for TokenAdmin {
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
        assert_eq!(SCOPE.parse(), Ok(Scope::from_static(SCOPE)));
    }
}
