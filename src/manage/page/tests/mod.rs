//! The page's routes, as a browser calls them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, Request, StatusCode,
    header::{AUTHORIZATION, SET_COOKIE},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::{Layer, ServiceExt};

use crate::{
    axum::Authenticated,
    layer::AuthnLayer,
    manage::TokenAdmin,
    principal::Principal,
    store::{MemoryStore, Query},
    token::Timestamp,
    tokens::{
        CreatedToken, NewToken, TokenErrorKind, TokenSelector, TokenUpdate, Tokens, TokensOptions,
    },
    verifier::FixedUsers,
};

const ORIGIN: &str = "http://localhost:3000";

/// When the tests begin, in seconds.
const BEGIN: u64 = 1_800_000_000;

struct Page {
    tokens: Tokens,
    /// How many seconds have passed.
    passed: Arc<AtomicU64>,
    routes: Router,
}

struct Answer {
    status: StatusCode,
    set_cookies: Vec<String>,
    headers: HeaderMap,
    text: String,
    body: Value,
}

impl Answer {
    /// The cookie that it sets, as a browser sends it back.
    fn cookie(&self) -> String {
        let [set] = &self.set_cookies[..] else {
            panic!("{:?}", self.set_cookies)
        };
        set.split(';').next().unwrap().to_owned()
    }

    fn caller(&self) -> Option<&str> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body["caller"]["subject"].as_str()
    }
}

impl Page {
    async fn new(configure: impl Fn(TokenAdmin) -> TokenAdmin) -> Self {
        let passed = Arc::new(AtomicU64::new(0));
        let seconds = Arc::clone(&passed);
        let clock = move || Timestamp::from_secs(BEGIN + seconds.load(Ordering::Relaxed));
        let options = TokensOptions::new("acme").unwrap().clock(clock);
        let tokens = Tokens::open(MemoryStore::new(), options).await.unwrap();
        let manage = TokenAdmin::new(tokens.clone())
            .cookie_name("tower-authn")
            .unwrap();
        let routes = configure(manage).page();
        Self {
            tokens,
            passed,
            routes,
        }
    }

    fn at(&self, seconds: u64) {
        self.passed.store(seconds, Ordering::Relaxed);
    }

    async fn token(&self) -> CreatedToken {
        let token = NewToken::new("alice").scopes(["resources"]);
        self.tokens.create(token.never_expires()).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("host", "localhost:3000");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let request = request.body(Body::empty()).unwrap();
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let set_cookies = head.headers.get_all(SET_COOKIE).iter();
        Answer {
            status: head.status,
            set_cookies: set_cookies
                .map(|value| value.to_str().unwrap().to_owned())
                .collect(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
            text: String::from_utf8_lossy(&body).into_owned(),
            headers: head.headers,
        }
    }

    /// Signs in from this origin, with what else the browser sends.
    async fn sign_in(&self, credential: &str, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("authorization", credential)];
        all.extend(headers);
        self.ask("POST", "/session", &all).await
    }

    async fn signed_in(&self, created: &CreatedToken) -> String {
        let credential = format!("Bearer {}", created.secret.expose());
        self.sign_in(&credential, &[("origin", ORIGIN)])
            .await
            .cookie()
    }

    async fn caller(&self, cookie: &str) -> Option<String> {
        let answer = self.ask("GET", "/session", &[("cookie", cookie)]).await;
        let list = self.ask("GET", "/api/tokens", &[("cookie", cookie)]).await;
        let caller = answer.caller().map(str::to_owned);
        assert_eq!(list.status == StatusCode::OK, caller.is_some());
        assert_eq!(list.status == StatusCode::UNAUTHORIZED, caller.is_none());
        caller
    }
}

