//! The form of a token: its parts, their encoding, their JSON, their size.

use serde_json::{Value, json};
use tower_authn::RejectionKind;

use super::{
    claims, hmac_issuer, subject,
    table::{NOT_BASE64, NOT_THREE, check, good, hs256, row},
    verifier,
};

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
