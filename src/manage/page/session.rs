//! Who is signed in to the page.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderMap, HeaderValue, StatusCode, Uri,
    header::{COOKIE, HOST, SET_COOKIE},
};
use serde_json::{Value, json};

use crate::{
    access::Access,
    credential::Sources,
    extract::Authenticated,
    layer::AuthnLayer,
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

/// Those who are signed in, by the digests of their cookies.
pub(super) struct Sessions {
    tokens: Tokens,
    scope: ScopeRule,
    longest: Duration,
    insecure_cookie: bool,
    open: Mutex<Open>,
}

struct Open {
    sessions: HashMap<[u8; 32], Session>,
    random: Random,
}

struct Session {
    holder: Holder,
    ends: Timestamp,
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
    let sign_in_guard = AuthnLayer::new(verifier)
        .sources(Sources::new().bearer().basic())
        .access(Access::Scopes(manage.scope.clone()))
        .respond(problem::refusal);
    let sign_in = axum::routing::post(sign_in).layer(sign_in_guard);
    Router::new()
        .route("/session", get(show).delete(sign_out).merge(sign_in))
        .with_state(sessions)
}

async fn sign_in(
    State(sessions): State<Arc<Sessions>>,
    Authenticated(caller): Authenticated,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let cookie = Cookie::of(&sessions, &uri, &headers);
    let (secret, ends) = sessions.open(&caller)?;
    let left = ends.since(sessions.tokens.now()).as_secs();
    let set = cookie.set(&secret, left);
    Ok(([(SET_COOKIE, set)], Json(sessions.view(&caller, ends))).into_response())
}

async fn show(
    State(sessions): State<Arc<Sessions>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let (caller, ends) = sessions.caller(&uri, &headers)?;
    Ok(Json(sessions.view(&caller, ends)))
}

async fn sign_out(
    State(sessions): State<Arc<Sessions>>,
    uri: Uri,
    headers: HeaderMap,
) -> impl IntoResponse {
    let cookie = Cookie::of(&sessions, &uri, &headers);
    if let Some(key) = cookie.key(&headers) {
        sessions.lock().sessions.remove(&key);
    }
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie.set("", 0))])
}

/// Lets through who is signed in, and brings the principal along.
pub(super) async fn guard(
    State(sessions): State<Arc<Sessions>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (caller, _) = sessions.caller(request.uri(), request.headers())?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

impl Sessions {
    pub(super) fn new(manage: &Manage) -> Self {
        Self {
            tokens: manage.tokens.clone(),
            scope: manage.scope.clone(),
            longest: manage.session,
            insecure_cookie: manage.insecure_cookie,
            open: Mutex::new(Open {
                sessions: HashMap::new(),
                random: Random::system(),
            }),
        }
    }

    /// Opens a session, and says when it ends.
    fn open(&self, caller: &Principal) -> Result<(String, Timestamp), Problem> {
        let now = self.tokens.now();
        let own_end = caller.expires_at().map(Timestamp::from);
        let ends = own_end.map_or(now + self.longest, |end| end.min(now + self.longest));
        let id = caller.token_id().and_then(|id| id.parse().ok());
        let holder = id.map_or_else(|| Holder::User(caller.clone()), Holder::Token);

        let mut open = self.lock();
        let mut secret = vec![0; SECRET_LEN];
        open.random.fill(&mut secret).map_err(TokenError::from)?;
        // Its alphabet is ASCII.
        let secret = String::from_utf8_lossy(&secret).into_owned();
        open.make_room(now);
        let key = Digest::of(&secret).to_bytes();
        open.sessions.insert(key, Session { holder, ends });
        Ok((secret, ends))
    }

    /// Who is signed in, by the request's cookie, as they stand now.
    fn caller(&self, uri: &Uri, headers: &HeaderMap) -> Result<(Principal, Timestamp), Problem> {
        let nobody = || Problem::new(StatusCode::UNAUTHORIZED, "nobody is signed in");
        let key = Cookie::of(self, uri, headers).key(headers);
        let key = key.ok_or_else(nobody)?;
        let open = self.lock();
        let session = open.sessions.get(&key).ok_or_else(nobody)?;
        if self.tokens.now() >= session.ends {
            return Err(nobody());
        }
        let caller = match &session.holder {
            Holder::Token(id) => self.tokens.current(*id)?,
            Holder::User(principal) => principal.clone(),
        };
        match self.scope.allows(&caller) {
            true => Ok((caller, session.ends)),
            false => Err(Rejection::insufficient_scope(self.scope.clone()).into()),
        }
    }

    fn view(&self, caller: &Principal, ends: Timestamp) -> Value {
        let mut view = view::caller(caller);
        view["expires_at"] = view::time(ends).into();
        view["known_scopes"] = json!(self.tokens.known_scopes().map(view::texts));
        view
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
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

/// The form of the cookie: the strict one, but where there may be no TLS.
struct Cookie {
    secure: bool,
}

impl Cookie {
    fn of(sessions: &Sessions, uri: &Uri, headers: &HeaderMap) -> Self {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = uri.authority().map(|authority| authority.as_str()).or(host);
        let plain = sessions.insecure_cookie && host.is_some_and(is_loopback);
        Self { secure: !plain }
    }

    fn name(&self) -> &'static str {
        match self.secure {
            true => "__Host-tower-authn",
            false => "tower-authn",
        }
    }

    fn set(&self, value: &str, seconds: u64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let name = self.name();
        let set =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
        // All of it is ASCII of ours.
        HeaderValue::try_from(set).unwrap_or(HeaderValue::from_static(""))
    }

    /// The key of the session that the cookie names. Two cookies of this name
    /// name none.
    fn key(&self, headers: &HeaderMap) -> Option<[u8; 32]> {
        let lines = headers.get_all(COOKIE).iter();
        let pairs = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let mut named = pairs.filter(|(name, _)| *name == self.name());
        let (_, secret) = named.next()?;
        named
            .next()
            .is_none()
            .then(|| Digest::of(secret).to_bytes())
    }
}

/// Whether a host is this machine, its port aside.
fn is_loopback(host: &str) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|b| b.is_ascii_digit()) => bare,
        _ => host,
    };
    let bare = bare.trim_start_matches('[').trim_end_matches(']');
    let name = bare.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || bare
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn a_loopback_host_is_told_from_others() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "demo.localhost:80",
            "127.0.0.1",
            "127.8.0.1:3000",
            "[::1]:3000",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "example.com",
            "localhost.example.com:80",
            "10.0.0.1",
            "",
            "[::2]:1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