#[tokio::test]
async fn a_session_is_named_by_a_cookie_of_the_form_it_was_given() {
    let page = Page::new(|manage| manage).await;
    let created = page.token().await;
    let credential = format!("Bearer {}", created.secret.expose());
    let rows = [
        (
            "https://example.com",
            "__Host-tower-authn",
            "tower-authn",
            70,
        ),
        (ORIGIN, "tower-authn", "__Host-tower-authn", 72),
    ];
    for (origin, name, other, length) in rows {
        let headers = [("origin", origin), ("sec-fetch-site", "same-origin")];
        let cookie = page.sign_in(&credential, &headers).await.cookie();
        let (found, secret) = cookie.split_once('=').unwrap();
        assert_eq!((found, secret.len()), (name, length));
        assert_eq!(page.caller(&cookie).await.as_deref(), Some("alice"));
        assert_eq!(page.caller(&format!("{other}={secret}")).await, None);
        assert_eq!(page.caller(&format!("{cookie}; {cookie}")).await, None);
        assert_eq!(page.caller(&format!("{cookie}x")).await, None);
    }
    // Nothing but the cookie is read by the page's own routes.
    let header = [("authorization", &*credential)];
    let answer = page.ask("GET", "/api/tokens", &header).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn whatever_its_metadata_hold_a_token_signs_in_and_they_are_shown_as_written() {
    let page = Page::new(|manage| manage).await;
    for metadata in [
        r#"{"a": {"b": [1]}}"#,
        // Names that serde_json gives a meaning of its own.
        r#"{"$serde_json::private::RawValue": 5}"#,
        r#"{"$serde_json::private::RawValue": "{}"}"#,
        r#"{"$serde_json::private::Number": "x"}"#,
    ] {
        let token = NewToken::new("alice").scopes(["resources"]);
        let created = page.tokens.create(token.metadata(metadata)).await.unwrap();
        let cookie = page.signed_in(&created).await;
        let answer = page.ask("GET", "/session", &[("cookie", &*cookie)]).await;
        // As text: a `Value` would give these names the same meaning here.
        assert_eq!(answer.status, StatusCode::OK, "{metadata}");
        let shown = format!(r#""metadata":{metadata}"#);
        assert!(answer.text.contains(&shown), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let page = Page::new(|manage| manage).await;
    let (created, other) = (page.token().await, page.token().await);
    let id = created.record.id;
    let (cookie, kept) = (page.signed_in(&created).await, page.signed_in(&other).await);
    page.tokens.suspend(id).await.unwrap();
    assert_eq!(page.caller(&cookie).await, None);
    page.tokens.resume(id).await.unwrap();
    assert!(page.caller(&cookie).await.is_some());
    page.tokens
        .revoke(TokenSelector::Id(id), "test", "")
        .await
        .unwrap();
    assert_eq!(page.caller(&cookie).await, None);
    assert!(page.caller(&kept).await.is_some());

    let id = other.record.id;
    let soon = TokenUpdate::default().expires_at(Timestamp::from_secs(BEGIN + 60));
    page.tokens.update(id, soon).await.unwrap();
    page.at(59);
    assert!(page.caller(&kept).await.is_some());
    page.at(60);
    assert_eq!(page.caller(&kept).await, None);
}

#[tokio::test]
async fn a_session_ends_when_its_token_may_manage_no_more() {
    let page = Page::new(|manage| manage).await;
    let created = page.token().await;
    let cookie = page.signed_in(&created).await;
    let less = TokenUpdate::default().scopes(["resources:models"]);
    page.tokens.update(created.record.id, less).await.unwrap();
    assert_eq!(page.caller(&cookie).await, None);
}

#[tokio::test]
async fn a_session_has_an_end_of_its_own() {
    let hour = Duration::from_secs(60 * 60);
    let alice = || Principal::new("alice").with_scopes(["resources"]).unwrap();
    let users = || FixedUsers::new([("alice", "correct-horse", alice())]).unwrap();
    let page = Page::new(|manage| manage.session_max_age(hour).users(users())).await;
    let login = format!("Basic {}", BASE64_STANDARD.encode("alice:correct-horse"));
    let answer = page.sign_in(&login, &[]).await;
    assert_eq!(answer.caller(), Some("alice"));
    assert!(answer.set_cookies[0].contains("; Max-Age=3600; "));
    let user = answer.cookie();
    let token = page.signed_in(&page.token().await).await;
    let short = NewToken::new("bob").scopes(["resources"]);
    let short = short.expires_in(Duration::from_secs(60));
    let short = page.tokens.create(short).await.unwrap();
    let credential = format!("Bearer {}", short.secret.expose());
    let answer = page.sign_in(&credential, &[]).await;
    assert!(answer.set_cookies[0].contains("; Max-Age=60; "));

    page.at(60 * 60 - 1);
    assert!(page.caller(&user).await.is_some());
    assert!(page.caller(&token).await.is_some());
    page.at(60 * 60);
    assert_eq!(page.caller(&user).await, None);
    assert_eq!(page.caller(&token).await, None);
}

#[tokio::test]
async fn signing_in_anew_ends_the_session_before_and_signing_out_ends_one() {
    let page = Page::new(|manage| manage).await;
    let created = page.token().await;
    let credential = format!("Bearer {}", created.secret.expose());
    let elsewhere = page.signed_in(&created).await;
    let first = page.signed_in(&created).await;
    let headers = [("origin", ORIGIN), ("cookie", &*first)];
    let second = page.sign_in(&credential, &headers).await.cookie();
    assert_ne!(first, second);
    assert_eq!(page.caller(&first).await, None);
    assert!(page.caller(&second).await.is_some());

    // Who signs in in vain stays who they were.
    let headers = [("cookie", &*second)];
    let answer = page.sign_in("Bearer wrong", &headers).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.set_cookies.is_empty());
    assert!(page.caller(&second).await.is_some());

    let answer = page.ask("DELETE", "/session", &headers).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let unset = "tower-authn=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict";
    assert_eq!(answer.set_cookies, [unset]);
    assert_eq!(page.caller(&second).await, None);
    assert!(page.caller(&elsewhere).await.is_some());
    let answer = page.ask("DELETE", "/session", &headers).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.set_cookies.is_empty());
}

#[tokio::test]
async fn s16_sign_ins_of_one_holder_end_their_oldest_session_and_no_others() {
    let alice = || Principal::new("alice").with_scopes(["resources"]).unwrap();
    let bob = || Principal::new("bob").with_scopes(["resources"]).unwrap();
    let users = || {
        FixedUsers::new([
            ("alice", "correct-horse", alice()),
            ("bob", "battery-staple", bob()),
        ])
        .unwrap()
    };
    let page = Page::new(|manage| manage.users(users())).await;
    let basic = |login: &str| format!("Basic {}", BASE64_STANDARD.encode(login));
    let (one, other) = (page.token().await, page.token().await);
    let one = format!("Bearer {}", one.secret.expose());
    let kept = [
        page.signed_in(&other).await,
        page.sign_in(&basic("bob:battery-staple"), &[])
            .await
            .cookie(),
    ];
    for login in [one, basic("alice:correct-horse")] {
        let mut cookies = Vec::new();
        for second in 1..=40 {
            page.at(second);
            cookies.push(page.sign_in(&login, &[("origin", ORIGIN)]).await.cookie());
        }
        let (ended, open) = cookies.split_at(40 - 16);
        for cookie in ended {
            assert_eq!(page.caller(cookie).await, None);
        }
        for cookie in open.iter().chain(&kept) {
            assert!(page.caller(cookie).await.is_some());
        }
        // A session that was signed out makes room before one that is open.
        let headers = [("cookie", &*cookies[30])];
        page.ask("DELETE", "/session", &headers).await;
        page.sign_in(&login, &[("origin", ORIGIN)]).await;
        assert!(page.caller(&cookies[24]).await.is_some());
    }
    let listed = page.tokens.list(Query::default()).await.unwrap();
    assert_eq!(listed.len(), 2, "no session is among the tokens");
}

#[tokio::test]
async fn s16_a_session_is_no_token() {
    let page = Page::new(|manage| manage).await;
    let created = page.token().await;
    let cookie = page.signed_in(&created).await;
    let secret = cookie.split_once('=').unwrap().1;
    let id = secret.split('_').nth(1).unwrap().parse().unwrap();
    let tokens = &page.tokens;
    // Under the prefix of tokens, and as it is.
    for text in [secret.to_owned(), secret.replace("Loopback", "acme")] {
        let bearer =
            HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {text}").parse().unwrap())]);
        let layer = AuthnLayer::new(tokens.verifier());
        let service = layer.layer(tower::service_fn(async |_: Request<Body>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
        }));
        let mut request = Request::new(Body::empty());
        *request.headers_mut() = bearer;
        let answer = service.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(tokens.find(&text).await.unwrap().is_none());
        assert_eq!(
            tokens
                .revoke(TokenSelector::Presented(&text), "", "")
                .await
                .unwrap(),
            0
        );
    }
    // Nor can it be reached by its id.
    let missing = |kind| assert_eq!(kind, TokenErrorKind::NotFound);
    missing(tokens.get(id).await.unwrap_err().kind());
    missing(tokens.suspend(id).await.unwrap_err().kind());
    missing(
        tokens
            .update(id, TokenUpdate::default())
            .await
            .unwrap_err()
            .kind(),
    );
    missing(tokens.rotate(id, Duration::ZERO).await.unwrap_err().kind());
    missing(
        tokens
            .revoke(TokenSelector::Id(id), "", "")
            .await
            .unwrap_err()
            .kind(),
    );
    // Nor is it counted among its holder's tokens.
    assert!(page.caller(&cookie).await.is_some());
    assert_eq!(
        tokens
            .revoke(TokenSelector::Subject("alice"), "", "")
            .await
            .unwrap(),
        1
    );
    assert_eq!(page.caller(&cookie).await, None);
}

#[tokio::test]
async fn s16_a_cookie_is_named_after_its_store_or_by_the_app() {
    let set = async |manage: &TokenAdmin, created: &CreatedToken| {
        let passed = Arc::default();
        let (tokens, routes) = (manage.tokens.clone(), manage.page());
        let page = Page {
            tokens,
            passed,
            routes,
        };
        page.signed_in(created).await
    };
    let name = |cookie: &str| cookie.split_once('=').unwrap().0.to_owned();
    let (one, other) = (
        Page::new(|manage| manage).await,
        Page::new(|manage| manage).await,
    );
    let (in_one, in_other) = (one.token().await, other.token().await);
    let first = name(&set(&TokenAdmin::new(one.tokens.clone()), &in_one).await);
    let digits = first.strip_prefix("tower-authn-").unwrap();
    assert!(digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(
        name(&set(&TokenAdmin::new(one.tokens.clone()), &in_one).await),
        first
    );
    assert_ne!(
        name(&set(&TokenAdmin::new(other.tokens.clone()), &in_other).await),
        first
    );
    one.tokens.add_key().await.unwrap();
    assert_eq!(
        name(&set(&TokenAdmin::new(one.tokens.clone()), &in_one).await),
        first
    );

    // A page of another name takes none of this one's sessions.
    let own = TokenAdmin::new(one.tokens.clone())
        .cookie_name("reports")
        .unwrap();
    let cookie = set(&own, &in_one).await;
    assert_eq!(name(&cookie), "reports");
    let renamed = cookie.replace("reports=", "tower-authn=");
    assert_eq!(one.caller(&renamed).await, None);
    for wrong in ["", "a=b", "a;b", "a b", "ä", &"a".repeat(65)] {
        assert!(
            TokenAdmin::new(one.tokens.clone())
                .cookie_name(wrong)
                .is_err(),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn while_the_store_cant_be_asked_nobody_is_let_in_nor_signed_out() {
    let page = Page::new(|manage| manage).await;
    let cookie = page.signed_in(&page.token().await).await;
    // Nobody follows the store any more.
    page.tokens.shutdown().await.unwrap();
    for path in ["/session", "/api/tokens"] {
        let answer = page.ask("GET", path, &[("cookie", &*cookie)]).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.set_cookies.is_empty());
    }
}

#[tokio::test]
async fn what_changes_something_is_refused_to_pages_of_other_sites() {
    let page = Page::new(|manage| manage).await;
    let created = page.token().await;
    let cookie = page.signed_in(&created).await;
    let credential = format!("Bearer {}", created.secret.expose());
    let suspend = format!("/api/tokens/{}/suspend", page.token().await.record.id);
    let rows = [
        (("sec-fetch-site", "cross-site"), StatusCode::FORBIDDEN),
        // Another port of this host, to which the browser sends the cookie.
        (("sec-fetch-site", "same-site"), StatusCode::FORBIDDEN),
        (("origin", "http://localhost:4000"), StatusCode::FORBIDDEN),
        (("origin", "null"), StatusCode::FORBIDDEN),
        (("origin", ORIGIN), StatusCode::OK),
        (("sec-fetch-site", "same-origin"), StatusCode::OK),
    ];
    for (header, expected) in rows {
        let signed_in = [header, ("cookie", &*cookie)];
        let answer = page.ask("POST", &suspend, &signed_in).await;
        assert_eq!(answer.status, expected, "{header:?}");
        let answer = page.sign_in(&credential, &[header]).await;
        assert_eq!(answer.status, expected, "{header:?}");
    }
    let foreign = [("origin", "null"), ("cookie", &*cookie)];
    page.ask("DELETE", "/session", &foreign).await;
    assert!(page.caller(&cookie).await.is_some());
}

#[tokio::test]
async fn every_answer_is_kept_by_nobody_and_runs_nothing_else() {
    let page = Page::new(|manage| manage).await;
    let foreign = [("sec-fetch-site", "cross-site")];
    let rows: [(&str, &str, &[_], u16); 8] = [
        ("GET", "/", &[], 200),
        ("GET", "/page.js", &[], 200),
        ("GET", "/page.css", &[], 200),
        ("GET", "/session", &[], 200),
        ("POST", "/session", &[], 401),
        ("POST", "/session", &foreign, 403),
        ("GET", "/no/such/path", &[], 404),
        ("PUT", "/session", &[], 405),
    ];
    let manage = TokenAdmin::new(page.tokens.clone());
    let of_one = manage.target_page("/api_tokens", "demo").into_parts().0;
    let mut heads = vec![("target_page".to_owned(), of_one.headers)];
    for (method, path, headers, status) in rows {
        let answer = page.ask(method, path, headers).await;
        assert_eq!(answer.status, status, "{method} {path}");
        heads.push((format!("{method} {path}"), answer.headers));
    }
    for (name, headers) in heads {
        assert_eq!(headers["cache-control"], "no-store", "{name}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{name}");
        assert_eq!(headers.get_all("cache-control").iter().count(), 1, "{name}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn what_is_put_into_the_page_is_text() {
    let page = Page::new(|manage| manage).await;
    let manage = TokenAdmin::new(page.tokens)
        .title("<b>")
        .targets_hint("<i>");
    let page = super::html::render(&manage, "/a\"b", "{{title}}'&", "");
    assert!(page.contains(">&lt;i&gt;</p>"));
    assert!(page.contains("<h1 tabindex=\"-1\">&lt;b&gt;</h1>"));
    assert!(page.contains("src=\"/a&quot;b/page.js\""));
    assert!(page.contains("data-target=\"&#123;&#123;title}}&#39;&amp;\""));
    assert!(!page.contains("{{") && !page.contains("<b>"));
}

/// A page of an app's own, which says who is signed in.
async fn app() -> Page {
    let mut page = Page::new(|manage| manage).await;
    let manage = TokenAdmin::new(page.tokens.clone());
    let manage = manage.cookie_name("tower-authn").unwrap();
    let (routes, signed_in) = (manage.page(), manage.session_layer());
    let own = async |caller: Option<Authenticated>| match caller {
        Some(Authenticated(caller)) => caller.subject().to_owned(),
        None => "nobody".to_owned(),
    };
    let strict = async |Authenticated(caller): Authenticated| caller.subject().to_owned();
    page.routes = Router::new()
        .route("/own", axum::routing::get(own).post(own))
        .route("/strict", axum::routing::get(strict))
        .layer(signed_in)
        .merge(routes);
    page
}

#[tokio::test]
async fn pages_of_the_app_know_who_is_signed_in() {
    let page = app().await;
    let created = page.token().await;
    let cookie = page.signed_in(&created).await;
    let signed_in = [("cookie", &*cookie)];
    for path in ["/own", "/strict"] {
        let answer = page.ask("GET", path, &signed_in).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "alice"));
    }
    let answer = page.ask("GET", "/own", &[]).await;
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "nobody"));
    let answer = page.ask("GET", "/strict", &[]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    // A token is no session.
    let bearer = format!("Bearer {}", created.secret.expose());
    let answer = page.ask("GET", "/own", &[("authorization", &bearer)]).await;
    assert_eq!(answer.text, "nobody");

    page.tokens
        .revoke(TokenSelector::Id(created.record.id), "test", "")
        .await
        .unwrap();
    assert_eq!(page.ask("GET", "/own", &signed_in).await.text, "nobody");
    page.tokens.shutdown().await.unwrap();
}

#[tokio::test]
async fn pages_of_the_app_are_changed_by_no_page_of_another_site() {
    let page = app().await;
    let cookie = page.signed_in(&page.token().await).await;
    let rows = [
        (("sec-fetch-site", "cross-site"), StatusCode::FORBIDDEN),
        (("sec-fetch-site", "same-site"), StatusCode::FORBIDDEN),
        (("origin", "http://localhost:4000"), StatusCode::FORBIDDEN),
        (("origin", "HTTP://LOCALHOST:3000"), StatusCode::OK),
        (("sec-fetch-site", "same-origin"), StatusCode::OK),
    ];
    for (header, expected) in rows {
        let headers = [header, ("cookie", &*cookie)];
        let answer = page.ask("POST", "/own", &headers).await;
        assert_eq!(answer.status, expected, "{header:?}");
        let answer = page.ask("GET", "/own", &headers).await;
        assert_eq!(answer.status, StatusCode::OK, "{header:?}");
    }
}

#[tokio::test]
async fn while_the_session_cant_be_read_pages_of_the_app_answer_503() {
    let page = app().await;
    let cookie = page.signed_in(&page.token().await).await;
    page.tokens.shutdown().await.unwrap();
    let answer = page.ask("GET", "/own", &[("cookie", &*cookie)]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.ask("GET", "/own", &[]).await.text, "nobody");
}

/// The path that a browser asks for, where a page at `page` names `link`.
fn resolved(page: &str, link: &str) -> String {
    if link.starts_with('/') {
        return link.to_owned();
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[tokio::test]
async fn s17_the_page_finds_its_files_and_routes_behind_a_prefix_that_is_cut_off() {
    let mut page = Page::new(|manage| manage).await;
    let manage = TokenAdmin::new(page.tokens.clone());
    let own = manage.page();
    let of_one = async move || manage.target_page("../api_tokens", "demo");
    let routes = Router::new().nest_service("/api_tokens", own.clone());
    let routes = routes.nest("/a:b", own.clone());
    let routes = routes.route("/deployments/demo", axum::routing::get(of_one));
    let nested = ["/api_tokens", "/api_tokens/", "/a:b", "/deployments/demo"];
    for (routes, paths) in [(routes, &nested[..]), (own, &["/"])] {
        page.routes = routes;
        for (prefix, path) in ["", "/cloud", "/a/b"]
            .iter()
            .flat_map(|prefix| paths.iter().map(move |path| (prefix, path)))
        {
            let html = page.ask("GET", path, &[]).await;
            assert_eq!(html.status, StatusCode::OK, "{path}");
            let links = html.text.split([' ', '>']).filter_map(|attribute| {
                let (name, value) = attribute.split_once("=\"")?;
                let link = value.strip_suffix('"')?;
                (["href", "src"].contains(&name) && !link.starts_with("data:")).then_some(link)
            });
            let shown = format!("{prefix}{path}");
            let links: Vec<String> = links.map(|link| resolved(&shown, link)).collect();
            assert_eq!(links.len(), 2, "a style and a script");
            for link in &links {
                let cut = link
                    .strip_prefix(prefix)
                    .unwrap_or_else(|| panic!("{link} from {shown}"));
                let file = page.ask("GET", cut, &[]).await;
                assert_eq!(file.status, StatusCode::OK, "{link} from {shown}");
            }
            // The script names the others, and the routes, relative to itself.
            let script = links.iter().find(|link| link.ends_with(".js")).unwrap();
            for other in ["./client.js", "./form.js", "./view.js", "session"] {
                let route = resolved(script, other);
                let cut = route.strip_prefix(prefix).unwrap();
                assert_eq!(
                    page.ask("GET", cut, &[]).await.status,
                    StatusCode::OK,
                    "{route}"
                );
            }
        }
    }
}
