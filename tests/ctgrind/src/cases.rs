//! The requests that are verified under memcheck.

use std::{convert::Infallible, process::ExitCode};

use futures::FutureExt;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tower::{Layer, Service, service_fn};
use tower_authn::{
    AuthnLayer, Principal, Verifier,
    store::MemoryStore,
    token::Prefix,
    tokens::{NewToken, Tokens, TokensOptions},
    verifier::{FixedTokens, FixedUsers},
    verify_fn,
};

use super::{arena, valgrind, verdict};

/// No eight bytes of these occur anywhere else.
const TOKEN: &str = "q7RkT2vXz9LmW4cYbN8sHd3FgJ6pUeAa5VtQyKx1ZoCwEiBr";
const WRONG: &str = "q7RkT2vXz9LmW4cYbN8sHd3FgJ6pUeAa5VtQyKx1ZoCwEiBs";
/// `alice:mGz7Qw3nXv5Tb9Kd`, then a wrong password, then an unknown user.
const LOGIN: &str = "YWxpY2U6bUd6N1F3M25YdjVUYjlLZA==";
const WRONG_LOGIN: &str = "YWxpY2U6bUd6N1F3M25YdjVUYjlLZQ==";
const OTHER_LOGIN: &str = "bWFsbG9yeTptR3o3UXczblh2NVRiOUtk";
const PASSWORD: &str = "mGz7Qw3nXv5Tb9Kd";

pub struct Case {
    pub name: &'static str,
    /// The file or folder that may branch on the verdict.
    pub verdict_in: &'static str,
    /// Whether the leak is intended.
    pub is_planted: bool,
    run: fn() -> StatusCode,
    expected: StatusCode,
}

const fn case(
    name: &'static str,
    verdict_in: &'static str,
    run: fn() -> StatusCode,
    expected: StatusCode,
) -> Case {
    Case {
        name,
        verdict_in,
        is_planted: false,
        run,
        expected,
    }
}

const fn planted(name: &'static str, run: fn() -> StatusCode) -> Case {
    Case {
        is_planted: true,
        ..case(name, OWN, run, NO)
    }
}

const OK: StatusCode = StatusCode::OK;
const NO: StatusCode = StatusCode::UNAUTHORIZED;
const LIST: &str = "/src/verifier/fixed/";
const STORE: &str = "/src/engine/decide.rs";
/// The file that publishes a verdict as soon as it is known.
pub const OWN: &str = "/ctgrind/src/verdict.rs";

pub const CASES: [Case; 13] = [
    case("a token of a list", LIST, || verify_by_list(TOKEN), OK),
    case("a wrong token", LIST, || verify_by_list(WRONG), NO),
    case("a user of a list", LIST, || verify_by_users(LOGIN), OK),
    case(
        "a wrong password",
        LIST,
        || verify_by_users(WRONG_LOGIN),
        NO,
    ),
    case("an unknown user", LIST, || verify_by_users(OTHER_LOGIN), NO),
    case(
        "matches, the secret",
        OWN,
        || verify_by_closure("Bearer", TOKEN),
        OK,
    ),
    case(
        "matches, another",
        OWN,
        || verify_by_closure("Bearer", WRONG),
        NO,
    ),
    case(
        "password_matches",
        OWN,
        || verify_by_closure("Basic", LOGIN),
        OK,
    ),
    case(
        "password_matches, another",
        OWN,
        || verify_by_closure("Basic", WRONG_LOGIN),
        NO,
    ),
    case("a token of a store", STORE, || verify_by_store(false), OK),
    case(
        "a wrong token of a store",
        STORE,
        || verify_by_store(true),
        NO,
    ),
    planted("planted: ==", || {
        verify_by_leak(|token, secret| token == secret)
    }),
    planted("planted: an index", || verify_by_leak(by_index)),
];

