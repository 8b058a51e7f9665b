//! Tokens over a store in memory: made, changed, verified, followed.

#![cfg(feature = "tokens")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{Request, StatusCode};
use tower::{Layer, Service};
use tower_authn::{
    AuthnLayer, Principal, RejectionKind,
    store::{Change, MemoryStore, NewToken, Query, TokenErrorKind, Tokens, TokensOptions, Which},
    token::{Clock, Digest, Timestamp, TokenState},
};

use crate::support::{Strict, ask, get};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock that a test sets, in seconds.
#[derive(Clone)]
pub struct Hands(Arc<AtomicU64>);

impl Hands {
    pub fn at(secs: u64) -> Self {
        Self(Arc::new(AtomicU64::new(secs)))
    }

    pub fn set(&self, secs: u64) {
        self.0.store(secs, Ordering::Relaxed);
    }

    pub fn clock(&self) -> impl Clock + use<> {
        let hands = Arc::clone(&self.0);
        move || Timestamp::from_secs(hands.load(Ordering::Relaxed))
    }

    pub fn options(&self) -> TokensOptions {
        TokensOptions::new("acme").unwrap().clock(self.clock())
    }
}

async fn open() -> Tokens {
    let options = TokensOptions::new("acme").unwrap();
    Tokens::open(MemoryStore::new(), options).await.unwrap()
}

fn alice() -> NewToken {
    NewToken::new("alice").name("laptop").scopes(["deployment"])
}

/// What a guarded service answers to a token, and why.
pub async fn answer(tokens: &Tokens, token: &str) -> Result<Principal, RejectionKind> {
    let layer = AuthnLayer::new(tokens.verifier()).expose_rejection();
    let inner = Strict::default();
    let service = layer.layer(inner.clone());
    let response = ask(
        &service,
        get("/", &[("authorization", &format!("Bearer {token}"))]),
    )
    .await;
    match response.extensions().get::<tower_authn::Rejection>() {
        Some(rejection) => {
            assert_eq!(inner.called.count(), 0, "called in spite of {rejection}");
            Err(rejection.kind())
        }
        None => {
            assert_eq!(response.status(), StatusCode::OK);
            Ok(inner.last().extensions.get::<Principal>().unwrap().clone())
        }
    }
}

#[tokio::test]
async fn a_token_is_good_from_the_call_that_makes_it_to_the_one_that_revokes_it() {
    let tokens = open().await;
    let made = tokens.create(alice().organization("acme")).await.unwrap();
    let caller = answer(&tokens, made.secret.expose()).await.unwrap();
    assert_eq!(caller.subject(), "alice");
    assert_eq!(caller.organization(), Some("acme"));
    assert_eq!(caller.token_id(), Some(made.record.id.as_str()));

    let mut ended = caller.ended();
    assert!(futures::FutureExt::now_or_never(&mut ended).is_none());
    assert_eq!(
        tokens
            .revoke(Which::Id(made.record.id), "admin", "lost")
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        answer(&tokens, made.secret.expose()).await.unwrap_err(),
        RejectionKind::Revoked
    );
    ended.await;
    assert_eq!(
        tokens
            .revoke(Which::Id(made.record.id), "admin", "again")
            .await
            .unwrap(),
        0
    );
    let record = tokens.get(made.record.id).await.unwrap().record;
    assert_eq!(record.revoked_reason.as_deref(), Some("lost"));
}

#[tokio::test]
async fn every_way_to_carry_a_token_is_taken() {
    let tokens = open().await;
    let made = tokens.create(alice()).await.unwrap();
    let token = made.secret.expose();
    let service = AuthnLayer::new(tokens.verifier().accept_login()).layer(Strict::default());
    let base64 = |text: String| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, text);
    for value in [
        format!("Bearer {token}"),
        format!("Basic {token}"),
        format!("Basic {}", base64(format!("{token}:"))),
        format!("Basic {}", base64(format!(":{token}"))),
    ] {
        let response = ask(&service, get("/", &[("authorization", &value)])).await;
        assert_eq!(response.status(), StatusCode::OK, "{value}");
    }
    let plain = AuthnLayer::new(tokens.verifier()).layer(Strict::default());
    let value = format!("Basic {}", base64(format!("{token}:")));
    let response = ask(&plain, get("/", &[("authorization", &value)])).await;
    assert_eq!(
        response.status(),
        StatusCode::UNAUTHORIZED,
        "not unless it is switched on"
    );
}

#[tokio::test]
async fn one_wrong_character_at_any_place_is_refused() {
    let tokens = open().await;
    let made = tokens.create(alice()).await.unwrap();
    let token = made.secret.expose();
    for place in 0..token.len() {
        let other = if &token[place..=place] == "x" {
            "y"
        } else {
            "x"
        };
        let wrong = format!("{}{other}{}", &token[..place], &token[place + 1..]);
        assert_eq!(
            answer(&tokens, &wrong).await.unwrap_err(),
            RejectionKind::Invalid,
            "{place}"
        );
    }
    assert!(answer(&tokens, token).await.is_ok());
}

