//! More rows than one read or one limit of PostgreSQL covers.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use tower_authn::{
    store::{PostgresOptions, PostgresStore, Row, TokenStore, Write},
    token::{Digest, Record, Timestamp},
    tokens::{TokenSelector, Tokens},
};

use super::{becomes, make, outages::open, server};
use crate::tokens::answer;

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_of_more_than_one_read_can_hold_is_seen_whole() {
    const MANY: u64 = 2_500;
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let store = PostgresStore::connect(&url).await.unwrap();
    let text = |n: u64| format!("made-elsewhere-number-{n:06}");
    let new = |n: u64| {
        let id = format!("{n:012}").parse().unwrap();
        let record = Record::new(
            id,
            Digest::sha256(text(n)),
            "bob".to_owned(),
            Timestamp::default(),
        );
        let row = Row::Token(Box::new(record));
        Write::insert(row)
    };
    store.apply((0..MANY).map(new).collect()).await.unwrap();
    let (one, other) = (open(&url).await, open(&url).await);
    let good = async |tokens: &Tokens| {
        let mut good = 0;
        for n in 0..MANY {
            good += u64::from(answer(tokens, &text(n)).await.is_ok());
        }
        good
    };
    assert_eq!(good(&other).await, MANY);
    let kept = make(&one).await;
    let revoked = one
        .revoke(TokenSelector::Subject("bob"), "test", "")
        .await
        .unwrap();
    assert_eq!(revoked as u64, MANY);
    assert_eq!(good(&one).await, 0, "before it returns");
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(good(&other).await, 0);
    becomes(&other, &kept, None).await;
}

/// A write may take longer than the limit as long as it makes progress.
#[tokio::test(flavor = "multi_thread")]
async fn much_may_be_written_at_once_whatever_the_limit() {
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    // Creates the tables first, which may take longer than the limit below.
    drop(PostgresStore::connect(&url).await.unwrap());
    let options = PostgresOptions::new(&url).unwrap();
    let limit = Duration::from_millis(150);
    let store = options.limit(limit).connect().await.unwrap();
    let writes = (0..10_000_u64).map(|n| {
        let id = format!("{n:012}").parse().unwrap();
        let digest = Digest::sha256(n.to_be_bytes());
        let record = Record::new(id, digest, "bob".to_owned(), Timestamp::default());
        let row = Row::Token(Box::new(record));
        Write::insert(row)
    });
    let begun = Instant::now();
    assert_eq!(store.apply(writes.collect()).await.unwrap(), 10_000);
    assert!(
        begun.elapsed() > limit,
        "there were too few writes to exceed the limit"
    );
}
