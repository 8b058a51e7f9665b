//! `quickstart` and `bentocloud`.

use tonic::Code;

use super::{
    super::stores::{Directory, server},
    Example, STRONGER, TOKEN, command, invalid, missing, refusal,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quickstart_guards_http_and_grpc_with_one_token() {
    let user = ["--token", TOKEN, "--user", "alice:correct-horse"];
    let app = Example::start("quickstart", &user);
    let token = format!("Basic {TOKEN}");
    let alice = "Basic YWxpY2U6Y29ycmVjdC1ob3JzZQ==";
    let text = r#"{"text":"You asked: hi"}"#;
    let required = r#"{"message":"a credential is required"}"#;
    let not_valid = r#"{"message":"the credential is not valid"}"#;
    let insufficient = r#"{"message":"insufficient permissions"}"#;
    let whoami = r#"{"scopes":["deployment"],"subject":"token"}"#;
    let absent = r#"{"message":"there is nothing here"}"#;
    let rows = [
        ("GET", "/healthz", "", 200, "ok"),
        ("GET", "/whoami", &token, 200, whoami),
        ("GET", "/whoami", "", 401, required),
        ("POST", "/generate", &token, 200, text),
        ("POST", "/generate", alice, 200, text),
        ("POST", "/generate", "", 401, required),
        ("POST", "/generate", "Basic wrong", 401, not_valid),
        ("POST", "/admin", &token, 403, insufficient),
        ("POST", "/admin", "", 401, required),
        ("GET", "/nowhere", &token, 404, absent),
        ("GET", "/nowhere", "", 401, required),
    ];
    for (method, path, authorization, status, body) in rows {
        let answer = app.ask(method, path, authorization).await;
        assert_eq!(answer, (status, body.to_owned()), "{path} {authorization}");
    }
    assert_eq!(app.generate(TOKEN).await.unwrap(), "You asked: a b");
    assert_eq!(refusal(app.generate("").await), missing());
    let words = app.generate_stream(TOKEN).await.unwrap();
    assert_eq!(words.concat(), "You asked: a b");
    assert_eq!(refusal(app.generate_stream("wrong").await), invalid());
    app.assert_healthy().await;
    app.assert_reflection().await;
    app.ends_clean("TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bentocloud_keeps_what_it_acknowledged_and_starts_afresh_once() {
    let directory = Directory::new();
    let store = format!("sqlite:{}", directory.file().display());
    let flags = ["--store", &store];
    for in_vain in [["--tls", "/dev/null"], ["--admin-token", "short"]] {
        let mut command = command("bentocloud");
        command.args(flags).args(["--listen", "127.0.0.1:0"]);
        let output = command.args(in_vain).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{in_vain:?}");
    }
    // The failed starts did not use up the first token.
    let mut app = Example::start("bentocloud", &flags);
    let first = format!("Bearer {}", app.token());
    assert!(
        app.line()
            .starts_with("curl http://demo.mybentocloud.localhost:")
    );
    let rows = [
        ("GET", "/apps/demo/readyz", "", 401),
        ("GET", "/apps/demo/readyz", &first, 200),
        ("GET", "/apps/hello/readyz", "", 200),
        ("PUT", "/api/v1/models/llama", &first, 200),
        ("DELETE", "/api/v1/deployments/hello", &first, 200),
        ("GET", "/apps/hello/readyz", "", 401),
    ];
    for (method, path, authorization, status) in rows {
        let answer = app.ask(method, path, authorization).await;
        assert_eq!(answer.0, status, "{method} {path} {}", answer.1);
    }
    let (status, _) = app.end("KILL");
    assert_eq!(status.code(), None, "it had no time to write anything");

    // The first token stays valid, and so does the given one at the next start.
    let given = format!("Bearer {TOKEN}.{STRONGER}");
    let flags = [&flags[..], &["--admin-token", &given["Bearer ".len()..]]].concat();
    for signal in ["KILL", "TERM"] {
        let app = Example::start("bentocloud", &flags);
        let pushed = (200, r#"{"prompt": "hi"}"#.to_owned());
        for token in [&first, &given] {
            assert_eq!(app.ask("GET", "/api/v1/models/llama", token).await, pushed);
            assert_eq!(app.ask("GET", "/apps/demo/readyz", token).await.0, 200);
            assert_eq!(app.ask("GET", "/apps/hello/readyz", token).await.0, 404);
        }
        let (_, rest) = app.end(signal);
        assert!(!rest.contains("token bento_"), "one is made, once: {rest}");
        assert!(!rest.contains(STRONGER), "a given one is not shown: {rest}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bentocloud_tells_an_outage_from_what_is_unknown_and_recovers() {
    let Some(mut server) = server::Server::start() else {
        return;
    };
    let store = server.database();
    let mut app = Example::start("bentocloud", &["--store", &store]);
    let bare = app.token();
    let token = format!("Bearer {bare}");
    let rows = [
        ("/apps/hello/readyz", "", 200, 503),
        ("/apps/demo/readyz", "", 401, 503),
        ("/apps/demo/readyz", &token, 200, 503),
        ("/apps/nowhere/readyz", "", 401, 503),
        ("/apps/nowhere/readyz", &token, 404, 503),
        ("/apps/hello/nothing", "", 401, 401),
        ("/api/v1/models", "", 401, 401),
        ("/api/v1/models", &token, 200, 503),
        // The token is verified without the store.
        ("/api/v1/auth/current", &token, 200, 200),
    ];
    for (n, is_down) in [false, true, false].into_iter().enumerate() {
        match n {
            1 => server.down(),
            2 => server.up(),
            _ => {}
        }
        for (path, authorization, well, down) in rows {
            let (status, body) = app.ask("GET", path, authorization).await;
            let expected = if is_down { down } else { well };
            assert_eq!(status, expected, "{path} {authorization} {body}");
        }
        for (token, well) in [("", Code::Unauthenticated), (&bare, Code::Ok)] {
            let code = app
                .generate(token)
                .await
                .map_or_else(|s| s.code(), |_| Code::Ok);
            let expected = if is_down { Code::Unavailable } else { well };
            assert_eq!(code, expected, "{is_down} {token}");
        }
    }
    app.ends_clean("TERM");
}
