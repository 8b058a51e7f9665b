//! Many requests: what they may cost.

#![cfg(feature = "tokens")]

use std::{convert::Infallible, fmt::Write as _, time::Duration};

use allocation_counter::measure;
use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use tower::{Layer, Service, service_fn};
use tower_authn::{
    AuthnLayer,
    store::{Created, NewToken, Row, TokenStore, Tokens, Write},
};

use super::following::{Net, open, status};

/// A second store with the first one's keys: the tokens of the first have good
/// tags there, and are not there.
async fn without_its_tokens(net: &Net) -> Net {
    let other = Net::default();
    let mut keys = Vec::new();
    let store = net.reach().unwrap();
    let mut keep = |row| {
        if let Row::Key(_) = row {
            keys.push(Write { row, was: None });
        }
    };
    store.load_all(&mut keep).await.unwrap();
    other.apply(keys).await.unwrap();
    other
}

/// Puts a token of the first store into the second.
async fn bring(from: &Net, to: &Net, made: &Created) {
    let stored = from.get(made.record.id).await.unwrap().unwrap();
    let row = Row::Token(Box::new(stored.record));
    to.apply(vec![Write { row, was: None }]).await.unwrap();
}

async fn make(tokens: &Tokens) -> Created {
    tokens.create(NewToken::new("alice")).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn f07_what_was_absent_is_asked_for_again_and_a_flood_of_it_takes_nobodys_place() {
    const FLOOD: usize = 3_000;
    let net = Net::default();
    let tokens = open(&net).await;
    let other_net = without_its_tokens(&net).await;
    let other = open(&other_net).await;
    let known = make(&other).await;
    let late = make(&tokens).await;
    let token = late.secret.expose();
    for _ in 0..10 {
        assert_eq!(status(&other, token).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        other_net.gets.count(),
        1,
        "it is remembered that it is absent"
    );

    // Far more than are remembered.
    for _ in 0..FLOOD {
        let absent = make(&tokens).await;
        let answer = status(&other, absent.secret.expose()).await;
        assert_eq!(answer, StatusCode::UNAUTHORIZED);
    }
    let asked = other_net.gets.count();
    assert_eq!(status(&other, known.secret.expose()).await, StatusCode::OK);
    assert_eq!(
        other_net.gets.count(),
        asked,
        "who is known is not asked for"
    );

    bring(&net, &other_net, &late).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        status(&other, token).await,
        StatusCode::OK,
        "a second later"
    );
}

#[tokio::test]
async fn f14_what_a_caller_chooses_enters_no_table() {
    let net = Net::default();
    let tokens = open(&net).await;
    let made = make(&tokens).await;
    let own = made.secret.expose().to_owned();
    let mut text = String::with_capacity(256);
    // Whatever is made once is made.
    let warm = ["acme_000000000000_", &own[18..]].concat();
    assert_eq!(status(&tokens, &warm).await, StatusCode::UNAUTHORIZED);
    let before = net.gets.count();
    let handle = tokio::runtime::Handle::current();
    let flood = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let ask = |text: &str| handle.block_on(status(&tokens, text));
            ask(&warm);
            measure(|| {
                for n in 0..20_000_u64 {
                    text.clear();
                    let chosen = n.wrapping_mul(0x0101_0101);
                    write!(
                        text,
                        "acme_{:012}_{}",
                        chosen % 1_000_000_000_000,
                        &own[18..]
                    )
                    .unwrap();
                    assert_eq!(ask(&text), StatusCode::UNAUTHORIZED);
                    text.replace_range(..5, "made-up-elsewhere-");
                    assert_eq!(ask(&text), StatusCode::UNAUTHORIZED);
                }
            })
        });
        flood.join().unwrap()
    });
    assert_eq!(flood.bytes_current, 0, "nothing of it is kept");
    assert_eq!(net.gets.count(), before);
    assert_eq!(status(&tokens, &own).await, StatusCode::OK);
}

/// A million verdicts in three minutes, of ten tokens.
#[tokio::test(start_paused = true)]
async fn uses_are_written_once_a_minute_for_each_token_that_was_used() {
    const TOKENS: usize = 10;
    const VERDICTS: u64 = 1_000_000;
    const MINUTES: u64 = 3;
    let net = Net::default();
    let tokens = open(&net).await;
    let mut made = Vec::new();
    for _ in 0..TOKENS {
        made.push(make(&tokens).await);
    }
    let unused = make(&tokens).await;
    let answers = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    let mut service = AuthnLayer::new(tokens.verifier()).layer(answers);
    let batch = VERDICTS / (MINUTES * 60) / TOKENS as u64 + 1;
    let mut verdicts = 0;
    for _ in 0..MINUTES * 60 {
        for made in &made {
            let value = format!("Bearer {}", made.secret.expose());
            let value = HeaderValue::try_from(value).unwrap();
            for _ in 0..batch {
                let mut request = Request::new(());
                request.headers_mut().insert(AUTHORIZATION, value.clone());
                let answer = service.call(request).await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
            }
            verdicts += batch;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(verdicts >= VERDICTS, "{verdicts}");
    let written = net.touched.count() as u64;
    assert!(written >= TOKENS as u64, "the first uses are written");
    assert!(written <= TOKENS as u64 * MINUTES, "{written} rows");
    tokens.shutdown().await.unwrap();
    let mut uses = 0;
    for made in &made {
        let usage = tokens.get(made.record.id).await.unwrap().usage;
        assert!(usage.last_used_at.is_some());
        uses += usage.uses;
    }
    assert_eq!(uses, verdicts, "none is lost");
    let unused = tokens.get(unused.record.id).await.unwrap().usage;
    assert_eq!(unused.uses, 0);
}
