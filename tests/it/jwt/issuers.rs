//! Several issuers, several verifiers, and mistakes in their configuration.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::Algorithm as Jose;
use serde_json::json;
use tower_authn::{
    Principal, Rejection, RejectionKind, Verifier,
    jwt::{Algorithm, JwtIssuer, JwtKey, JwtVerifier, KeySet, KeySource},
    verifier::FixedTokens,
    verify_fn,
};

use super::{
    AUDIENCE, ISSUER, NOW, SECRET, Signer, answer, at, claims, hmac_issuer, issuer, key_file,
    subject, verifier,
};
use crate::support::{Calls, TOKEN};

/// A source that counts how often it is asked.
struct Counted(Arc<KeySet>, Calls);

impl KeySource for Counted {
    fn keys(&self, _: Option<&str>) -> Result<Arc<KeySet>, Rejection> {
        self.1.add();
        Ok(Arc::clone(&self.0))
    }
}

const OTHER: &str = "https://other.example.com";

#[tokio::test]
async fn j01_the_issuer_chooses_the_keys_and_the_rules() {
    let (first, second) = (Calls::default(), Calls::default());
    let keys = Arc::new(KeySet::parse(key_file!("jwks.json")).unwrap());
    let one = JwtIssuer::new(ISSUER)
        .audience(AUDIENCE)
        .algorithms([Algorithm::EdDSA])
        .key_source(Counted(Arc::clone(&keys), first.clone()));
    let two = JwtIssuer::new(OTHER)
        .audience("billing")
        .algorithms([Algorithm::ES256])
        .scope_claims(["roles"])
        .key_source(Counted(keys, second.clone()));
    let verifier = JwtVerifier::with_clock([one, two], || at(NOW)).unwrap();
    let token = |signer: &'static str, issuer: &str, audience: &str| {
        let changes = json!({ "iss": issuer, "aud": audience, "roles": ["admin"] });
        Signer::named(signer).token(&claims(changes))
    };
    let not_allowed = "the algorithm (`alg`) is not allowed";
    let audience = "the token has another audience (`aud`)";
    let unknown = "the token has an unknown issuer (`iss`)";
    for (token, expected, asked) in [
        (token("EdDSA", ISSUER, AUDIENCE), Ok(2), (1, 0)),
        (token("ES256", OTHER, "billing"), Ok(1), (0, 1)),
        // The algorithm, the audience and the keys of the other one.
        (token("ES256", ISSUER, AUDIENCE), Err(not_allowed), (0, 0)),
        (token("EdDSA", OTHER, "billing"), Err(not_allowed), (0, 0)),
        (token("EdDSA", ISSUER, "billing"), Err(audience), (1, 0)),
        (token("ES256", OTHER, AUDIENCE), Err(audience), (0, 1)),
        (
            token("EdDSA", "https://unknown.example.com", AUDIENCE),
            Err(unknown),
            (0, 0),
        ),
        (token("ES256", "", "billing"), Err(unknown), (0, 0)),
    ] {
        let before = (first.count(), second.count());
        let result = answer(verifier.clone(), &token).await;
        let result = result.map(|caller: Principal| caller.scopes().len());
        assert_eq!(
            result,
            expected.map_err(|reason| (RejectionKind::Invalid, reason))
        );
        let after = (first.count() - before.0, second.count() - before.1);
        assert_eq!(after, asked, "{expected:?}");
    }
}

#[tokio::test]
async fn other_credentials_go_to_the_next_verifier_in_either_order() {
    let jwt = verifier(hmac_issuer());
    let opaque = || FixedTokens::new([(TOKEN, Principal::new("ci"))]).unwrap();
    let signer = Signer::secret(Jose::HS256, SECRET);
    let good = signer.token(&claims(json!({})));
    let expired = signer.token(&claims(json!({ "exp": 1 })));
    let foreign = signer.token(&claims(json!({ "iss": OTHER })));
    let forged = Signer::secret(Jose::HS256, [0; 32]).token(&claims(json!({})));
    for verifier in [jwt.clone().or(opaque()).boxed(), opaque().or(jwt).boxed()] {
        for (token, expected) in [
            (TOKEN, Ok("ci")),
            (&good, Ok("alice")),
            (&expired, Err(RejectionKind::Expired)),
            (&foreign, Err(RejectionKind::Invalid)),
            (&forged, Err(RejectionKind::Invalid)),
            ("made-up", Err(RejectionKind::Invalid)),
        ] {
            let result = answer(verifier.clone(), token).await;
            let result = result
                .as_ref()
                .map(Principal::subject)
                .map_err(|(kind, _)| *kind);
            assert_eq!(result, expected, "{token}");
        }
    }
}

