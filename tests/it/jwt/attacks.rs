//! The attacks of RFC 8725 and of published advisories on algorithms, keys and signatures.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::Algorithm as Jose;
use serde_json::{Value, json};
use tower_authn::jwt::Algorithm;

use super::{
    Signer, claims, compact, forged, hmac_issuer, issuer, key_file, signer,
    table::{BAD_SIGNATURE, NO_KEY, NOT_ALLOWED, NOT_THREE, check, good, hs256, row},
    verifier,
};

#[tokio::test]
async fn j01_a_public_key_is_not_a_secret() {
    for name in ["RS256", "ES256", "EdDSA"] {
        let (algorithm, pem) = match name {
            "RS256" => (Algorithm::RS256, key_file!("rsa.pub.pem")),
            "ES256" => (Algorithm::ES256, key_file!("p256.pub.pem")),
            _ => (Algorithm::EdDSA, key_file!("ed25519.pub.pem")),
        };
        let accepted = Signer::named(name).token(&good());
        let der = signer::der(pem);
        let secrets: [&[u8]; 4] = [pem.as_bytes(), pem.trim().as_bytes(), &der, &[]];
        let mut rows = Vec::new();
        for secret in secrets {
            for hmac in [Jose::HS256, Jose::HS384, Jose::HS512] {
                let signer = Signer::secret(hmac, secret);
                rows.push(row(name, signer.token(&good()), NOT_ALLOWED, &accepted));
                // The signature of an HMAC under the name of the issuer's algorithm.
                let header = json!({ "alg": name });
                let forged = signer.token_with(&header, &good());
                rows.push(row(name, forged, BAD_SIGNATURE, &accepted));
            }
        }
        check(issuer(&[algorithm]), rows).await;
    }
}

#[tokio::test]
async fn j01_a_secret_is_not_a_public_key() {
    let accepted = hs256().token(&good());
    let rows = ["RS256", "PS256", "ES256", "EdDSA"].map(|name| {
        let signer = Signer::named(name);
        row(name, signer.token(&good()), NOT_ALLOWED, &accepted)
    });
    check(hmac_issuer(), rows.into()).await;
}

#[tokio::test]
async fn j01_the_type_of_the_key_and_the_algorithm_fit() {
    let all = [
        Algorithm::RS256,
        Algorithm::PS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ];
    let with = |algorithm: &str, key: &str, signer: &str| {
        Signer::named(match signer {
            "RS256" => "RS256",
            "ES256" => "ES256",
            "ES384" => "ES384",
            _ => "EdDSA",
        })
        .token_with(&json!({ "alg": algorithm, "kid": key }), &good())
    };
    let rows = vec![
        row(
            "RS256, P-256",
            with("RS256", "p256", "ES256"),
            NO_KEY,
            with("ES256", "p256", "ES256"),
        ),
        row(
            "ES256, P-384",
            with("ES256", "p384", "ES384"),
            NO_KEY,
            with("ES384", "p384", "ES384"),
        ),
        row(
            "ES256, RSA",
            with("ES256", "rsa", "RS256"),
            NO_KEY,
            with("RS256", "rsa", "RS256"),
        ),
        row(
            "EdDSA, P-256",
            with("EdDSA", "p256", "ES256"),
            NO_KEY,
            with("EdDSA", "ed25519", "EdDSA"),
        ),
        row(
            "PS256, PKCS #1",
            with("PS256", "rsa", "RS256"),
            BAD_SIGNATURE,
            with("RS256", "rsa", "RS256"),
        ),
        row(
            "Ed448",
            with("Ed448", "ed25519", "EdDSA"),
            NOT_ALLOWED,
            with("Ed25519", "ed25519", "EdDSA"),
        ),
    ];
    check(issuer(&all), rows).await;
    let one = with("RS256", "rsa", "RS256");
    let rows = vec![
        row(
            "PS256",
            Signer::named("PS256").token(&good()),
            NOT_ALLOWED,
            &one,
        ),
        row(
            "RS512",
            Signer::named("RS512").token(&good()),
            NOT_ALLOWED,
            &one,
        ),
    ];
    check(issuer(&[Algorithm::RS256]), rows).await;
}

