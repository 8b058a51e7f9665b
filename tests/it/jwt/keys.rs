//! Keys: which are refused when they are loaded.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::Algorithm as Jose;
use serde_json::{Value, json};
use tower_authn::jwt::{Algorithm, JwtKey, KeySet};

use super::{SECRET, Signer, claims, issuer, key_file, signer::der, subject, verifier};

fn jwks() -> Value {
    serde_json::from_str(key_file!("jwks.json")).unwrap()
}

/// Returns a key of `jwks.json` with some members changed, or removed by `null`.
fn jwk(id: &str, changes: Value) -> String {
    let set = jwks();
    let keys = set["keys"].as_array().unwrap();
    let mut key = keys.iter().find(|key| key["kid"] == id).unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => key.as_object_mut().unwrap().remove(name),
            value => key
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    key.to_string()
}

fn text(result: Result<JwtKey, tower_authn::ConfigError>) -> Result<(), String> {
    result.map(drop).map_err(|error| error.to_string())
}

const SHORT: &str = "the key is an RSA key of fewer than 2048 bits (RFC 7518 §3.3)";
const CURVE: &str = "the key is a key on an unknown curve; expected P-256, P-384 or Ed25519";
const KIND: &str = "the key is a key of an unknown kind; expected RSA, EC or Ed25519";
const PRIVATE: &str = "the key is a private key; a verifier needs the public key alone";
const NOT_PEM: &str =
    "the key is not PEM; expected one block that begins with `-----BEGIN PUBLIC KEY-----`";
const NOT_DER: &str = "the key is not a public key in DER; expected SubjectPublicKeyInfo or an \
                       RSAPublicKey of PKCS #1";

#[test]
fn j01_weak_and_foreign_keys_in_pem_are_refused() {
    let two = format!("{}{}", key_file!("rsa.pub.pem"), key_file!("p256.pub.pem"));
    let crlf = key_file!("rsa.pub.pem").replace('\n', "\r\n");
    let cut = key_file!("rsa.pub.pem").replacen("MIIB", "MIIC", 1);
    for (name, pem, expected) in [
        ("RSA", key_file!("rsa.pub.pem"), Ok(())),
        ("CRLF", &crlf, Ok(())),
        ("PKCS #1", key_file!("rsa.pkcs1.pem"), Ok(())),
        ("P-256", key_file!("p256.pub.pem"), Ok(())),
        ("P-384", key_file!("p384.pub.pem"), Ok(())),
        ("Ed25519", key_file!("ed25519.pub.pem"), Ok(())),
        ("512 bits", key_file!("rsa512.pub.pem"), Err(SHORT)),
        ("1024 bits", key_file!("rsa1024.pub.pem"), Err(SHORT)),
        ("2040 bits", key_file!("rsa2040.pub.pem"), Err(SHORT)),
        (
            "8192 bits",
            key_file!("rsa8192.pub.pem"),
            Err("the key is an RSA key of more than 4096 bits"),
        ),
        ("secp256k1", key_file!("k256.pub.pem"), Err(CURVE)),
        ("Ed448", key_file!("ed448.pub.pem"), Err(KIND)),
        ("X25519", key_file!("x25519.pub.pem"), Err(KIND)),
        ("RSA-PSS", key_file!("pss.pub.pem"), Err(KIND)),
        ("private", key_file!("rsa.pem"), Err(PRIVATE)),
        ("private PKCS #8", key_file!("p256.pem"), Err(PRIVATE)),
        (
            "certificate",
            key_file!("cert.pem"),
            Err("the key is a certificate; print its key with `openssl x509 -pubkey -noout`"),
        ),
        ("two keys", &two, Err(NOT_PEM)),
        ("cut", &cut, Err(NOT_DER)),
        ("empty", "", Err(NOT_PEM)),
        ("other text", "ssh-ed25519 AAAA", Err(NOT_PEM)),
    ] {
        assert_eq!(
            text(JwtKey::from_pem(pem)),
            expected.map_err(str::to_owned),
            "{name}"
        );
    }
}

