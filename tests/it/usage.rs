//! Uses: counted during a request, written later in batches.

#![cfg(feature = "tokens")]

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use http::{HeaderValue, StatusCode};
use tokio::time::sleep;
use tower::{Layer, Service};
use tower_authn::{
    AuthnLayer,
    store::{Query, TokenStore},
    token::Timestamp,
    tokens::{CreatedToken, NewToken, Tokens},
};

use crate::{
    support::{Strict, get},
    watched::{Watched, status},
};

async fn make(tokens: &Tokens, count: usize) -> Vec<CreatedToken> {
    let mut made = Vec::new();
    for _ in 0..count {
        made.push(tokens.create(NewToken::new("alice")).await.unwrap());
    }
    made
}

async fn uses(tokens: &Tokens, made: &CreatedToken) -> u64 {
    tokens.get(made.record.id).await.unwrap().usage.uses
}

#[tokio::test(start_paused = true)]
async fn however_many_verdicts_a_token_is_written_once_a_minute() {
    const TOKENS: usize = 20;
    const SECONDS: u64 = 200;
    const A_SECOND: usize = 500;
    let store = Watched::default();
    let tokens = store.open().await;
    let made = make(&tokens, TOKENS).await;
    let mut service = AuthnLayer::new(tokens.verifier()).layer(Strict::default());
    for second in 0..SECONDS {
        for n in 0..A_SECOND {
            let mut request = get("/", &[]);
            let token = made[(n + second as usize) % TOKENS].secret.expose();
            let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
            request.headers_mut().insert("authorization", value);
            let answer = service.call(request).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
        }
        sleep(Duration::from_secs(1)).await;
    }
    let batches = store.written_uses();
    assert_eq!(
        batches.len(),
        4,
        "the first uses, and one write in each whole minute"
    );
    for batch in &batches[1..] {
        let ids: BTreeSet<_> = batch.iter().map(|used| used.id).collect();
        assert_eq!((batch.len(), ids.len()), (TOKENS, TOKENS));
    }
    tokens.shutdown().await.unwrap();
    assert_eq!(store.written_uses().len(), 5, "the rest at shutdown");
    let counted: u64 = store
        .written_uses()
        .iter()
        .flatten()
        .map(|used| used.count)
        .sum();
    assert_eq!(counted, SECONDS * A_SECOND as u64, "no use is lost");
}

#[tokio::test(start_paused = true)]
async fn many_tokens_are_written_in_batches() {
    let store = Watched::default();
    let tokens = store.open().await;
    for one in make(&tokens, 2_500).await {
        assert_eq!(status(&tokens, one.secret.expose()).await, StatusCode::OK);
    }
    tokens.shutdown().await.unwrap();
    let sizes: Vec<usize> = store.written_uses().iter().map(Vec::len).collect();
    assert_eq!(sizes, [1_000, 1_000, 500]);
}

#[tokio::test(start_paused = true)]
async fn a_first_use_is_recorded_when_the_token_changes_after_it() {
    let store = Watched::default();
    let tokens = store.open().await;
    let made = make(&tokens, 3).await;
    for one in &made[..2] {
        assert_eq!(status(&tokens, one.secret.expose()).await, StatusCode::OK);
    }
    tokens.suspend(made[1].record.id).await.unwrap();
    tokens.resume(made[1].record.id).await.unwrap();
    let changed = made[1].secret.expose();
    assert_eq!(status(&tokens, changed).await, StatusCode::OK);
    sleep(Duration::from_secs(62)).await;
    assert_eq!(uses(&tokens, &made[0]).await, 1);
    assert_eq!(uses(&tokens, &made[1]).await, 2);
    assert_eq!(uses(&tokens, &made[2]).await, 0);
    let stored = tokens.get(made[0].record.id).await.unwrap();
    assert!(stored.usage.last_used_at.is_some());
    assert_eq!(store.written_uses()[0].len(), 2, "one row for each token");
}

