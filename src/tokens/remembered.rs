//! What threads remember of tokens: within bounds, counted, and gone with the handle.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use tokio::runtime::{Builder, Runtime};

use super::{CreatedToken, NewToken, TokenSelector, Tokens, TokensOptions};
use crate::{
    engine::{
        Decision,
        thread_cache_testing::{UNTIL_REMEMBERED, count_remembered, take, verify_unvalidated},
    },
    rejection::RejectionKind,
    store::MemoryStore,
    token::TokenId,
};

const THREADS: usize = 4;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

async fn open(store: &Arc<MemoryStore>) -> Tokens {
    let options = TokensOptions::new("acme").unwrap();
    Tokens::open(Arc::clone(store), options).await.unwrap()
}

async fn create(tokens: &Tokens) -> CreatedToken {
    let new = NewToken::new("alice").scopes(["wide", "narrow"]);
    tokens.create(new).await.unwrap()
}

/// Returns how many scopes the principal has, or why the token is refused.
fn verify(tokens: &Tokens, token: &CreatedToken) -> Result<usize, RejectionKind> {
    match tokens.engine.decide(token.secret.expose().as_bytes()) {
        Decision::Final(Ok(principal)) => Ok(principal.scopes().len()),
        Decision::Final(Err(rejection)) => Err(rejection.kind()),
        Decision::ReadStore(_) => panic!("the token is in memory"),
    }
}

fn repeat(tokens: &Tokens, token: &CreatedToken, times: usize) {
    for _ in 0..times {
        verify(tokens, token).unwrap();
    }
}

fn remember(tokens: &Tokens, token: &CreatedToken) {
    repeat(tokens, token, UNTIL_REMEMBERED);
    let remembered = verify_unvalidated(&tokens.engine, &token.record);
    assert_eq!(remembered, Some(true));
}

/// What happens to a token, and the verdicts after it.
type Change = (
    &'static str,
    fn(&Runtime, &Tokens, TokenId),
    Result<usize, RejectionKind>,
);

const CHANGES: [Change; 6] = [
    ("unchanged", |_, _, _| {}, Ok(2)),
    (
        "narrowed",
        |runtime, tokens, id| {
            let update = super::TokenUpdate::default().scopes(["narrow"]);
            runtime.block_on(tokens.update(id, update)).unwrap();
        },
        Ok(1),
    ),
    (
        "suspended",
        |runtime, tokens, id| {
            runtime.block_on(tokens.suspend(id)).unwrap();
        },
        Err(RejectionKind::Revoked),
    ),
    (
        "revoked",
        |runtime, tokens, id| {
            let revoke = tokens.revoke(TokenSelector::Id(id), "admin", "lost");
            assert_eq!(runtime.block_on(revoke).unwrap(), 1);
        },
        Err(RejectionKind::Revoked),
    ),
    (
        "its key retired",
        |runtime, tokens, id| {
            let kid = tokens.engine.mirror.get(id).unwrap().kid.unwrap();
            runtime
                .block_on(tokens.retire_key(kid, "admin", "lost"))
                .unwrap();
        },
        Err(RejectionKind::Revoked),
    ),
    (
        "no longer confirmed",
        |_, tokens, _| tokens.engine.freshness.end(),
        Err(RejectionKind::Unavailable),
    ),
];

#[test]
fn f06_every_thread_that_remembers_a_token_sees_its_change_at_once() {
    for (name, change, expected) in CHANGES {
        let runtime = runtime();
        let tokens = runtime.block_on(open(&Arc::default()));
        let token = runtime.block_on(create(&tokens));
        let (remembered, changed) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    remember(&tokens, &token);
                    remembered.wait();
                    changed.wait();
                    for _ in 0..2 * UNTIL_REMEMBERED {
                        assert_eq!(verify(&tokens, &token), expected, "{name}");
                    }
                });
            }
            remembered.wait();
            change(&runtime, &tokens, token.record.id);
            changed.wait();
        });
    }
}

#[test]
fn f06_uses_that_threads_count_are_read_and_written_once() {
    const VERDICTS: u64 = 1_000;
    let runtime = runtime();
    let store = Arc::new(MemoryStore::new());
    let tokens = runtime.block_on(open(&store));
    let token = runtime.block_on(create(&tokens));
    let id = token.record.id;
    let uses = || runtime.block_on(tokens.get(id)).unwrap().usage.uses;
    let count = |rounds: u64| {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| repeat(&tokens, &token, VERDICTS as usize));
            }
        });
        assert_eq!(
            uses(),
            rounds * THREADS as u64 * VERDICTS,
            "the threads ended"
        );
    };
    count(1);
    let last_used_at = runtime.block_on(tokens.get(id)).unwrap().usage.last_used_at;
    assert!(last_used_at.is_some_and(|last| last <= tokens.engine.now()));
    // Another entry replaces the one that was counted.
    let update = super::TokenUpdate::default().scopes(["narrow"]);
    runtime.block_on(tokens.update(id, update)).unwrap();
    count(2);
    runtime
        .block_on(tokens.engine.flush_usage(crate::engine::Flush::All))
        .unwrap();
    count(3);
    // Uses of a thread that has not ended.
    remember(&tokens, &token);
    let more = UNTIL_REMEMBERED as u64 + 1;
    assert_eq!(uses(), 3 * THREADS as u64 * VERDICTS + more);
    runtime.block_on(tokens.shutdown()).unwrap();
    let reopened = runtime.block_on(open(&store));
    let stored = runtime.block_on(reopened.get(id)).unwrap();
    assert_eq!(stored.usage.uses, 3 * THREADS as u64 * VERDICTS + more);
}

#[test]
fn f06_a_thread_remembers_a_bounded_number_of_tokens() {
    const TOKENS: usize = 2_000;
    drop(take());
    let runtime = runtime();
    let tokens = runtime.block_on(open(&Arc::default()));
    let mut most = 0;
    for _ in 0..TOKENS {
        let token = runtime.block_on(create(&tokens));
        // Twice, since the slot may be another token's.
        for _ in 0..2 {
            repeat(&tokens, &token, UNTIL_REMEMBERED);
        }
        remember(&tokens, &token);
        most = most.max(count_remembered(&tokens.engine));
    }
    // Twice the slots, and the entries that wait for the next sweep.
    assert!((200..=2 * 256 + 64).contains(&most), "{most}");
}

#[test]
fn f06_nothing_is_remembered_after_the_handle_is_dropped() {
    let runtime = runtime();
    let tokens = runtime.block_on(open(&Arc::default()));
    let token = runtime.block_on(create(&tokens));
    remember(&tokens, &token);
    let entry = tokens.engine.mirror.get(token.record.id);
    let entry = entry.map(|entry| Arc::downgrade(&entry)).unwrap();
    assert!(entry.strong_count() > 0);
    drop((tokens, runtime));
    assert_eq!(entry.strong_count(), 0);
}