#[tokio::test]
async fn g01_a_token_ends_at_its_end_and_begins_at_its_beginning() {
    let hands = Hands::at(1_000);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let at = Timestamp::from_secs;
    let made = tokens
        .create(alice().not_before(at(1_010)).expires_at(at(1_020)))
        .await
        .unwrap();
    let rows = [
        (1_000, Some(RejectionKind::Expired)),
        (1_009, Some(RejectionKind::Expired)),
        (1_010, None),
        (1_019, None),
        (1_020, Some(RejectionKind::Expired)),
        (u64::MAX, Some(RejectionKind::Expired)),
        (1_019, None),
    ];
    for (now, expected) in rows {
        hands.set(now);
        let answer = answer(&tokens, made.secret.expose()).await;
        assert_eq!(answer.err(), expected, "{now}");
    }
}

#[tokio::test]
async fn a_token_without_a_word_about_its_end_ends_after_ninety_days() {
    let hands = Hands::at(1_000);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let default = tokens.create(alice()).await.unwrap().record;
    assert_eq!(
        default.expires_at,
        Some(Timestamp::from_secs(1_000) + 90 * DAY)
    );
    let never = tokens.create(alice().never_expires()).await.unwrap().record;
    assert_eq!(never.expires_at, None);
}

#[tokio::test]
async fn rotation_leaves_both_good_until_the_grace_is_over() {
    let hands = Hands::at(1_000);
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
        ("scopes", Change::default().scopes(["deployment"])),
        (
            "scopes",
            Change::default().scopes(["resources", "deployment"]),
        ),
        ("targets", Change::default().targets(["*demo"])),
        ("targets", Change::default().targets(["dem*"])),
        ("targets", Change::default().targets(Vec::<String>::new())),
        ("expires_at", Change::default().expires_at(Timestamp::MAX)),
    ];
    for (field, change) in forbidden {
        let before = tokens.get(id).await.unwrap();
        let error = tokens.update(id, change).await.unwrap_err();
        assert_eq!(error.field(), Some(field), "{error}");
        assert_eq!(tokens.get(id).await.unwrap(), before);
    }
    let narrower = Change::default()
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
    let maker = answer(&tokens, own.secret.expose()).await.unwrap();
    let child = || {
        let child = NewToken::new("child")
            .organization("acme")
            .targets(["demo-1"]);
        child.scopes(["resources:models"]).made_by(&maker)
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
    let untargeted = NewToken::new("child").organization("acme").made_by(&maker);
    assert_eq!(
        tokens.create(untargeted).await.unwrap_err().field(),
        Some("targets")
    );
    let made = tokens.create(child()).await.unwrap().record;
    assert_eq!(made.created_by, "alice");
    assert_eq!(
        made.expires_at, own.record.expires_at,
        "the default end gives way"
    );
    assert_eq!(
        tokens
            .revoke(Which::CreatedBy("alice"), "admin", "")
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn what_is_not_well_formed_is_refused_by_the_name_of_its_field() {
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
    assert!(tokens.list(Query::default()).await.unwrap().is_empty());

    let registry = TokensOptions::new("acme")
        .unwrap()
        .known_scopes(["resources"])
        .unwrap();
    let tokens = Tokens::open(MemoryStore::new(), registry).await.unwrap();
    assert_eq!(
        tokens.create(alice()).await.unwrap_err().field(),
        Some("scopes")
    );
    assert!(
        tokens
            .create(alice().scopes(["resources:models"]))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_token_from_elsewhere_is_known_by_its_text_or_its_digest() {
    let tokens = open().await;
    let foreign = "ghp_0123456789abcdefghij";
    tokens.import(foreign, alice()).await.unwrap();
    let other = Digest::of("another-token-from-elsewhere");
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
    assert_eq!(twice.kind(), TokenErrorKind::Conflict);
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
    let by_holder = Which::Presented(foreign);
    assert_eq!(tokens.revoke(by_holder, "alice", "").await.unwrap(), 1);
    assert_eq!(
        answer(&tokens, foreign).await.unwrap_err(),
        RejectionKind::Revoked
    );
}

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
        "read through, before the feed brings it"
    );
    one.revoke(Which::Id(made.record.id), "admin", "")
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
async fn uses_are_told_at_shutdown() {
    let tokens = open().await;
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
    assert_eq!(tokens.get(made.record.id).await.unwrap().usage.uses, 0);
    tokens.shutdown().await.unwrap();
    let usage = tokens.get(made.record.id).await.unwrap().usage;
    assert_eq!(usage.uses, 3);
    assert!(usage.last_used_at.is_some());
    let answer = answer(&tokens, made.secret.expose()).await;
    assert_eq!(
        answer.unwrap_err(),
        RejectionKind::Unavailable,
        "nobody follows the store now"
    );
}

#[tokio::test]
async fn lists_have_pages_and_filters() {
    let hands = Hands::at(1_000);
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
        let Some(last) = page.last() else { break };
        query.after = Some(tower_authn::store::Cursor::of(&last.record));
        seen.extend(page.into_iter().map(|stored| stored.record));
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted_by(|a, b| (b.created_at, b.id) < (a.created_at, a.id)));

    let mut named = Query::default();
    named.search = Some("LAPTOP 2".to_owned());
    assert_eq!(tokens.list(named).await.unwrap().len(), 6, "2 and 20 to 24");
    let mut expired = Query::default();
    expired.state = Some((TokenState::Expired, Timestamp::MAX));
    assert_eq!(tokens.list(expired).await.unwrap().len(), 25);
}
