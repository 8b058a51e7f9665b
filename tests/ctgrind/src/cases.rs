//! What is decided under memcheck.

use std::{convert::Infallible, process::ExitCode};

use futures::FutureExt;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tower::{Layer, Service, service_fn};
use tower_authn::{
    AuthnLayer, Principal, Verifier,
    store::MemoryStore, tokens::{NewToken, Tokens, TokensOptions},
    token::Digest,
    verifier::{FixedTokens, FixedUsers},
    verify_fn,
};

use super::{arena, valgrind, verdict};

/// No eight bytes of these stand anywhere else.
const TOKEN: &str = "q7RkT2vXz9LmW4cYbN8sHd3FgJ6pUeAa5VtQyKx1ZoCwEiBr";
const WRONG: &str = "q7RkT2vXz9LmW4cYbN8sHd3FgJ6pUeAa5VtQyKx1ZoCwEiBs";
/// `alice:mGz7Qw3nXv5Tb9Kd`, and others of her and of nobody.
const LOGIN: &str = "YWxpY2U6bUd6N1F3M25YdjVUYjlLZA==";
const WRONG_LOGIN: &str = "YWxpY2U6bUd6N1F3M25YdjVUYjlLZQ==";
const OTHER_LOGIN: &str = "bWFsbG9yeTptR3o3UXczblh2NVRiOUtk";
const PASSWORD: &str = "mGz7Qw3nXv5Tb9Kd";

pub struct Case {
    pub name: &'static str,
    /// Where the verdict is read, and may be branched on: a file, or a folder.
    pub verdict_in: &'static str,
    /// Whether it leaks, on purpose.
    pub planted: bool,
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
        planted: false,
        run,
        expected,
    }
}

const fn planted(name: &'static str, run: fn() -> StatusCode) -> Case {
    Case {
        planted: true,
        ..case(name, OWN, run, NO)
    }
}

const OK: StatusCode = StatusCode::OK;
const NO: StatusCode = StatusCode::UNAUTHORIZED;
const LIST: &str = "/src/verifier/fixed/";
const STORE: &str = "/src/store/tokens/verdict.rs";
/// Where a verdict is said to be no secret as soon as it is known.
pub const OWN: &str = "/ctgrind/src/verdict.rs";

pub const CASES: [Case; 13] = [
    case("a token of a list", LIST, || of_a_list(TOKEN), OK),
    case("a wrong token", LIST, || of_a_list(WRONG), NO),
    case("a user of a list", LIST, || of_the_users(LOGIN), OK),
    case("a wrong password", LIST, || of_the_users(WRONG_LOGIN), NO),
    case("an unknown user", LIST, || of_the_users(OTHER_LOGIN), NO),
    case("matches, the secret", OWN, || of_one("Bearer", TOKEN), OK),
    case("matches, another", OWN, || of_one("Bearer", WRONG), NO),
    case("password_matches", OWN, || of_one("Basic", LOGIN), OK),
    case(
        "password_matches, another",
        OWN,
        || of_one("Basic", WRONG_LOGIN),
        NO,
    ),
    case("a token of a store", STORE, || of_a_store(false), OK),
    case("a wrong token of a store", STORE, || of_a_store(true), NO),
    planted("planted: ==", || leaking(|token, secret| token == secret)),
    planted("planted: an index", || leaking(by_index)),
];

/// Decides one case, for memcheck to watch.
pub fn run(name: &str) -> ExitCode {
    let case = CASES.iter().find(|case| case.name == name);
    let case = case.expect("the name of a case");
    assert!(valgrind::is_watching(), "without valgrind nothing is found");
    assert_eq!((case.run)(), case.expected, "{name}");
    ExitCode::SUCCESS
}

fn of_a_list(presented: &str) -> StatusCode {
    let whose = Principal::new("ci");
    let tokens = FixedTokens::new([(TOKEN, whose)]).expect("a good list");
    forget(&[TOKEN]);
    ask(tokens, "Bearer", presented)
}

fn of_the_users(login: &str) -> StatusCode {
    let whose = Principal::new("alice");
    let users = FixedUsers::new([("alice", PASSWORD, whose)]).expect("a good list");
    forget(&[LOGIN]);
    ask(users, "Basic", login)
}

fn of_one(scheme: &str, presented: &str) -> StatusCode {
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

fn of_a_store(wrong: bool) -> StatusCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let (tokens, made) = runtime.block_on(async {
        let options = TokensOptions::new("acme").expect("a prefix");
        let tokens = Tokens::open(MemoryStore::new(), options).await;
        let tokens = tokens.expect("an open store");
        let made = tokens.create(NewToken::new("alice")).await;
        (tokens, made.expect("a token"))
    });
    let mut presented = made.secret.expose().to_owned();
    let digest = Digest::sha256(&presented).to_bytes();
    // As the processor keeps the words of a digest.
    let kept = |word: &[u8; 8]| u64::from_be_bytes(*word).to_ne_bytes();
    let words: Vec<_> = digest.as_chunks().0.iter().map(kept).collect();
    arena::forget(&words);
    if wrong {
        // Within the secret, behind prefix and id.
        let place = "acme_0123456789AB_".len();
        let other = if presented[place..].starts_with('x') {
            "y"
        } else {
            "x"
        };
        presented.replace_range(place..=place, other);
    }
    ask(tokens.verifier(), "Bearer", &presented)
}

/// A verifier that leaks, with a verdict that is read where it may be.
fn leaking(equal: fn(&str, &str) -> bool) -> StatusCode {
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

/// Forgets secrets in every form that keeps eight bytes of them together.
fn forget(secrets: &[&str]) {
    let words = secrets
        .iter()
        .flat_map(|secret| secret.as_bytes().as_chunks().0);
    arena::forget(&words.copied().collect::<Vec<_>>());
}

fn ask<V: Verifier>(verifier: V, scheme: &str, presented: &str) -> StatusCode {
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    let mut service = AuthnLayer::new(verifier).layer(inner);
    let request = Request::get("/").header(AUTHORIZATION, format!("{scheme} {presented}"));
    let request = request.body(()).expect("a good request");
    match service.call(request).now_or_never() {
        Some(Ok(response)) => response.status(),
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
