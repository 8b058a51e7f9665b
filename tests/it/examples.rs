//! Every example, run as it stands and called from outside.

#![cfg(feature = "full")]

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio_stream::StreamExt;
use tonic::{Code, Status, transport::Channel};

use super::stores::{Directory, server};
use v1::{GenerateRequest, inference_client::InferenceClient};

#[expect(unused_qualifications, reason = "generated")]
mod v1 {
    include!("../../examples/inference/inference.v1.rs");
}

/// Two tokens of the examples, the second with more rights.
const TOKEN: &str = "9cLqJTbYzVvZyXHn";
const STRONGER: &str = "kV0rXyRzNnMm3f7q";

/// A running example. It is killed where a test fails.
pub struct Example {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub url: String,
}

impl Example {
    /// Starts it on a free port, and waits until it listens.
    pub fn start(name: &str, flags: &[&str]) -> Self {
        let mut child = command(name)
            .args(["--listen", "127.0.0.1:0"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let url = first.trim().strip_prefix("listening on ");
        let url = url.unwrap_or_else(|| panic!("{name} began with {first:?}"));
        Self {
            url: url.to_owned(),
            child,
            stdout,
        }
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The token that it prints next.
    pub fn token(&mut self) -> String {
        let line = self.line();
        let token = line.strip_prefix("token ");
        token
            .unwrap_or_else(|| panic!("no token in {line:?}"))
            .to_owned()
    }

    /// Ends it with a signal, in time, and gives what else it printed.
    pub fn end(mut self, signal: &str) -> (ExitStatus, String) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        let since = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => sleep(Duration::from_millis(10)),
            }
            assert!(since.elapsed() < Duration::from_secs(30), "it did not end");
        };
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (status, rest)
    }

    fn ends_clean(self, signal: &str) {
        let (status, _) = self.end(signal);
        assert_eq!(status.code(), Some(0), "{signal}");
    }

