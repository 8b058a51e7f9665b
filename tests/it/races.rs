//! Changes of a store in the middle of a verdict: rows F.

#![cfg(feature = "tokens")]

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use http::StatusCode;
use tokio::time::sleep;
use tower_authn::{
    store::{MemoryStore, Row, TokenStore, Write},
    token::{Record, TagKey, Timestamp},
    tokens::{CreatedToken, NewToken, TokenSelector, Tokens, TokensOptions},
};

use crate::watched::{Watched, status};

const OK: StatusCode = StatusCode::OK;
const REFUSED: StatusCode = StatusCode::UNAUTHORIZED;
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

async fn make(tokens: &Tokens) -> CreatedToken {
    tokens.create(NewToken::new("alice")).await.unwrap()
}

async fn revoke(tokens: &Tokens, made: &CreatedToken) {
    let selector = TokenSelector::Id(made.record.id);
    assert_eq!(tokens.revoke(selector, "admin", "").await.unwrap(), 1);
}

/// Long after every token ended.
const FAR: Timestamp = Timestamp::from_millis(1 << 50);

/// A token of one instance, and the answer of another one, which read the token from the
/// store: the read was sent before a change and returned after it.
struct Overtaken {
    made: CreatedToken,
    two: Tokens,
    first: StatusCode,
}

async fn overtaken(store: &Watched, meanwhile: impl AsyncFnOnce(&CreatedToken)) -> Overtaken {
    let (one, two) = (store.open().await, store.open().await);
    let made = make(&one).await;
    store.hold_gets();
    let leader = async { status(&two, made.secret.expose()).await };
    let follows = async {
        // The leader's read has found the token, which is active.
        sleep(Duration::from_millis(10)).await;
        assert_eq!(store.gets(), 1);
        meanwhile(&made).await;
        store.release_gets();
    };
    let (first, ()) = tokio::join!(leader, follows);
    Overtaken { made, two, first }
}