#[test]
fn a_key_in_der_is_whole() {
    for pem in [
        key_file!("rsa.pub.pem"),
        key_file!("rsa.pkcs1.pem"),
        key_file!("p384.pub.pem"),
        key_file!("ed25519.pub.pem"),
    ] {
        let der = der(pem);
        assert_eq!(text(JwtKey::from_der(&der)), Ok(()));
        for len in 0..der.len() {
            assert!(JwtKey::from_der(&der[..len]).is_err(), "{len}");
        }
        let longer = [&der[..], &[0]].concat();
        assert_eq!(text(JwtKey::from_der(longer)), Err(NOT_DER.to_owned()));
        // No byte that changes causes a panic.
        for position in 0..der.len() {
            for bit in 0..8 {
                let mut changed = der.clone();
                changed[position] ^= 1 << bit;
                let _ = JwtKey::from_der(changed);
            }
        }
    }
}

#[test]
fn j01_a_jwk_is_used_as_it_says() {
    let modulus = BASE64
        .decode(jwks()["keys"][0]["n"].as_str().unwrap())
        .unwrap();
    let with_end = |end: u8| BASE64.encode([&modulus[..255], &[end]].concat());
    let short = BASE64.encode(&modulus[..128]);
    let leading_zero = BASE64.encode([&[0], &modulus[..]].concat());
    let alg = "the key has an `alg` that does not fit its type";
    let purpose = "the key is not for signatures by its `use`";
    let operations = "the key is not for verifying by its `key_ops`";
    let lacks = "the key lacks a member that its type requires";
    let base64 = "the key has a member that is not base64url without padding";
    let string = "the key has a member that is not a string";
    let even = "the key is an RSA key with an even modulus";
    let exponent = "the key is an RSA key with a bad exponent; expected an odd number, 3 to 2^32";
    let width = "the key has a coordinate of the wrong length";
    let small = "the key is an Ed25519 key of small order, for which anyone can sign";
    let bytes = |end: &[u8]| BASE64.encode([&[0; 31], end].concat());
    for (id, changes, expected) in [
        ("rsa", json!({}), Ok(())),
        ("rsa", json!({ "n": leading_zero }), Ok(())),
        (
            "rsa",
            json!({ "alg": "PS384", "use": null, "x5c": ["AAAA"], "x5u": "https://a" }),
            Ok(()),
        ),
        ("rsa", json!({ "key_ops": ["verify", "sign"] }), Ok(())),
        (
            "rsa",
            json!({ "alg": "RS1" }),
            Err("the key has an unknown `alg`"),
        ),
        (
            "rsa",
            json!({ "alg": "none" }),
            Err("the key has an unknown `alg`"),
        ),
        ("rsa", json!({ "alg": "HS256" }), Err(alg)),
        ("rsa", json!({ "alg": "ES256" }), Err(alg)),
        ("rsa", json!({ "use": "enc" }), Err(purpose)),
        ("rsa", json!({ "key_ops": ["encrypt"] }), Err(operations)),
        ("rsa", json!({ "key_ops": [] }), Err(operations)),
        ("rsa", json!({ "key_ops": "verify" }), Err(operations)),
        ("rsa", json!({ "d": "AAAA" }), Err(PRIVATE)),
        ("rsa", json!({ "n": null }), Err(lacks)),
        ("rsa", json!({ "n": 1 }), Err(string)),
        ("rsa", json!({ "kid": 1 }), Err(string)),
        ("rsa", json!({ "n": format!("{short}==") }), Err(base64)),
        ("rsa", json!({ "n": short }), Err(SHORT)),
        ("rsa", json!({ "n": "" }), Err(SHORT)),
        ("rsa", json!({ "n": with_end(0) }), Err(even)),
        ("rsa", json!({ "n": with_end(0xfe) }), Err(even)),
        ("rsa", json!({ "e": "AQAA" }), Err(exponent)),
        ("rsa", json!({ "e": "AQ" }), Err(exponent)),
        ("rsa", json!({ "e": "AA" }), Err(exponent)),
        ("rsa", json!({ "e": "AQAAAAE" }), Err(exponent)),
        ("rsa", json!({ "kty": "EC" }), Err(CURVE)),
        (
            "rsa",
            json!({ "kty": "rsa" }),
            Err("the key has an unknown `kty`; expected RSA, EC, OKP or oct"),
        ),
        ("rsa", json!({ "kty": null }), Err("the key has no `kty`")),
        ("p256", json!({}), Ok(())),
        ("p256", json!({ "crv": "P-384" }), Err(width)),
        ("p256", json!({ "crv": "secp256k1" }), Err(CURVE)),
        ("p256", json!({ "x": "AA" }), Err(width)),
        ("p256", json!({ "y": null }), Err(lacks)),
        ("ed25519", json!({}), Ok(())),
        ("ed25519", json!({ "crv": "X25519" }), Err(CURVE)),
        (
            "ed25519",
            json!({ "x": "AAAA" }),
            Err("the key is an Ed25519 key that has not 32 bytes"),
        ),
        ("ed25519", json!({ "x": bytes(&[0]) }), Err(small)),
        ("ed25519", json!({ "x": bytes(&[0x80]) }), Err(small)),
        (
            "ed25519",
            json!({ "x": "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU" }),
            Err(small),
        ),
        (
            "ed25519",
            json!({ "x": "7P_______________________________________38" }),
            Err(small),
        ),
    ] {
        let key = jwk(id, changes.clone());
        assert_eq!(
            text(JwtKey::from_jwk(key)),
            expected.map_err(str::to_owned),
            "{id} {changes}"
        );
    }
    for (json, expected) in [
        ("[]", "the key is not a JSON object"),
        ("{", "the key is not JSON"),
        (
            r#"{"kty":"RSA","kty":"oct"}"#,
            "the key repeats a name in an object",
        ),
    ] {
        assert_eq!(text(JwtKey::from_jwk(json)), Err(expected.to_owned()));
    }
}

