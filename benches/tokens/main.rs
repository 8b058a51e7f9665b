//! The figures of a token store: `cargo bench --all-features --bench tokens`.
//! It prints, in this order:
//!
//! - how long a million records take to be held in memory, and bytes a record;
//! - ns a verdict, among 10, a thousand and a million tokens, over the same
//!   layer with a verifier that does not look; beside it a `HashMap`'s look-up
//!   alone, and forged tokens over the same layer's refusal. They take turns in
//!   rounds. "One token" is the same one again and again, "any" comes by chance;
//! - a million made-up tokens refused, and what a million verdicts write;
//! - verdicts a second by one thread and two, while a third changes tokens;
//! - how long a million records take to be read from SQLite, and from
//!   PostgreSQL where that is installed;
//! - instructions and allocations of a request over the service without a
//!   layer, where callgrind is installed.
//!
//! `--test` goes through all of it with little.

#![expect(
    unreachable_pub,
    reason = "modules of one program, nothing is reachable"
)]

mod counts;
mod filled;
mod loads;
mod threads;
mod times;

#[path = "../callgrind/mod.rs"]
mod callgrind;
#[path = "../../tests/it/stores/server.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "it is the tests' own")]
mod server;

use std::env;

use tokio::runtime::Runtime;

/// How much of everything.
#[derive(Clone, Copy)]
struct Scale {
    few: u64,
    some: u64,
    all: u64,
    rounds: usize,
    /// Requests of one round.
    requests: usize,
    forgeries: u64,
    /// Whether instructions are counted.
    count: bool,
}

impl Scale {
    const WHOLE: Self = Self {
        few: 10,
        some: 1_000,
        all: 1_000_000,
        rounds: 51,
        requests: 2_000,
        forgeries: 1_000_000,
        count: true,
    };

    const LITTLE: Self = Self {
        few: 10,
        some: 100,
        all: 1_000,
        rounds: 2,
        requests: 50,
        forgeries: 1_000,
        count: false,
    };
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let [callgrind::REPEAT, rest @ ..] = arguments.as_slice() {
        return counts::repeat(rest);
    }
    let scale = match arguments.contains(&"--test") {
        true => Scale::LITTLE,
        false => Scale::WHOLE,
    };
    let runtime = Runtime::new().expect("threads");
    // The first of all, while the process is small.
    let tokens = loads::from_memory(&runtime, scale);
    times::report(&runtime, scale, &tokens);
    threads::report(&runtime, scale, &tokens);
    drop(tokens);
    loads::report(&runtime, scale);
    if scale.count {
        counts::report(scale);
    }
}
