//! Who is signed in to the page.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::Next,
    response::{AppendHeaders, IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, Uri, header::SET_COOKIE};
use serde::Serialize;
use serde_json::Value;

use super::{cookie::Cookie, snippet};
use crate::{
    access::Access,
    axum::Authenticated,
    credential::Sources,
    layer::{AuthnLayer, Drain},
    manage::{
        Manage,
        problem::{self, Problem},
        view,
    },
    principal::Principal,
    rejection::Rejection,
    scope::ScopeRule,
    store::{TokenError, Tokens},
    token::{Digest, Random, Timestamp, TokenId},
    verifier::Verifier,
};

/// How many people are signed in at most; then whoever's session ends first
/// signs in again.
const SESSIONS_MAX: usize = 10_000;

/// How many characters the secret of a session has: 190 bits.
const SECRET_LEN: usize = 32;

/// Those who are signed in.
pub(super) struct Sessions {
    tokens: Tokens,
    scope: ScopeRule,
    longest: Duration,
    users: bool,
    snippets: Value,
    open: OpenSessions,
}

/// Those who are signed in to this process.
pub(in crate::manage) type OpenSessions = Arc<Mutex<Open>>;

pub(in crate::manage) struct Open {
    /// By the digests of their secrets.
    sessions: HashMap<[u8; 32], Session>,
    random: Random,
}

struct Session {
    holder: Holder,
    /// The form of its cookie: no other names it.
    cookie: Cookie,
    ends: Timestamp,
}

/// What the page is told: who is signed in, and what it needs for them.
#[derive(Serialize)]
struct View<'a> {
    users: bool,
    caller: Option<view::Caller<'a>>,
    known_scopes: Option<Vec<String>>,
    snippets: Option<&'a Value>,
}

/// A session ends with its token, so it is the token that is kept.
enum Holder {
    Token(TokenId),
    User(Principal),
}

/// `POST` signs in with what stands in `Authorization`, `GET` says who is signed
/// in, `DELETE` signs out.
pub(super) fn router(manage: &Manage, sessions: Arc<Sessions>) -> Router {
    let tokens = manage.tokens.verifier();
    let verifier = match &manage.users {
        Some(users) => tokens.or(users.clone()).into_any(),
        None => tokens.into_any(),
    };
    let guard = AuthnLayer::new(verifier)
        .sources(Sources::new().bearer().basic())
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
    sessions.close(&uri, &headers);
    let cookie = Cookie::of_sign_in(&headers);
    let (secret, ends) = sessions.open(&caller, cookie)?;
    let left = ends.since(sessions.tokens.now()).as_secs();
    let set = [(SET_COOKIE, cookie.set(&secret, left))];
    Ok((set, sessions.view(Some(&caller))).into_response())
}

async fn show(
    State(sessions): State<Arc<Sessions>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = sessions.caller(&uri, &headers)?;
    Ok(sessions.view(caller.as_ref()))
}

/// No `Clear-Site-Data`: it would take the app's own cookies along, and nothing
/// of the page is kept.
async fn sign_out(
    State(sessions): State<Arc<Sessions>>,
    uri: Uri,
    headers: HeaderMap,
) -> impl IntoResponse {
    let closed = sessions.close(&uri, &headers).into_iter();
    let unset = closed.map(|cookie| (SET_COOKIE, cookie.set("", 0)));
    (StatusCode::NO_CONTENT, AppendHeaders(unset))
}

/// Lets through who is signed in, and brings the principal along.
pub(super) async fn guard(
    State(sessions): State<Arc<Sessions>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = sessions.caller(request.uri(), request.headers())?;
    let nobody = || Problem::new(StatusCode::UNAUTHORIZED, "nobody is signed in");
    request.extensions_mut().insert(caller.ok_or_else(nobody)?);
    Ok(next.run(request).await)
}

impl Sessions {
    pub(super) fn new(manage: &Manage) -> Self {
        Self {
            tokens: manage.tokens.clone(),
            scope: manage.scope.clone(),
            longest: manage.session,
            users: manage.users.is_some(),
            snippets: snippet::texts(&manage.sources, &manage.snippets),
            open: Arc::clone(&manage.open),
        }
    }

    /// Opens a session: its secret, and when it ends.
    fn open(&self, caller: &Principal, cookie: Cookie) -> Result<(String, Timestamp), Problem> {
        let now = self.tokens.now();
        let longest = now + self.longest;
        let own_end = caller.expires_at().map(Timestamp::from);
        let ends = own_end.map_or(longest, |end| end.min(longest));
        let id = caller.token_id().and_then(|id| id.parse().ok());
        let holder = id.map_or_else(|| Holder::User(caller.clone()), Holder::Token);

        let mut open = self.lock();
        let mut secret = vec![0; SECRET_LEN];
        open.random.fill(&mut secret).map_err(TokenError::from)?;
        // Its alphabet is ASCII.
        let secret = String::from_utf8_lossy(&secret).into_owned();
        open.make_room(now);
        let session = Session {
            holder,
            cookie,
            ends,
        };
        let key = Digest::of(&secret).to_bytes();
        open.sessions.insert(key, session);
        Ok((secret, ends))
    }

