//! curl, wget and Python against `quickstart`, with what they put on the wire.

#![cfg(feature = "full")]

use std::{env, ffi::OsString, fs, os::unix::fs::PermissionsExt, process::Command};

use super::{
    examples::Example,
    stores::Directory,
    tools::{curl, python, script, text, wget},
};

const TOKEN: &str = "9cLqJTbYzVvZyXHn.0123456789";

#[test]
fn curl_is_served_in_every_way_to_send_the_token() {
    let Some(curl) = curl() else { return };
    let user = ["--token", TOKEN, "--user", "alice:correct-horse"];
    let app = Example::start("quickstart", &user);
    let header = |value: &str| vec!["-H".to_owned(), format!("Authorization:{value}")];
    let join = |mut first: Vec<String>, second: Vec<String>| {
        first.extend(second);
        first
    };
    let login = |login: &str| vec!["-u".to_owned(), login.to_owned()];
    let raw = || header(&format!(" Basic {TOKEN}"));
    let ok = (
        200,
        r#"{"text":"You asked: What state is Los Angeles in?"}"#,
    );
    let required = (401, r#"{"message":"a credential is required"}"#);
    let not_valid = (401, r#"{"message":"the credential is not valid"}"#);
    let ambiguous = (400, r#"{"message":"more than one credential was sent"}"#);
    let rows = [
        (raw(), ok),
        (header(&format!(" Bearer {TOKEN}")), ok),
        (header(&format!(" bearer {TOKEN}")), ok),
        (header(&format!("basic   {TOKEN}  ")), ok),
        (login("alice:correct-horse"), ok),
        (vec![], required),
        (login("alice:correct-horsf"), not_valid),
        (login(&format!("{TOKEN}:")), not_valid),
        (header(&format!(" Basic {TOKEN}x")), not_valid),
        (header(&format!(" Basic {TOKEN}, Basic {TOKEN}")), not_valid),
        (header(&format!(" {TOKEN}")), not_valid),
        (header(" Basic"), not_valid),
        (
            vec!["-H".to_owned(), "Authorization;".to_owned()],
            not_valid,
        ),
        (join(raw(), raw()), ambiguous),
        (join(raw(), header(&format!(" Bearer {TOKEN}"))), ambiguous),
    ];
    for protocol in ["--http1.1", "--http2-prior-knowledge"] {
        for (flags, (status, body)) in &rows {
            let mut command = curl(protocol);
            command.args([
                "-w",
                "\n%{http_code}",
                "-H",
                "Content-Type: application/json",
            ]);
            command.args([
                "--data",
                r#"{"prompt": "What state is Los Angeles in?", "max_length": 100}"#,
            ]);
            let output = command
                .arg(format!("{}/generate", app.url))
                .args(flags)
                .output();
            let answer = text(&output.unwrap());
            assert_eq!(answer, format!("{body}\n{status}"), "{protocol} {flags:?}");
        }
    }
}

#[test]
fn grpcio_is_served_with_call_credentials_over_tls() {
    let Some(python) = python() else { return };
    let dir = Directory::new();
    let tls = dir.path().to_str().unwrap();
    let app = Example::start("quickstart", &["--token", TOKEN, "--tls", tls]);
    let target = app.url.strip_prefix("https://").unwrap();
    let ca = dir.path().join("ca.pem");
    let output = script(&python, "grpc_calls.py")
        .arg(target)
        .arg(ca)
        .arg(TOKEN)
        .output();
    let unary = "OK: You asked: a b";
    let required = "UNAUTHENTICATED: a credential is required";
    let not_valid = "UNAUTHENTICATED: the credential is not valid";
    let rows = [
        ("unary", unary),
        ("stream", "OK: You |asked: |a |b"),
        ("metadata", unary),
        ("raw basic", unary),
        ("wrong", not_valid),
        ("wrong stream", not_valid),
        ("none", required),
        ("empty", not_valid),
        ("both", "UNAUTHENTICATED: more than one credential was sent"),
        ("binary", required),
    ];
    let expected: Vec<_> = rows
        .map(|(name, outcome)| format!("{name}: {outcome}"))
        .into();
    assert_eq!(text(&output.unwrap()).lines().collect::<Vec<_>>(), expected);

    let mode = |name| {
        fs::metadata(dir.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("key.pem"), 0o600, "other users can read the key");
}

#[test]
fn requests_and_httpx_are_served() {
    let Some(python) = python() else { return };
    let user = ["--token", TOKEN, "--user", "alice:pässword-ü"];
    let app = Example::start("quickstart", &user);
    let mut command = script(&python, "http_calls.py");
    let output = command
        .args([&app.url, TOKEN, "alice", "pässword-ü"])
        .output();
    let ok = r#"200 {"text":"You asked: hi"}"#;
    let required = r#"401 {"message":"a credential is required"}"#;
    let not_valid = r#"401 {"message":"the credential is not valid"}"#;
    let rows = [
        ("requests bearer", ok),
        ("requests raw basic", ok),
        // requests encodes in Latin-1, but the list is in UTF-8.
        ("requests user", not_valid),
        ("requests wrong password", not_valid),
        ("requests none", required),
        ("httpx bearer", ok),
        ("httpx raw basic", ok),
        ("httpx user", ok),
        ("httpx wrong password", not_valid),
        ("httpx none", required),
    ];
    let expected: Vec<_> = rows
        .map(|(name, outcome)| format!("{name}: {outcome}"))
        .into();
    assert_eq!(text(&output.unwrap()).lines().collect::<Vec<_>>(), expected);
}

/// These clients send a user and password only after a challenge that they know.
#[test]
fn s14_clients_that_wait_for_a_challenge_are_accepted() {
    let Some(curl) = curl() else { return };
    let Some(wget) = wget() else { return };
    let Some(python) = python() else { return };
    let (user, password) = ("jörg", "pässwörter");
    let login = format!("{user}:{password}");
    let app = Example::start("quickstart", &["--token", TOKEN, "--user", &login]);
    let url = format!("{}/whoami", app.url);
    let whoami = r#"{"scopes":["deployment"],"subject":"jörg"}"#;

    // Only HTTP/1.1: curl 7.88 can't reuse an h2c connection.
    let mut anyauth = curl("--http1.1");
    let output = anyauth.args(["--anyauth", "-u", &login, &url]).output();
    assert_eq!(text(&output.unwrap()), whoami, "curl");
    let mut wget = wget();
    let user = format!("--user={user}");
    let output = wget.args([&user, &format!("--password={password}"), &url]);
    assert_eq!(text(&output.output().unwrap()), whoami, "wget");
    let mut urllib = script(&python, "urllib_calls.py");
    let output = urllib.args([&url, "jörg", password]).output();
    assert_eq!(text(&output.unwrap()), whoami, "urllib");

    // Without users, no challenge makes a browser open its dialog.
    let app = Example::start("quickstart", &["--token", TOKEN]);
    let mut curl = curl("--http1.1");
    let output = curl.args(["-o", "/dev/null", "-D", "-"]);
    let head = text(&output.arg(format!("{}/whoami", app.url)).output().unwrap());
    let line = head
        .lines()
        .find(|line| line.starts_with("www-authenticate"));
    assert_eq!(
        line,
        Some(r#"www-authenticate: Bearer realm="api""#),
        "{head}"
    );
}

#[test]
fn the_lines_that_quickstart_prints_work_as_they_are() {
    let (Some(_), Some(python)) = (curl(), python()) else {
        return;
    };
    let dir = Directory::new();
    let tls = ["--tls", dir.path().to_str().unwrap()];
    // The printed lines call `python3`, which must be the one with grpcio.
    let mut path = OsString::from(python.parent().unwrap());
    path.push(":");
    path.push(env::var_os("PATH").unwrap());

    // Twice with TLS: the second run reuses the certificates of the first.
    for flags in [&[][..], &tls, &tls] {
        let mut app = Example::start("quickstart", flags);
        let lines = [app.line(), app.line()];
        let [curl, python] = lines.each_ref().map(|line| {
            let mut sh = Command::new("sh");
            text(&sh.args(["-c", line]).env("PATH", &path).output().unwrap())
        });
        assert_eq!(
            curl, r#"{"text":"You asked: What state is Los Angeles in?"}"#,
            "{lines:?}"
        );
        let expected = r"b'\n(You asked: What state is Los Angeles in?'";
        assert_eq!(python, expected, "{lines:?}");
        let (status, rest) = app.end("INT");
        assert_eq!((status.code(), rest.as_str()), (Some(0), ""), "{flags:?}");
    }
}

/// A broken handshake and one that never begins do not disturb other connections.
#[test]
fn quickstart_serves_tls_while_other_handshakes_hang() {
    use std::{io::Write, net::TcpStream};

    let Some(curl) = curl() else { return };
    let dir = Directory::new();
    let tls = dir.path().to_str().unwrap();
    let app = Example::start("quickstart", &["--tls", tls]);
    let target = app.url.strip_prefix("https://").unwrap();
    let _silent = TcpStream::connect(target).unwrap();
    let mut broken = TcpStream::connect(target).unwrap();
    broken.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let ca = dir.path().join("ca.pem");
    for (protocol, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let mut command = curl(protocol);
        command
            .args(["-w", " %{http_version}", "--cacert"])
            .arg(&ca);
        let output = command.arg(format!("{}/healthz", app.url)).output();
        assert_eq!(text(&output.unwrap()), format!("ok {version}"));
    }
}