#[tokio::test(start_paused = true)]
async fn uses_that_could_not_be_written_are_written_later() {
    let store = Watched::default();
    let tokens = store.open().await;
    let made = make(&tokens, 2).await;
    store.set_failing(true);
    for _ in 0..3 {
        let answer = status(&tokens, made[0].secret.expose()).await;
        assert_eq!(answer, StatusCode::OK);
    }
    sleep(Duration::from_secs(62)).await;
    let answer = status(&tokens, made[0].secret.expose()).await;
    assert_eq!(answer, StatusCode::OK);
    assert!(store.written_uses().is_empty());
    assert!(tokens.shutdown().await.is_err(), "the error is returned");
    store.set_failing(false);
    tokens.shutdown().await.unwrap();
    assert_eq!(uses(&tokens, &made[0]).await, 4);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_a_flush_that_is_running() {
    let store = Watched::default();
    let tokens = store.open().await;
    let made = make(&tokens, 1).await;
    let answer = status(&tokens, made[0].secret.expose()).await;
    assert_eq!(answer, StatusCode::OK);
    store.hold_uses();
    sleep(Duration::from_secs(62)).await;
    let late = store.clone();
    let release = tokio::spawn(async move {
        sleep(Duration::from_secs(2)).await;
        late.release_uses();
    });
    tokens.shutdown().await.unwrap();
    release.await.unwrap();
    assert_eq!(uses(&tokens, &made[0]).await, 1, "neither lost nor doubled");
}

#[tokio::test(start_paused = true)]
async fn s12_the_first_use_is_written_within_a_second_and_others_with_the_rest() {
    let store = Watched::default();
    let tokens = store.open().await;
    let made = make(&tokens, 2).await;
    let used = async |one: &CreatedToken| {
        assert_eq!(status(&tokens, one.secret.expose()).await, StatusCode::OK);
    };
    let written = async |one: &CreatedToken| {
        let stored = store.store().get(one.record.id).await.unwrap().unwrap();
        stored.usage.uses
    };
    sleep(Duration::from_secs(20)).await;
    for one in &made {
        assert_eq!(written(one).await, 0);
        used(one).await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(written(one).await, 1, "the first use");
    }
    used(&made[0]).await;
    tokens.suspend(made[0].record.id).await.unwrap();
    tokens.resume(made[0].record.id).await.unwrap();
    used(&made[0]).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(written(&made[0]).await, 1, "it is not a first use");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(written(&made[0]).await, 3);
}

#[tokio::test(start_paused = true)]
async fn s12_reads_of_this_process_include_uses_that_are_not_written_yet() {
    let store = Watched::default();
    let tokens = store.open().await;
    let made = make(&tokens, 3).await;
    let later = || Timestamp::from(SystemTime::now()) + Duration::from_secs(60);
    let before = Timestamp::from(SystemTime::now());
    // Uses that are written, that are being written, and that are neither.
    for round in 1..=3 {
        for one in &made[..2] {
            assert_eq!(status(&tokens, one.secret.expose()).await, StatusCode::OK);
        }
        let (id, token) = (made[0].record.id, made[0].secret.expose());
        let listed = tokens.list(Query::default()).await.unwrap();
        let found = tokens.find(token).await.unwrap().unwrap();
        let seen = [
            tokens.get(id).await.unwrap(),
            found,
            listed
                .tokens
                .into_iter()
                .find(|one| one.record.id == id)
                .unwrap(),
        ];
        for stored in seen {
            assert_eq!(stored.usage.uses, round);
            assert!(stored.usage.last_used_at >= Some(before));
        }
        match round {
            1 => sleep(Duration::from_secs(1)).await,
            2 => {
                store.hold_uses();
                sleep(Duration::from_secs(60)).await;
            }
            _ => store.release_uses(),
        }
    }
    // A filter agrees with the uses that are shown.
    let unused = async |since: Timestamp| {
        let unused = tokens.unused_since(since).await.unwrap();
        unused
            .into_iter()
            .map(|one| one.record.id)
            .collect::<Vec<_>>()
    };
    let fresh = make(&tokens, 1).await.remove(0);
    let since = later();
    let names =
        |those: &[&CreatedToken]| -> BTreeSet<_> { those.iter().map(|c| c.record.id).collect() };
    let all = names(&[&made[0], &made[1], &made[2], &fresh]);
    assert_eq!(
        unused(since).await.into_iter().collect::<BTreeSet<_>>(),
        all
    );
    sleep(Duration::from_millis(1)).await;
    std::thread::sleep(Duration::from_millis(5));
    let since = Timestamp::from(SystemTime::now());
    let both = names(&[&made[2], &fresh]);
    for one in &made[..2] {
        assert_eq!(status(&tokens, one.secret.expose()).await, StatusCode::OK);
    }
    assert_eq!(
        unused(since).await.into_iter().collect::<BTreeSet<_>>(),
        both
    );
}
