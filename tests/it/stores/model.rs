//! The three stores against a model: the same steps, the same outcome.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use proptest::{collection::vec, prelude::*, test_runner::Config};
use tokio::runtime::Runtime;
use tower_authn::{
    RejectionKind,
    store::{MemoryStore, PostgresStore, TokenStore},
    token::TokenState,
    tokens::{CreatedToken, NewToken, TokenErrorKind, TokenSelector, Tokens},
};

use super::{Directory, server, sqlite};
use crate::tokens::{Hands, answer};

const BEGIN: u64 = 1_000_000;

/// A step. Tokens are meant by their number, so that the same steps mean the
/// same on every store.
#[derive(Clone, Debug)]
enum Step {
    Create { subject: u8, lives: Option<u16> },
    Rotate { token: u8, grace: u16 },
    Suspend(u8),
    Resume(u8),
    Revoke(u8),
    RevokeSubject(u8),
    RetireKey,
    Wait(u16),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let seconds = || 1..300_u16;
    let create = (0..3_u8, proptest::option::of(seconds()));
    let create = create.prop_map(|(subject, lives)| Step::Create { subject, lives });
    let rotate = (any::<u8>(), prop_oneof![Just(0), seconds()]);
    let rotate = rotate.prop_map(|(token, grace)| Step::Rotate { token, grace });
    let step = prop_oneof![
        5 => create,
        3 => rotate,
        2 => any::<u8>().prop_map(Step::Suspend),
        2 => any::<u8>().prop_map(Step::Resume),
        2 => any::<u8>().prop_map(Step::Revoke),
        1 => (0..3_u8).prop_map(Step::RevokeSubject),
        1 => Just(Step::RetireKey),
        3 => seconds().prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ];
    vec(step, 1..25)
}

/// What the model knows of a token.
#[derive(Clone, Debug)]
struct Known {
    subject: u8,
    key: usize,
    expires_at: Option<u64>,
    grace_until: Option<u64>,
    rotated: bool,
    suspended: bool,
    revoked: bool,
}

/// What should be, in so few words that it can be read to be right.
#[derive(Default)]
struct Model {
    now: u64,
    tokens: Vec<Known>,
    /// Whether each key that there was is retired; the last one mints.
    retired: Vec<bool>,
}

impl Model {
    fn verdict(&self, token: &Known) -> Option<RejectionKind> {
        let over = |end: Option<u64>| end.is_some_and(|end| self.now >= end);
        let retired = self.retired[token.key];
        if retired || over(token.grace_until) || token.suspended || token.revoked {
            Some(RejectionKind::Revoked)
        } else if over(token.expires_at) {
            Some(RejectionKind::Expired)
        } else {
            None
        }
    }

    /// Makes a step, and says how many tokens it changed, if it may be made.
    fn step(&mut self, step: &Step) -> Option<usize> {
        let at = |number: u8, tokens: &[Known]| {
            (!tokens.is_empty()).then(|| usize::from(number) % tokens.len())
        };
        match *step {
            Step::Create { subject, lives } => {
                self.tokens.push(Known {
                    subject,
                    key: self.retired.len() - 1,
                    expires_at: lives.map(|lives| self.now + u64::from(lives)),
                    grace_until: None,
                    rotated: false,
                    suspended: false,
                    revoked: false,
                });
                Some(1)
            }
            Step::Rotate { token, grace } => {
                let token = at(token, &self.tokens)?;
                if self.tokens[token].rotated || self.verdict(&self.tokens[token]).is_some() {
                    return None;
                }
                let mut fresh = self.tokens[token].clone();
                fresh.key = self.retired.len() - 1;
                self.tokens.push(fresh);
                let old = &mut self.tokens[token];
                old.rotated = true;
                match grace {
                    0 => old.revoked = true,
                    grace => old.grace_until = Some(self.now + u64::from(grace)),
                }
                Some(1)
            }
            Step::Suspend(token) => {
                let token = at(token, &self.tokens)?;
                self.tokens[token].suspended = true;
                Some(1)
            }
            Step::Resume(token) => {
                let token = at(token, &self.tokens)?;
                self.tokens[token].suspended = false;
                Some(1)
            }
            Step::Revoke(token) => {
                let token = at(token, &self.tokens)?;
                let known = &mut self.tokens[token];
                Some(usize::from(!std::mem::replace(&mut known.revoked, true)))
            }
            Step::RevokeSubject(subject) => {
                let theirs = self.tokens.iter_mut().filter(|t| t.subject == subject);
                let fresh = theirs.map(|t| !std::mem::replace(&mut t.revoked, true));
                Some(fresh.filter(|fresh| *fresh).count())
            }
            Step::RetireKey => {
                let key = self.retired.len() - 1;
                let active = |token: &&Known| token.key == key && self.verdict(token).is_none();
                let ended = self.tokens.iter().filter(active).count();
                *self.retired.last_mut()? = true;
                self.retired.push(false);
                Some(ended)
            }
            Step::Wait(seconds) => {
                self.now += u64::from(seconds);
                Some(0)
            }
            Step::Reopen => Some(0),
        }
    }
}

