//! Who is signed in to the page.

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

use super::cookie::{Cookies, Form};
use crate::{
    access::Access,
    axum::Authenticated,
    challenge::Challenge,
    credential::Sources,
    layer::{AuthnLayer, Drain},
    manage::{
        TokenAdmin,
        problem::{self, Problem},
        view,
    },
    principal::Principal,
    scope::ScopeRule,
    token::{Prefix, Timestamp},
    tokens::{SessionKind, TokenError, Tokens},
    verifier::Verifier,
};

/// The sessions of a page, which the store keeps.
pub(super) struct Sessions {
    tokens: Tokens,
    scope: ScopeRule,
    longest: Duration,
    users: bool,
    cookie_name: Option<Arc<str>>,
    /// What secrets begin with, by the form of their cookie: no cookie of the
    /// weaker form names a session of the stronger.
    prefixes: [Prefix; 2],
}

/// What the page is told: who is signed in, and what it needs for them.
#[derive(Serialize)]
struct View<'a> {
    users: bool,
    caller: Option<view::Caller<'a>>,
    known_scopes: Option<Vec<String>>,
}

/// `POST` signs in with what stands in `Authorization`, `GET` says who is signed
/// in, `DELETE` signs out.
pub(super) fn router(manage: &TokenAdmin, sessions: Arc<Sessions>) -> Router {
    let tokens = manage.tokens.verifier();
    let verifier = match &manage.users {
        Some(users) => tokens.or(users.clone()).boxed(),
        None => tokens.boxed(),
    };
    // A browser that is challenged for Basic asks for a password by itself.
    let sources = Sources::new().bearer().basic();
    let guard = AuthnLayer::new(verifier)
        .sources(sources.challenge(Challenge::bearer()))
        .access(Access::Scopes(manage.scope.clone()))
        .respond(problem::refusal)
        .drain(Drain::off());
    let sign_in = post(sign_in).layer(guard);
    Router::new()
        .route("/session", get(show).delete(sign_out).merge(sign_in))
        .with_state(sessions)
}

/// Signing in anew ends the session before, and never takes over its secret.
async fn sign_in(
    State(sessions): State<Arc<Sessions>>,
    Authenticated(caller): Authenticated,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    sessions.close(&uri, &headers).await?;
    let form = Form::of_sign_in(&headers);
    let set = sessions.open(&caller, form).await?;
    Ok((
        AppendHeaders([(SET_COOKIE, set)]),
        sessions.view(Some(&caller)),
    )
        .into_response())
}

async fn show(
    State(sessions): State<Arc<Sessions>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = sessions.caller(&uri, &headers).await?;
    Ok(sessions.view(caller.as_ref()))
}

/// No `Clear-Site-Data`: it would take the app's own cookies along, and nothing
/// of the page is kept.
async fn sign_out(
    State(sessions): State<Arc<Sessions>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let closed = sessions.close(&uri, &headers).await?;
    let cookies = sessions.cookies();
    let unset = closed.into_iter();
    let unset: Vec<_> = unset
        .map(|form| (SET_COOKIE, cookies.set(form, "", 0)))
        .collect();
    Ok((StatusCode::NO_CONTENT, AppendHeaders(unset)))
}

/// Lets through who is signed in, and brings the principal along.
pub(super) async fn guard(
    State(sessions): State<Arc<Sessions>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = sessions.caller(request.uri(), request.headers()).await?;
    let nobody = || Problem::new(StatusCode::UNAUTHORIZED, "nobody is signed in");
    request.extensions_mut().insert(caller.ok_or_else(nobody)?);
    Ok(next.run(request).await)
}

impl Sessions {
    pub(super) fn new(manage: &TokenAdmin) -> Self {
        Self {
            tokens: manage.tokens.clone(),
            scope: manage.scope.clone(),
            longest: manage.session,
            users: manage.users.is_some(),
            cookie_name: manage.cookie_name.clone(),
            prefixes: ["Secure", "Loopback"].map(Prefix::reserved),
        }
    }

    fn cookies(&self) -> Cookies<'_> {
        Cookies(match &self.cookie_name {
            Some(name) => Cow::Borrowed(name),
            None => format!("tower-authn-{}", self.tokens.label()).into(),
        })
    }

    fn kind<'a>(&'a self, form: Form, cookies: &'a Cookies<'_>) -> SessionKind<'a> {
        let [secure, loopback] = &self.prefixes;
        SessionKind {
            prefix: match form {
                Form::Host => secure,
                Form::Loopback => loopback,
            },
            page: &cookies.0,
        }
    }

    /// Opens a session, and returns the header that sets its cookie.
    async fn open(&self, caller: &Principal, form: Form) -> Result<HeaderValue, TokenError> {
        let now = self.tokens.now();
        let longest = now + self.longest;
        let own_end = caller.expires_at().map(Timestamp::from);
        let ends = own_end.map_or(longest, |end| end.min(longest));
        let cookies = self.cookies();
        let kind = self.kind(form, &cookies);
        let secret = self.tokens.open_session(kind, caller, ends).await?;
        Ok(cookies.set(form, secret.expose(), ends.duration_since(now).as_secs()))
    }

    /// Ends the sessions that a request names, and returns the forms of their
    /// cookies.
    async fn close(&self, uri: &Uri, headers: &HeaderMap) -> Result<Vec<Form>, TokenError> {
        let cookies = self.cookies();
        let mut closed = Vec::new();
        for (form, secret) in cookies.presented(uri, headers) {
            let kind = self.kind(form, &cookies);
            if self.tokens.close_session(kind, secret).await? {
                closed.push(form);
            }
        }
        Ok(closed)
    }

    /// Returns the person who is signed in, with the rights of this moment; `None`
    /// if their token is not good, or may not manage. A token that is resumed has
    /// its sessions again.
    pub(super) async fn caller(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<Principal>, TokenError> {
        let cookies = self.cookies();
        for (form, secret) in cookies.presented(uri, headers) {
            let kind = self.kind(form, &cookies);
            if let Some(caller) = self.tokens.session(kind, secret).await? {
                // A user who is known to this page by their session alone is not
                // known where no users are.
                let known = self.users || caller.token_id().is_some();
                return Ok(Some(caller).filter(|caller| known && self.scope.allows(caller)));
            }
        }
        Ok(None)
    }

    fn view(&self, caller: Option<&Principal>) -> Response {
        let known_scopes = caller.and_then(|_| self.tokens.known_scopes());
        let view = View {
            users: self.users,
            caller: caller.map(view::Caller::of),
            known_scopes: known_scopes.map(view::texts),
        };
        Json(view).into_response()
    }
}
