//! The programs that users write first.

use std::{fs, process::Stdio};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Example, STRONGER, TOKEN};
use crate::{bentocloud::Call, stores::Directory};

const ALICE: &str = "Basic YWxpY2U6Y29ycmVjdC1ob3JzZQ==";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axum_app_guards_twelve_routes_and_answers_errors_in_json() {
    let app = Example::start("axum_app", &[]);
    let (ci, admin) = (format!("Bearer {TOKEN}"), format!("Basic {STRONGER}"));
    // Without a credential, for ci, for alice and for admin.
    let rows = [
        ("GET", "/healthz", [200, 200, 200, 200]),
        ("GET", "/version", [200, 200, 200, 200]),
        ("GET", "/whoami", [401, 200, 200, 200]),
        ("GET", "/models", [401, 200, 200, 200]),
        ("POST", "/models", [401, 403, 200, 200]),
        ("GET", "/models/llama", [401, 200, 200, 200]),
        ("PUT", "/models/llama", [401, 403, 200, 200]),
        ("DELETE", "/models/llama", [401, 403, 200, 200]),
        ("GET", "/jobs", [401, 403, 403, 200]),
        ("POST", "/jobs", [401, 403, 403, 200]),
        ("DELETE", "/jobs/1", [401, 403, 403, 200]),
        ("GET", "/usage", [401, 403, 403, 200]),
        ("GET", "/other", [401, 404, 404, 404]),
        ("PUT", "/usage", [401, 404, 404, 404]),
    ];
    for (method, path, expected) in rows {
        for (authorization, expected) in ["", &ci, ALICE, &admin].into_iter().zip(expected) {
            let (status, body) = app.ask(method, path, authorization).await;
            assert_eq!(status, expected, "{method} {path} {authorization} {body}");
            if status != 200 {
                let body: Value = serde_json::from_str(&body).unwrap();
                assert!(body["error"].is_string(), "{body}");
            }
        }
    }
    let called = json!({ "by": "alice", "method": "PUT", "path": "/models/llama" });
    let answer = app.ask("PUT", "/models/llama", ALICE).await;
    assert_eq!(answer, (200, called.to_string()));
    app.ends_clean("TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axum_app_serves_pages_compresses_and_logs_no_credential() {
    let directory = Directory::new();
    let (log, tokens) = (
        directory.path().join("log"),
        directory.path().join("tokens"),
    );
    fs::write(&tokens, format!("{TOKEN} page usage\n")).unwrap();
    let flags = [
        "--origin=https://page.example",
        "--tokens",
        tokens.to_str().unwrap(),
    ];
    let app = Example::start_with("axum_app", &flags, |command| {
        command.stderr(Stdio::from(fs::File::create(&log).unwrap()));
    });
    let usage = |method: &str| {
        let call = Call::new(method, "/usage").header("origin", "https://page.example");
        call.header("accept-encoding", "gzip")
    };
    let preflight = usage("OPTIONS").header("access-control-request-method", "GET");
    let answers = [
        (preflight, 200, false),
        (usage("GET"), 401, true),
        (usage("GET").token("made-up"), 401, true),
        (usage("GET").token(TOKEN), 200, true),
    ];
    for (call, status, is_compressed) in answers {
        let head = call.send(app.address()).await.head;
        assert_eq!(head.status, status);
        let origin = &head.headers["access-control-allow-origin"];
        assert_eq!(origin, "https://page.example");
        let encoding = head.headers.get("content-encoding");
        assert_eq!(encoding.is_some_and(|value| value == "gzip"), is_compressed);
    }
    app.ends_clean("INT");
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains(r#""authorization": Sensitive"#), "{log}");
    assert_eq!(log.matches("401 Unauthorized in").count(), 2, "{log}");
    assert!(!log.contains(TOKEN) && !log.contains("made-up"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jwt_accepts_what_its_key_signed_for_this_service_until_it_expires() {
    let secret = "0123456789abcdef0123456789abcdef";
    let mut app = Example::start("jwt", &["--secret", secret]);
    let own = app.token();
    let part = |json: &Value| BASE64.encode(json.to_string());
    let sign = |secret: &str, header: Value, claims: Value| {
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mac: Hmac<Sha256> = Hmac::new_from_slice(secret.as_bytes()).unwrap();
        let tag = mac.chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", BASE64.encode(tag))
    };
    let hs256 = || json!({ "alg": "HS256", "typ": "JWT" });
    let claims_by = |iss: &str, aud: &str, exp: u64| json!({ "iss": iss, "sub": "bob", "aud": aud, "exp": exp });
    let claims = |aud: &str, exp: u64| claims_by("https://issuer.example.com", aud, exp);
    let later = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() + 60;
    let good = sign(secret, hs256(), claims("models", later));
    let (signed, _) = good.rsplit_once('.').unwrap();
    let none = json!({ "alg": "none" });
    let rows = [
        ("its own", own, 200),
        ("another one with the key", good.clone(), 200),
        (
            "another issuer's with the key",
            sign(
                secret,
                hs256(),
                claims_by("https://other.example.com", "models", later),
            ),
            401,
        ),
        ("no signature", format!("{signed}."), 401),
        (
            "part of a signature",
            good[..good.len() - 2].to_owned(),
            401,
        ),
        (
            "no algorithm",
            format!("{}.{}.", part(&none), part(&claims("models", later))),
            401,
        ),
        (
            "another algorithm",
            sign(secret, json!({ "alg": "HS512" }), claims("models", later)),
            401,
        ),
        (
            "an unknown extension",
            sign(
                secret,
                json!({ "alg": "HS256", "crit": ["b64"] }),
                claims("models", later),
            ),
            401,
        ),
        (
            "another key",
            sign(&secret.to_uppercase(), hs256(), claims("models", later)),
            401,
        ),
        (
            "another service",
            sign(secret, hs256(), claims("billing", later)),
            401,
        ),
        ("expired", sign(secret, hs256(), claims("models", 1)), 401),
        (
            "an end that no clock reaches",
            sign(secret, hs256(), claims("models", u64::MAX)),
            401,
        ),
        (
            "no end",
            sign(
                secret,
                hs256(),
                json!({ "iss": "https://issuer.example.com", "sub": "bob", "aud": "models" }),
            ),
            401,
        ),
        ("not a JWT", TOKEN.to_owned(), 401),
    ];
    for (name, token, expected) in rows {
        let answer = app.ask("GET", "/whoami", &format!("Bearer {token}")).await;
        assert_eq!(answer.0, expected, "{name}: {}", answer.1);
    }
    app.ends_clean("TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hyper_server_greets_callers_with_a_token_over_http_1_and_2() {
    let app = Example::start("hyper_server", &[]);
    for version in [http::Version::HTTP_11, http::Version::HTTP_2] {
        for (token, status, body) in [
            (TOKEN, 200, "hello, ci\n"),
            ("made-up", 401, ""),
            ("", 401, ""),
        ] {
            let call = Call::new("GET", "/").version(version).token(token);
            let answer = call.send(app.address()).await;
            assert_eq!(answer.head.status, status, "{version:?} {token}");
            assert_eq!(answer.body, body);
        }
    }
    app.ends_clean("TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttle_blocks_an_address_after_refused_attempts_and_unblocks_it() {
    let app = Example::start("throttle", &[]);
    let status = async |token: &str| {
        Call::new("GET", "/")
            .token(token)
            .status(app.address())
            .await
    };
    for _ in 0..10 {
        assert_eq!(status(TOKEN).await, 200, "good calls do not count");
    }
    let mut refused = 0;
    while status("guess").await == 401 {
        refused += 1;
        assert!(refused <= 10, "nothing is blocked");
    }
    let answer = Call::new("GET", "/").token(TOKEN).send(app.address()).await;
    assert_eq!(
        answer.head.status, 429,
        "a guess that is right is blocked too"
    );
    let wait = answer.head.headers["retry-after"].to_str().unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(wait.parse().unwrap())).await;
    assert_eq!(status(TOKEN).await, 200);
    app.ends_clean("TERM");
}