/// One of the stores, driven by the same steps.
struct Driven<S> {
    store: Arc<S>,
    tokens: Tokens,
    hands: Hands,
    made: Vec<CreatedToken>,
}

impl<S: TokenStore> Driven<S> {
    async fn new(store: S) -> Self {
        let store = Arc::new(store);
        let hands = Hands::at(BEGIN);
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
                // A ring without a good key gets one when it is opened.
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

async fn holds<S: TokenStore>(store: S, steps: &[Step]) {
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
fn the_memory_store_does_as_the_model() {
    let runtime = Runtime::new().unwrap();
    proptest!(config(200), |(steps in steps())| {
        runtime.block_on(holds(MemoryStore::new(), &steps));
    });
}

#[test]
fn the_sqlite_store_does_as_the_model() {
    let runtime = Runtime::new().unwrap();
    proptest!(config(16), |(steps in steps())| {
        let directory = Directory::new();
        runtime.block_on(async {
            holds(sqlite(&directory.file()).await, &steps).await;
        });
    });
}

#[test]
fn the_postgres_store_does_as_the_model() {
    let Some(server) = server::shared() else {
        return;
    };
    let runtime = Runtime::new().unwrap();
    proptest!(config(16), |(steps in steps())| {
        runtime.block_on(async {
            let store = PostgresStore::connect(&server.database()).await;
            holds(store.unwrap(), &steps).await;
        });
    });
}

/// Many tasks at once rotate, suspend, resume and revoke the same few tokens,
/// while others ask for them: from the return of a revocation on, nobody is
/// let in by it.
async fn races<S: TokenStore>(store: S) {
    const TOKENS: usize = 6;
    const ROUNDS: usize = 8;
    let store = Arc::new(store);
    let hands = Hands::at(BEGIN);
    let open = || Tokens::open(Arc::clone(&store), hands.options());
    let tokens = open().await.unwrap();
    for round in 0..ROUNDS {
        let made = (0..TOKENS).map(|_| tokens.create(NewToken::new("alice")));
        let made: Vec<CreatedToken> = join_all(made)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let revoked: Vec<AtomicBool> = made.iter().map(|_| AtomicBool::new(false)).collect();
        let each = (0..TOKENS).map(|number| {
            let (tokens, made, gone) = (&tokens, &made[number], &revoked[number]);
            async move {
                let id = made.record.id;
                let ask = async || {
                    for _ in 0..50 {
                        let was_gone = gone.load(Ordering::SeqCst);
                        let answer = answer(tokens, made.secret.expose()).await;
                        assert!(!(was_gone && answer.is_ok()), "let in after its revocation");
                        tokio::task::yield_now().await;
                    }
                };
                let change = async || {
                    let (one, two) = futures::future::join(
                        tokens.rotate(id, Duration::from_secs(60)),
                        tokens.rotate(id, Duration::from_secs(60)),
                    )
                    .await;
                    let rotated = usize::from(one.is_ok()) + usize::from(two.is_ok());
                    assert!(rotated <= 1, "rotated twice");
                    let _ = tokens.suspend(id).await;
                    let _ = tokens.resume(id).await;
                };
                let revoke = async || {
                    // Others are half-way by then.
                    tokio::time::sleep(Duration::from_millis(round as u64)).await;
                    tokens
                        .revoke(TokenSelector::Id(id), "test", "")
                        .await
                        .unwrap();
                    gone.store(true, Ordering::SeqCst);
                };
                futures::future::join4(ask(), change(), revoke(), ask()).await;
            }
        });
        join_all(each).await;
        let reopened = open().await.unwrap();
        for made in &made {
            let state = tokens.get(made.record.id).await.unwrap().record;
            assert_eq!(state.state(state.created_at), TokenState::Revoked);
            let refused = answer(&reopened, made.secret.expose()).await.err();
            assert_eq!(refused, Some(RejectionKind::Revoked));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_after_a_revocation_however_many_race() {
    races(MemoryStore::new()).await;
    let directory = Directory::new();
    races(sqlite(&directory.file()).await).await;
    if let Some(server) = server::shared() {
        let store = PostgresStore::connect(&server.database()).await;
        races(store.unwrap()).await;
    }
}
