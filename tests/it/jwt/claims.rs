//! The claims of a token: which are accepted, and what they make of a principal.

use std::time::Duration;

use jsonwebtoken::Algorithm as Jose;
use serde_json::{Value, json};
use tower_authn::{
    Principal, Rejection, RejectionKind,
    jwt::{JwtIssuer, JwtVerifier},
};

use super::{
    AUDIENCE, ISSUER, NOW, SECRET, Signer, answer, at, claims, hmac_issuer, subject, verifier,
};

fn hs256() -> Signer {
    Signer::secret(Jose::HS256, SECRET)
}

const HEADER: &str = r#"{"alg":"HS256"}"#;

/// Returns a token with a claim from a text, which need not be JSON that a library writes.
fn with_text(name: &str, text: &str) -> String {
    let claims = claims(json!({ name: null })).to_string();
    hs256().raw(HEADER, format!("{{\"{name}\":{text},{}", &claims[1..]))
}

const EXPIRED: (RejectionKind, &str) = (RejectionKind::Expired, "the token has expired (`exp`)");
const NO_TIME: (RejectionKind, &str) = (
    RejectionKind::Invalid,
    "`exp`, `nbf` or `iat` is not a time in seconds",
);
const EARLY: (RejectionKind, &str) = (RejectionKind::Expired, "the token is not valid yet (`nbf`)");
const FUTURE: (RejectionKind, &str) = (
    RejectionKind::Expired,
    "the token was issued in the future (`iat`)",
);

#[tokio::test]
async fn j01_times_are_numbers_of_seconds_in_range() {
    let now = |difference: i64| (i64::try_from(NOW).unwrap() + difference).to_string();
    let float = |difference: f64| format!("{:.3}", NOW as f64 + difference);
    let verifier = verifier(hmac_issuer());
    // The leeway is 60 s.
    for (name, text, expected) in [
        ("exp", now(60), Ok(())),
        ("exp", now(0), Ok(())),
        ("exp", now(-59), Ok(())),
        ("exp", now(-60), Err(EXPIRED)),
        ("exp", now(-61), Err(EXPIRED)),
        ("exp", float(-59.5), Ok(())),
        ("exp", float(-60.5), Err(EXPIRED)),
        ("exp", format!("{}e3", (NOW + 1_000) / 1_000), Ok(())),
        ("exp", "253402300799".into(), Ok(())),
        ("exp", "0".into(), Err(EXPIRED)),
        ("exp", "-0".into(), Err(EXPIRED)),
        ("exp", "1".into(), Err(EXPIRED)),
        ("exp", "1e-400".into(), Err(EXPIRED)),
        ("exp", "-1".into(), Err(NO_TIME)),
        ("exp", "-1e400".into(), Err(NO_TIME)),
        ("exp", "1e400".into(), Err(NO_TIME)),
        ("exp", "9".repeat(400), Err(NO_TIME)),
        // In milliseconds.
        ("exp", format!("{NOW}000"), Err(NO_TIME)),
        ("exp", u64::MAX.to_string(), Err(NO_TIME)),
        ("exp", i64::MAX.to_string(), Err(NO_TIME)),
        ("exp", "253402300800".into(), Err(NO_TIME)),
        ("exp", format!("\"{}\"", now(60)), Err(NO_TIME)),
        ("exp", "\"\"".into(), Err(NO_TIME)),
        ("exp", "\"2030-01-01T00:00:00Z\"".into(), Err(NO_TIME)),
        ("exp", "null".into(), Err(NO_TIME)),
        ("exp", "true".into(), Err(NO_TIME)),
        ("exp", format!("[{}]", now(60)), Err(NO_TIME)),
        ("exp", "{}".into(), Err(NO_TIME)),
        ("nbf", now(60), Ok(())),
        ("nbf", now(61), Err(EARLY)),
        ("nbf", float(60.5), Err(EARLY)),
        ("nbf", "0".into(), Ok(())),
        ("nbf", "1e400".into(), Err(NO_TIME)),
        ("nbf", "\"0\"".into(), Err(NO_TIME)),
        ("iat", now(60), Ok(())),
        ("iat", now(61), Err(FUTURE)),
        ("iat", "-1".into(), Err(NO_TIME)),
        ("iat", "null".into(), Err(NO_TIME)),
    ] {
        let result = subject(&verifier, &with_text(name, &text)).await;
        assert_eq!(result.map(drop), expected, "{name}: {text}");
    }
}

