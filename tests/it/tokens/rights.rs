//! No token grants more than its creator has.

use std::time::Duration;

use tower_authn::{
    Principal, RejectionKind,
    store::{MemoryStore, Query},
    token::{Timestamp, TokenId},
    tokens::{NewToken, TokenErrorKind, TokenSelector, TokenUpdate, Tokens, TokensOptions},
};

use super::{DAY, ManualClock, alice, answer, open};

#[tokio::test]
async fn rotation_leaves_both_good_until_the_grace_is_over() {
    let hands = ManualClock::at(1_000);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let old = tokens.create(alice().targets(["demo"])).await.unwrap();
    let new = tokens
        .rotate(old.record.id, Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(new.record.rotated_from, Some(old.record.id));
    assert_eq!(new.record.targets, old.record.targets);
    assert_eq!(new.record.expires_at, old.record.expires_at);
    for (now, old_is_good) in [(1_000, true), (1_059, true), (1_060, false)] {
        hands.set(now);
        assert_eq!(
            answer(&tokens, old.secret.expose()).await.is_ok(),
            old_is_good,
            "{now}"
        );
        assert!(answer(&tokens, new.secret.expose()).await.is_ok(), "{now}");
    }
    let last = tokens.rotate(new.record.id, Duration::ZERO).await.unwrap();
    assert_eq!(
        answer(&tokens, new.secret.expose()).await.unwrap_err(),
        RejectionKind::Revoked
    );
    assert!(answer(&tokens, last.secret.expose()).await.is_ok());
    let again = tokens
        .rotate(new.record.id, Duration::ZERO)
        .await
        .unwrap_err();
    assert_eq!(again.kind(), TokenErrorKind::Invalid);
}

#[tokio::test]
async fn a_change_only_narrows() {
    let tokens = open().await;
    let wide = alice().scopes(["resources"]).targets(["demo*"]);
    let id = tokens.create(wide).await.unwrap().record.id;
    let forbidden = [
        ("scopes", TokenUpdate::default().scopes(["deployment"])),
        (
            "scopes",
            TokenUpdate::default().scopes(["resources", "deployment"]),
        ),
        ("targets", TokenUpdate::default().targets(["*demo"])),
        ("targets", TokenUpdate::default().targets(["dem*"])),
        (
            "targets",
            TokenUpdate::default().targets(Vec::<String>::new()),
        ),
        (
            "expires_at",
            TokenUpdate::default().expires_at(Timestamp::MAX),
        ),
    ];
    for (field, change) in forbidden {
        let before = tokens.get(id).await.unwrap();
        let error = tokens.update(id, change).await.unwrap_err();
        assert_eq!(error.field(), Some(field), "{error}");
        assert_eq!(tokens.get(id).await.unwrap(), before);
    }
    let narrower = TokenUpdate::default()
        .scopes(["resources:models"])
        .targets(["demo-1"]);
    let record = tokens.update(id, narrower.name("less")).await.unwrap();
    assert_eq!(
        (record.name.as_str(), record.scopes[0].as_str()),
        ("less", "resources:models")
    );
}

#[tokio::test]
async fn a_token_makes_none_beyond_its_own_rights() {
    let tokens = open().await;
    let own = alice()
        .scopes(["resources"])
        .targets(["demo*"])
        .organization("acme")
        .expires_in(DAY);
    let own = tokens.create(own).await.unwrap();
    let caller = answer(&tokens, own.secret.expose()).await.unwrap();
    let child = || {
        let child = NewToken::new("child")
            .organization("acme")
            .targets(["demo-1"]);
        child.scopes(["resources:models"]).within_rights_of(&caller)
    };
    let forbidden = [
        ("scopes", child().scopes(["deployment"])),
        ("targets", child().targets(["other"])),
        ("organization", child().organization("other")),
        ("expires_at", child().never_expires()),
        ("expires_at", child().expires_in(2 * DAY)),
    ];
    for (field, token) in forbidden {
        let error = tokens.create(token).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.field()),
            (TokenErrorKind::Forbidden, Some(field))
        );
    }
    let untargeted = NewToken::new("child")
        .organization("acme")
        .within_rights_of(&caller);
    assert_eq!(
        tokens.create(untargeted).await.unwrap_err().field(),
        Some("targets")
    );
    let made = tokens.create(child()).await.unwrap().record;
    assert_eq!(made.created_by, "alice");
    assert_eq!(
        made.expires_at, own.record.expires_at,
        "the default expiry is shortened"
    );
    assert_eq!(
        tokens
            .revoke(TokenSelector::CreatedBy("alice"), "admin", "")
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn an_invalid_field_is_refused_by_name() {
    let tokens = open().await;
    let past = Timestamp::from_secs(1);
    let rows = [
        ("subject", NewToken::new("")),
        ("subject", NewToken::new("a\nb")),
        ("name", alice().name("x".repeat(129))),
        ("name", alice().name("a\0")),
        ("description", alice().description("\u{1b}[31m")),
        ("scopes", alice().scopes(["No Scope"])),
        ("scopes", alice().scopes((0..65).map(|n| format!("s{n}")))),
        ("targets", alice().targets(Vec::<String>::new())),
        ("targets", alice().targets(["*"])),
        ("metadata", alice().metadata("[1]")),
        (
            "metadata",
            alice().metadata(format!("{{\"a\":\"{}\"}}", "x".repeat(4_096))),
        ),
        ("expires_at", alice().expires_at(past)),
        (
            "not_before",
            alice().expires_in(DAY).not_before(Timestamp::MAX),
        ),
    ];
    for (field, token) in rows {
        let error = tokens.create(token).await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Invalid, "{field}");
        assert_eq!(error.field(), Some(field), "{error}");
    }
    assert!(
        tokens
            .list(Query::default())
            .await
            .unwrap()
            .tokens
            .is_empty()
    );

    let options = TokensOptions::new("acme")
        .unwrap()
        .known_scopes(["resources"])
        .unwrap();
    let tokens = Tokens::open(MemoryStore::new(), options).await.unwrap();
    let scopes = alice().scopes(["resources", "deployment"]);
    let error = tokens.create(scopes).await.unwrap_err();
    assert_eq!(error.field(), Some("scopes"));
    assert_eq!(
        error.to_string(),
        "scopes[1]: unknown scope; expected resources, or a scope below one of them"
    );
    assert!(
        tokens
            .create(alice().scopes(["resources:models"]))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_caller_finds_their_own_token_by_its_id() {
    let tokens = open().await;
    let created = tokens.create(alice()).await.unwrap();
    let caller = answer(&tokens, created.secret.expose()).await.unwrap();
    let id = TokenId::try_from(&caller).unwrap();
    assert_eq!(tokens.get(id).await.unwrap().record, created.record);
    for other in [
        Principal::new("ci"),
        caller.with_token_id("the-jti-of-a-jwt"),
    ] {
        let error = TokenId::try_from(&other).unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::NotFound);
    }
}
