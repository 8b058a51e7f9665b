//! Tests with every step in hand: when a load begins and ends, and what comes between.

mod loads;
mod model;
mod times;

use std::{
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::{Duration, SystemTime},
};

use futures::{FutureExt, channel::oneshot, future::BoxFuture};
use tokio::time::Instant;

use super::*;
use crate::{rejection::RejectionKind, scheme::Scheme};

const SECOND: Duration = Duration::from_secs(1);

type Verdict = Result<Principal, Rejection>;

/// A server of accounts: what it knows of each token, and the questions that it has not
/// answered yet. A question is answered with what was true when it was asked.
#[derive(Clone, Default)]
struct Issuer(Arc<Mutex<IssuerState>>);

#[derive(Default)]
struct IssuerState {
    answers: Vec<(String, Answer)>,
    asked: Vec<Question>,
    calls: usize,
}

#[derive(Clone, Debug)]
enum Answer {
    Good(Principal),
    Bad(RejectionKind),
    Panic,
}

struct Question {
    number: usize,
    token: String,
    answer: Answer,
    at: Instant,
    release: oneshot::Sender<()>,
}

impl Issuer {
    fn with<T>(&self, f: impl FnOnce(&mut IssuerState) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    fn set(&self, token: &str, answer: Answer) {
        self.with(|state| state.answers.insert(0, (token.to_owned(), answer)));
    }

    fn good(&self, token: &str, principal: Principal) {
        self.set(token, Answer::Good(principal));
    }

    /// Returns how many questions came and how many of them are under way.
    fn counts(&self) -> (usize, usize) {
        self.with(|state| {
            state.asked.retain(|asked| !asked.release.is_canceled());
            (state.calls, state.asked.len())
        })
    }

    /// Answers the oldest question.
    async fn release(&self) -> Question {
        let mut asked = self.with(|state| {
            state.asked.retain(|asked| !asked.release.is_canceled());
            state.asked.remove(0)
        });
        let (unused, _) = oneshot::channel();
        let release = std::mem::replace(&mut asked.release, unused);
        release.send(()).unwrap();
        settle().await;
        asked
    }
}

impl Verifier for Issuer {
    type Principal = Principal;

    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Verdict {
        let (answer, released) = self.with(|state| {
            let known = state.answers.iter().find(|(t, _)| t == credential.token());
            let invalid = Answer::Bad(RejectionKind::Invalid);
            let answer = known.map_or(invalid, |(_, answer)| answer.clone());
            let (release, released) = oneshot::channel();
            state.calls += 1;
            state.asked.push(Question {
                number: state.calls,
                token: credential.token().to_owned(),
                answer: answer.clone(),
                at: Instant::now(),
                release,
            });
            (answer, released)
        });
        released.await.unwrap();
        match answer {
            Answer::Good(principal) => Ok(principal),
            Answer::Bad(kind) => Err(kind.into()),
            Answer::Panic => panic!("planted"),
        }
    }
}

/// A request that waits for its verdict.
struct Request(BoxFuture<'static, Verdict>);

impl Request {
    /// Begins a request, up to the first point at which it waits.
    fn begin(cached: &Cached<Issuer>, token: &'static str) -> Self {
        let cached = cached.clone();
        let future = async move { cached.verify(&bearer(token)).await };
        let mut request = Self(future.boxed());
        // The result of this poll is asked for again, by `Shared`.
        request.0 = match request.poll() {
            Some(verdict) => std::future::ready(verdict).boxed(),
            None => request.0,
        };
        request
    }

    fn poll(&mut self) -> Option<Verdict> {
        let mut cx = Context::from_waker(Waker::noop());
        match self.0.poll_unpin(&mut cx) {
            std::task::Poll::Ready(verdict) => Some(verdict),
            std::task::Poll::Pending => None,
        }
    }

    /// Returns the subject, or the kind of the rejection.
    fn result(&mut self) -> Option<Result<String, RejectionKind>> {
        Some(brief(self.poll()?))
    }
}

fn bearer(token: &str) -> Credential<'_> {
    Credential::from_parts(Some(Scheme::Bearer), token.as_bytes())
}

fn brief(verdict: Verdict) -> Result<String, RejectionKind> {
    verdict
        .map(|principal| principal.subject().to_owned())
        .map_err(|rejection| rejection.kind())
}

/// Returns the verdict if it is remembered.
fn remembered(cached: &Cached<Issuer>, token: &str) -> Option<Result<String, RejectionKind>> {
    cached.verify_now(&bearer(token)).map(brief)
}

fn ok(subject: &str) -> Option<Result<String, RejectionKind>> {
    Some(Ok(subject.to_owned()))
}

/// Lets all tasks run until they wait.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// Begins a request, and releases its load.
async fn load(issuer: &Issuer, cached: &Cached<Issuer>, token: &'static str) {
    let mut request = Request::begin(cached, token);
    settle().await;
    issuer.release().await;
    assert!(request.poll().is_some(), "{token}");
}

/// A clock of the system that follows Tokio's, and can be set.
#[derive(Clone)]
struct Wall {
    base: Arc<Mutex<SystemTime>>,
    start: Instant,
}

impl Wall {
    fn new() -> Self {
        Self {
            base: Arc::new(Mutex::new(SystemTime::UNIX_EPOCH + 1_000_000 * SECOND)),
            start: Instant::now(),
        }
    }

    fn now(&self) -> SystemTime {
        *self.base.lock().unwrap() + self.start.elapsed()
    }

    fn step(&self, change: impl FnOnce(SystemTime) -> SystemTime) {
        let mut base = self.base.lock().unwrap();
        *base = change(*base);
    }
}