/// A point that is not on the curve is refused when it is loaded, or verifies nothing.
#[tokio::test]
async fn j01_a_point_off_the_curve_verifies_nothing() {
    let token = Signer::named("ES256").token(&claims(json!({})));
    for (changes, accepted) in [
        (json!({}), true),
        (json!({ "y": BASE64.encode([1; 32]) }), false),
    ] {
        let Ok(key) = JwtKey::from_jwk(jwk("p256", changes)) else {
            assert!(!accepted);
            continue;
        };
        let issuer = tower_authn::jwt::JwtIssuer::new(super::ISSUER).audience(super::AUDIENCE);
        let issuer = issuer.algorithms([Algorithm::ES256]).key(key);
        assert_eq!(subject(&verifier(issuer), &token).await.is_ok(), accepted);
    }
}

#[tokio::test]
async fn j01_a_secret_has_the_size_of_the_hash() {
    let short = "the key is a secret of fewer than 32 bytes (RFC 7518 §3.2)";
    let pem = "the key is a PEM text, which is no secret; use `JwtKey::from_pem`";
    for (secret, expected) in [
        (&SECRET[..32], Ok(())),
        (&SECRET[..31], Err(short)),
        ("", Err(short)),
        (key_file!("rsa.pub.pem"), Err(pem)),
        (key_file!("p256.pem"), Err(pem)),
    ] {
        assert_eq!(
            text(JwtKey::from_secret(secret)),
            expected.map_err(str::to_owned)
        );
    }
    for (algorithm, jose, least) in [
        (Algorithm::HS256, Jose::HS256, 32),
        (Algorithm::HS384, Jose::HS384, 48),
        (Algorithm::HS512, Jose::HS512, 64),
    ] {
        let key = JwtKey::from_secret(&SECRET[..least])
            .unwrap()
            .with_algorithm(algorithm)
            .unwrap();
        let issuer = tower_authn::jwt::JwtIssuer::new(super::ISSUER).audience(super::AUDIENCE);
        let verifier = verifier(issuer.algorithms([algorithm]).key(key));
        let token = Signer::secret(jose, &SECRET[..least]).token(&claims(json!({})));
        assert_eq!(subject(&verifier, &token).await.as_deref(), Ok("alice"));
        if least > 32 {
            let key = JwtKey::from_secret(&SECRET[..least - 1]).unwrap();
            let error = key.with_algorithm(algorithm).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("algorithm: {algorithm} does not fit")),
                "{error}"
            );
        }
    }
}

