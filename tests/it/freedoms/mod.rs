//! The freedoms of a store, and stores that hang: rows S07, S08 and S09.

#![cfg(feature = "tokens")]

mod store;

#[cfg(feature = "conformance")]
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use tokio::time::{Instant, sleep};
use tower_authn::{
    store::{Query, TokenStore},
    token::Timestamp,
    tokens::{
        CreatedToken, NewToken, TokenError, TokenErrorKind, TokenSelector, TokenUpdate, Tokens,
        TokensOptions,
    },
};

use self::store::{Free, Watch};
use crate::watched::{Watched, status};

const OK: StatusCode = StatusCode::OK;
const REFUSED: StatusCode = StatusCode::UNAUTHORIZED;

/// Long after every token was created.
const FAR: Timestamp = Timestamp::from_millis(1 << 50);

async fn open(store: &Free) -> Tokens {
    let options = TokensOptions::new("acme").unwrap();
    Tokens::open(store.clone(), options).await.unwrap()
}

async fn make(tokens: &Tokens) -> CreatedToken {
    tokens.create(NewToken::new("alice")).await.unwrap()
}

fn free() -> Vec<(&'static str, Free)> {
    let store = Free::default;
    let (page, watch) = (|page| Some(page), |watch| Free { watch, ..store() });
    let reversed = Free {
        reversed: true,
        ..store()
    };
    let short = |rows| Free {
        page: page(rows),
        ..store()
    };
    let all = Free {
        page: page(3),
        watch: Watch::AtOnce,
        reversed: true,
        ..store()
    };
    vec![
        ("whole pages", store()),
        ("pages of one row", short(1)),
        ("pages of seven rows", short(7)),
        ("a watch that returns at once", watch(Watch::AtOnce)),
        (
            "a watch that returns after a change",
            watch(Watch::WhenChanged),
        ),
        ("rows in another order", reversed),
        ("all of it", all),
    ]
}

#[tokio::test(start_paused = true)]
async fn f07_changes_that_follow_each_other_are_read_together() {
    const CHANGES: usize = 200;
    let store = Free {
        watch: Watch::WhenChanged,
        ..Free::default()
    };
    let (one, two) = (open(&store).await, open(&store).await);
    let made = make(&one).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(status(&two, made.secret.expose()).await, OK);
    let selector = TokenSelector::Id(made.record.id);
    one.revoke(selector, "admin", "lost").await.unwrap();
    sleep(Duration::from_millis(1)).await;
    let answer = status(&two, made.secret.expose()).await;
    assert_eq!(answer, REFUSED, "a single change is read at once");

    let before = store.reads.count();
    for _ in 0..CHANGES {
        make(&one).await;
        sleep(Duration::from_millis(1)).await;
    }
    let reads = store.reads.count() - before;
    let most = 2 * (CHANGES / 25 + 2);
    assert!(reads <= most, "{reads} reads of {CHANGES} changes");
    sleep(Duration::from_millis(26)).await;
    let reads = store.reads.count();
    sleep(Duration::from_millis(500)).await;
    assert_eq!(
        store.reads.count(),
        reads,
        "nothing is read without a change"
    );
}

#[tokio::test(start_paused = true)]
async fn s07_no_change_is_lost_whatever_freedoms_a_store_uses() {
    let poll = Duration::from_millis(1_100);
    for (name, store) in free() {
        let (one, two) = (open(&store).await, open(&store).await);
        let mut made = Vec::new();
        for _ in 0..20 {
            made.push(make(&one).await);
        }
        sleep(poll).await;
        for made in &made {
            let change = TokenUpdate::default().name("changed");
            one.update(made.record.id, change).await.unwrap();
        }
        for number in [0, 5] {
            let id = TokenSelector::Id(made[number].record.id);
            one.revoke(id, "admin", "lost").await.unwrap();
        }
        let before = store.reads.count();
        sleep(poll).await;
        let reads = store.reads.count() - before;
        assert!(reads < 2 * 44 + 60, "{name}: {reads} reads without a pause");

        // The row of the last revision is pruned, so the head is past all rows.
        one.create(NewToken::new("bob")).await.unwrap();
        one.revoke(TokenSelector::Subject("bob"), "admin", "")
            .await
            .unwrap();
        let now = Timestamp::from(SystemTime::now());
        let pruned = store.store.prune(now + Duration::from_secs(1)).await;
        assert_eq!(pruned.unwrap(), 3, "{name}: bob's, and both revoked ones");
        sleep(poll).await;
        let three = open(&store).await;
        for tokens in [&one, &two, &three] {
            let mut query = Query::default();
            query.limit = 15;
            let mut listed = 0;
            loop {
                let page = tokens.list(query.clone()).await.unwrap();
                assert!(page.tokens.len() <= 15, "{name}");
                listed += page.tokens.len();
                let Some(next) = page.next else { break };
                query.after = Some(next);
            }
            assert_eq!(listed, 18, "{name}");
            let unused = tokens.unused_since(FAR).await.unwrap();
            assert_eq!(unused.len(), 18, "{name}");
        }
        for tokens in [&one, &two, &three] {
            for (number, made) in made.iter().enumerate() {
                let expected = if [0, 5].contains(&number) {
                    REFUSED
                } else {
                    OK
                };
                let answer = status(tokens, made.secret.expose()).await;
                assert_eq!(answer, expected, "{name}: token {number}");
            }
        }
        let late = make(&one).await;
        one.revoke(TokenSelector::Id(made[1].record.id), "admin", "")
            .await
            .unwrap();
        sleep(poll).await;
        for (made, expected) in [(&late, OK), (&made[1], REFUSED), (&made[2], OK)] {
            assert_eq!(status(&two, made.secret.expose()).await, expected, "{name}");
        }
    }
}