#[tokio::test]
async fn j01_an_expiry_is_required_unless_it_is_waived() {
    let none = hs256().token(&claims(json!({ "exp": null })));
    let expired = hs256().token(&claims(json!({ "exp": NOW - 60 })));
    let strict = verifier(hmac_issuer());
    let refused = (RejectionKind::Invalid, "the token has no `exp`");
    assert_eq!(subject(&strict, &none).await, Err(refused));
    assert_eq!(subject(&strict, &expired).await, Err(EXPIRED));
    let waived = verifier(hmac_issuer().insecure_allow_missing_exp());
    let principal = answer(waived.clone(), &none).await.unwrap();
    assert_eq!(principal.expires_at(), None);
    assert_eq!(subject(&waived, &expired).await, Err(EXPIRED));
}

#[tokio::test]
async fn the_leeway_is_granted_to_each_time() {
    let strict = verifier(hmac_issuer().leeway(Duration::ZERO));
    let lax = verifier(hmac_issuer().leeway(Duration::from_secs(300)));
    for (changes, refused) in [
        (json!({ "exp": NOW }), EXPIRED),
        (json!({ "nbf": NOW + 1 }), EARLY),
        (json!({ "iat": NOW + 300 }), FUTURE),
    ] {
        let token = hs256().token(&claims(changes));
        assert_eq!(subject(&strict, &token).await, Err(refused));
        assert_eq!(subject(&lax, &token).await.as_deref(), Ok("alice"));
    }
}

#[tokio::test]
async fn j01_the_audience_is_one_of_ours() {
    let verifier = verifier(hmac_issuer().audience("urn:second"));
    let refused = (
        RejectionKind::Invalid,
        "the token has another audience (`aud`)",
    );
    for (audience, expected) in [
        (json!(AUDIENCE), Ok(())),
        (json!([AUDIENCE]), Ok(())),
        (json!(["billing", AUDIENCE]), Ok(())),
        (json!(["urn:second"]), Ok(())),
        (json!(null), Err(refused)),
        (json!([]), Err(refused)),
        (json!(""), Err(refused)),
        (json!("billing"), Err(refused)),
        (json!("Models"), Err(refused)),
        (json!("models/"), Err(refused)),
        (json!(" models"), Err(refused)),
        (json!("model"), Err(refused)),
        (json!("models billing"), Err(refused)),
        (json!("*"), Err(refused)),
        (json!(["billing"]), Err(refused)),
        (json!([[AUDIENCE]]), Err(refused)),
        (json!([AUDIENCE, 1]), Err(refused)),
        (json!({ AUDIENCE: true }), Err(refused)),
        (json!(true), Err(refused)),
        (json!(0), Err(refused)),
    ] {
        let token = hs256().token(&claims(json!({ "aud": audience })));
        assert_eq!(
            subject(&verifier, &token).await.map(drop),
            expected,
            "{audience}"
        );
    }
    assert_eq!(
        subject(&verifier, &with_text("aud", "null")).await,
        Err(refused)
    );
}

#[tokio::test]
async fn j01_the_issuer_is_compared_byte_by_byte() {
    let verifier = verifier(hmac_issuer());
    let refused = (
        RejectionKind::Invalid,
        "the token has an unknown issuer (`iss`)",
    );
    for (issuer, expected) in [
        (json!(ISSUER), Ok(())),
        (json!(format!("{ISSUER}/")), Err(refused)),
        (json!("https://ISSUER.example.com"), Err(refused)),
        (json!("http://issuer.example.com"), Err(refused)),
        (json!("https://issuer.example.com:443"), Err(refused)),
        (
            json!("https://issuer.example.com.attacker.example"),
            Err(refused),
        ),
        (json!(format!(" {ISSUER}")), Err(refused)),
        (json!([ISSUER]), Err(refused)),
        (json!(["https://attacker.example", ISSUER]), Err(refused)),
        (json!({ ISSUER: 1 }), Err(refused)),
        (json!(""), Err(refused)),
        (json!(null), Err(refused)),
    ] {
        let token = hs256().token(&claims(json!({ "iss": issuer })));
        assert_eq!(
            subject(&verifier, &token).await.map(drop),
            expected,
            "{issuer}"
        );
    }
}