    /// Ends the sessions that a request names, and says which cookies they had.
    fn close(&self, uri: &Uri, headers: &HeaderMap) -> Vec<Cookie> {
        let mut open = self.lock();
        Cookie::presented(uri, headers)
            .filter(|named| open.named(named).is_some() && open.sessions.remove(&named.1).is_some())
            .map(|(cookie, _)| cookie)
            .collect()
    }

    /// Who is signed in, as they stand now: nobody where the token is not good,
    /// or may not manage. One that is resumed has its sessions again.
    pub(super) fn caller(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<Principal>, Rejection> {
        let open = self.lock();
        let now = self.tokens.now();
        let session = Cookie::presented(uri, headers)
            .filter_map(|named| open.named(&named))
            .find(|session| now < session.ends);
        let caller = match session.map(|session| &session.holder) {
            None => return Ok(None),
            Some(Holder::User(principal)) => principal.clone(),
            Some(Holder::Token(id)) => match self.tokens.current(*id) {
                Err(error) if error.kind().status() == StatusCode::UNAUTHORIZED => return Ok(None),
                found => found?,
            },
        };
        Ok(Some(caller).filter(|caller| self.scope.allows(caller)))
    }

    fn view(&self, caller: Option<&Principal>) -> Response {
        let known_scopes = caller.and_then(|_| self.tokens.known_scopes());
        let view = View {
            users: self.users,
            caller: caller.map(view::Caller::of),
            known_scopes: known_scopes.map(view::texts),
            snippets: caller.map(|_| &self.snippets),
        };
        Json(view).into_response()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Open {
    fn default() -> Self {
        Self {
            sessions: HashMap::new(),
            random: Random::system(),
        }
    }
}

impl Open {
    /// The session of a secret, if the cookie has the form that it was given.
    fn named(&self, (cookie, key): &(Cookie, [u8; 32])) -> Option<&Session> {
        let session = self.sessions.get(key);
        session.filter(|session| session.cookie == *cookie)
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.sessions.len() < SESSIONS_MAX {
            return;
        }
        self.sessions.retain(|_, session| now < session.ends);
        if self.sessions.len() < SESSIONS_MAX {
            return;
        }
        let first = self.sessions.iter().min_by_key(|(_, session)| session.ends);
        if let Some(key) = first.map(|(key, _)| *key) {
            self.sessions.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;
    use crate::store::{MemoryStore, NewToken, TokensOptions};

    async fn sessions(options: TokensOptions) -> Sessions {
        let tokens = Tokens::open(MemoryStore::new(), options).await.unwrap();
        Sessions::new(&Manage::new(tokens))
    }

    impl Sessions {
        /// Opens a session of a token that ends after so many seconds.
        async fn of_token(&self, seconds: u64) -> Principal {
            let token = NewToken::new("alice").scopes(["resources"]);
            let token = token.expires_in(Duration::from_secs(seconds));
            let created = self.tokens.create(token).await.unwrap();
            self.tokens.current(created.record.id).unwrap()
        }

        fn open_secret(&self, caller: &Principal) -> String {
            self.open(caller, Cookie::Host).unwrap().0
        }

        fn of_secret(&self, secret: &str) -> Result<Option<Principal>, Rejection> {
            let set = Cookie::Host.set(secret, 60);
            let headers = HeaderMap::from_iter([(COOKIE, set)]);
            self.caller(&Uri::from_static("/"), &headers)
        }

        fn is_open(&self, secret: &str) -> bool {
            self.of_secret(secret).unwrap().is_some()
        }
    }

    #[tokio::test]
    async fn of_too_many_the_one_that_ends_first_makes_room() {
        let sessions = sessions(TokensOptions::new("acme").unwrap()).await;
        let caller = sessions.of_token(7_200).await;
        let second = sessions.open_secret(&caller);
        let first = sessions.open_secret(&sessions.of_token(3_600).await);
        for _ in 2..SESSIONS_MAX {
            sessions.open_secret(&caller);
        }
        assert!(sessions.is_open(&first) && sessions.is_open(&second));
        let last = sessions.open_secret(&caller);
        assert!(!sessions.is_open(&first));
        assert!(sessions.is_open(&second) && sessions.is_open(&last));
        assert_eq!(sessions.lock().sessions.len(), SESSIONS_MAX);
    }

    #[tokio::test]
    async fn while_the_store_cant_be_asked_nobody_is_let_in_nor_signed_out() {
        let sessions = sessions(TokensOptions::new("acme").unwrap()).await;
        let secret = sessions.open_secret(&sessions.of_token(3_600).await);
        assert!(sessions.is_open(&secret));
        // Nobody follows the store any more.
        sessions.tokens.shutdown().await.unwrap();
        let error = sessions.of_secret(&secret).unwrap_err();
        assert_eq!(error.kind().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