    /// The status and the body of an answer.
    async fn ask(&self, method: &str, path: &str, authorization: &str) -> (u16, String) {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json");
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let body = Full::new(Bytes::from_static(br#"{"prompt": "hi"}"#));
        let response = client.request(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(self.url.clone()).unwrap();
        endpoint.connect().await.unwrap()
    }

    async fn generate(&self, token: &str) -> Result<String, Status> {
        let mut client = InferenceClient::new(self.channel().await);
        let response = client.generate(prompt(token)).await?;
        Ok(response.into_inner().text)
    }

    async fn generate_stream(&self, token: &str) -> Result<Vec<String>, Status> {
        let mut client = InferenceClient::new(self.channel().await);
        let stream = client.generate_stream(prompt(token)).await?.into_inner();
        stream.map(|part| Ok(part?.text)).collect().await
    }

    /// Health answers without a credential.
    async fn is_healthy(&self) {
        use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

        let service = "inference.v1.Inference".to_owned();
        let check = HealthCheckRequest { service };
        let mut client = HealthClient::new(self.channel().await);
        let status = client.check(check).await.unwrap().into_inner().status;
        assert_eq!(status, 1, "SERVING");
    }

    /// Reflection names the service without a credential.
    async fn reflects(&self) {
        use tonic_reflection::pb::v1::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest,
        };

        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(self.channel().await);
        let requests = tokio_stream::once(request);
        let answers = client.server_reflection_info(requests).await.unwrap();
        let answer = answers.into_inner().next().await.unwrap().unwrap();
        let names = format!("{answer:?}");
        assert!(names.contains("inference.v1.Inference"), "{names}");
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // Both fail where it has ended, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example's program, which cargo puts beside this test's.
fn command(name: &str) -> Command {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(name);
    assert!(
        program.exists(),
        "{name} is not built; `cargo test --test it` builds no examples: `cargo build --examples --all-features` does"
    );
    Command::new(program)
}

fn prompt(token: &str) -> tonic::Request<GenerateRequest> {
    let prompt = "a b".to_owned();
    let mut request = tonic::Request::new(GenerateRequest {
        prompt,
        max_length: 0,
    });
    if !token.is_empty() {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// What a refused call is told.
fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned())
}

fn missing() -> (Code, String) {
    let message = "a credential is required".to_owned();
    (Code::Unauthenticated, message)
}

fn invalid() -> (Code, String) {
    let message = "the credential is not valid".to_owned();
    (Code::Unauthenticated, message)
}

#[test]
fn every_example_is_declared_and_run_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found: BTreeSet<String> = fs::read_dir(root.join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some() || path.join("main.rs").exists())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(found.contains("quickstart"), "{found:?}");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for name in found {
        let entry = format!("[[example]]\nname = \"{name}\"\nrequired-features = ");
        assert!(
            manifest.contains(&entry),
            "Cargo.toml does not declare {name}"
        );
        let start = format!("Example::start(\"{name}\"");
        assert!(
            include_str!("examples.rs").contains(&start),
            "no test runs {name}"
        );
    }
}

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
    server.is_healthy().await;
    server.reflects().await;
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
    server.is_healthy().await;
    server.reflects().await;
    server.ends_clean("INT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quickstart_guards_http_and_grpc_with_one_token() {
    let user = ["--token", TOKEN, "--user", "alice:correct-horse"];
    let app = Example::start("quickstart", &user);
    let token = format!("Basic {TOKEN}");
    let alice = "Basic YWxpY2U6Y29ycmVjdC1ob3JzZQ==";
    let text = r#"{"text":"You asked: hi"}"#;
    let required = r#"{"message":"a credential is required"}"#;
    let not_valid = r#"{"message":"the credential is not valid"}"#;
    let insufficient = r#"{"message":"the credential does not suffice"}"#;
    let whoami = r#"{"scopes":["deployment"],"subject":"token"}"#;
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
        ("GET", "/nowhere", &token, 403, insufficient),
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
    app.is_healthy().await;
    app.reflects().await;
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
    assert_eq!(list[0]["uses"], 1, "its use was written at the end");
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
    // The first token was not made for nobody.
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

    // Beside the first token, which stays good; and the same line again.
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
        // Who calls is known without the store.
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

#[test]
fn a_bad_command_line_is_answered_with_one_line() {
    let quickstart: [(&[&str], &str); 9] = [
        (&["--foo"], "unknown flag \"--foo\""),
        (&["--token=secret-9cLqJTbYzVvZ"], "unknown flag \"--token\""),
        (&["--listen"], "--listen needs a value"),
        (&["--listen", "nonsense"], "--listen nonsense"),
        (&["--token", "short"], "token 1 is shorter"),
        (&["--token", "$(reboot)$(reboot)"], "--token takes"),
        (&["--user", "alice"], "--user takes NAME:PASSWORD"),
        (&["--user", "alice:short"], "user 1 is shorter"),
        (
            &["--listen", "127.0.0.1:0", "--tls", "/dev/null"],
            "--tls /dev/null",
        ),
    ];
    let cloud: [(&[&str], &str); 7] = [
        (&["--foo"], "unknown flag \"--foo\""),
        (
            &["--admin-token=secret-9cLqJTbYzVvZ"],
            "unknown flag \"--admin-token\"",
        ),
        (&["--store"], "--store needs a value"),
        (&["--store", "nonsense"], "--store: a store is memory:"),
        (&["--store", "sqlite:/dev/null/db"], "--store: "),
        (
            &["--store", "memory:", "--listen", "nonsense"],
            "--listen nonsense",
        ),
        (
            &["--store", "memory:", "--admin-token", "short"],
            "--admin-token: token: is not",
        ),
    ];
    let quickstart = quickstart.iter().map(|row| ("quickstart", row));
    let cloud = cloud.iter().map(|row| ("bentocloud", row));
    for (name, (flags, expected)) in quickstart.chain(cloud) {
        let output = command(name).args(*flags).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name} {flags:?}");
        assert!(error.contains(expected), "{name} {flags:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{name} {flags:?}: {error}");
        assert!(output.stdout.is_empty(), "{name} {flags:?}");
        assert!(!error.contains("secret-"), "{name} {flags:?}: {error}");
    }
}