#[tokio::test]
async fn a_token_that_has_expired_is_not_shown_to_the_next_verifier() {
    let next = Calls::default();
    let seen = next.clone();
    let other = verify_fn(move |_| {
        seen.add();
        Err::<Principal, _>(Rejection::invalid())
    });
    let both = verifier(hmac_issuer()).or(other);
    let both = Arc::new(both);
    let signer = Signer::secret(Jose::HS256, SECRET);
    for (claims, calls) in [
        (claims(json!({ "exp": 1 })), 0),
        (claims(json!({ "aud": "x" })), 1),
    ] {
        answer(Arc::clone(&both), &signer.token(&claims))
            .await
            .unwrap_err();
        assert_eq!(next.count(), calls);
    }
}

#[test]
fn a_mistake_in_the_configuration_names_its_field() {
    let secret = || JwtKey::from_secret(SECRET).unwrap();
    let plain = || JwtIssuer::new(ISSUER);
    let key = || JwtKey::from_pem(key_file!("p256.pub.pem")).unwrap();
    let set = KeySet::parse(key_file!("jwks.json")).unwrap();
    let hs256 = [Algorithm::HS256];
    let of = |text: &str| format!("issuer {ISSUER:?}: {text}");
    for (issuers, expected) in [
        (vec![], "issuers: there is none".to_owned()),
        (vec![hmac_issuer(), hmac_issuer()], of("it is repeated")),
        (
            vec![
                JwtIssuer::new("")
                    .audience(AUDIENCE)
                    .algorithms(hs256)
                    .key(secret()),
            ],
            "issuer \"\": the issuer is empty or has a control character".to_owned(),
        ),
        (
            vec![plain().algorithms(hs256).key(secret())],
            of("audience: there is none; expected the name of this service"),
        ),
        (
            vec![hmac_issuer().audience("")],
            of("audience: one is empty or has a control character"),
        ),
        (
            vec![plain().audience(AUDIENCE).key(secret())],
            of("algorithms: there is none"),
        ),
        (
            vec![hmac_issuer().algorithms([Algorithm::HS256, Algorithm::RS256])],
            of("algorithms: HMAC is mixed with others; expected one issuer for each"),
        ),
        (
            vec![plain().audience(AUDIENCE).algorithms(hs256)],
            of("key: there is none, and no source of keys"),
        ),
        (
            vec![issuer(&hs256).key(secret())],
            of("key: there is a source of keys too; expected one"),
        ),
        (
            vec![hmac_issuer().key(key())],
            of("key 2: it verifies ES256; expected one of HS256"),
        ),
        (
            vec![
                plain()
                    .audience(AUDIENCE)
                    .algorithms([Algorithm::ES384])
                    .key_set(&set),
            ],
            of(
                "key 1: it verifies PS256, PS384, PS512, RS256, RS384, RS512; expected one of ES384",
            ),
        ),
        (
            vec![hmac_issuer().leeway(Duration::from_secs(301))],
            of("leeway: it is longer than 300 s"),
        ),
        (
            vec![hmac_issuer().token_type("")],
            of("token_type: one is empty"),
        ),
    ] {
        let error = JwtVerifier::from_issuers(issuers).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    JwtVerifier::new(hmac_issuer().leeway(Duration::from_secs(300))).unwrap();
}

#[tokio::test]
async fn j01_no_text_of_a_verifier_shows_a_secret_or_a_claim() {
    let jwt = verifier(hmac_issuer()).with_principal(|claims| {
        let text = format!("{claims:?}");
        assert!(text.contains(ISSUER) && !text.contains("alice"), "{text}");
        claims.principal()
    });
    let key = JwtKey::from_secret(SECRET).unwrap().with_id("2026");
    let keys = KeySet::new([key.clone()]).unwrap();
    let text = format!(
        "{jwt:?} {:?} {:?} {key:?} {keys:?}",
        hmac_issuer(),
        jwt.clone().immediate()
    );
    assert!(
        text.contains(r#"JwtKey { id: Some("2026"), algorithms: HS256, HS384, HS512, .. }"#),
        "{text}"
    );
    assert!(!text.contains("0123"), "{text}");
    let token = Signer::secret(Jose::HS256, SECRET).token(&claims(json!({})));
    answer(jwt, &token).await.unwrap();
    let error = JwtKey::from_secret(&SECRET[..31]).unwrap_err().to_string();
    assert!(!error.contains("0123"), "{error}");
    assert_eq!(
        subject(&verifier(hmac_issuer()), &token).await.as_deref(),
        Ok("alice")
    );
}
