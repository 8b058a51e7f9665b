//! Tokens over a store in memory: created, changed, verified, followed.

#![cfg(feature = "tokens")]

mod instances;
mod rights;
mod texts;
mod withdrawn;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use tower::Layer;
use tower_authn::{
    AuthnLayer, Principal, RejectionKind,
    store::MemoryStore,
    token::{Clock, Timestamp},
    tokens::{NewToken, TokenSelector, Tokens, TokensOptions},
};

use crate::support::{Strict, ask, get};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock that a test sets, in seconds.
#[derive(Clone)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    pub fn at(secs: u64) -> Self {
        Self(Arc::new(AtomicU64::new(secs)))
    }

    pub fn set(&self, secs: u64) {
        self.0.store(secs, Ordering::Relaxed);
    }

    pub fn clock(&self) -> impl Clock + use<> {
        let secs = Arc::clone(&self.0);
        move || Timestamp::from_secs(secs.load(Ordering::Relaxed))
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

/// Returns the principal that a guarded service sees for a token, or why it is refused.
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
async fn a_token_is_active_from_the_call_that_creates_it_to_the_one_that_revokes_it() {
    let tokens = open().await;
    let made = tokens.create(alice().organization("acme")).await.unwrap();
    let caller = answer(&tokens, made.secret.expose()).await.unwrap();
    assert_eq!(caller.subject(), "alice");
    assert_eq!(caller.organization(), Some("acme"));
    assert_eq!(caller.token_id(), Some(made.record.id.as_str()));

    let mut ended = caller.revoked();
    assert!(futures::FutureExt::now_or_never(&mut ended).is_none());
    assert_eq!(
        tokens
            .revoke(TokenSelector::Id(made.record.id), "admin", "lost")
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
            .revoke(TokenSelector::Id(made.record.id), "admin", "again")
            .await
            .unwrap(),
        0
    );
    let record = tokens.get(made.record.id).await.unwrap().record;
    assert_eq!(record.revoked_reason.as_deref(), Some("lost"));
}

#[tokio::test]
async fn a_token_is_accepted_in_every_form_of_credential() {
    let tokens = open().await;
    let made = tokens.create(alice()).await.unwrap();
    let token = made.secret.expose();
    let service = AuthnLayer::new(tokens.verifier().accept_basic_login()).layer(Strict::default());
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
        "only if it is switched on"
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
    let hands = ManualClock::at(1_000);
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
async fn a_token_expires_after_ninety_days_by_default() {
    let hands = ManualClock::at(1_000);
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