#[tokio::test]
async fn j01_a_token_for_another_purpose_is_refused() {
    let refused = (RejectionKind::Invalid, "the token has another type (`typ`)");
    let any = verifier(hmac_issuer());
    let access = verifier(hmac_issuer().token_type("application/at+jwt"));
    for (typ, by_default, as_access) in [
        (None, Ok(()), Err(refused)),
        (Some("JWT"), Ok(()), Err(refused)),
        (Some("jwt"), Ok(()), Err(refused)),
        (Some("application/jwt"), Ok(()), Err(refused)),
        (Some("at+jwt"), Ok(()), Ok(())),
        (Some("AT+JWT"), Ok(()), Ok(())),
        (Some("Application/at+jwt"), Ok(()), Ok(())),
        (Some("logout+jwt"), Err(refused), Err(refused)),
        (Some("dpop+jwt"), Err(refused), Err(refused)),
        (Some("secevent+jwt"), Err(refused), Err(refused)),
        (Some("text/at+jwt"), Err(refused), Err(refused)),
        (Some("at"), Err(refused), Err(refused)),
        (Some(""), Err(refused), Err(refused)),
    ] {
        let mut header = json!({ "alg": "HS256" });
        if let Some(typ) = typ {
            header["typ"] = json!(typ);
        }
        let token = hs256().token_with(&header, &claims(json!({})));
        assert_eq!(subject(&any, &token).await.map(drop), by_default, "{typ:?}");
        assert_eq!(
            subject(&access, &token).await.map(drop),
            as_access,
            "{typ:?}"
        );
    }
}

/// Returns the principal that an issuer makes of claims.
async fn principal(issuer: JwtIssuer, changes: Value) -> Principal {
    let token = hs256().token(&claims(changes));
    answer(verifier(issuer), &token).await.unwrap()
}

fn scopes(principal: &Principal) -> Vec<&str> {
    principal
        .scopes()
        .iter()
        .map(|scope| scope.as_str())
        .collect()
}

#[tokio::test]
async fn a_principal_is_filled_from_the_claims() {
    let issuer = hmac_issuer()
        .organization_claim("org_id")
        .targets_claim("deployments");
    let changes = json!({ "org_id": "acme", "deployments": ["demo-*", "hello", "*", "a/b", 1] });
    let caller = principal(issuer.clone(), changes.clone()).await;
    assert_eq!((caller.subject(), caller.issuer()), ("alice", Some(ISSUER)));
    assert_eq!(scopes(&caller), ["reports.read", "reports.write"]);
    assert_eq!(caller.organization(), Some("acme"));
    assert_eq!(caller.token_id(), Some("t1"));
    // The expiry, and the leeway.
    assert_eq!(caller.expires_at(), Some(at(NOW + 120)));
    let targets: Vec<_> = caller
        .targets()
        .unwrap()
        .iter()
        .map(|t| t.as_str())
        .collect();
    assert_eq!(targets, ["demo-*", "hello"]);
    let metadata: Value = serde_json::from_str(caller.metadata().unwrap()).unwrap();
    assert_eq!(metadata, claims(changes));

    let without = principal(issuer, json!({ "jti": null, "scope": null })).await;
    assert_eq!((without.organization(), without.token_id()), (None, None));
    assert_eq!(
        without.targets(),
        Some(&[][..]),
        "a missing claim restricts"
    );
    assert!(without.scopes().is_empty());
    let unrestricted = principal(hmac_issuer(), json!({ "deployments": ["demo"] })).await;
    assert_eq!(unrestricted.targets(), None);
}