#[cfg(feature = "conformance")]
#[tokio::test(flavor = "multi_thread")]
async fn s07_a_store_that_uses_every_freedom_conforms() {
    use tower_authn::store::conformance;
    for (_, store) in free() {
        let fresh = || Free {
            store: Arc::default(),
            ..store.clone()
        };
        conformance::check(async || fresh()).await;
        conformance::check_shared(async || {
            let store = fresh();
            (store.clone(), store)
        })
        .await;
    }
}

/// Returns how long an operation took to fail, and its error.
async fn outcome<T>(call: impl Future<Output = Result<T, TokenError>>) -> (Duration, TokenError) {
    let begun = Instant::now();
    let error = call.await.err().expect("it fails");
    (begun.elapsed(), error)
}

#[tokio::test(start_paused = true)]
async fn s08_no_call_of_a_store_that_hangs_takes_longer_than_its_deadline() {
    let store = Free::default();
    let tokens = open(&store).await;
    let (made, other) = (make(&tokens).await, make(&tokens).await);
    let (id, kid) = (made.record.id, made.record.kid.unwrap());
    let by_id = || TokenSelector::Id(id);
    let options = || TokensOptions::new("acme").unwrap();
    let grace = Duration::from_secs(60);
    for call in [
        "apply",
        "get",
        "list",
        "changes",
        "load_all",
        "prune",
        "record_uses",
    ] {
        assert_eq!(status(&tokens, other.secret.expose()).await, OK);
        store.hang(call);
        let mut outcomes = Vec::new();
        match call {
            "apply" => {
                outcomes.push(outcome(tokens.create(NewToken::new("bob"))).await);
                outcomes.push(outcome(tokens.revoke(by_id(), "", "")).await);
                outcomes.push(outcome(tokens.suspend(id)).await);
                outcomes.push(outcome(tokens.rotate(id, grace)).await);
                outcomes.push(outcome(tokens.retire_key(kid, "", "")).await);
                outcomes.push(outcome(tokens.add_key()).await);
            }
            "get" => {
                outcomes.push(outcome(tokens.get(id)).await);
                outcomes.push(outcome(tokens.find(made.secret.expose())).await);
                outcomes.push(outcome(tokens.revoke(by_id(), "", "")).await);
                outcomes.push(outcome(tokens.resume(id)).await);
            }
            "list" => {
                outcomes.push(outcome(tokens.list(Query::default())).await);
                outcomes.push(outcome(tokens.expiring(grace)).await);
                outcomes.push(outcome(tokens.unused_since(FAR)).await);
                outcomes.push(outcome(tokens.revoke(TokenSelector::Subject("x"), "", "")).await);
            }
            "changes" | "load_all" => {
                outcomes.push(outcome(Tokens::open(store.clone(), options())).await);
            }
            "record_uses" => outcomes.push(outcome(tokens.shutdown()).await),
            _ => outcomes.push(outcome(tokens.prune(grace)).await),
        }
        for (taken, error) in outcomes {
            assert_eq!(error.kind(), TokenErrorKind::Unavailable, "{call}");
            let expected = format!("the store is unavailable: `{call}` was not answered in time");
            assert_eq!(error.to_string(), expected);
            let limit = if call == "prune" { 60_010 } else { 10_010 };
            assert!(taken <= Duration::from_millis(limit), "{call}: {taken:?}");
        }
        store.release();
        sleep(Duration::from_secs(6)).await;
    }
    tokens.shutdown().await.unwrap();
    let tokens = open(&store).await;
    assert_eq!(tokens.revoke(by_id(), "", "").await.unwrap(), 1);
    assert_eq!(status(&tokens, other.secret.expose()).await, OK);
}

#[tokio::test(start_paused = true)]
async fn s08_a_revocation_is_found_when_its_answer_was_lost() {
    for done in [true, false] {
        let store = Free::default();
        let tokens = open(&store).await;
        let made = make(&tokens).await;
        match done {
            true => store.lose_answers("apply"),
            false => store.hang("apply"),
        }
        let selector = || TokenSelector::Id(made.record.id);
        let (_, error) = outcome(tokens.revoke(selector(), "admin", "lost")).await;
        assert_eq!(error.kind(), TokenErrorKind::Unavailable);
        store.release();
        sleep(Duration::from_millis(50)).await;
        let expected = if done { REFUSED } else { OK };
        assert_eq!(status(&tokens, made.secret.expose()).await, expected);
        let again = tokens.revoke(selector(), "admin", "lost").await.unwrap();
        assert_eq!(again, usize::from(!done), "it can be repeated");
        assert_eq!(status(&tokens, made.secret.expose()).await, REFUSED);
    }
}

#[tokio::test(start_paused = true)]
async fn s09_operations_on_keys_are_repeated_after_a_conflict() {
    let store = Watched::default();
    let (one, two) = (store.open().await, store.open().await);
    let made = make(&one).await;
    let (added, other) = (one.add_key().await.unwrap(), two.add_key().await.unwrap());
    assert_ne!(added.id, other.id, "each key has a number of its own");
    let kid = made.record.kid.unwrap();
    assert_eq!(one.retire_key(kid, "admin", "leaked").await.unwrap(), 1);
    let late = two.retire_key(kid, "other", "late").await.unwrap();
    assert_eq!(late, 0, "it was retired before");
    for tokens in [&one, &two] {
        sleep(Duration::from_millis(1_100)).await;
        let keys = tokens.keys();
        let key = keys.iter().find(|key| key.id == kid).unwrap();
        assert_eq!(key.retired_by.as_deref(), Some("admin"));
        assert_eq!(keys.len(), 3);
    }
}
