//! Many requests in a row, and what the store has to do for them.

use std::time::Instant;

use http::{HeaderValue, StatusCode};
use tokio::runtime::Runtime;

use super::{
    Scale,
    filled::{Filled, header, token},
    loads::Loaded,
    sender::sender_to,
};

/// Sends made-up tokens: none is accepted, and the store is not read.
pub fn send_forgeries(scale: Scale, loaded: &Loaded) {
    let mut sender = sender_to(loaded.tokens.verifier());
    let before = loaded.store.reads();
    let begin = Instant::now();
    for number in 0..scale.forgeries {
        let made_up = header(&token(scale.all + number));
        assert_eq!(sender.send(&made_up), StatusCode::UNAUTHORIZED);
    }
    let took = begin.elapsed();
    assert_eq!(loaded.store.reads(), before, "the store was read");
    println!(
        "\n{} made-up tokens refused in {took:.2?}, the store read 0 times",
        scale.forgeries
    );
}

/// Sends as many known tokens, and counts the rows of uses that are written.
pub fn send_known(runtime: &Runtime, scale: Scale) {
    let store = Filled::new(scale.some);
    let tokens = runtime.block_on(store.open());
    let headers: Vec<HeaderValue> = (0..scale.some).map(|n| header(&token(n))).collect();
    let mut sender = sender_to(tokens.verifier());
    for credential in headers.iter().cycle().take(scale.forgeries as usize) {
        assert_eq!(sender.send(credential), StatusCode::ACCEPTED);
    }
    runtime
        .block_on(tokens.shutdown())
        .expect("a store in memory");
    let rows = store.uses_written();
    assert!((1..=scale.some).contains(&rows), "{rows} rows");
    println!(
        "{} verdicts on {} tokens wrote {rows} rows of uses",
        scale.forgeries, scale.some
    );
}