#[tokio::test]
async fn j01_each_algorithm_verifies() {
    for (name, algorithm) in [
        ("RS256", Algorithm::RS256),
        ("RS384", Algorithm::RS384),
        ("RS512", Algorithm::RS512),
        ("PS256", Algorithm::PS256),
        ("PS384", Algorithm::PS384),
        ("PS512", Algorithm::PS512),
        ("ES256", Algorithm::ES256),
        ("ES384", Algorithm::ES384),
        ("EdDSA", Algorithm::EdDSA),
    ] {
        let accepted = Signer::named(name).token(&good());
        let (signed, signature) = accepted.rsplit_once('.').unwrap();
        let signature = BASE64.decode(signature).unwrap();
        let mut rows = vec![
            row(
                "no signature",
                format!("{signed}."),
                "the token has no signature",
                &accepted,
            ),
            row(
                "other claims",
                Signer::named(name).token(&claims(json!({ "sub": "bob" }))),
                "",
                &accepted,
            ),
            row(
                "shorter",
                compact(signed, &signature[1..]),
                BAD_SIGNATURE,
                &accepted,
            ),
            row(
                "longer",
                compact(signed, &[&signature[..], &[0]].concat()),
                BAD_SIGNATURE,
                &accepted,
            ),
            row(
                "zero first",
                compact(signed, &[&[0], &signature[..]].concat()),
                BAD_SIGNATURE,
                &accepted,
            ),
            row(
                "zeros",
                compact(signed, &vec![0; signature.len()]),
                BAD_SIGNATURE,
                &accepted,
            ),
            row(
                "ones",
                compact(signed, &vec![0xff; signature.len()]),
                BAD_SIGNATURE,
                &accepted,
            ),
        ];
        // The signature of other claims.
        let (_, other) = rows[1].refused.rsplit_once('.').unwrap();
        rows[1] = row(
            "other claims",
            format!("{signed}.{other}"),
            BAD_SIGNATURE,
            &accepted,
        );
        for position in [0, signature.len() / 2, signature.len() - 1] {
            let mut changed = signature.clone();
            changed[position] ^= 1;
            rows.push(row(
                "a bit",
                compact(signed, &changed),
                BAD_SIGNATURE,
                &accepted,
            ));
        }
        check(issuer(&[algorithm]), rows).await;
    }
}

#[tokio::test]
async fn j01_none_is_no_algorithm() {
    let accepted = hs256().token(&good());
    let mut rows = Vec::new();
    for name in [
        "none", "None", "NONE", "nOnE", "none ", "", "HS256 ", "hs256", "Hs256", "HS1", "null",
    ] {
        let header = json!({ "alg": name });
        let signed = hs256().token_with(&header, &good());
        let unsigned = signed.rsplit_once('.').unwrap().0;
        rows.push(row(name, &signed, NOT_ALLOWED, &accepted));
        rows.push(row(
            name,
            format!("{unsigned}."),
            "the token has no signature",
            &accepted,
        ));
        rows.push(row(name, format!("{unsigned}.AA"), NOT_ALLOWED, &accepted));
        rows.push(row(name, unsigned, NOT_THREE, &accepted));
    }
    for (header, reason) in [
        (json!({}), "the header has no `alg`"),
        (
            json!({ "alg": null }),
            "`alg`, `kid`, `typ` or `cty` in the header is not a string",
        ),
        (
            json!({ "alg": ["HS256"] }),
            "`alg`, `kid`, `typ` or `cty` in the header is not a string",
        ),
        (json!({ "ALG": "HS256" }), "the header has no `alg`"),
    ] {
        rows.push(row(
            header.to_string(),
            hs256().token_with(&header, &good()),
            reason,
            &accepted,
        ));
    }
    check(hmac_issuer(), rows).await;
}

