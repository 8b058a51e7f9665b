//! A process that is killed while it writes.

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write as _},
    process::{Command, Stdio},
    time::Duration,
};

use tower_authn::{
    RejectionKind,
    store::PostgresStore,
    tokens::{NewToken, TokenSelector, Tokens, TokensOptions},
};

use super::{Directory, server, sqlite};
use crate::tokens::answer;

/// The environment variable with the store of a child process.
const CHILD: &str = "TOWER_AUTHN_TEST_STORE";
const ROUNDS: u64 = 12;

async fn open(place: &str) -> Tokens {
    let options = TokensOptions::new("acme").unwrap();
    let opened = if place.starts_with("postgres://") {
        let store = PostgresStore::connect(place).await.unwrap();
        Tokens::open(store, options).await
    } else {
        Tokens::open(sqlite(place.as_ref()).await, options).await
    };
    opened.unwrap()
}

/// Runs in a child process: creates and revokes tokens until it is killed, and prints
/// what was acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_writes_until_it_is_killed() {
    let Ok(place) = env::var(CHILD) else {
        return;
    };
    let tokens = open(&place).await;
    let say = |what: &str, token: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{what} {token}").unwrap();
        out.flush().unwrap();
    };
    for number in 0_u64.. {
        let made = tokens.create(NewToken::new("alice")).await.unwrap();
        say("made", made.secret.expose());
        if number % 2 == 0 {
            say("revoking", made.secret.expose());
            let id = TokenSelector::Id(made.record.id);
            tokens.revoke(id, "test", "").await.unwrap();
            say("revoked", made.secret.expose());
        }
    }
}

/// Kills a writing process again and again, and checks the store after each time.
async fn survives(place: &str) {
    let mut acknowledged: HashMap<String, String> = HashMap::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "stores::crash::child_that_writes_until_it_is_killed",
            ])
            .arg("--nocapture")
            .env(CHILD, place)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        // Waits for the first write.
        while let Some(Ok(line)) = lines.next() {
            let begun = line.starts_with("made");
            said.push(line);
            if begun {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(20 + round * 17)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        said.extend(lines.map_while(Result::ok));
        // The last line may be cut off.
        let whole = said.iter().filter_map(|line| line.split_once(' '));
        for (what, token) in whole.filter(|(_, token)| token.len() == "acme".len() + 64) {
            acknowledged.insert(token.to_owned(), what.to_owned());
        }
        let tokens = open(place).await;
        let mut revoked = 0;
        for (token, last) in &acknowledged {
            let refused = answer(&tokens, token).await.err();
            match last.as_str() {
                "made" => assert_eq!(refused, None, "lost in round {round}"),
                "revoked" => {
                    assert_eq!(
                        refused,
                        Some(RejectionKind::Revoked),
                        "back in round {round}"
                    );
                    revoked += 1;
                }
                // Not acknowledged, so it may have been done or not.
                "revoking" => {}
                _ => continue,
            }
        }
        assert!(revoked > 0, "round {round} came to nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_of_a_killed_process_are_in_its_file() {
    let directory = Directory::new();
    survives(directory.file().to_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_of_a_killed_process_are_in_postgres() {
    if let Some(server) = server::shared() {
        survives(&server.database()).await;
    }
}
