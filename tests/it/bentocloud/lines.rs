//! The lines that are shown with a new token, each run unchanged.

use std::{collections::BTreeSet, thread};

use serde_json::{Value, json};

use super::{Call, Cloud, cli::NEW, newcomer::shell};
use crate::{
    stores::Directory,
    tools::{client, curl, python, text},
};

const MANAGED: &str = "/api_tokens/api/tokens";

/// Signs in to the page, and returns the cookie of the session.
async fn sign_in(cloud: &Cloud, token: &str) -> String {
    let answer = Call::new("POST", "/api_tokens/session").token(token);
    let answer = answer.send(cloud.address).await;
    let cookie = answer.head.headers["set-cookie"].to_str().unwrap();
    cookie.split_once(';').unwrap().0.to_owned()
}

async fn asked(cloud: &Cloud, call: Call, cookie: &str) -> Value {
    let answer = call.header("cookie", cookie).send(cloud.address).await;
    assert!(answer.head.status.is_success(), "{:?}", answer.head);
    serde_json::from_slice(&answer.body).unwrap()
}

/// A label and a line.
type Shown = (String, String);

/// Creates a token on a page, and returns the lines that the page shows with it.
async fn shown(cloud: &Cloud, cookie: &str, draft: &Value, page: &str) -> Vec<Shown> {
    let made = asked(cloud, Call::new("POST", MANAGED).json(draft), cookie).await;
    let id = made["id"].as_str().unwrap();
    let query = if page.is_empty() {
        String::new()
    } else {
        format!("?target={page}")
    };
    let path = format!("{MANAGED}/{id}/snippets{query}");
    let lines = asked(cloud, Call::new("GET", &path), cookie).await;
    let fill = |line: &str| {
        let line = line.replace("{origin}", &cloud.app.url);
        line.replace("{token}", made["secret"].as_str().unwrap())
    };
    let lines = lines.as_array().unwrap().iter();
    lines
        .map(|line| {
            let [label, line] = [&line[0], &line[1]].map(|text| text.as_str().unwrap());
            (label.to_owned(), fill(line))
        })
        .collect()
}

/// Returns cases of scopes, targets and pages, and the deployment that the lines call.
fn kinds() -> Vec<(
    &'static [&'static str],
    Value,
    &'static str,
    Option<&'static str>,
)> {
    let mut kinds = Vec::new();
    for scopes in [
        &["deployment"][..],
        &["resources:models:pull"],
        &["deployment", "resources"],
    ] {
        let calls = |name| Some(name).filter(|_| scopes.contains(&"deployment"));
        for (targets, page, called) in [
            (json!(null), "", calls("demo")),
            (json!(null), "demo", calls("demo")),
            (json!(null), "hello", calls("hello")),
            (json!(null), "gone", calls("demo")),
            (json!(["hello"]), "", calls("hello")),
            (json!(["hello"]), "demo", calls("hello")),
            (json!(["hel*", "demo"]), "hello", calls("hello")),
            (json!(["mine-*"]), "", calls("mine-1")),
            (json!(["nowhere"]), "", None),
        ] {
            kinds.push((scopes, targets, page, called));
        }
    }
    kinds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s21_each_line_that_is_shown_with_a_token_works_for_that_token() {
    let (Some(_), Some(bentoml), Some(calls)) =
        (curl(), client(&format!("{NEW}/bin/bentoml")), python())
    else {
        return;
    };
    let cloud = Cloud::start();
    cloud
        .admin("POST", "/api/v1/deployments", json!({ "name": "mine-1" }))
        .await;
    // What is public would answer whatever the token is.
    cloud.switch("hello", "protected").await;
    let cookie = sign_in(&cloud, super::ADMIN).await;
    let mut seen = BTreeSet::new();
    let mut run = Vec::new();
    for (scopes, targets, page, called) in kinds() {
        let draft = json!({ "scopes": scopes, "targets": targets, "expires_at": null });
        let lines = shown(&cloud, &cookie, &draft, page).await;
        let labels: Vec<_> = lines.iter().map(|(label, _)| label.as_str()).collect();
        let mut expected = Vec::new();
        if called.is_some() {
            expected.extend(["curl", "Python", "gRPC"]);
        }
        if scopes.iter().any(|scope| scope.starts_with("resources")) {
            expected.push("CLI");
        }
        assert_eq!(labels, expected, "{draft} {page}");
        for (label, line) in lines {
            if let (Some(name), true) = (called, label != "CLI") {
                assert!(line.contains(name), "{draft} {page}: {line}");
            }
            // Starting Python takes long: once for each scopes, targets and deployment.
            let kind = (label.clone(), draft.to_string(), called);
            if label == "curl" || seen.insert(kind) {
                run.push((label, line));
            }
        }
    }
    assert!(run.len() > 40, "{}", run.len());
    let home = Directory::new();
    let runs = |lines: &[Shown]| {
        for (label, line) in lines {
            let (program, answer) = match label.as_str() {
                "curl" => (
                    &bentoml,
                    r#"{"text":"You asked: What state is Los Angeles in?"}"#,
                ),
                "Python" => (
                    &bentoml,
                    "'text': 'You asked: What state is Los Angeles in?'",
                ),
                "gRPC" => (&calls, r"b'\n(You asked: What state is Los Angeles in?'"),
                _ => (&bentoml, "Logged in as user@example.com at mybentocloud"),
            };
            let printed = text(&shell(program, &home).args(["-c", line]).output().unwrap());
            assert!(printed.contains(answer), "{line}: {printed}");
        }
    };
    thread::scope(|scope| {
        for half in run.chunks(run.len().div_ceil(2)) {
            scope.spawn(|| runs(half));
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s21_lines_are_shown_to_whoever_may_see_the_token() {
    let cloud = Cloud::start();
    let draft = json!({ "scopes": ["resources", "deployment"], "targets": ["hello"] });
    let (id, token) = cloud.create(draft.clone()).await;
    let (other, _) = cloud.create(json!({ "scopes": ["deployment"] })).await;
    let cookie = sign_in(&cloud, &token).await;
    for (id, cookie, status) in [
        (&id, cookie.as_str(), 200),
        (&other, &cookie, 404),
        (&id, "", 401),
    ] {
        let call = Call::new("GET", &format!("{MANAGED}/{id}/snippets"));
        let call = call.header("cookie", cookie);
        assert_eq!(call.status(cloud.address).await, status, "{id}");
    }
}
