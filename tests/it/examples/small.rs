//! The examples of one purpose each.

use std::time::{Duration, Instant};

use tonic::Code;

use super::{
    super::stores::{Directory, server},
    Example, STRONGER, TOKEN, invalid, missing, refusal,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axum_app_serves_whom_it_knows() {
    let app = Example::start("axum_app", &[]);
    let weak = format!("Bearer {TOKEN}");
    let strong = format!("Basic {STRONGER}");
    let alice = "Basic YWxpY2U6Y29ycmVjdC1ob3JzZQ==";
    let rows = [
        ("/healthz", "", 200, "ok"),
        ("/whoami", &weak, 200, "ci"),
        ("/whoami", alice, 200, "alice"),
        ("/whoami", "", 401, ""),
        ("/whoami", "Bearer 9cLqJTbYzVvZyXHN", 401, ""),
        ("/reports", &strong, 200, "no incidents"),
        ("/reports", alice, 200, "no incidents"),
        ("/reports", &weak, 403, ""),
        ("/other", "", 401, ""),
        ("/other", &weak, 404, ""),
    ];
    for (path, authorization, status, body) in rows {
        let answer = app.ask("GET", path, authorization).await;
        assert_eq!(answer, (status, body.to_owned()), "{path} {authorization}");
    }
    app.ends_clean("TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn custom_verifier_answers_an_outage_with_503_and_recovers() {
    let app = Example::start("custom_verifier", &[]);
    let good = format!("Bearer {TOKEN}");
    let hello = (200, "hello, alice".to_owned());
    assert_eq!(app.ask("GET", "/", &good).await, hello);
    assert_eq!(app.ask("GET", "/", "Bearer wrong").await.0, 401);
    assert_eq!(app.ask("GET", "/", "").await.0, 401);
    assert_eq!(app.ask("POST", "/outage", "").await.0, 200);
    assert_eq!(app.ask("GET", "/", &good).await.0, 503);
    assert_eq!(app.ask("GET", "/", "Bearer wrong").await.0, 503);
    assert_eq!(app.ask("POST", "/outage", "").await.0, 200);
    assert_eq!(app.ask("GET", "/", &good).await, hello);
    app.ends_clean("TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tonic_server_gives_each_token_its_methods() {
    let server = Example::start("tonic_server", &[]);
    assert_eq!(server.generate(STRONGER).await.unwrap(), "You asked: a b");
    assert_eq!(refusal(server.generate("").await), missing());
    assert_eq!(refusal(server.generate("wrong").await), invalid());
    let words = server.generate_stream(STRONGER).await.unwrap();
    assert_eq!(words, ["You ", "asked: ", "a ", "b"]);
    assert_eq!(server.generate(TOKEN).await.unwrap(), "You asked: a b");
    let (code, _) = refusal(server.generate_stream(TOKEN).await);
    assert_eq!(code, Code::PermissionDenied);
    server.assert_healthy().await;
    server.assert_reflection().await;
    server.ends_clean("TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tonic_server_guards_one_service_with_an_interceptor() {
    let server = Example::start("tonic_server", &["--interceptor"]);
    assert_eq!(server.generate(TOKEN).await.unwrap(), "You asked: a b");
    let words = server.generate_stream(TOKEN).await.unwrap();
    assert_eq!(words.concat(), "You asked: a b");
    assert_eq!(refusal(server.generate("").await), missing());
    assert_eq!(refusal(server.generate_stream("wrong").await), invalid());
    server.assert_healthy().await;
    server.assert_reflection().await;
    server.ends_clean("INT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axum_tokens_keeps_its_tokens_over_a_restart() {
    let directory = Directory::new();
    let file = directory.file();
    let flags = ["--file", file.to_str().unwrap()];
    let mut app = Example::start("axum_tokens", &flags);
    let token = format!("Bearer {}", app.token());
    let admin = (200, "admin".to_owned());
    assert_eq!(app.ask("GET", "/whoami", &token).await, admin);
    assert_eq!(app.ask("GET", "/whoami", "").await.0, 401);
    let typo = token.replace("acme", "acne");
    assert_eq!(app.ask("GET", "/whoami", &typo).await.0, 401);
    app.ends_clean("TERM");

    let app = Example::start("axum_tokens", &flags);
    let (status, list) = app.ask("GET", "/tokens", &token).await;
    assert_eq!(status, 200);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1, "one is made, once");
    assert_eq!(list[0]["uses"], 2, "one before the restart, and this one");
    assert!(!list.to_string().contains(&token["Bearer ".len()..]));
    let (status, rest) = app.end("INT");
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shared_tokens_refuses_on_one_server_what_the_other_revoked() {
    let Some(server) = server::shared() else {
        return;
    };
    let database = server.database();
    let flags = ["--database", &database];
    let mut one = Example::start("shared_tokens", &flags);
    let mut two = Example::start("shared_tokens", &flags);
    let (revoked, kept) = (one.token(), two.token());
    let [revoked, kept] = [revoked, kept].map(|token| format!("Bearer {token}"));
    for app in [&one, &two] {
        assert_eq!(app.ask("GET", "/whoami", &revoked).await.0, 200);
        assert_eq!(app.ask("GET", "/whoami", &kept).await.0, 200);
    }
    assert_eq!(one.ask("DELETE", "/whoami", &revoked).await.0, 204);
    assert_eq!(one.ask("GET", "/whoami", &revoked).await.0, 401, "at once");
    let since = Instant::now();
    while two.ask("GET", "/whoami", &revoked).await.0 != 401 {
        assert!(since.elapsed() < Duration::from_millis(1_500));
    }
    assert_eq!(two.ask("GET", "/whoami", &kept).await.0, 200);
    one.ends_clean("TERM");
    two.ends_clean("INT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn manage_makes_lists_and_revokes_tokens() {
    let mut app = Example::start("manage", &[]);
    let token = format!("Bearer {}", app.token());
    let (status, list) = app.ask("GET", "/manage/tokens", &token).await;
    assert_eq!(status, 200, "{list}");
    assert_eq!(app.ask("GET", "/manage/tokens", "").await.0, 401);
    assert_eq!(app.ask("GET", "/api_tokens", "").await.0, 200);
    assert_eq!(
        app.ask("GET", "/api_tokens/api/tokens", &token).await.0,
        401
    );
    app.ends_clean("TERM");
}
