//! Several instances, uses, and lists.

use std::{sync::Arc, time::Duration};

use http::{Request, StatusCode};
use tower::{Layer, Service};
use tower_authn::{
    AuthnLayer, RejectionKind,
    store::{MemoryStore, Query, TokenStore},
    token::{Digest, Timestamp, TokenState},
    tokens::{TokenErrorKind, TokenSelector, Tokens, TokensOptions},
};

use super::{ManualClock, alice, answer, open};
use crate::support::{Strict, get};

#[tokio::test]
async fn a_token_of_another_system_is_imported_by_its_text_or_its_digest() {
    let tokens = open().await;
    let foreign = "ghp_0123456789abcdefghij";
    tokens.import(foreign, alice()).await.unwrap();
    let other = Digest::sha256("another-token-from-elsewhere");
    tokens.import_digest(other, alice()).await.unwrap();
    assert!(answer(&tokens, foreign).await.is_ok());
    assert!(
        answer(&tokens, "another-token-from-elsewhere")
            .await
            .is_ok()
    );
    let unknown = answer(&tokens, "ghp_0123456789abcdefghik").await;
    assert_eq!(unknown.unwrap_err(), RejectionKind::Invalid);

    let twice = tokens.import(foreign, alice()).await.unwrap_err();
    assert_eq!(twice.kind(), TokenErrorKind::AlreadyExists);
    assert_eq!(twice.to_string(), "the token exists already");
    let twice = tokens.import_digest(other, alice()).await.unwrap_err();
    assert_eq!(twice.kind(), TokenErrorKind::AlreadyExists);
    let ours = tokens.create(alice()).await.unwrap();
    for text in [
        "too-short",
        "not a token68 at all, no",
        ours.secret.expose(),
    ] {
        assert_eq!(
            tokens.import(text, alice()).await.unwrap_err().field(),
            Some("token")
        );
    }
    let by_holder = TokenSelector::Presented(foreign);
    assert_eq!(tokens.revoke(by_holder, "alice", "").await.unwrap(), 1);
    assert_eq!(
        answer(&tokens, foreign).await.unwrap_err(),
        RejectionKind::Revoked
    );
}

#[tokio::test]
async fn a_second_instance_knows_what_the_first_one_did() {
    let store = Arc::new(MemoryStore::new());
    let options = || TokensOptions::new("acme").unwrap();
    let one = Tokens::open(Arc::clone(&store), options()).await.unwrap();
    let two = Tokens::open(store, options()).await.unwrap();
    let made = one.create(alice()).await.unwrap();
    let token = made.secret.expose();
    assert!(
        answer(&two, token).await.is_ok(),
        "read from the store before the follower reads it"
    );
    one.revoke(TokenSelector::Id(made.record.id), "admin", "")
        .await
        .unwrap();
    let refused = async {
        while answer(&two, token).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), refused)
        .await
        .expect("seen in time");
    assert_eq!(
        answer(&two, token).await.unwrap_err(),
        RejectionKind::Revoked
    );
}

#[tokio::test]
async fn uses_are_written_at_shutdown() {
    let store = Arc::new(MemoryStore::new());
    let options = TokensOptions::new("acme").unwrap();
    let tokens = Tokens::open(Arc::clone(&store), options).await.unwrap();
    let made = tokens.create(alice()).await.unwrap();
    let service = AuthnLayer::new(tokens.verifier()).layer(Strict::default());
    for _ in 0..3 {
        let value = format!("Bearer {}", made.secret.expose());
        let request: Request<String> = get("/", &[("authorization", &value)]);
        let mut service = service.clone();
        assert_eq!(
            service.call(request).await.unwrap().status(),
            StatusCode::OK
        );
    }
    let written = async || store.get(made.record.id).await.unwrap().unwrap().usage;
    assert_eq!(written().await.uses, 0);
    tokens.shutdown().await.unwrap();
    let usage = written().await;
    assert_eq!(usage.uses, 3);
    assert!(usage.last_used_at.is_some());
    let answer = answer(&tokens, made.secret.expose()).await;
    assert_eq!(
        answer.unwrap_err(),
        RejectionKind::Unavailable,
        "the store is not followed any more"
    );
}

#[tokio::test]
async fn lists_have_pages_and_filters() {
    let hands = ManualClock::at(1_000);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    for n in 0..25 {
        hands.set(1_000 + n / 5);
        tokens
            .create(alice().name(format!("Laptop {n}")))
            .await
            .unwrap();
    }
    let mut query = Query::default();
    query.limit = 10;
    let mut seen = Vec::new();
    loop {
        let page = tokens.list(query.clone()).await.unwrap();
        seen.extend(page.tokens.into_iter().map(|stored| stored.record));
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted_by(|a, b| (b.created_at, b.id) < (a.created_at, a.id)));

    let mut named = Query::default();
    named.search = Some("LAPTOP 2".to_owned());
    assert_eq!(
        tokens.list(named).await.unwrap().tokens.len(),
        6,
        "2 and 20 to 24"
    );
    let mut expired = Query::default();
    expired.state = Some((TokenState::Expired, Timestamp::MAX));
    assert_eq!(tokens.list(expired).await.unwrap().tokens.len(), 25);
}
