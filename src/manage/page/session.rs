//! The sessions of the page.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::Next,
    response::{AppendHeaders, IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header::SET_COOKIE};
use serde::Serialize;

use super::cookie::{CookieKind, SessionCookies};
use crate::{
    access::Access,
    axum::Authenticated,
    challenge::Challenge,
    credential::Sources,
    layer::{AuthnLayer, Drain},
    manage::{
        TokenAdmin,
        api::{CallerView, to_strings},
        problem::Problem,
    },
    principal::Principal,
    scope::ScopeRule,
    token::{Prefix, Timestamp},
    tokens::{SessionKind, TokenError, Tokens},
    verifier::Verifier,
};

/// The sessions of a page, kept by the store.
pub(super) struct Sessions {
    tokens: Tokens,
    scope: ScopeRule,
    max_age: Duration,
    has_users: bool,
    cookie_name: Option<Arc<str>>,
    /// The prefixes of secrets by kind of cookie, so that a loopback cookie never
    /// identifies a session of a secure one.
    prefixes: [Prefix; 2],
}

/// The session as the page sees it.
#[derive(Serialize)]
struct SessionView<'a> {
    users: bool,
    caller: Option<CallerView<'a>>,
    known_scopes: Option<Vec<String>>,
}

/// Returns the route `/session`: `POST` signs in with the `Authorization` header,
/// `GET` shows the session, `DELETE` signs out.
pub(super) fn router(admin: &TokenAdmin, sessions: Arc<Sessions>) -> Router {
    let tokens = admin.tokens.verifier();
    let verifier = match &admin.users {
        Some(users) => tokens.or(users.clone()).boxed(),
        None => tokens.boxed(),
    };
    // A Basic challenge would make the browser ask for a password itself.
    let sources = Sources::new().bearer().basic();
    let authn = AuthnLayer::new(verifier)
        .sources(sources.challenge(Challenge::bearer()))
        .access(Access::Scopes(admin.scope.clone()))
        .respond(Problem::respond)
        .drain(Drain::off());
    let sign_in = post(sign_in).layer(authn);
    Router::new()
        .route("/session", get(show).delete(sign_out).merge(sign_in))
        .with_state(sessions)
}

/// Signs in. This ends the previous session; its secret is never reused.
async fn sign_in(
    State(sessions): State<Arc<Sessions>>,
    Authenticated(caller): Authenticated,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    sessions.close(&uri, &headers).await?;
    let kind = CookieKind::from_sign_in(&headers);
    let set = sessions.open(&caller, kind).await?;
    Ok((
        AppendHeaders([(SET_COOKIE, set)]),
        sessions.view(Some(&caller)),
    )
        .into_response())
}

/// Shows the session, if there is one.
async fn show(
    State(sessions): State<Arc<Sessions>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = sessions.find_caller(&uri, &headers).await?;
    Ok(sessions.view(caller.as_ref()))
}

/// Signs out. The response has no `Clear-Site-Data`, which would remove the app's own
/// cookies too; the page stores nothing else.
async fn sign_out(
    State(sessions): State<Arc<Sessions>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let closed = sessions.close(&uri, &headers).await?;
    let cookies = sessions.cookies();
    let unset = closed.into_iter();
    let unset: Vec<_> = unset
        .map(|kind| (SET_COOKIE, cookies.set(kind, "", 0)))
        .collect();
    Ok((StatusCode::NO_CONTENT, AppendHeaders(unset)))
}

/// Requires a session, and adds its principal to the request.
pub(super) async fn require(
    State(sessions): State<Arc<Sessions>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = sessions
        .find_caller(request.uri(), request.headers())
        .await?;
    let not_signed_in = || Problem::new(StatusCode::UNAUTHORIZED, "not signed in");
    let caller = caller.ok_or_else(not_signed_in)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

impl Sessions {
    pub(super) fn new(admin: &TokenAdmin) -> Self {
        Self {
            tokens: admin.tokens.clone(),
            scope: admin.scope.clone(),
            max_age: admin.session_max_age,
            has_users: admin.users.is_some(),
            cookie_name: admin.cookie_name.clone(),
            prefixes: ["Secure", "Loopback"].map(Prefix::reserved),
        }
    }

    fn cookies(&self) -> SessionCookies<'_> {
        let name = match &self.cookie_name {
            Some(name) => Cow::Borrowed(&**name),
            None => format!("tower-authn-{}", self.tokens.label()).into(),
        };
        SessionCookies { name }
    }

    fn session_kind<'a>(
        &'a self,
        kind: CookieKind,
        cookies: &'a SessionCookies<'_>,
    ) -> SessionKind<'a> {
        let [secure, loopback] = &self.prefixes;
        SessionKind {
            prefix: match kind {
                CookieKind::Secure => secure,
                CookieKind::Loopback => loopback,
            },
            page: &cookies.name,
        }
    }

    /// Opens a session and returns the `Set-Cookie` value of its cookie.
    async fn open(&self, caller: &Principal, kind: CookieKind) -> Result<HeaderValue, TokenError> {
        let now = self.tokens.now();
        let latest = now + self.max_age;
        let token_end = caller.expires_at().map(Timestamp::from);
        let expires_at = token_end.map_or(latest, |end| end.min(latest));
        let cookies = self.cookies();
        let session = self.session_kind(kind, &cookies);
        let secret = self
            .tokens
            .open_session(session, caller, expires_at)
            .await?;
        Ok(cookies.set(
            kind,
            secret.expose(),
            expires_at.duration_since(now).as_secs(),
        ))
    }

    /// Closes the sessions of a request and returns the kinds of their cookies.
    async fn close(&self, uri: &Uri, headers: &HeaderMap) -> Result<Vec<CookieKind>, TokenError> {
        let cookies = self.cookies();
        let mut closed = Vec::new();
        for (kind, secret) in cookies.secrets(uri, headers) {
            let session = self.session_kind(kind, &cookies);
            if self.tokens.close_session(session, secret).await? {
                closed.push(kind);
            }
        }
        Ok(closed)
    }

    /// Returns the principal of a request's session, with its present rights, or
    /// `None` if its token is invalid or is no longer a manager's. A resumed token
    /// has its sessions again.
    pub(super) async fn find_caller(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<Principal>, TokenError> {
        let cookies = self.cookies();
        for (kind, secret) in cookies.secrets(uri, headers) {
            let session = self.session_kind(kind, &cookies);
            if let Some(caller) = self.tokens.session(session, secret).await? {
                // A page without users rejects another page's session of a user.
                let known = self.has_users || caller.token_id().is_some();
                return Ok(Some(caller).filter(|caller| known && self.scope.allows(caller)));
            }
        }
        Ok(None)
    }

    fn view(&self, caller: Option<&Principal>) -> Response {
        let known_scopes = caller.and_then(|_| self.tokens.known_scopes());
        let view = SessionView {
            users: self.has_users,
            caller: caller.map(CallerView::new),
            known_scopes: known_scopes.map(to_strings),
        };
        Json(view).into_response()
    }
}
