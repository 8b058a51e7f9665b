//! The table of the counter, empty, doubled or set back, and imports that repeat.

use rusqlite::Connection;
use tower_authn::{
    store::{MemoryStore, PostgresStore, Row, SqliteStore, StoreErrorKind, TokenStore, Write},
    token::{Digest, Record, Timestamp, TokenId},
    tokens::{NewToken, TokenErrorKind, Tokens, TokensOptions},
};

use super::{Directory, server};

const EMPTY: &str = "DELETE FROM tower_authn_meta";
const DOUBLED: &str = "INSERT INTO tower_authn_meta SELECT * FROM tower_authn_meta";
const SET_BACK: &str = "UPDATE tower_authn_meta SET rev = 0";

fn write(number: u64) -> Write {
    let digest = Digest::sha256(number.to_be_bytes());
    let record = Record::new(id(number), digest, "bob".to_owned(), Timestamp::default());
    let row = Row::Token(Box::new(record));
    Write::insert(row)
}

fn id(number: u64) -> TokenId {
    format!("{number:012}").parse().unwrap()
}

/// Checks that every operation that needs the counter returns `Corrupt` and writes
/// nothing.
async fn check(store: impl TokenStore, damage: impl Fn(&str), how: &str) {
    assert_eq!(store.apply(vec![write(1)]).await.unwrap(), 1, "whole");
    damage(how);
    let written = store.apply(vec![write(2)]).await.unwrap_err();
    assert_eq!(written.kind(), StoreErrorKind::Corrupt, "{how}: {written}");
    assert_eq!(store.get(id(2)).await.unwrap(), None, "{how}");
    if how == SET_BACK {
        return;
    }
    let read = store.changes(0, 10).await.unwrap_err();
    assert_eq!(read.kind(), StoreErrorKind::Corrupt, "{how}: {read}");
    let loaded = store.load_all(&mut |_| ()).await.unwrap_err();
    assert_eq!(loaded.kind(), StoreErrorKind::Corrupt, "{how}: {loaded}");
    assert!(loaded.to_string().contains("tower_authn_meta"), "{loaded}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_a_counter_that_is_missing_doubled_or_set_back_is_corrupt_in_sqlite() {
    for how in [EMPTY, DOUBLED, SET_BACK] {
        let directory = Directory::new();
        let file = directory.file();
        let store = SqliteStore::open(&file).await.unwrap();
        let damage = |sql: &str| Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        check(store, damage, how).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_a_counter_that_is_missing_doubled_or_set_back_is_corrupt_in_postgres() {
    let Some(server) = server::shared() else {
        return;
    };
    for how in [EMPTY, DOUBLED, SET_BACK] {
        let url = server.database();
        let database = url.rsplit('/').next().unwrap();
        let store = PostgresStore::connect(&url).await.unwrap();
        let damage = |sql: &str| drop(server.psql(database, sql));
        check(store, damage, how).await;
        if how != SET_BACK {
            let refused = PostgresStore::connect(&url).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Corrupt, "{refused}");
        }
    }
}

/// Checks that a second import, by text or by digest, is refused on both instances.
async fn imports_once(one: impl TokenStore, two: impl TokenStore) {
    let options = TokensOptions::new("acme").unwrap();
    let one = Tokens::open(one, options.clone()).await.unwrap();
    let two = Tokens::open(two, options).await.unwrap();
    let text = "made-elsewhere-0123456789";
    let new = || NewToken::new("alice");
    one.import(text, new()).await.unwrap();
    for tokens in [&one, &two] {
        for again in [
            tokens.import(text, new()).await,
            tokens.import_digest(Digest::sha256(text), new()).await,
        ] {
            let error = again.unwrap_err();
            assert_eq!(error.kind(), TokenErrorKind::AlreadyExists);
            assert_eq!(error.to_string(), "the token exists already");
        }
    }
    two.import("made-elsewhere-9876543210", new())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_a_token_that_is_imported_twice_is_already_there_in_every_store() {
    let memory = std::sync::Arc::new(MemoryStore::new());
    imports_once(std::sync::Arc::clone(&memory), memory).await;
    let directory = Directory::new();
    let open = async || SqliteStore::open(directory.file()).await.unwrap();
    imports_once(open().await, open().await).await;
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let open = async || PostgresStore::connect(&url).await.unwrap();
    imports_once(open().await, open().await).await;
}
