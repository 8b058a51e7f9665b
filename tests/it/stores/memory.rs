//! The store in memory: what a call costs, and for how long it locks the store.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use allocation_counter::measure;
use futures::FutureExt;
use tower_authn::{
    store::{MemoryStore, Query, Row, TokenStore, Write},
    token::{Digest, Record, Timestamp},
};

const MANY: u64 = 10_000;

/// Returns a store with a number of tokens, which all end after one second.
fn filled(count: u64) -> MemoryStore {
    let store = MemoryStore::new();
    let write = |number: u64| {
        let id = format!("{number:012}").parse().unwrap();
        let digest = Digest::sha256(number.to_be_bytes());
        let created_at = Timestamp::from_millis(number);
        let mut record = Record::new(id, digest, "alice".to_owned(), created_at);
        record.expires_at = Some(Timestamp::from_secs(1));
        Write::insert(Row::Token(Box::new(record)))
    };
    let written = store.apply((0..count).map(write).collect());
    assert_eq!(written.now_or_never().unwrap().unwrap(), count);
    store
}

fn query(set: impl FnOnce(&mut Query)) -> Query {
    let mut query = Query::default();
    set(&mut query);
    query
}

/// Returns the result of a future, and how often it was polled. It holds no lock between
/// two polls.
fn polls<T>(future: impl Future<Output = T>) -> (T, usize) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for polls in 1.. {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return (result, polls);
        }
    }
    unreachable!("every call ends")
}

#[test]
fn a_long_call_of_the_memory_store_unlocks_it_every_thousand_rows() {
    let store = filled(MANY);
    let mut rows = 0;
    let (loaded, times) = polls(store.load_all(&mut |_| rows += 1));
    assert!(rows == MANY && times > 10, "{rows} rows, {times} polls");
    assert_eq!(loaded.unwrap().rev, MANY);
    let (changes, times) = polls(store.changes(0, 1_000));
    assert_eq!((changes.unwrap().rows.len(), times), (1_000, 1));

    let (pruned, times) = polls(store.prune(Timestamp::from_secs(1)));
    assert_eq!((pruned.unwrap(), times), (0, 1), "they have not ended");
    let (pruned, times) = polls(store.prune(Timestamp::from_secs(2)));
    assert!(pruned.unwrap() as u64 == MANY && times > 10, "{times}");
}

/// A load that a write and a prune interrupt has every row that is left, in its last state.
#[test]
fn a_load_of_the_memory_store_misses_no_change_that_is_made_meanwhile() {
    let store = filled(MANY);
    let mut rows = Vec::new();
    let mut load = Box::pin(async {
        let mut each = |row| rows.push(row);
        store.load_all(&mut each).await.unwrap()
    });
    assert!(load.as_mut().now_or_never().is_none());
    let found = store.get("000000000000".parse().unwrap()).now_or_never();
    let mut changed = found.unwrap().unwrap().unwrap().record;
    changed.expires_at = None;
    let write = Write::replace(Row::Token(Box::new(changed.clone())), changed.rev);
    store.apply(vec![write]).now_or_never().unwrap().unwrap();
    let position = polls(load).0;
    assert_eq!(position.rev, MANY + 1);
    let last = rows.iter().map(Row::rev).max();
    assert_eq!(last, Some(MANY + 1), "its last state");
    assert_eq!(rows.len() as u64, MANY + 1, "and the earlier one");
}

#[test]
fn a_page_of_the_memory_store_costs_the_same_whatever_it_holds() {
    let allocations = [100, MANY].map(|count| {
        let store = filled(count);
        let changes = measure(|| {
            let read = store.changes(0, 10).now_or_never().unwrap();
            assert_eq!(read.unwrap().rows.len(), 10);
        });
        let list = measure(|| {
            let listed = store.list(query(|query| query.limit = 10)).now_or_never();
            assert_eq!(listed.unwrap().unwrap().tokens.len(), 10);
        });
        (changes.count_total, list.count_total)
    });
    assert_eq!(allocations[0], allocations[1]);
}