#[tokio::test]
async fn j01_a_header_does_not_bring_its_key() {
    let jwk: Value = serde_json::from_str(key_file!("jwks.json")).unwrap();
    let (own, other) = (Signer::named("RS256"), Signer::other_rsa());
    let mut rows = Vec::new();
    for (name, value) in [
        ("jwk", jwk["keys"][0].clone()),
        ("jwk", json!({ "kty": "oct", "k": "AAAA" })),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("jku", json!("file:///etc/passwd")),
        ("x5u", json!("http://127.0.0.1:9/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
    ] {
        let header = json!({ "alg": "RS256", "kid": "rsa", name: value });
        let forged = other.token_with(&header, &good());
        rows.push(row(
            name,
            forged,
            BAD_SIGNATURE,
            own.token_with(&header, &good()),
        ));
    }
    check(issuer(&[Algorithm::RS256]), rows).await;
}

#[tokio::test]
async fn j01_a_key_id_is_a_name_and_nothing_else() {
    let own = Signer::named("RS256");
    let token = |id: Value| own.token_with(&json!({ "alg": "RS256", "kid": id }), &good());
    let accepted = token(json!("rsa"));
    let mut rows = Vec::new();
    for id in [
        "../../../../dev/null",
        "/dev/null",
        "rsa\0",
        "RSA",
        "",
        " rsa",
        "rsa ",
        "rsa'--",
        "./rsa",
        "' UNION SELECT 'key",
        "|whoami",
        "https://attacker.example/key",
        "rsa/../rsa",
        "%72sa",
        &"r".repeat(4_000),
    ] {
        rows.push(row(id, token(json!(id)), NO_KEY, &accepted));
    }
    for id in [
        json!(0),
        json!(null),
        json!(["rsa"]),
        json!({ "rsa": 1 }),
        json!(true),
    ] {
        let reason = "`alg`, `kid`, `typ` or `cty` in the header is not a string";
        rows.push(row(id.to_string(), token(id), reason, &accepted));
    }
    check(issuer(&[Algorithm::RS256]), rows).await;
}

#[tokio::test]
async fn j01_an_ecdsa_signature_has_one_form_and_its_numbers_are_in_range() {
    let accepted = Signer::named("ES256").token(&good());
    let (signed, signature) = accepted.rsplit_once('.').unwrap();
    let signature = BASE64.decode(signature).unwrap();
    let mut rows: Vec<_> = forged::out_of_range(&signature)
        .iter()
        .map(|other| {
            row(
                format!("{other:x?}"),
                compact(signed, other),
                BAD_SIGNATURE,
                &accepted,
            )
        })
        .collect();
    let der = forged::der(&signature);
    rows.push(row("DER", compact(signed, &der), BAD_SIGNATURE, &accepted));
    let swapped = [&signature[32..], &signature[..32]].concat();
    rows.push(row(
        "swapped",
        compact(signed, &swapped),
        BAD_SIGNATURE,
        &accepted,
    ));
    check(issuer(&[Algorithm::ES256]), rows).await;

    // JOSE does not choose between s and n - s, so both are the same token.
    let verifier = verifier(issuer(&[Algorithm::ES256]));
    let negated = compact(signed, &forged::negated(&signature));
    assert_ne!(negated, accepted);
    for token in [&accepted, &negated] {
        let principal = super::answer(verifier.clone(), token).await.unwrap();
        assert_eq!(
            (principal.subject(), principal.token_id()),
            ("alice", Some("t1"))
        );
    }
}

#[tokio::test]
async fn j01_a_signature_is_below_the_order_or_the_modulus() {
    let accepted = Signer::named("EdDSA").token(&good());
    let (signed, signature) = accepted.rsplit_once('.').unwrap();
    let signature = BASE64.decode(signature).unwrap();
    let plus = compact(signed, &forged::plus_order(&signature));
    let rows = vec![row("S + L", plus, BAD_SIGNATURE, &accepted)];
    check(issuer(&[Algorithm::EdDSA]), rows).await;

    let jwks: Value = serde_json::from_str(key_file!("jwks.json")).unwrap();
    let modulus = BASE64
        .decode(jwks["keys"][0]["n"].as_str().unwrap())
        .unwrap();
    for (name, algorithm) in [("RS256", Algorithm::RS256), ("PS256", Algorithm::PS256)] {
        // Some signatures are so small that the sum has no more bytes.
        let mut rows = Vec::new();
        for number in 0..64 {
            let accepted = Signer::named(name).token(&claims(json!({ "jti": number.to_string() })));
            let (signed, signature) = accepted.rsplit_once('.').unwrap();
            let signature = BASE64.decode(signature).unwrap();
            if let Some(plus) = forged::plus_modulus(&signature, &modulus) {
                rows.push(row(name, compact(signed, &plus), BAD_SIGNATURE, &accepted));
                break;
            }
        }
        assert_eq!(rows.len(), 1, "no signature is small enough");
        check(issuer(&[algorithm]), rows).await;
    }
}
