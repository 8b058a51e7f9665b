//! Challenges, read by a parser of somebody else's.

use std::sync::Arc;

use tower::Layer;
use tower_authn::{
    AuthnLayer, Challenge, Credential, Rejection, Sources, Verifier,
    verifier::{FixedTokens, FixedUsers, ReloadableVerifier},
    verify_fn,
};

use super::Oracle;
use crate::support::{Strict, ask, get, values};

#[tokio::test]
async fn e01_a_realm_breaks_no_line() {
    for realm in ["a\r\nSet-Cookie: x", "\0", "é", "测试领域", "\u{7f}"] {
        assert!(Sources::default().realm(realm).is_err(), "{realm:?}");
        assert!(Challenge::basic(realm).is_err(), "{realm:?}");
    }
    let realm = r#"Realm with "quotes" and \backslashes"#;
    let sources = Sources::default().realm(realm).unwrap();
    let service = AuthnLayer::new(Oracle::default())
        .sources(sources)
        .layer(Strict::default());
    let response = ask(&service, get("/", &[])).await;
    let line = values(response.headers(), "www-authenticate")[0];
    assert_eq!(
        line,
        r#"Bearer realm="Realm with \"quotes\" and \\backslashes""#
    );
    assert_eq!(params(line), [("realm".to_owned(), realm.to_owned())]);
}

/// The parameters of a challenge, by a parser that is not ours.
fn params(line: &str) -> Vec<(String, String)> {
    let parsed = http_auth::parse_challenges(line).unwrap();
    assert_eq!(parsed.len(), 1, "{line}");
    let params = parsed[0].params.iter();
    params
        .map(|(name, value)| (name.to_string(), value.to_unescaped()))
        .collect()
}

