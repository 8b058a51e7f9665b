//! Tokens that are suspended, revoked, or of a retired key.

use std::{sync::Arc, time::Duration};

use tower_authn::{
    RejectionKind,
    store::{MemoryStore, Query},
    token::{KeyId, Timestamp},
    tokens::{TokenErrorKind, TokenSelector, Tokens, TokensOptions},
};

use super::{DAY, ManualClock, alice, answer, open};

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
        .revoke(TokenSelector::Subject("alice"), "admin", "")
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
    let hands = ManualClock::at(1_000);
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
        .retire_key(old.record.kid.unwrap(), "admin", "leaked")
        .await
        .unwrap();
    assert_eq!(
        answer(&tokens, old.secret.expose()).await.unwrap_err(),
        RejectionKind::Revoked
    );
    caller.revoked().await;
    assert!(answer(&tokens, new.secret.expose()).await.is_ok());
}

#[tokio::test]
async fn a_token_of_a_retired_key_cannot_be_rotated_into_a_good_one() {
    let hands = ManualClock::at(1_000);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let old = tokens.create(alice()).await.unwrap();
    let other = tokens.create(alice()).await.unwrap();
    assert!(tokens.rotate(other.record.id, DAY).await.is_ok());
    tokens.add_key().await.unwrap();
    hands.set(1_030);
    let leaked = old.record.kid.unwrap();
    tokens.retire_key(leaked, "admin", "leaked").await.unwrap();
    let error = tokens.rotate(old.record.id, DAY).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Invalid);
    assert_eq!(tokens.list(Query::default()).await.unwrap().tokens.len(), 3);
}

#[tokio::test]
async fn a_holder_can_revoke_a_token_that_this_instance_does_not_know_yet() {
    let store = Arc::new(MemoryStore::new());
    let options = || TokensOptions::new("acme").unwrap();
    let one = Tokens::open(Arc::clone(&store), options()).await.unwrap();
    let two = Tokens::open(store, options()).await.unwrap();
    let made = one.create(alice()).await.unwrap();
    let held = TokenSelector::Presented(made.secret.expose());
    assert_eq!(two.revoke(held, "alice", "").await.unwrap(), 1);
    let record = one.get(made.record.id).await.unwrap().record;
    assert!(record.revoked_at.is_some());
    let forged = format!("{}x", &made.secret.expose()[..67]);
    assert_eq!(
        two.revoke(TokenSelector::Presented(&forged), "mallory", "")
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn s09_a_retired_key_keeps_by_whom_and_why_and_ends_its_active_tokens() {
    let hands = ManualClock::at(1_000);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let old = tokens.create(alice()).await.unwrap();
    for _ in 0..2 {
        let other = tokens.create(alice()).await.unwrap();
        let id = TokenSelector::Id(other.record.id);
        tokens.revoke(id, "admin", "lost").await.unwrap();
    }
    tokens.create(alice()).await.unwrap();
    tokens.add_key().await.unwrap();
    hands.set(1_030);
    let new = tokens.create(alice()).await.unwrap();

    let kid = old.record.kid.unwrap();
    let ended = tokens.retire_key(kid, "admin", "leaked").await.unwrap();
    assert_eq!(ended, 2, "the two that were active");
    let again = tokens.retire_key(kid, "other", "again").await.unwrap();
    assert_eq!(again, 0, "a second time changes nothing");
    let key = tokens.keys().into_iter().find(|key| key.id == kid).unwrap();
    assert_eq!(key.retired_at, Some(Timestamp::from_secs(1_030)));
    assert_eq!(key.retired_by.as_deref(), Some("admin"));
    assert_eq!(key.retired_reason.as_deref(), Some("leaked"));
    let unknown = KeyId::from_number(60).unwrap();
    let error = tokens.retire_key(unknown, "admin", "").await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::NotFound);

    let expiring = tokens.expiring(100 * DAY).await.unwrap();
    let unused = tokens
        .unused_since(Timestamp::from_secs(2_000))
        .await
        .unwrap();
    for listed in [expiring, unused] {
        let ids: Vec<_> = listed.iter().map(|stored| stored.record.id).collect();
        assert_eq!(ids, [new.record.id], "only active tokens are listed");
    }
}

#[tokio::test]
async fn s09_memory_forgets_a_token_that_is_pruned() {
    let hands = ManualClock::at(1_000);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let kept = tokens.create(alice()).await.unwrap();
    let made = tokens.create(alice()).await.unwrap();
    let text = "made-elsewhere-0123456789";
    let imported = tokens.import(text, alice()).await.unwrap();
    let caller = answer(&tokens, text).await.unwrap();
    for id in [made.record.id, imported.id] {
        tokens
            .revoke(TokenSelector::Id(id), "admin", "")
            .await
            .unwrap();
    }
    let refused = async |token: &str| answer(&tokens, token).await.err();
    for token in [made.secret.expose(), text] {
        assert_eq!(refused(token).await, Some(RejectionKind::Revoked));
    }
    hands.set(2_000);
    assert_eq!(tokens.prune(DAY).await.unwrap(), 0, "not ended for a day");
    assert_eq!(tokens.prune(Duration::ZERO).await.unwrap(), 2);
    for token in [made.secret.expose(), text] {
        assert_eq!(refused(token).await, Some(RejectionKind::Invalid));
    }
    assert_eq!(refused(kept.secret.expose()).await, None);
    caller.revoked().await;
    tokens.import(text, alice()).await.unwrap();
    assert_eq!(refused(text).await, None, "it can be imported again");
}