#[tokio::test]
async fn scopes_are_read_from_the_claims_that_the_issuer_names() {
    let all = json!({
        "scope": "a b", "scp": ["c", "d e", "f", 1], "roles": ["g"], "permissions": "h  i",
        "realm_access": { "roles": ["j"] }, "https://example.com/roles": ["k"], "a/b": ["l"],
    });
    for (names, expected) in [
        (None, vec!["a", "b", "c", "f"]),
        (Some(vec!["roles"]), vec!["g"]),
        (Some(vec!["permissions", "scope"]), vec!["h", "i", "a", "b"]),
        (Some(vec!["/realm_access/roles"]), vec!["j"]),
        (Some(vec!["https://example.com/roles"]), vec!["k"]),
        (Some(vec!["a/b"]), vec!["l"]),
        (Some(vec!["/a/b"]), vec![]),
        (
            Some(vec![
                "/scope/0",
                "/realm_access",
                "realm_access",
                "/",
                "missing",
            ]),
            vec![],
        ),
        (Some(vec![]), vec![]),
    ] {
        let issuer = match &names {
            Some(names) => hmac_issuer().scope_claims(names.clone()),
            None => hmac_issuer(),
        };
        let caller = principal(issuer, all.clone()).await;
        assert_eq!(scopes(&caller), expected, "{names:?}");
    }
    for value in [
        json!(1),
        json!({ "a": "b" }),
        json!(true),
        json!("\"quoted\" \u{e9}"),
    ] {
        let caller = principal(hmac_issuer(), json!({ "scope": value })).await;
        assert!(caller.scopes().is_empty(), "{value}");
    }
}

#[tokio::test]
async fn a_subject_is_required_of_a_principal() {
    let by_client = verifier(hmac_issuer().subject_claim("client_id"));
    let by_sub = verifier(hmac_issuer());
    let reason = "the claim of the subject is missing or not a string";
    let refused = (RejectionKind::Invalid, reason);
    for value in [json!(null), json!(""), json!(7), json!(["alice"])] {
        let token = hs256().token(&claims(json!({ "sub": value, "client_id": "ci" })));
        assert_eq!(subject(&by_sub, &token).await, Err(refused), "{value}");
        assert_eq!(subject(&by_client, &token).await.as_deref(), Ok("ci"));
    }
}

#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
struct User {
    sub: String,
    #[serde(default)]
    email: String,
}

#[tokio::test]
async fn a_principal_is_any_type_that_serde_reads() {
    let users: JwtVerifier<User> = verifier(hmac_issuer()).with_claims();
    let good = hs256().token(&claims(json!({ "email": "alice@example.com" })));
    let (sub, email) = ("alice".to_owned(), "alice@example.com".to_owned());
    assert_eq!(answer(users.clone(), &good).await, Ok(User { sub, email }));
    let bad = hs256().token(&claims(json!({ "email": 1 })));
    let refused = (RejectionKind::Invalid, "the claims can't be deserialized");
    assert_eq!(answer(users.clone(), &bad).await, Err(refused));
    let expired = hs256().token(&claims(json!({ "exp": 1 })));
    assert_eq!(answer(users, &expired).await, Err(EXPIRED));
}

#[tokio::test]
async fn a_closure_makes_the_principal_or_refuses() {
    let admins = verifier(hmac_issuer()).with_principal(|claims| {
        assert_eq!(claims.issuer(), ISSUER);
        assert_eq!(claims.expires_at(), Some(at(NOW + 120)));
        assert!(claims.json().starts_with('{'));
        match claims.strings("groups").any(|group| group == "admins") {
            true => Ok(claims.principal()?.with_scope_list("admin")),
            false => Err(Rejection::forbidden().with_reason("not an admin")),
        }
    });
    let good = hs256().token(&claims(json!({ "groups": ["users", "admins"] })));
    assert_eq!(
        scopes(&answer(admins.clone(), &good).await.unwrap()),
        ["admin"]
    );
    let other = hs256().token(&claims(json!({ "groups": ["users"] })));
    let refused = (RejectionKind::Forbidden, "not an admin");
    assert_eq!(answer(admins, &other).await.map(drop), Err(refused));
}
