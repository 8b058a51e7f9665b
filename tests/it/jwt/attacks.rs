//! The attacks of RFC 8725 and of published advisories. Each refused token has an accepted
//! one beside it that differs in the one thing that is wrong.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::Algorithm as Jose;
use serde_json::{Value, json};
use tower_authn::{
    RejectionKind,
    jwt::{Algorithm, JwtIssuer},
};

use super::{
    SECRET, Signer, claims, compact, forged, hmac_issuer, issuer, key_file, signer, subject,
    verifier,
};

struct Row {
    name: String,
    refused: String,
    accepted: String,
    reason: &'static str,
}

fn row(
    name: impl Into<String>,
    refused: impl Into<String>,
    reason: &'static str,
    accepted: impl Into<String>,
) -> Row {
    Row {
        name: name.into(),
        refused: refused.into(),
        accepted: accepted.into(),
        reason,
    }
}

/// Checks that the accepted tokens are accepted and the refused ones refused, all by one
/// verifier.
async fn check(issuer: JwtIssuer, rows: Vec<Row>) {
    let verifier = verifier(issuer);
    for Row {
        name,
        refused,
        accepted,
        reason,
    } in rows
    {
        assert_eq!(
            subject(&verifier, &accepted).await.as_deref(),
            Ok("alice"),
            "{name}"
        );
        assert_ne!(refused, accepted, "{name}");
        let expected = (RejectionKind::Invalid, reason);
        assert_eq!(subject(&verifier, &refused).await, Err(expected), "{name}");
    }
}

fn hs256() -> Signer {
    Signer::secret(Jose::HS256, SECRET)
}

fn good() -> Value {
    claims(json!({}))
}

const NOT_ALLOWED: &str = "the algorithm (`alg`) is not allowed";
const NO_KEY: &str = "no key fits the token (`kid`, `alg`)";
const BAD_SIGNATURE: &str = "the signature is not valid";
const NOT_BASE64: &str = "a part is not base64url";
const NOT_THREE: &str = "the credential is not a JWT: it has not three parts";

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

#[tokio::test]
async fn j01_only_a_plain_token_is_read() {
    let token = |header: Value| hs256().token_with(&header, &good());
    let accepted = token(json!({ "alg": "HS256", "cty": "json", "b64": true }));
    let (signed, signature) = accepted.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let nested = "the header has `cty`: the token is nested";
    let not_object = "the payload is not a JSON object";
    let empty = "the credential is not a JWT: a part is empty";
    let head = r#"{"alg":"HS256"}"#;
    let rows = vec![
        row(
            "crit",
            token(json!({ "alg": "HS256", "crit": ["b64"], "b64": true })),
            "the header has `crit`: no extension is supported",
            &accepted,
        ),
        row(
            "empty crit",
            token(json!({ "alg": "HS256", "crit": [] })),
            "the header has `crit`: no extension is supported",
            &accepted,
        ),
        row(
            "zip",
            token(json!({ "alg": "HS256", "zip": "DEF" })),
            "the header has `zip`: the token is compressed",
            &accepted,
        ),
        row(
            "enc",
            token(json!({ "alg": "HS256", "enc": "A128GCM" })),
            "the header has `enc`: the token is encrypted",
            &accepted,
        ),
        row(
            "cty",
            token(json!({ "alg": "HS256", "cty": "JWT" })),
            nested,
            &accepted,
        ),
        row(
            "cty",
            token(json!({ "alg": "HS256", "cty": "application/jwt" })),
            nested,
            &accepted,
        ),
        row(
            "a token in a token",
            hs256().raw(head, &accepted),
            not_object,
            &accepted,
        ),
        row(
            "a string",
            hs256().raw(head, "\"alice\""),
            not_object,
            &accepted,
        ),
        row("an array", hs256().raw(head, "[]"), not_object, &accepted),
        row(
            "no JSON",
            hs256().raw(head, "{iss:1}"),
            not_object,
            &accepted,
        ),
        row(
            "trailing text",
            hs256().raw(head, format!("{} x", good())),
            not_object,
            &accepted,
        ),
        row(
            "UTF-16",
            hs256().raw(head, b"\xFF\xFE{\0}\0"),
            "the header or the payload is not UTF-8",
            &accepted,
        ),
        row(
            "a header that is no object",
            hs256().raw("1", good().to_string()),
            "the header is not a JSON object",
            &accepted,
        ),
        row(
            "JWE",
            format!("{accepted}.{payload}.{signature}"),
            NOT_THREE,
            &accepted,
        ),
        row("four parts", format!("{accepted}."), NOT_THREE, &accepted),
        row("two parts", signed, NOT_THREE, &accepted),
        row("one part", header, NOT_THREE, &accepted),
        row("dots", "..", empty, &accepted),
        row(
            "no header",
            format!(".{payload}.{signature}"),
            empty,
            &accepted,
        ),
        row(
            "no payload",
            format!("{header}..{signature}"),
            empty,
            &accepted,
        ),
        row("an opaque token", "9cLqJTbYzVvZyXHn", NOT_THREE, &accepted),
    ];
    check(hmac_issuer(), rows).await;
}

