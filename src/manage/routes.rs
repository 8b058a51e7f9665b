//! The routers, layers and responses that an app mounts.

use axum::{
    Router, extract::OriginalUri, middleware::from_fn_with_state, response::Response, routing::get,
};

use super::{
    SessionLayer, TokenAdmin, api,
    fallback::{with_fallbacks, with_method_fallback},
    oauth, openapi, page,
    problem::Problem,
    unread::drain_unread,
};
use crate::{
    access::Access,
    layer::{AuthnLayer, Drain},
};

impl TokenAdmin {
    /// Returns the API for programs, which authenticates its own requests. Nest it:
    ///
    /// ```
    /// # use axum::Router;
    /// # use tower_authn::{manage::TokenAdmin, tokens::Tokens};
    /// # fn app(tokens: Tokens, router: Router) -> Router {
    /// router.nest("/manage", TokenAdmin::new(tokens).routes())
    /// # }
    /// ```
    ///
    /// A layer of the app around these routes sees every request, including rejected
    /// ones. Do not add an [`AuthnLayer`] there: `/revoke` and `/openapi.json` need no
    /// credential.
    pub fn routes(&self) -> Router {
        let tokens = || self.tokens.clone();
        let authn = || {
            AuthnLayer::new(self.tokens.verifier())
                .sources(self.sources.clone())
                .respond(Problem::respond)
                .drain(Drain::off())
        };
        let document = openapi::document(&self.sources);
        let describe = async move |OriginalUri(uri): OriginalUri| openapi::respond(document, &uri);

        // Only managers learn that a path does not exist.
        let managers = api::router(tokens()).merge(oauth::introspection_router(tokens()));
        let managers =
            with_fallbacks(managers).layer(authn().access(Access::Scopes(self.scope.clone())));
        let callers = with_method_fallback(api::whoami_router()).layer(authn());
        let public = oauth::revocation_router(tokens()).route("/openapi.json", get(describe));
        self.drained(managers.merge(callers).merge(with_method_fallback(public)))
    }

    /// Returns the page with its sign-in and its routes, which read the session cookie
    /// and no other credential.
    ///
    /// If it is mounted with axum's `nest_service`, the page answers with and without
    /// a slash at the end of its path; with `nest`, only without. The page refers to
    /// its assets and routes by relative paths, so a proxy may remove a prefix.
    pub fn page(&self) -> Router {
        self.drained(page::router(self))
    }

    fn drained(&self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self.drain.clone(), drain_unread))
    }

    /// Returns a layer for the app's own pages, which adds the
    /// [`Principal`](crate::Principal) of the [`page`](Self::page)'s session to each
    /// request.
    ///
    /// ```
    /// # use axum::{Router, response::{Html, IntoResponse, Response}, routing::get};
    /// # use tower_authn::{Authenticated, manage::TokenAdmin, tokens::Tokens};
    /// # fn app(tokens: Tokens) -> Router {
    /// let admin = TokenAdmin::new(tokens);
    /// let (page, session) = (admin.page(), admin.session_layer());
    /// let reports = async move |caller: Option<Authenticated>| match caller {
    ///     Some(_) => Html("<h1>Reports</h1>").into_response(),
    ///     None => admin.sign_in_page("api_tokens"),
    /// };
    /// Router::new()
    ///     .route("/reports", get(reports))
    ///     .layer(session)
    ///     .nest_service("/api_tokens", page)
    /// # }
    /// ```
    ///
    /// # Security
    ///
    /// The layer rejects a request that may change something (a POST, for example) if
    /// it comes from a page of another site; see [`SessionLayer`]. The handlers decide
    /// which callers may see a page.
    pub fn session_layer(&self) -> SessionLayer {
        page::session_layer(self)
    }

    /// Responds with the sign-in form in place of one of the app's own pages. After
    /// the sign-in, the browser loads the same address again, so no request names the
    /// next address. `base` is the path of the mounted [`page`](Self::page), as in
    /// [`target_page`](Self::target_page). See [`session_layer`](Self::session_layer)
    /// for an example.
    #[must_use]
    pub fn sign_in_page(&self, base: &str) -> Response {
        page::sign_in_page(self, base)
    }

    /// Responds with the page of the tokens that can be used for one target, on a
    /// route of the app's own.
    ///
    /// `base` is the path of the mounted [`page`](Self::page), relative to this route,
    /// so that both work when a proxy removes a prefix of the path:
    ///
    /// ```
    /// # use axum::{Router, extract::Path, routing::get};
    /// # use tower_authn::{manage::TokenAdmin, tokens::Tokens};
    /// # fn app(tokens: Tokens) -> Router {
    /// let admin = TokenAdmin::new(tokens);
    /// let page = admin.page();
    /// let target_page =
    ///     async move |Path(name): Path<String>| admin.target_page("../api_tokens", &name);
    /// Router::new()
    ///     .nest_service("/api_tokens", page)
    ///     .route("/deployments/{name}", get(target_page))
    /// # }
    /// ```
    #[must_use]
    pub fn target_page(&self, base: &str, target: &str) -> Response {
        page::target_page(self, base, target)
    }
}
