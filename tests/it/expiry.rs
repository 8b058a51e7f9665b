//! Expiry at times that are near, far, past, or absurd.

#![cfg(feature = "tokens")]

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tower_authn::{
    RejectionKind,
    store::{MemoryStore, Row, TokenStore, Write},
    token::{Digest, Record, Timestamp},
    tokens::{NewToken, TokenSelector, Tokens},
};

use super::tokens::{ManualClock, answer};

const TEXT: &str = "made-elsewhere-and-long-enough";

/// Opens a store with a token that expires at `end`, even if `create` would refuse that.
async fn stored(now: u64, end: Timestamp) -> (Tokens, ManualClock) {
    let store = Arc::new(MemoryStore::new());
    let mut record = Record::new(
        "000000000000".parse().unwrap(),
        Digest::sha256(TEXT),
        "alice".to_owned(),
        Timestamp::default(),
    );
    record.expires_at = Some(end);
    let row = Row::Token(Box::new(record));
    store.apply(vec![Write::insert(row)]).await.unwrap();
    let hands = ManualClock::at(now);
    let tokens = Tokens::open(store, hands.options()).await.unwrap();
    (tokens, hands)
}

#[tokio::test]
async fn every_vector_is_decided_as_its_label_says() {
    let file: Value = serde_json::from_str(include_str!("../vectors/expiry.json")).unwrap();
    let rows = file["vectors"].as_array().unwrap();
    let mut valid = 0;
    for row in rows {
        let number = |key: &str| row[key].as_u64().unwrap();
        let (tokens, _) = stored(number("now"), Timestamp::from_secs(number("exp"))).await;
        let is_valid = match row["expect"].as_str().unwrap() {
            "expired" => false,
            "valid" | "valid or construction error" => true,
            other => panic!("unknown label {other}"),
        };
        let refused = answer(&tokens, TEXT).await.err();
        let expected = (!is_valid).then_some(RejectionKind::Expired);
        assert_eq!(refused, expected, "{row}");
        valid += usize::from(is_valid);
    }
    assert_eq!((rows.len(), valid), (9, 4));
}

#[tokio::test]
async fn g02_no_end_is_too_near_or_too_far() {
    let ends = [
        (0, false),
        (1, false),
        (1 << 63, true),
        ((1 << 63) - 1, true),
        (u64::MAX, true),
    ];
    for (end, is_good) in ends {
        for end in [Timestamp::from_secs(end), Timestamp::from_millis(end)] {
            let (tokens, hands) = stored(1_000, end).await;
            assert_eq!(answer(&tokens, TEXT).await.is_ok(), is_good, "{end:?}");
            hands.set(u64::MAX);
            let refused = answer(&tokens, TEXT).await.err();
            // The last timestamp means no expiry.
            let never = end == Timestamp::MAX;
            assert_eq!(refused.is_none(), never, "{end:?} at the end of time");
        }
    }
    let hands = ManualClock::at(1_000);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let far = NewToken::new("alice").expires_in(Duration::MAX);
    let made = tokens.create(far).await.unwrap();
    let caller = answer(&tokens, made.secret.expose()).await.unwrap();
    assert_eq!(caller.expires_at(), None);
}

/// Staleness is measured by the monotonic clock.
#[tokio::test(start_paused = true)]
async fn g03_a_clock_that_steps_back_brings_nothing_revoked_back() {
    let hands = ManualClock::at(1_001);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let make = async || tokens.create(NewToken::new("alice")).await.unwrap();
    let (kept, revoked, rotated) = (make().await, make().await, make().await);
    let which = TokenSelector::Id(revoked.record.id);
    tokens.revoke(which, "admin", "lost").await.unwrap();
    let fresh = tokens
        .rotate(rotated.record.id, Duration::ZERO)
        .await
        .unwrap();
    hands.set(999);
    for (made, expected) in [
        (&kept, None),
        (&fresh, None),
        (&revoked, Some(RejectionKind::Revoked)),
        (&rotated, Some(RejectionKind::Revoked)),
    ] {
        let refused = answer(&tokens, made.secret.expose()).await.err();
        assert_eq!(refused, expected);
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let stale = tokens.staleness();
    assert!(
        stale < Duration::from_secs(2),
        "{stale:?} was measured by the clock that was set"
    );
}

#[tokio::test]
async fn g04_there_is_no_leeway() {
    let end = Timestamp::from_millis(1_000_001);
    let (tokens, hands) = stored(1_000, end).await;
    assert!(answer(&tokens, TEXT).await.is_ok(), "a millisecond is left");
    hands.set(1_001);
    let refused = answer(&tokens, TEXT).await.unwrap_err();
    assert_eq!(refused, RejectionKind::Expired);
}
