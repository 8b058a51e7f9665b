//! `Cached` behind a layer.

#![cfg(feature = "cache")]

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use allocation_counter::measure;
use futures::{FutureExt, future::join_all};
use http::StatusCode;
use tokio::{runtime::Builder, time::sleep};
use tower::Layer;
use tower_authn::{
    AuthnLayer, Credential, Principal, Rejection, Verifier,
    cache::{Cached, WithoutHead},
    credential::Schemes,
    layer::{AlwaysRequired, Authn, EmptyBody},
    verifier::{FixedTokens, FixedUsers},
    verify_async_fn,
};

use crate::support::{Calls, Strict, TOKEN, ask, get};

const OK: StatusCode = StatusCode::OK;
const REFUSED: StatusCode = StatusCode::UNAUTHORIZED;
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

type Guarded<V> = Authn<Strict, Cached<V>, AlwaysRequired, EmptyBody>;

/// A verifier that waits: every token that begins with `good` is good, one that begins
/// with `down` can't be verified.
#[derive(Clone, Debug, Default)]
struct Slow {
    calls: Calls,
    takes: Duration,
}

impl Verifier for Slow {
    type Principal = Principal;

    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        self.calls.add();
        assert!(credential.head().is_none());
        tokio::task::yield_now().await;
        if !self.takes.is_zero() {
            sleep(self.takes).await;
        }
        match credential.token() {
            token if token.starts_with("good") => Ok(Principal::new(token)),
            token if token.starts_with("down") => Err(Rejection::unavailable("down")),
            _ => Err(Rejection::invalid()),
        }
    }
}

fn guard<V: Verifier>(cached: &Cached<V>) -> Guarded<V> {
    AuthnLayer::new(cached.clone()).layer(Strict::default())
}

async fn status<V: Verifier>(service: &Guarded<V>, token: &str) -> StatusCode {
    let request = get("/", &[("authorization", &format!("Bearer {token}"))]);
    ask(service, request).await.status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_requests_with_one_cold_token_make_one_verification() {
    for (tokens, prefix, expected) in [
        (1, "good", OK),
        (1, "bad", REFUSED),
        (1, "down", UNAVAILABLE),
        (100, "good", OK),
    ] {
        let slow = Slow {
            takes: Duration::from_secs(2),
            ..Slow::default()
        };
        let service = guard(&Cached::new(slow.clone()));
        let call = |number: usize| {
            let service = service.clone();
            let token = format!("{prefix}{}", number % tokens);
            tokio::spawn(async move { status(&service, &token).await })
        };
        let all = join_all((0..10_000).map(call)).await;
        assert!(all.into_iter().all(|status| status.unwrap() == expected));
        assert_eq!(slow.calls.count(), tokens, "{prefix}");
    }
}

/// Requests that overlap with the ends of loads, so that some arrive between the end of a
/// load and the look-up that precedes the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_that_arrives_as_a_load_ends_begins_no_other() {
    let slow = Slow::default();
    let service = guard(&Cached::new(slow.clone()));
    let rounds = 500;
    for round in 0..rounds {
        let token: Arc<str> = format!("good{round}").into();
        let call = |_| {
            let (service, token) = (service.clone(), Arc::clone(&token));
            tokio::spawn(async move { status(&service, &token).await })
        };
        let all = join_all((0..16).map(call)).await;
        assert!(all.into_iter().all(|status| status.unwrap() == OK));
    }
    assert_eq!(slow.calls.count(), rounds);
}

#[test]
fn j03_a_flood_of_bad_tokens_holds_no_memory_and_evicts_no_good_one() {
    const FLOOD: usize = 100_000;
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let slow = Slow::default();
    let hour = Duration::from_secs(60 * 60);
    let cached = Cached::builder(slow.clone())
        .ttl(hour)
        .refusal_ttl(hour)
        .build();
    let service = guard(&cached);
    let good = async || {
        for number in 0..1_000 {
            assert_eq!(status(&service, &format!("good{number}")).await, OK);
        }
    };
    let flood = async |name: &str, count: usize| {
        for number in 0..count {
            let token = format!("{name}{number}");
            assert_eq!(status(&service, &token).await, REFUSED);
        }
    };
    runtime.block_on(async {
        good().await;
        flood("before", 5_000).await;
    });
    let held = measure(|| runtime.block_on(flood("bad", FLOOD)));
    assert!(held.bytes_current < 16_384, "{} bytes", held.bytes_current);
    assert_eq!(slow.calls.count(), 1_000 + 5_000 + FLOOD);
    runtime.block_on(good());
    assert_eq!(
        slow.calls.count(),
        1_000 + 5_000 + FLOOD,
        "none was evicted"
    );
    let stats = cached.stats();
    assert_eq!((stats.principals, stats.loads), (1_000, 0));
    assert!((900..=1_000).contains(&stats.refusals), "{stats:?}");
}

#[test]
fn good_tokens_beyond_the_capacity_are_verified_again() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let cached = Cached::builder(Slow::default()).capacity(100).build();
    let service = guard(&cached);
    runtime.block_on(async {
        for number in 0..10_000 {
            assert_eq!(status(&service, &format!("good{number}")).await, OK);
        }
    });
    assert!(cached.stats().principals <= 100, "{:?}", cached.stats());
}

#[test]
fn an_entry_takes_no_more_memory_than_documented() {
    const ENTRIES: usize = 10_000;
    let runtime = Builder::new_current_thread().build().unwrap();
    // As large as a `Principal`, which is an `Arc`.
    let verifier = verify_async_fn(|_| async { Ok([0_u64; 2]) });
    let cached = Cached::for_principal(WithoutHead::new(verifier), |_| None)
        .capacity(2 * ENTRIES)
        .build();
    let service = guard(&cached);
    let held = measure(|| {
        runtime.block_on(async {
            for number in 0..ENTRIES {
                assert_eq!(status(&service, &format!("{number}")).await, OK);
            }
        });
    });
    assert_eq!(cached.stats().principals, ENTRIES);
    let each = held.bytes_current as usize / ENTRIES;
    assert!((64..200).contains(&each), "{each} bytes");
}

