//! Measures a token store: `cargo bench --all-features --bench tokens`.
//!
//! Prints, in this order:
//!
//! - how long it takes to load a million records into memory, and bytes per record;
//! - ns per verdict, among 10, a thousand and a million tokens, over the same layer
//!   with a constant verifier; the look-up in a `HashMap` alone; and forged tokens,
//!   over a refusal of the same layer. All of them take turns in rounds. "One token"
//!   is the same token each time, "any" is a random one;
//! - how long a million forged tokens take, and what a million verdicts write;
//! - verdicts per second of one thread and of two, while a third changes tokens, and
//!   of both on one token;
//! - with a million records in SQLite, and in PostgreSQL if it is installed: how long it
//!   takes to load them; the pages of lists, by filter; reads of the changes where there
//!   are none; uses written; and how long other writes wait while a tenth of the tokens
//!   is revoked;
//! - what a load under another epoch costs the runtime, verdicts and memory;
//! - instructions and allocations of a request over the service without a layer, if
//!   callgrind is installed.
//!
//! `-- --databases` prints the part about databases alone, `-- --reload` that about
//! loads, and `-- --counts` the last part. `-- --threads 64` measures verdicts per second
//! of 1, 2, 4 … 64 threads on one token, and on a token for each. `-- --test` runs
//! everything once, with few tokens.

#![expect(
    unreachable_pub,
    reason = "modules of one program, nothing is reachable"
)]

mod cores;
mod counts;
mod databases;
mod filled;
mod floods;
mod lanes;
mod loads;
mod reloads;
mod sender;
mod threads;
mod times;

#[path = "../callgrind/mod.rs"]
mod callgrind;
#[path = "../../tests/it/stores/server.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "a module of the tests")]
mod server;

use std::env;

use tokio::runtime::Runtime;

/// The sizes of everything that is measured.
#[derive(Clone, Copy)]
struct Scale {
    few: u64,
    some: u64,
    all: u64,
    rounds: usize,
    /// The requests of one round.
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
    if arguments.contains(&"--reload") {
        return reloads::report(scale);
    }
    if arguments.contains(&"--counts") {
        return counts::report(scale);
    }
    let runtime = Runtime::new().expect("threads");
    let threads = arguments.iter().position(|own| *own == "--threads");
    if let Some(threads) = threads.and_then(|index| arguments.get(index + 1)) {
        let threads = threads.parse().expect("a number of threads");
        return cores::report(&runtime, threads, None);
    }
    if arguments.contains(&"--databases") {
        return loads::report(&runtime, scale);
    }
    // First, while the process is small, because it measures the memory.
    let tokens = loads::from_memory(&runtime, scale);
    times::report(&runtime, scale, &tokens);
    floods::send_forgeries(scale, &tokens);
    floods::send_known(&runtime, scale);
    threads::report(&runtime, scale, &tokens);
    cores::report(&runtime, 2, Some(scale.rounds.div_ceil(5)));
    drop(tokens);
    loads::report(&runtime, scale);
    reloads::report(scale);
    if scale.count {
        counts::report(scale);
    }
}
