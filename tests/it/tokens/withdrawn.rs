//! Suspended, revoked, and minted by a retired key.

use std::sync::Arc;

use tower_authn::{
    RejectionKind,
    store::{MemoryStore, Query, TokenErrorKind, Tokens, TokensOptions, Which},
};

use super::{DAY, Hands, alice, answer, open};

#[tokio::test]
async fn suspension_ends_and_revocation_does_not() {
    let tokens = open().await;
    let made = tokens.create(alice()).await.unwrap();
    let (id, token) = (made.record.id, made.secret.expose());
    tokens.suspend(id).await.unwrap();
    assert_eq!(
        answer(&tokens, token).await.unwrap_err(),
        RejectionKind::Revoked
    );
    tokens.resume(id).await.unwrap();
    assert!(answer(&tokens, token).await.is_ok());
    tokens
        .revoke(Which::Subject("alice"), "admin", "")
        .await
        .unwrap();
    tokens.resume(id).await.unwrap();
    assert_eq!(
        answer(&tokens, token).await.unwrap_err(),
        RejectionKind::Revoked
    );
}

#[tokio::test]
async fn a_retired_key_takes_its_tokens_along_and_a_new_one_mints_in_time() {
    let hands = Hands::at(1_000);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let old = tokens.create(alice()).await.unwrap();
    let key = tokens.add_key().await.unwrap();
    assert_eq!(
        tokens.create(alice()).await.unwrap().record.kid,
        old.record.kid
    );
    hands.set(1_030);
    let new = tokens.create(alice()).await.unwrap();
    assert_eq!(new.record.kid, Some(key.id));

    let caller = answer(&tokens, old.secret.expose()).await.unwrap();
    tokens
        .revoke(Which::Key(old.record.kid.unwrap()), "admin", "leaked")
        .await
        .unwrap();
    assert_eq!(
        answer(&tokens, old.secret.expose()).await.unwrap_err(),
        RejectionKind::Revoked
    );
    caller.ended().await;
    assert!(answer(&tokens, new.secret.expose()).await.is_ok());
}

#[tokio::test]
async fn a_token_of_a_retired_key_cannot_be_rotated_into_a_good_one() {
    let hands = Hands::at(1_000);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let old = tokens.create(alice()).await.unwrap();
    let other = tokens.create(alice()).await.unwrap();
    assert!(tokens.rotate(other.record.id, DAY).await.is_ok());
    tokens.add_key().await.unwrap();
    hands.set(1_030);
    let leaked = Which::Key(old.record.kid.unwrap());
    tokens.revoke(leaked, "admin", "leaked").await.unwrap();
    let error = tokens.rotate(old.record.id, DAY).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Invalid);
    assert_eq!(tokens.list(Query::default()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn whoever_holds_a_token_can_revoke_it_where_it_was_not_heard_of_yet() {
    let store = Arc::new(MemoryStore::new());
    let options = || TokensOptions::new("acme").unwrap();
    let one = Tokens::open(Arc::clone(&store), options()).await.unwrap();
    let two = Tokens::open(store, options()).await.unwrap();
    let made = one.create(alice()).await.unwrap();
    let held = Which::Presented(made.secret.expose());
    assert_eq!(two.revoke(held, "alice", "").await.unwrap(), 1);
    let record = one.get(made.record.id).await.unwrap().record;
    assert!(record.revoked_at.is_some());
    let forged = format!("{}x", &made.secret.expose()[..67]);
    assert_eq!(
        two.revoke(Which::Presented(&forged), "mallory", "")
            .await
            .unwrap(),
        0
    );
}
