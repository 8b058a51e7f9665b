//! A server that is killed in the middle of writes.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    ADMIN, Cloud, TOKENS,
    durable::{app_status, pull},
};
use crate::stores::{Directory, server};

/// What a server acknowledged: models by name, and the last thing that was done
/// or begun to a token.
#[derive(Clone, Default)]
struct Acknowledged {
    models: HashMap<String, String>,
    tokens: HashMap<String, &'static str>,
}

type Log = Arc<Mutex<Acknowledged>>;

/// Asks as the administrator, and gives the answer to a success.
async fn ask(address: SocketAddr, method: &str, path: &str, body: String) -> Option<Value> {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{address}{path}"))
        .header("authorization", format!("Bearer {ADMIN}"))
        .header("content-type", "application/json");
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await.ok()?;
    assert!(
        answer.status().is_success(),
        "{method} {path}: {}",
        answer.status()
    );
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    Some(serde_json::from_slice(&body).unwrap())
}

/// Pushes models until the server is gone.
async fn push_on(address: SocketAddr, writer: String, log: Log) -> Option<()> {
    for number in 0.. {
        let (name, content) = (
            format!("{writer}-{number}"),
            writer.repeat(1 + number * 100),
        );
        ask(
            address,
            "PUT",
            &format!("/api/v1/models/{name}"),
            content.clone(),
        )
        .await?;
        log.lock().unwrap().models.insert(name, content);
    }
    None
}

/// Makes tokens, and revokes every other one, until the server is gone.
async fn make_on(address: SocketAddr, log: Log) -> Option<()> {
    let note = |token: &str, what| log.lock().unwrap().tokens.insert(token.to_owned(), what);
    for number in 0.. {
        let draft = json!({ "scopes": ["deployment"] }).to_string();
        let made = ask(address, "POST", TOKENS, draft).await?;
        let (id, secret) = (
            made["id"].as_str().unwrap(),
            made["secret"].as_str().unwrap(),
        );
        note(secret, "made");
        if number % 2 == 0 {
            note(secret, "revoking");
            ask(
                address,
                "POST",
                &format!("{TOKENS}/{id}/revoke"),
                "{}".to_owned(),
            )
            .await?;
            note(secret, "revoked");
        }
    }
    None
}

/// Kills the server in the middle of writes, again and again, and looks at what
/// the next one knows.
async fn survives(store: &str) {
    let log = Log::default();
    let mut cloud = Cloud::with(&["--store", store]);
    for round in 0..3 {
        let before = log.lock().unwrap().models.len();
        let mut writers = Vec::new();
        for writer in 0..2 {
            let name = format!("r{round}w{writer}");
            writers.push(tokio::spawn(push_on(cloud.address, name, log.clone())));
            writers.push(tokio::spawn(make_on(cloud.address, log.clone())));
        }
        sleep(Duration::from_millis(200 + round * 70)).await;
        cloud.app.end("KILL");
        for writer in writers {
            assert_eq!(writer.await.unwrap(), None);
        }

        cloud = Cloud::with(&["--store", store]);
        let Acknowledged { models, tokens } = log.lock().unwrap().clone();
        assert!(models.len() > before && tokens.values().any(|last| *last == "revoked"));
        for (name, content) in models {
            assert!(
                pull(cloud.address, &name).await == content,
                "{name} is lost"
            );
        }
        for (token, last) in tokens {
            match last {
                "made" => assert_eq!(app_status(&cloud, &token).await, 200, "a token is lost"),
                "revoked" => assert_eq!(app_status(&cloud, &token).await, 401, "one is back"),
                // Killed in between: done, or not.
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_acknowledged_is_in_its_file() {
    let directory = Directory::new();
    survives(&format!("sqlite:{}", directory.file().display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_acknowledged_is_in_postgres() {
    if let Some(server) = server::shared() {
        survives(&server.database()).await;
    }
}