#[tokio::test]
async fn a_remembered_verdict_is_immediate_and_costs_no_allocation_of_its_own() {
    let tokens = || FixedTokens::new([(TOKEN, Principal::new("ci"))]).unwrap();
    let waiting = WithoutHead::new(verify_async_fn({
        let tokens = Arc::new(tokens());
        move |credential| {
            let tokens = Arc::clone(&tokens);
            async move {
                let matches = credential.matches(TOKEN);
                drop(tokens);
                match matches {
                    true => Ok(Principal::new("ci")),
                    false => Err(Rejection::invalid()),
                }
            }
        }
    }));
    let hour = Duration::from_secs(60 * 60);
    let cached = Cached::builder(waiting).ttl(hour).refusal_ttl(hour).build();
    let (service, list) = (
        guard(&cached),
        AuthnLayer::new(tokens()).layer(Strict::default()),
    );
    for (token, expected) in [(TOKEN, OK), ("other-9cLqJTbYzVvZyXHn", REFUSED)] {
        assert!(status(&service, token).now_or_never().is_none(), "it waits");
        assert_eq!(status(&service, token).await, expected);
        let request = || get("/", &[("authorization", &format!("Bearer {token}"))]);
        let count = |ask: &mut dyn FnMut() -> Option<StatusCode>| {
            let mut answered = None;
            let cost = measure(|| answered = ask());
            assert_eq!(answered, Some(expected));
            cost.count_total
        };
        let own = count(&mut || Some(ask(&service, request()).now_or_never()?.status()));
        let least = count(&mut || Some(ask(&list, request()).now_or_never()?.status()));
        assert_eq!(own, least, "{expected}");
    }
}

#[tokio::test]
async fn a_verifier_that_decides_at_once_is_cached_at_once() {
    let tokens = FixedTokens::new([(TOKEN, Principal::new("ci"))]).unwrap();
    let cached = Cached::new(tokens);
    const { assert!(Cached::<FixedTokens>::IMMEDIATE && !Cached::<Slow>::IMMEDIATE) };
    let service = guard(&cached);
    for (token, expected) in [(TOKEN, OK), ("other-9cLqJTbYzVvZyXHn", REFUSED)] {
        assert_eq!(status(&service, token).now_or_never(), Some(expected));
    }
    let stats = cached.stats();
    assert_eq!((stats.principals, stats.refusals, stats.loads), (1, 1, 0));
    #[cfg(feature = "tonic")]
    drop(tower_authn::AuthnInterceptor::new(cached));
}

#[tokio::test]
async fn a_cache_in_a_combination_challenges_and_decides_as_its_verifier_does() {
    let users = || FixedUsers::new([("alice", TOKEN, Principal::new("alice"))]).unwrap();
    let schemes = Cached::new(users()).schemes();
    assert_eq!(schemes, Schemes::BASIC);
    let tokens = FixedTokens::new([(TOKEN, Principal::new("ci"))]).unwrap();
    let both = Cached::new(users()).or(Cached::new(tokens));
    let service = AuthnLayer::new(both).layer(Strict::default());
    for _ in 0..2 {
        let good = get("/", &[("authorization", &format!("Bearer {TOKEN}"))]);
        assert_eq!(ask(&service, good).await.status(), OK);
    }
}

#[tokio::test]
async fn a_principal_of_your_own_ends_as_its_closure_says_and_is_invalidated_by_another() {
    #[derive(Clone)]
    struct User {
        name: String,
        ends: SystemTime,
    }
    let ends = SystemTime::now() + Duration::from_secs(60);
    let calls = Calls::default();
    let verifier = WithoutHead::new(verify_async_fn({
        let calls = calls.clone();
        move |credential| {
            calls.add();
            let (name, known) = (credential.token().to_owned(), credential.head().is_none());
            async move {
                assert!(known, "the head is hidden");
                Ok(User { name, ends })
            }
        }
    }));
    let now = Arc::new(std::sync::Mutex::new(SystemTime::now()));
    let clock = Arc::clone(&now);
    let cached = Cached::for_principal(verifier, |user: &User| Some(user.ends))
        .clock(move || *clock.lock().unwrap())
        .build();
    let service = guard(&cached);
    for token in ["a", "b", "a", "b"] {
        assert_eq!(status(&service, token).await, OK);
    }
    assert_eq!(calls.count(), 2);
    cached.invalidate_if(|user| user.name == "a");
    for token in ["a", "b", "a", "b"] {
        assert_eq!(status(&service, token).await, OK);
    }
    assert_eq!(calls.count(), 3, "b is still known");
    *now.lock().unwrap() = ends;
    assert_eq!(status(&service, "b").await, OK);
    assert_eq!(calls.count(), 4);
}

#[tokio::test]
async fn j03_a_cache_prints_neither_a_credential_nor_a_principal() {
    let slow = Slow::default();
    let builder = Cached::builder(slow.clone());
    let mut texts = vec![format!("{builder:?}")];
    let cached = builder.build();
    let service = guard(&cached);
    let token = "good-canary";
    assert_eq!(status(&service, token).await, OK);
    texts.push(format!("{cached:?} {:?} {service:?}", cached.stats()));
    texts.push(format!("{:?}", WithoutHead::new(cached)));
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
        assert!(
            text.contains("Cached") || text.contains("WithoutHead"),
            "{text}"
        );
    }
}
