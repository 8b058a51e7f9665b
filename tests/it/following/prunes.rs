//! Tokens that one instance pruned.

use std::time::Duration;

use http::StatusCode;
use tokio::time::sleep;
use tower_authn::tokens::{NewToken, TokenSelector, Tokens};

use super::{Net, status};
use crate::tokens::{ManualClock, answer};

const POLL: Duration = Duration::from_millis(1_050);

const OK: StatusCode = StatusCode::OK;
const REFUSED: StatusCode = StatusCode::UNAUTHORIZED;
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

async fn open(net: &Net, hands: &ManualClock) -> Tokens {
    Tokens::open(net.clone(), hands.options()).await.unwrap()
}

async fn revoke(tokens: &Tokens, subject: &str) {
    let selector = TokenSelector::Subject(subject);
    assert_eq!(tokens.revoke(selector, "admin", "").await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn f07_every_instance_forgets_what_one_of_them_pruned() {
    let (net, hands) = (Net::default(), ManualClock::at(1_000));
    let (one, two) = (open(&net, &hands).await, open(&net, &hands).await);
    // Only memory knows the digest of such a token, so the reason shows what it holds.
    let token = |name: &str| format!("made-elsewhere-0123456789-{name}");
    let subjects = ["revoked", "expired", "active"];
    for subject in subjects {
        let mut new = NewToken::new(subject);
        if subject == "expired" {
            new = new.expires_in(Duration::from_secs(10));
        }
        one.import(&token(subject), new).await.unwrap();
    }
    let reasons = async |tokens: &Tokens| {
        let mut reasons = Vec::new();
        for subject in subjects {
            let kind = answer(tokens, &token(subject)).await.err();
            reasons.push(kind.map_or_else(|| "active".to_owned(), |kind| format!("{kind:?}")));
        }
        reasons
    };
    revoke(&one, "revoked").await;
    hands.set(1_100);
    sleep(POLL).await;
    for tokens in [&one, &two] {
        assert_eq!(reasons(tokens).await, ["Revoked", "Expired", "active"]);
    }
    let loads = net.loads.count();
    assert_eq!(one.prune(Duration::from_secs(200)).await.unwrap(), 0);
    sleep(POLL).await;
    assert_eq!(reasons(&two).await, ["Revoked", "Expired", "active"]);
    assert_eq!(one.prune(Duration::ZERO).await.unwrap(), 2);
    assert_eq!(
        reasons(&one).await,
        ["Invalid", "Invalid", "active"],
        "at once"
    );
    sleep(POLL).await;
    assert_eq!(reasons(&two).await, ["Invalid", "Invalid", "active"]);
    assert_eq!(net.loads.count(), loads, "nothing was loaded for that");
    one.import(&token("revoked"), NewToken::new("new"))
        .await
        .unwrap();
    sleep(POLL).await;
    assert_eq!(reasons(&two).await, ["active", "Invalid", "active"]);
}

/// The changes do not have a revocation if its row is gone.
#[tokio::test(start_paused = true)]
async fn f07_a_token_that_was_revoked_and_pruned_during_an_outage_is_refused_after_it() {
    for pruned in [false, true] {
        let (net, hands) = (Net::default(), ManualClock::at(1_000));
        let cut_off = net.reconnect();
        let (one, two) = (open(&net, &hands).await, open(&cut_off, &hands).await);
        let good = one.create(NewToken::new("alice")).await.unwrap();
        let bad = one.create(NewToken::new("bob")).await.unwrap();
        sleep(POLL).await;
        let both = async || {
            let answers = [&good, &bad].map(|made| status(&two, made.secret.expose()));
            futures::future::join_all(answers).await
        };
        assert_eq!(both().await, [OK, OK]);
        cut_off.set_down(true);
        revoke(&one, "bob").await;
        for minute in 1..=10 {
            sleep(Duration::from_secs(60)).await;
            hands.set(1_000 + 60 * minute);
        }
        assert_eq!(both().await, [UNAVAILABLE, UNAVAILABLE]);
        if pruned {
            assert_eq!(one.prune(Duration::ZERO).await.unwrap(), 1);
        }
        let loads = net.loads.count();
        cut_off.set_down(false);
        sleep(2 * POLL).await;
        assert_eq!(both().await, [OK, REFUSED], "pruned: {pruned}");
        let loaded = net.loads.count() - loads;
        assert_eq!(loaded, usize::from(pruned), "loads, pruned: {pruned}");
    }
}