#[test]
fn j01_a_key_set_is_bounded_and_skips_what_it_cant_use() {
    let set = |keys: Vec<Value>| json!({ "keys": keys }).to_string();
    let good = || jwks()["keys"][3].clone();
    let many = |count: usize| set(vec![good(); count]);
    let padded = |len: usize| format!("{}{}", many(1), " ".repeat(len - many(1).len()));
    for (name, json, expected) in [
        ("100 keys", many(100), Ok(100)),
        (
            "101 keys",
            many(101),
            Err("the key set has more than 100 keys"),
        ),
        (
            "10,000 keys",
            set(vec![json!({}); 10_000]),
            Err("the key set has more than 100 keys"),
        ),
        ("256 KiB", padded(256 * 1024), Ok(1)),
        (
            "more",
            padded(256 * 1024 + 1),
            Err("the key set is larger than 256 KiB"),
        ),
        (
            "no keys",
            set(vec![]),
            Err("the key set has no key that can verify tokens"),
        ),
        (
            "no array",
            "{}".into(),
            Err("the key set has no array `keys`"),
        ),
        (
            "no object",
            "[]".into(),
            Err("the key set is not a JSON object"),
        ),
        ("no JSON", "<html>".into(), Err("the key set is not JSON")),
        (
            "repeated",
            r#"{"keys":[],"keys":[]}"#.into(),
            Err("the key set repeats a name in an object"),
        ),
        (
            "deep",
            format!("{{\"keys\":{}{}}}", "[".repeat(99), "]".repeat(99)),
            Err("the key set is nested more than 32 levels deep"),
        ),
        (
            "useless",
            set(vec![json!({ "kty": "new" }), json!(1)]),
            Err(
                "the key set has no key that can verify tokens; keys[0]: has an unknown `kty`; \
                 expected RSA, EC, OKP or oct; keys[1]: is not a JSON object",
            ),
        ),
    ] {
        let result = KeySet::parse(json).map(|set| set.keys().len());
        assert_eq!(
            result.map_err(|error| error.to_string()),
            expected.map_err(str::to_owned),
            "{name}"
        );
    }
    assert!(KeySet::parse(b"\xff{}").is_err());
    assert!(KeySet::new([]).is_err());

    let foreign = [
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
        json!(null),
        good(),
    ];
    let set = KeySet::parse(set(foreign.into())).unwrap();
    assert_eq!(set.keys().len(), 1);
    assert_eq!(set.skipped().count(), 2);
}

#[tokio::test]
async fn a_token_is_tried_with_the_keys_of_its_id_and_of_its_algorithm() {
    let token = |id: Option<&str>| {
        let mut header = json!({ "alg": "HS256" });
        if let Some(id) = id {
            header["kid"] = json!(id);
        }
        Signer::secret(Jose::HS256, SECRET).token_with(&header, &claims(json!({})))
    };
    let own = || JwtKey::from_secret(SECRET).unwrap();
    let others =
        |count: usize| (0..count).map(|n| JwtKey::from_secret(format!("{n:064}")).unwrap());
    let accepts = async |keys: Vec<JwtKey>, id: Option<&str>| {
        let issuer = issuer(&[Algorithm::HS256]);
        let issuer = issuer.key_source(super::Fixed(KeySet::new(keys).unwrap().into()));
        subject(&verifier(issuer), &token(id)).await.is_ok()
    };
    for (name, keys, id, expected) in [
        ("no id at all", vec![own()], None, true),
        ("only the token", vec![own()], Some("a"), true),
        ("only the key", vec![own().with_id("a")], None, true),
        ("both", vec![own().with_id("a")], Some("a"), true),
        ("another", vec![own().with_id("a")], Some("b"), false),
        (
            "the key of that id alone is tried",
            vec![own(), others(1).next().unwrap().with_id("a")],
            Some("a"),
            false,
        ),
        (
            "two keys with one id",
            vec![others(1).next().unwrap().with_id("a"), own().with_id("a")],
            Some("a"),
            true,
        ),
        (
            "the fourth of four",
            others(3).chain([own()]).collect(),
            None,
            true,
        ),
        (
            "the fifth of five",
            others(4).chain([own()]).collect(),
            None,
            false,
        ),
    ] {
        assert_eq!(accepts(keys, id).await, expected, "{name}");
    }
}