/// Runs one case, which memcheck watches.
pub fn run(name: &str) -> ExitCode {
    let case = CASES.iter().find(|case| case.name == name);
    let case = case.expect("the name of a case");
    assert!(valgrind::is_watching(), "only valgrind can find leaks");
    assert_eq!((case.run)(), case.expected, "{name}");
    ExitCode::SUCCESS
}

fn verify_by_list(presented: &str) -> StatusCode {
    let principal = Principal::new("ci");
    let tokens = FixedTokens::new([(TOKEN, principal)]).expect("a good list");
    forget(&[TOKEN]);
    ask(tokens, "Bearer", presented)
}

fn verify_by_users(login: &str) -> StatusCode {
    let principal = Principal::new("alice");
    let users = FixedUsers::new([("alice", PASSWORD, principal)]).expect("a good list");
    forget(&[LOGIN]);
    ask(users, "Basic", login)
}

fn verify_by_closure(scheme: &str, presented: &str) -> StatusCode {
    let (token, password) = (TOKEN.to_owned(), PASSWORD.to_owned());
    forget(&[TOKEN, PASSWORD]);
    match scheme {
        "Bearer" => ask(
            verify_fn(move |credential| verdict::token_is(credential, &token)),
            scheme,
            presented,
        ),
        _ => ask(
            verify_fn(move |credential| verdict::password_is(credential, &password)),
            scheme,
            presented,
        ),
    }
}

fn verify_by_store(wrong: bool) -> StatusCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let (tokens, created) = runtime.block_on(async {
        let options = TokensOptions::new("acme").expect("a prefix");
        let tokens = Tokens::open(MemoryStore::new(), options).await;
        let tokens = tokens.expect("an open store");
        let created = tokens.create(NewToken::new("alice")).await;
        (tokens, created.expect("a token"))
    });
    let mut presented = created.secret.expose().to_owned();
    let prefix: Prefix = "acme".parse().expect("a prefix");
    let digest = prefix.digest(&presented).expect("a token").to_bytes();
    // The processor's byte order, in which the words of a digest are stored.
    let to_native = |word: &[u8; 8]| u64::from_be_bytes(*word).to_ne_bytes();
    let words: Vec<_> = digest.as_chunks().0.iter().map(to_native).collect();
    arena::forget(&words);
    if wrong {
        // In the secret, after the prefix and the id.
        let at = "acme_0123456789AB_".len();
        let other = if presented[at..].starts_with('x') {
            "y"
        } else {
            "x"
        };
        presented.replace_range(at..=at, other);
    }
    ask(tokens.verifier(), "Bearer", &presented)
}

/// Verifies with a closure that leaks, but publishes its verdict properly.
fn verify_by_leak(equal: fn(&str, &str) -> bool) -> StatusCode {
    let secret = TOKEN.to_owned();
    forget(&[TOKEN]);
    let verifier = verify_fn(move |credential| verdict::read(equal(credential.token(), &secret)));
    ask(verifier, "Bearer", WRONG)
}

fn by_index(token: &str, secret: &str) -> bool {
    const TABLE: [u8; 256] = [7; 256];
    let digit = |b: u8| std::hint::black_box(&TABLE)[usize::from(b)];
    let (token, secret) = (token.bytes().map(digit), secret.bytes().map(digit));
    token.zip(secret).any(|(a, b)| a != b)
}

/// Marks secrets as unwritten, in every form that has eight of their bytes in a row.
fn forget(secrets: &[&str]) {
    let words = secrets
        .iter()
        .flat_map(|secret| secret.as_bytes().as_chunks().0);
    arena::forget(&words.copied().collect::<Vec<_>>());
}

fn ask<V: Verifier>(verifier: V, scheme: &str, presented: &str) -> StatusCode {
    let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(())));
    let mut service = AuthnLayer::new(verifier).layer(inner);
    let request = Request::get("/").header(AUTHORIZATION, format!("{scheme} {presented}"));
    let request = request.body(String::new()).expect("a good request");
    match service.call(request).now_or_never() {
        Some(Ok(response)) => response.status(),
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
