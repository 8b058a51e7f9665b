//! The small examples of verifiers and token stores.

use std::time::{Duration, Instant};

use super::{
    super::stores::{Directory, server},
    Example, TOKEN,
};

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
