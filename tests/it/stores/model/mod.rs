//! The three stores, compared with a model step by step.

mod expected;

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use proptest::{prelude::*, test_runner::Config};
use tokio::runtime::Runtime;
use tower_authn::{
    RejectionKind,
    store::{MemoryStore, PostgresStore, TokenStore},
    tokens::{CreatedToken, NewToken, TokenErrorKind, TokenSelector, Tokens},
};

use self::expected::{Model, Step, steps};
use super::{Directory, server, sqlite};
use crate::tokens::{ManualClock, answer};

const BEGIN: u64 = 1_000_000;

/// A store that makes the steps of the model.
struct Driven<S> {
    store: Arc<S>,
    tokens: Tokens,
    hands: ManualClock,
    made: Vec<CreatedToken>,
}

impl<S: TokenStore> Driven<S> {
    async fn new(store: S) -> Self {
        let store = Arc::new(store);
        let hands = ManualClock::at(BEGIN);
        let tokens = Tokens::open(Arc::clone(&store), hands.options()).await;
        Self {
            store,
            tokens: tokens.unwrap(),
            hands,
            made: Vec::new(),
        }
    }

    async fn step(&mut self, step: &Step, now: u64) -> Option<usize> {
        let id = |number: u8| {
            let made = self.made.get(usize::from(number) % self.made.len().max(1));
            made.map(|made| made.record.id)
        };
        let changed = match *step {
            Step::Create { subject, lives } => {
                let token = NewToken::new(format!("subject-{subject}"));
                let token = match lives {
                    Some(lives) => token.expires_in(Duration::from_secs(lives.into())),
                    None => token.never_expires(),
                };
                let made = self.tokens.create(token).await.unwrap();
                self.made.push(made);
                Ok(1)
            }
            Step::Rotate { token, grace } => {
                let grace = Duration::from_secs(grace.into());
                let made = self.tokens.rotate(id(token)?, grace).await;
                made.map(|made| self.made.push(made)).map(|()| 1)
            }
            Step::Suspend(token) => self.tokens.suspend(id(token)?).await.map(|_| 1),
            Step::Resume(token) => self.tokens.resume(id(token)?).await.map(|_| 1),
            Step::Revoke(token) => {
                self.tokens
                    .revoke(TokenSelector::Id(id(token)?), "test", "")
                    .await
            }
            Step::RevokeSubject(subject) => {
                let subject = format!("subject-{subject}");
                self.tokens
                    .revoke(TokenSelector::Subject(&subject), "test", "")
                    .await
            }
            Step::RetireKey => {
                let key = self.tokens.keys().last().unwrap().id;
                let retired = self.tokens.retire_key(key, "test", "").await;
                // Opening adds a key to a ring without an active one.
                self.reopen().await;
                retired
            }
            Step::Wait(_) => {
                self.hands.set(now);
                Ok(0)
            }
            Step::Reopen => {
                self.reopen().await;
                Ok(0)
            }
        };
        match changed {
            Ok(changed) => Some(changed),
            Err(error) => {
                assert_eq!(error.kind(), TokenErrorKind::Invalid, "{error}");
                None
            }
        }
    }

    async fn reopen(&mut self) {
        self.tokens.shutdown().await.unwrap();
        let opened = Tokens::open(Arc::clone(&self.store), self.hands.options()).await;
        self.tokens = opened.unwrap();
    }

    async fn verdicts(&self) -> Vec<Option<RejectionKind>> {
        let asked = self.made.iter().map(async |made| {
            let answer = answer(&self.tokens, made.secret.expose()).await;
            answer.err()
        });
        join_all(asked).await
    }
}

async fn behaves_as_the_model<S: TokenStore>(store: S, steps: &[Step]) {
    let mut driven = Driven::new(store).await;
    let mut model = Model {
        now: BEGIN,
        retired: vec![false],
        ..Model::default()
    };
    for (number, step) in steps.iter().enumerate() {
        let expected = model.step(step);
        let changed = driven.step(step, model.now).await;
        assert_eq!(changed, expected, "step {number}, {step:?}");
        let expected: Vec<_> = model.tokens.iter().map(|t| model.verdict(t)).collect();
        assert_eq!(driven.verdicts().await, expected, "after step {number}");
    }
}

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}

#[test]
fn the_memory_store_behaves_as_the_model() {
    let runtime = Runtime::new().unwrap();
    proptest!(config(200), |(steps in steps())| {
        runtime.block_on(behaves_as_the_model(MemoryStore::new(), &steps));
    });
}

#[test]
fn the_sqlite_store_behaves_as_the_model() {
    let runtime = Runtime::new().unwrap();
    proptest!(config(16), |(steps in steps())| {
        let directory = Directory::new();
        runtime.block_on(async {
            behaves_as_the_model(sqlite(&directory.file()).await, &steps).await;
        });
    });
}

#[test]
fn the_postgres_store_behaves_as_the_model() {
    let Some(server) = server::shared() else {
        return;
    };
    let runtime = Runtime::new().unwrap();
    proptest!(config(16), |(steps in steps())| {
        runtime.block_on(async {
            let store = PostgresStore::connect(&server.database()).await;
            behaves_as_the_model(store.unwrap(), &steps).await;
        });
    });
}