#[tokio::test(start_paused = true)]
async fn a_read_under_way_brings_no_token_of_another_history_back() {
    for (replaced, expected) in [(false, OK), (true, REFUSED)] {
        let store = Watched::default();
        let Overtaken { made, two, first } = overtaken(&store, async |_| {
            if replaced {
                // A restored copy, in which the token was not made yet.
                assert_eq!(store.store().prune(FAR).await.unwrap(), 1);
                store.begin_another_history();
                sleep(Duration::from_millis(1_100)).await;
                assert_eq!(store.loads(), 4, "both load it again");
            }
        })
        .await;
        let second = status(&two, made.secret.expose()).await;
        assert_eq!((first, second), (expected, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_is_given_up_and_begun_again() {
    let store = Watched::default();
    let tokens = store.open().await;
    let made = make(&tokens).await;
    let token = made.secret.expose();
    assert_eq!(status(&tokens, token).await, OK);
    store.hold_loads();
    store.begin_another_history();
    sleep(Duration::from_secs(30)).await;
    assert!(store.loads() > 3, "given up after five seconds, each time");
    assert_eq!(status(&tokens, token).await, UNAVAILABLE);
    store.release_loads();
    sleep(Duration::from_secs(7)).await;
    assert_eq!(status(&tokens, token).await, OK);
}

#[tokio::test(start_paused = true)]
async fn f06_a_read_under_way_brings_no_revoked_token_back() {
    #[derive(PartialEq)]
    enum By {
        NoOne,
        AnotherInstance,
        TheSameInstance,
    }
    for (by, expected) in [
        (By::NoOne, OK),
        (By::AnotherInstance, REFUSED),
        (By::TheSameInstance, REFUSED),
    ] {
        let store = Watched::default();
        let Overtaken { made, two, first } = overtaken(&store, async |made| {
            if by == By::NoOne {
                return;
            }
            let row = store.store().get(made.record.id).await.unwrap().unwrap();
            write(store.store(), revoked(row.record)).await;
            if by == By::AnotherInstance {
                // Until the other instance has polled.
                sleep(Duration::from_millis(1_100)).await;
            }
        })
        .await;
        if by != By::TheSameInstance {
            assert_eq!(first, expected);
        }
        sleep(Duration::from_millis(1_100)).await;
        assert_eq!(status(&two, made.secret.expose()).await, expected);
    }
}

fn revoked(mut record: Record) -> Record {
    record.revoked_at = Some(record.created_at);
    record
}

/// Writes a record as another process would.
async fn write(store: &MemoryStore, record: Record) {
    let expected_rev = record.rev;
    let row = Row::Token(Box::new(record));
    let write = match expected_rev {
        0 => Write::insert(row),
        rev => Write::replace(row, rev),
    };
    store.apply(vec![write]).await.unwrap();
}

/// Returns tokens over another store with the same keys and none of the tokens. They
/// do not poll.
async fn same_keys(keys: Vec<TagKey>) -> (Watched, Tokens) {
    let store = Watched::default();
    let write = |key| Write::insert(Row::Key(key));
    let keys = keys.into_iter().map(write).collect();
    store.store().apply(keys).await.unwrap();
    let hour = Duration::from_secs(60 * 60);
    let options = TokensOptions::new("acme").unwrap();
    let tokens = store.open_with(options.poll_every(hour).max_stale(2 * hour));
    let tokens = tokens.await;
    (store, tokens)
}

#[tokio::test(start_paused = true)]
async fn f07_a_token_that_is_made_after_a_miss_is_seen_within_a_second() {
    let maker = Watched::default().open().await;
    let (store, tokens) = same_keys(maker.keys()).await;
    let made = make(&maker).await;
    let token = made.secret.expose();
    for _ in 0..10 {
        assert_eq!(status(&tokens, token).await, REFUSED);
    }
    assert_eq!(store.gets(), 1, "a miss is remembered");
    let mut record = made.record.clone();
    record.rev = 0;
    write(store.store(), record).await;
    sleep(Duration::from_millis(1_001)).await;
    assert_eq!(status(&tokens, token).await, OK);
}

#[tokio::test(start_paused = true)]
async fn f07_a_flood_of_misses_takes_no_good_token_with_it() {
    let maker = Watched::default().open().await;
    let (store, tokens) = same_keys(maker.keys()).await;
    let good = make(&tokens).await;
    for _ in 0..3_000 {
        let unknown = make(&maker).await;
        assert_eq!(status(&tokens, unknown.secret.expose()).await, REFUSED);
    }
    assert_eq!(store.gets(), 3_000);
    assert_eq!(status(&tokens, good.secret.expose()).await, OK);
    assert_eq!(store.gets(), 3_000, "it was never forgotten");
}

#[tokio::test]
async fn f10_a_store_with_a_poisoned_lock_works_and_accepts_no_revoked_token() {
    let store = Arc::new(MemoryStore::new());
    let options = || TokensOptions::new("acme").unwrap();
    let one = Tokens::open(Arc::clone(&store), options()).await.unwrap();
    let (good, bad) = (make(&one).await, make(&one).await);
    revoke(&one, &bad).await;
    // The store holds its lock while it calls this for each row.
    let mut panics = |_| panic!("planted");
    let load = AssertUnwindSafe(store.load_all(&mut panics));
    assert!(load.catch_unwind().await.is_err());
    let two = Tokens::open(store, options()).await.unwrap();
    for tokens in [&one, &two] {
        assert_eq!(status(tokens, good.secret.expose()).await, OK);
        assert_eq!(status(tokens, bad.secret.expose()).await, REFUSED);
    }
    revoke(&two, &good).await;
    assert_eq!(status(&two, good.secret.expose()).await, REFUSED);
}

#[tokio::test(start_paused = true)]
async fn f15_a_reload_is_seen_whole_or_not_at_all() {
    let store = Watched::default();
    let tokens = store.open().await;
    let good = make(&tokens).await;
    let bad = make(&tokens).await;
    let changed = make(&tokens).await;
    revoke(&tokens, &bad).await;
    let answers = async || {
        let mut answers = Vec::new();
        for made in [&good, &bad, &changed] {
            answers.push(status(&tokens, made.secret.expose()).await);
        }
        answers
    };
    assert_eq!(answers().await, [OK, REFUSED, OK]);

    // Another history, in which one more token is revoked, and which fails halfway.
    let row = store.store().get(changed.record.id).await.unwrap().unwrap();
    write(store.store(), revoked(row.record)).await;
    store.begin_another_history();
    store.set_failing(true);
    for _ in 0..20 {
        sleep(Duration::from_millis(500)).await;
        let answers = answers().await;
        if store.loads() > 1 {
            assert_eq!(answers[..2], [UNAVAILABLE, REFUSED], "{answers:?}");
            assert_ne!(answers[2], OK);
        }
    }
    assert!(store.loads() > 3, "it is tried again");

    // It can be read, but slowly.
    store.hold_loads();
    store.set_failing(false);
    for _ in 0..20 {
        sleep(Duration::from_millis(500)).await;
        let answers = answers().await;
        assert_eq!(answers[..2], [UNAVAILABLE, REFUSED], "{answers:?}");
        assert_ne!(answers[2], OK);
    }
    store.release_loads();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(answers().await, [OK, REFUSED, REFUSED]);
}
