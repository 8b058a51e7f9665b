//! Challenges, read by a parser of somebody else's.

use tower::Layer;
use tower_authn::{AuthnLayer, Challenge, Sources};

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

#[tokio::test]
async fn the_one_challenge_names_a_scheme_that_is_taken() {
    let rows = [
        (Sources::default(), r#"Bearer realm="api""#),
        (Sources::new().bearer(), r#"Bearer realm="api""#),
        (Sources::new().basic(), r#"Basic realm="api""#),
    ];
    for (sources, expected) in rows {
        let service = AuthnLayer::new(Oracle::default())
            .sources(sources)
            .layer(Strict::default());
        let response = ask(&service, get("/", &[])).await;
        assert_eq!(values(response.headers(), "www-authenticate"), [expected]);
    }
}