#[tokio::test]
async fn j01_base64url_has_one_form() {
    // A header of 16 bytes, so that its last character has unused bits.
    let accepted = hs256().raw(r#"{"alg": "HS256"}"#, good().to_string());
    let parts: Vec<&str> = accepted.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        unreachable!()
    };
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // The next character differs only in bits that encode nothing.
    let other_end = |part: &str| {
        let (rest, last) = part.split_at(part.len() - 1);
        let next = alphabet.find(last).unwrap() + 1;
        format!("{rest}{}", &alphabet[next..=next])
    };
    let padded = |part: &str| format!("{part}{}", "=".repeat(4 - part.len() % 4));
    let standard = |part: &str| part.replace('-', "+").replace('_', "/");
    let mut rows = vec![
        row(
            "bits of the signature",
            format!("{header}.{payload}.{}", other_end(signature)),
            NOT_BASE64,
            &accepted,
        ),
        row(
            "bits of the header",
            hs256().signed(&format!("{}.{payload}", other_end(header))),
            NOT_BASE64,
            &accepted,
        ),
        row(
            "padded header",
            hs256().signed(&format!("{}.{payload}", padded(header))),
            NOT_BASE64,
            &accepted,
        ),
        row(
            "padded signature",
            format!("{header}.{payload}.{}", padded(signature)),
            NOT_BASE64,
            &accepted,
        ),
        row(
            "percent",
            hs256().signed(&format!("{header}%2e{payload}")),
            NOT_THREE,
            &accepted,
        ),
        row(
            "a character too many",
            format!("{header}.{payload}.{signature}AA"),
            NOT_BASE64,
            &accepted,
        ),
        row(
            "a comma",
            format!("{header}.{payload}.{signature},"),
            NOT_BASE64,
            &accepted,
        ),
    ];
    for number in 0..100 {
        let accepted = hs256().token(&claims(json!({ "jti": number.to_string() })));
        let (signed, signature) = accepted.rsplit_once('.').unwrap();
        if signature.contains(['-', '_']) {
            let other = format!("{signed}.{}", standard(signature));
            rows.push(row("the standard alphabet", other, NOT_BASE64, accepted));
            break;
        }
    }
    assert_eq!(rows.len(), 8);
    check(hmac_issuer(), rows).await;
    // The layer refuses white space before a verifier sees it.
    let verifier = verifier(hmac_issuer());
    for token in [
        format!("{header} .{payload}.{signature}"),
        format!("{header}.{payload}\t.{signature}"),
    ] {
        let (kind, _) = subject(&verifier, &token).await.unwrap_err();
        assert_eq!(kind, RejectionKind::Malformed);
    }
}

#[tokio::test]
async fn j01_size_and_depth_are_bounded() {
    let padded = |len: usize| {
        let token = hs256().token_with(&json!({ "alg": "HS256", "x": "x".repeat(len) }), &good());
        assert_eq!(token.len() > 8 * 1024, len > 5_000, "{}", token.len());
        token
    };
    let arrays = |depth| "[".repeat(depth) + &"]".repeat(depth);
    let header = |depth| format!(r#"{{"alg":"HS256","x":{}}}"#, arrays(depth));
    let payload = |depth| {
        let claims = good().to_string();
        format!(r#"{{"x":{},{}"#, arrays(depth), &claims[1..])
    };
    let deep = |at_header, at_payload| hs256().raw(header(at_header), payload(at_payload));
    let rows = vec![
        row(
            "8 KiB",
            padded(6_000),
            "the token is larger than 8 KiB",
            padded(5_000),
        ),
        row(
            "64 KiB",
            padded(40_000),
            "the token is larger than 8 KiB",
            padded(5_000),
        ),
        row(
            "a deep header",
            deep(32, 1),
            "the header is nested too deep",
            deep(31, 1),
        ),
        row(
            "deep claims",
            deep(1, 32),
            "the claims are nested too deep",
            deep(1, 31),
        ),
        row(
            "1,000 levels",
            deep(1, 1_000),
            "the claims are nested too deep",
            deep(1, 31),
        ),
    ];
    check(hmac_issuer(), rows).await;
}

#[tokio::test]
async fn j01_a_repeated_name_is_refused() {
    let claims = good().to_string();
    let with = |more: &str| hs256().raw(r#"{"alg":"HS256"}"#, format!("{{{more},{}", &claims[1..]));
    let header = |text: &str| hs256().raw(text, &claims);
    let accepted = with(r#""other":{"a":1,"b":1}"#);
    let mut rows: Vec<_> = [
        r#""sub":"bob""#,
        r#""\u0073ub":"bob""#,
        r#""exp":9999999999"#,
        r#""aud":"billing""#,
        r#""iss":"https://issuer.example.com""#,
        r#""scope":"admin""#,
        r#""other":{"a":1,"a":2}"#,
        r#""other":[{"a":{"b":1,"b":1}}]"#,
        r#""other":1,"other":1"#,
    ]
    .map(|more| row(more, with(more), "the claims repeat a name", &accepted))
    .into();
    for text in [
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"HS256"}"#,
        r#"{"alg":"HS256","kid":"a","kid":"a"}"#,
        r#"{"alg":"HS256","jwk":{"kty":"oct","kty":"oct"}}"#,
    ] {
        rows.push(row(
            text,
            header(text),
            "the header repeats a field",
            &accepted,
        ));
    }
    check(hmac_issuer(), rows).await;
}
