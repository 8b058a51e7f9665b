//! Following a store: outages, other histories, floods.

#![cfg(feature = "tokens")]

mod altered;
mod net;
mod prunes;

use std::time::{Duration, SystemTime};

use futures::future::FutureExt;
use http::StatusCode;
use tokio::runtime::Builder;
use tower::Layer;
use tower_authn::{
    AuthnLayer,
    store::MemoryStore,
    token::{Secret, check_offline},
    tokens::{CreatedToken, NewToken, TokenSelector, Tokens, TokensOptions},
};

pub use self::net::Net;
use crate::support::{Strict, ask, get};

async fn open(net: &Net) -> Tokens {
    let options = TokensOptions::new("acme").unwrap();
    Tokens::open(net.clone(), options).await.unwrap()
}

async fn status(tokens: &Tokens, token: &str) -> StatusCode {
    let service = AuthnLayer::new(tokens.verifier()).layer(Strict::default());
    let request = get("/", &[("authorization", &format!("Bearer {token}"))]);
    ask(&service, request).await.status()
}

#[test]
fn a_follower_that_does_not_run_keeps_no_verdict_fresh() {
    const MAX_STALE: Duration = Duration::from_secs(1);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let with = |max_stale| {
        let options = TokensOptions::new("acme").unwrap().max_stale(max_stale);
        runtime.block_on(async {
            let opened = Tokens::open(MemoryStore::new(), options).await.unwrap();
            let made = opened.create(NewToken::new("alice")).await.unwrap();
            (opened, made.secret)
        })
    };
    let short = with(MAX_STALE);
    let long = with(Duration::MAX);
    // No runtime runs the tasks from here on.
    let verdict = |(tokens, secret): &(Tokens, Secret)| {
        let status = status(tokens, secret.expose());
        status.now_or_never().expect("decided at once")
    };
    assert_eq!(verdict(&short), StatusCode::OK);
    std::thread::sleep(MAX_STALE);
    assert_eq!(verdict(&short), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(verdict(&long), StatusCode::OK);
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(100)).await });
    assert_eq!(verdict(&short), StatusCode::OK, "it follows again");
    assert_eq!(verdict(&long), StatusCode::OK, "it never ended");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_bridged_for_max_stale_and_then_answered_503() {
    let net = Net::default();
    let tokens = open(&net).await;
    let good = tokens.create(NewToken::new("alice")).await.unwrap();
    let bad = tokens.create(NewToken::new("bob")).await.unwrap();
    tokens
        .revoke(TokenSelector::Id(bad.record.id), "admin", "")
        .await
        .unwrap();
    net.set_down(true);
    let rows = [
        (20, StatusCode::OK),
        (12, StatusCode::SERVICE_UNAVAILABLE),
        (600, StatusCode::SERVICE_UNAVAILABLE),
    ];
    for (seconds, expected) in rows {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        assert_eq!(
            status(&tokens, good.secret.expose()).await,
            expected,
            "{seconds} s later"
        );
        let revoked = status(&tokens, bad.secret.expose()).await;
        assert_eq!(
            revoked,
            StatusCode::UNAUTHORIZED,
            "a revoked token stays revoked"
        );
    }
    assert!(tokens.staleness() > Duration::from_secs(600));
    assert!(tokens.create(NewToken::new("carol")).await.is_err());

    net.set_down(false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        status(&tokens, good.secret.expose()).await,
        StatusCode::OK,
        "without a restart"
    );
    assert!(tokens.staleness() < Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn f05_what_another_instance_revokes_is_refused_within_a_poll() {
    let net = Net::default();
    let (one, two) = (open(&net).await, open(&net).await);
    let made = one.create(NewToken::new("alice")).await.unwrap();
    assert_eq!(status(&two, made.secret.expose()).await, StatusCode::OK);
    one.revoke(TokenSelector::Id(made.record.id), "admin", "")
        .await
        .unwrap();
    assert_eq!(
        status(&one, made.secret.expose()).await,
        StatusCode::UNAUTHORIZED,
        "at once"
    );
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(
        status(&two, made.secret.expose()).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(start_paused = true)]
async fn another_history_replaces_the_whole_memory() {
    let net = Net::default();
    let tokens = open(&net).await;
    let mut old = tokens.create(NewToken::new("alice")).await.unwrap();
    for _ in 0..5 {
        old = tokens.create(NewToken::new("alice")).await.unwrap();
    }
    for (epoch, why) in [
        ("", "a revision below the one that was seen"),
        ("other", "another epoch"),
    ] {
        assert_eq!(status(&tokens, old.secret.expose()).await, StatusCode::OK);
        net.replace(epoch);
        let new = open(&net).await.create(NewToken::new("bob")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let answer = status(&tokens, old.secret.expose()).await;
        assert_eq!(answer, StatusCode::UNAUTHORIZED, "{why}");
        assert_eq!(
            status(&tokens, new.secret.expose()).await,
            StatusCode::OK,
            "{why}"
        );
        old = new;
    }
}

#[tokio::test]
async fn a_flood_of_made_up_tokens_never_reaches_the_store() {
    let net = Net::default();
    let (tokens, others) = (open(&net).await, open(&Net::default()).await);
    let made = tokens.create(NewToken::new("alice")).await.unwrap();
    let own = made.secret.expose();
    let foreign = others.create(NewToken::new("mallory")).await.unwrap();
    let before = net.gets.count();
    for n in 0..10_000 {
        let id = format!("{n:012}");
        // A token of ours with another id, so that its checksum is wrong.
        let shaped = format!("acme_{id}{}", &own[17..]);
        assert_eq!(status(&tokens, &shaped).await, StatusCode::UNAUTHORIZED);
    }
    check_offline(foreign.secret.expose()).expect("well formed, but of another ring");
    assert_eq!(
        status(&tokens, foreign.secret.expose()).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        status(&tokens, "made-up-and-of-no-form-of-ours").await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(net.gets.count(), before);
    assert_eq!(status(&tokens, own).await, StatusCode::OK);
}

#[tokio::test]
async fn concurrent_requests_with_an_unknown_token_read_the_store_once() {
    let net = Net::default();
    let (one, two) = (open(&net).await, open(&net).await);
    let made = one.create(NewToken::new("alice")).await.unwrap();
    let before = net.gets.count();
    let asked = (0..100).map(|_| status(&two, made.secret.expose()));
    let answers = futures::future::join_all(asked).await;
    assert!(
        answers.iter().all(|answer| *answer == StatusCode::OK),
        "{answers:?}"
    );
    assert_eq!(net.gets.count(), before + 1);
    let known = AuthnLayer::new(two.verifier().immediate()).layer(Strict::default());
    let value = format!("Bearer {}", made.secret.expose());
    assert_eq!(
        ask(&known, get("/", &[("authorization", &value)]))
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn an_unknown_token_in_an_outage_is_503_and_active_afterwards() {
    let net = Net::default();
    let (one, two) = (open(&net).await, open(&net).await);
    let made = one.create(NewToken::new("alice")).await.unwrap();
    net.set_down(true);
    let answer = status(&two, made.secret.expose()).await;
    assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
    net.set_down(false);
    assert_eq!(status(&two, made.secret.expose()).await, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn what_an_outage_hides_is_503_and_what_it_cannot_change_is_401() {
    let net = Net::default();
    let cut_off = net.reconnect();
    // The clock of the instance that mints is ahead, so that a new key mints at once.
    let hour = || SystemTime::now() + Duration::from_secs(3_600);
    let options = TokensOptions::new("acme").unwrap();
    let ahead = options
        .clock(move || hour().into())
        .max_stale(Duration::ZERO);
    let one = Tokens::open(net.clone(), ahead).await.unwrap();
    let two = open(&cut_off).await;
    cut_off.set_down(true);
    let of_known = one.create(NewToken::new("alice")).await.unwrap();
    one.add_key().await.unwrap();
    let of_new = one.create(NewToken::new("alice")).await.unwrap();
    assert_ne!(of_known.record.kid, of_new.record.kid);
    let foreign = open(&Net::default()).await;
    let foreign = foreign.create(NewToken::new("mallory")).await.unwrap();
    let immediate = AuthnLayer::new(two.verifier().immediate()).layer(Strict::default());
    let by_memory = async |made: &CreatedToken| {
        let value = format!("Bearer {}", made.secret.expose());
        let request = get("/", &[("authorization", &value)]);
        ask(&immediate, request).await.status()
    };
    assert_eq!(by_memory(&of_known).await, StatusCode::UNAUTHORIZED);

    tokio::time::sleep(Duration::from_secs(31)).await;
    for made in [&of_known, &of_new] {
        let answer = status(&two, made.secret.expose()).await;
        assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE, "it may be good");
        assert_eq!(by_memory(made).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    let shaped = format!("acme_{:012}{}", 0, &of_new.secret.expose()[17..]);
    for certain in [
        foreign.secret.expose(),
        &shaped,
        "of-no-form-of-ours-at-all",
    ] {
        assert_eq!(status(&two, certain).await, StatusCode::UNAUTHORIZED);
    }
    cut_off.set_down(false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    for made in [&of_known, &of_new] {
        assert_eq!(status(&two, made.secret.expose()).await, StatusCode::OK);
        assert_eq!(by_memory(made).await, StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn a_max_stale_shorter_than_a_poll_leaves_no_gap() {
    let bound = Duration::from_millis(300);
    let options = TokensOptions::new("acme").unwrap().max_stale(bound);
    let net = Net::default();
    let tokens = Tokens::open(net.clone(), options).await.unwrap();
    let made = tokens.create(NewToken::new("alice")).await.unwrap();
    for tick in 0..100 {
        let answer = status(&tokens, made.secret.expose()).await;
        assert_eq!(answer, StatusCode::OK, "tick {tick}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    net.set_down(true);
    tokio::time::sleep(2 * bound).await;
    let answer = status(&tokens, made.secret.expose()).await;
    assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
}