#[tokio::test]
async fn e02_an_error_description_holds_what_rfc_6750_allows() {
    for text in ["\"", "\\", "é", "\n", "\t"] {
        assert!(
            Challenge::bearer().error_description(text).is_err(),
            "{text:?}"
        );
    }
    let challenge = Challenge::bearer()
        .error_description("ask the admin!")
        .unwrap();
    let sources = Sources::default().challenge(challenge);
    let service = AuthnLayer::new(Oracle::default())
        .sources(sources)
        .layer(Strict::default());
    let response = ask(&service, get("/", &[("authorization", "Bearer x")])).await;
    let line = values(response.headers(), "www-authenticate")[0];
    let expected = [
        ("error", "invalid_token"),
        ("error_description", "ask the admin!"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(params(line), expected);
}

#[tokio::test]
async fn e03_no_error_is_named_where_no_credential_came() {
    let service = AuthnLayer::new(Oracle::default()).layer(Strict::default());
    let missing = ask(&service, get("/", &[])).await;
    assert_eq!(
        params(values(missing.headers(), "www-authenticate")[0]).len(),
        1
    );
    let wrong = ask(&service, get("/", &[("authorization", "Bearer x")])).await;
    assert_eq!(
        params(values(wrong.headers(), "www-authenticate")[0])[1].0,
        "error"
    );
}

#[tokio::test]
async fn e04_every_401_has_each_challenge_on_a_line_of_its_own() {
    let basic = Challenge::basic("r").unwrap().charset_utf8();
    let sources = Sources::default()
        .challenge(basic)
        .challenge(Challenge::bearer().realm("r").unwrap());
    let service = AuthnLayer::new(Oracle::default())
        .sources(sources)
        .layer(Strict::default());
    let lines = async |field: Option<&str>| {
        let fields: Vec<_> = field.into_iter().map(|f| ("authorization", f)).collect();
        let response = ask(&service, get("/", &fields)).await;
        let lines = values(response.headers(), "www-authenticate");
        lines.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let basic = r#"Basic realm="r", charset="UTF-8""#;
    assert_eq!(lines(None).await, [basic, r#"Bearer realm="r""#]);
    let invalid = [basic, r#"Bearer realm="r", error="invalid_token""#];
    assert_eq!(lines(Some("Bearer x")).await, invalid);
    // A 403 names what is wrong, and does not ask for a password.
    let scopes = [r#"Bearer realm="r", error="insufficient_scope", scope="a b:c""#];
    assert_eq!(lines(Some("Bearer scopes")).await, scopes);
    assert!(lines(Some("Bearer outage")).await.is_empty());
}

/// The challenges of a verifier under these sources, where no credential came.
async fn challenged<V: Verifier>(verifier: V, sources: &Sources) -> Vec<String> {
    let service = AuthnLayer::new(verifier)
        .sources(sources.clone())
        .layer(Strict::default());
    let response = ask(&service, get("/", &[])).await;
    let lines = values(response.headers(), "www-authenticate");
    lines.into_iter().map(str::to_owned).collect()
}

const BEARER: &str = r#"Bearer realm="api""#;
const BASIC: &str = r#"Basic realm="api", charset="UTF-8""#;

fn tokens() -> FixedTokens<&'static str> {
    FixedTokens::new([("0123456789abcdef", "ci")]).unwrap()
}

fn users() -> FixedUsers<&'static str> {
    FixedUsers::new([("alice", "correct horse", "alice")]).unwrap()
}

#[tokio::test]
async fn s14_the_default_challenges_are_for_what_is_read_and_accepted() {
    let (default, bearer, basic) = (
        Sources::default(),
        Sources::new().bearer(),
        Sources::new().basic(),
    );
    let key = || Sources::new().header("x-api-key").unwrap();
    let realm = Sources::default().realm("a").unwrap();
    // For each: the challenges of tokens, of users, and of both.
    type Lines = &'static [&'static str];
    let rows: [(&str, Sources, [Lines; 3]); 7] = [
        ("default", default, [&[BEARER], &[BASIC], &[BEARER, BASIC]]),
        ("bearer", bearer, [&[BEARER], &[BEARER], &[BEARER]]),
        ("basic", basic, [&[BASIC], &[BASIC], &[BASIC]]),
        ("key", key(), [&[BEARER], &[BEARER], &[BEARER]]),
        (
            "key and basic",
            key().basic(),
            [&[BEARER], &[BASIC], &[BASIC]],
        ),
        (
            "a realm of its own",
            realm,
            [
                &[r#"Bearer realm="a""#],
                &[r#"Basic realm="a", charset="UTF-8""#],
                &[r#"Bearer realm="a""#, r#"Basic realm="a", charset="UTF-8""#],
            ],
        ),
        (
            "a challenge that was set",
            Sources::default().challenge(Challenge::bearer()),
            [&["Bearer"], &["Bearer"], &["Bearer"]],
        ),
    ];
    for (name, sources, expected) in &rows {
        let seen = [
            challenged(tokens(), sources).await,
            challenged(users(), sources).await,
            challenged(tokens().or(users()), sources).await,
        ];
        assert_eq!(seen, *expected, "{name}");
    }
}

#[tokio::test]
async fn s14_a_verifier_made_of_others_challenges_as_they_do() {
    let sources = Sources::default();
    let both = [BEARER, BASIC];
    let login = |credential: &Credential<'_>| {
        let login = credential.user_password()?;
        match login.password_matches("correct horse") {
            true => Ok("alice"),
            false => Err(Rejection::invalid()),
        }
    };
    let rows = [
        (
            "or",
            challenged(users().or(tokens()), &sources).await,
            &both[..],
        ),
        (
            "or itself",
            challenged(users().or(users()), &sources).await,
            &[BASIC],
        ),
        (
            "map",
            challenged(users().map(str::len), &sources).await,
            &[BASIC],
        ),
        (
            "and_then",
            challenged(users().and_then(Ok), &sources).await,
            &[BASIC],
        ),
        (
            "Arc",
            challenged(Arc::new(users()), &sources).await,
            &[BASIC],
        ),
        (
            "ReloadableVerifier",
            challenged(ReloadableVerifier::new(users()), &sources).await,
            &[BASIC],
        ),
        (
            "boxed",
            challenged(users().boxed(), &sources).await,
            &[BASIC],
        ),
        (
            "a closure",
            challenged(verify_fn(login), &sources).await,
            &[BEARER],
        ),
        (
            "a closure beside users",
            challenged(verify_fn(login).or(users()), &sources).await,
            &both,
        ),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(seen, expected, "{name}");
    }
}

/// A wrong password is challenged again, and only Bearer has an error.
#[tokio::test]
async fn s14_a_wrong_password_is_asked_for_again() {
    let service = AuthnLayer::new(tokens().or(users())).layer(Strict::default());
    let field = ("authorization", "Basic YWxpY2U6d3Jvbmctb25l");
    let response = ask(&service, get("/", &[field])).await;
    let bearer = r#"Bearer realm="api", error="invalid_token""#;
    let lines = values(response.headers(), "www-authenticate");
    assert_eq!(lines, [bearer, BASIC]);
}
