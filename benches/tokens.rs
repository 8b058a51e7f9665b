//! What a verdict of a token store costs: `cargo bench --bench tokens`.
//!
//! Prints Markdown. Times of calls are measured in rounds that take turns, and
//! given over the service without a layer; instructions and allocations are
//! counted by callgrind where it is installed, which knows no SHA extensions:
//! the digest is counted apart and taken off.

#![expect(
    unreachable_pub,
    reason = "modules of one program, nothing is reachable"
)]

mod callgrind;
mod filled;
#[path = "../tests/it/stores/server.rs"]
#[expect(dead_code, reason = "the tests do more with it")]
mod server;

use std::{
    collections::HashMap,
    env, fs,
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Runtime};
use tower_authn::{
    store::{MemoryStore, NewToken, PostgresStore, SqliteStore, TokenStore, Which},
    token::Digest,
};

use self::{
    callgrind::Counts,
    filled::{Asked, Filled},
};

const ROUNDS: usize = 101;
const A_ROUND: usize = 2_000;
const REPEAT: &str = "--repeat";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [REPEAT, what, count, requests] => {
            let number = |text: &str| text.parse().expect("a number");
            // On one thread nothing else is counted.
            let runtime = Builder::new_current_thread().enable_all().build();
            let counted = repeat(what, number(count), number(requests));
            runtime.expect("a runtime").block_on(counted);
        }
        [.., "--test"] | ["--test", ..] => whole(report(&[10, 100, 1_000], 3)),
        _ => whole(async {
            report(&[10, 1_000, 1_000_000], ROUNDS).await;
            instructions(&[10, 1_000_000]);
        }),
    }
}

fn whole(report: impl Future<Output = ()>) {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(report);
}

/// What callgrind runs.
async fn repeat(what: &str, count: usize, requests: usize) {
    let mut filled = Filled::new(MemoryStore::new(), count).await;
    let asked = match what {
        "digest" => {
            let token = filled.hot().token().to_owned();
            for _ in 0..requests {
                black_box(Digest::of(black_box(&token)));
            }
            return;
        }
        "bare" => filled.hot().clone(),
        "good" => filled.hot().clone(),
        "forged" => filled.forged()[0].clone(),
        other => panic!("nothing is called {other}"),
    };
    for _ in 0..requests {
        match what {
            "bare" => filled.ask_bare(&asked),
            _ => filled.ask(&asked),
        };
    }
}

async fn report(sizes: &[usize], rounds: usize) {
    let largest = *sizes.last().expect("a size");
    let mut stores = Vec::new();
    for &size in sizes {
        stores.push(Filled::new(MemoryStore::new(), size).await);
    }
    verdicts(&mut stores, rounds);
    forgeries(stores.last_mut().expect("a store"), largest);
    let bytes = filled::bytes_a_record(largest).await;
    println!("\nbytes a record, of {largest}: {bytes}");
    under_change(stores.last().expect("a store")).await;
    loads(largest).await;
}

fn verdicts(stores: &mut [Filled], rounds: usize) {
    let largest = stores.len() - 1;
    let random = stores[largest].random(A_ROUND * 100);
    let bare: HashMap<String, usize> = stores[largest].ids().zip(0..).collect();
    let ids: Vec<&str> = random.iter().map(Asked::id).collect();
    let mut times: Vec<(String, Vec<Duration>)> = Vec::new();
    let mut note =
        |name: String, time: Duration| match times.iter_mut().find(|(known, _)| *known == name) {
            Some((_, times)) => times.push(time),
            None => times.push((name, vec![time])),
        };
    for round in 0..rounds {
        let part = round % 100 * A_ROUND..(round % 100 + 1) * A_ROUND;
        let hot = stores[0].hot().clone();
        note("no layer".to_owned(), timed(|_| stores[0].ask_bare(&hot)));
        for filled in &mut *stores {
            let hot = filled.hot().clone();
            let name = format!("good, of {}, always the same", filled.len());
            note(name, timed(|_| filled.ask(&hot)));
        }
        let filled = &mut stores[largest];
        let name = format!("good, of {}, at random", filled.len());
        note(name, timed(|n| filled.ask(&random[part.start + n])));
        let name = "a `HashMap` of that size, no layer, the same ids at random".to_owned();
        let found = timed(|n| filled.ask_bare(&random[0]) & bare.contains_key(ids[part.start + n]));
        note(name, found);
        let forged = filled.forged().to_vec();
        let name = "forged: of another ring".to_owned();
        note(name, timed(|n| !filled.ask(&forged[n % forged.len()])));
    }
    println!("| a call | least, ns | median, ns |\n|---|---|---|");
    times.iter_mut().for_each(|(_, times)| times.sort());
    let bare: Vec<Duration> = times[0].1.clone();
    for (name, times) in &times {
        let over = |at: usize| {
            let over = times[at].saturating_sub(bare[at]);
            over.as_nanos() / A_ROUND as u128
        };
        println!("| {name} | {} | {} |", over(0), over(times.len() / 2));
    }
}

fn timed(mut ask: impl FnMut(usize) -> bool) -> Duration {
    let begin = Instant::now();
    for n in 0..A_ROUND {
        assert!(black_box(ask(n)), "a verdict is wrong");
    }
    begin.elapsed()
}

fn instructions(sizes: &[usize]) {
    println!(
        "\n| counted over the service without a layer | instructions | of them the digest | allocations |\n|---|---|---|---|"
    );
    for &size in sizes {
        for what in ["good", "forged"] {
            let count = |what: &str| Counts::of(&[REPEAT, what, &size.to_string()]);
            let (Some(own), Some(bare), Some(digest)) =
                (count(what), count("bare"), count("digest"))
            else {
                println!("| {what}, of {size} | not counted | | |");
                continue;
            };
            let digest = if what == "good" {
                digest.instructions
            } else {
                0
            };
            println!(
                "| {what}, of {size} | {} | {digest} | {} |",
                own.instructions - bare.instructions,
                own.allocations - bare.allocations
            );
        }
    }
}

/// However many are made up, the store is not asked.
fn forgeries(filled: &mut Filled, many: usize) {
    let forged = filled.forged().to_vec();
    for n in 0..many {
        assert!(
            !filled.ask(&forged[n % forged.len()]),
            "a forgery is let in"
        );
    }
    println!("\n{many} forgeries asked the store {} times", filled.gets());
    assert_eq!(filled.gets(), 0);
}

/// Verdicts while tokens are made and revoked as fast as it goes.
async fn under_change(filled: &Filled) {
    let tokens = filled.tokens().clone();
    let stop = AtomicBool::new(false);
    println!("\n| threads | verdicts a second | while so many changes a second |\n|---|---|---|");
    for threads in [1, 2] {
        let random = filled.random(A_ROUND);
        stop.store(false, Ordering::Relaxed);
        let begin = Instant::now();
        let (verdicts, changes) = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    let mut asking = filled.another();
                    let (stop, random) = (&stop, &random);
                    scope.spawn(move || {
                        let mut asked = 0;
                        while !stop.load(Ordering::Relaxed) {
                            for one in random {
                                assert!(asking.ask(one), "a good token is refused");
                            }
                            asked += random.len();
                        }
                        asked
                    })
                })
                .collect();
            let changes = tokio::task::block_in_place(|| {
                let handle = tokio::runtime::Handle::current();
                handle.block_on(async {
                    let mut changes = 0;
                    while begin.elapsed() < Duration::from_secs(2) {
                        let made = tokens.create(NewToken::new("mallory")).await.expect("made");
                        let id = Which::Id(made.record.id);
                        tokens.revoke(id, "bench", "").await.expect("revoked");
                        changes += 2;
                    }
                    changes
                })
            });
            stop.store(true, Ordering::Relaxed);
            let verdicts: usize = workers
                .into_iter()
                .map(|w| w.join().expect("a count"))
                .sum();
            (verdicts, changes)
        });
        let seconds = begin.elapsed().as_secs_f64();
        let rate = |count: usize| (count as f64 / seconds) as u64;
        println!("| {threads} | {} | {} |", rate(verdicts), rate(changes));
    }
}

async fn loads(count: usize) {
    println!("\n| load of {count} records | seconds |\n|---|---|");
    let directory = env::temp_dir().join(format!("tower-authn-bench-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    let file = directory.join("tokens.db");
    let open = async || SqliteStore::open(&file).await.expect("a file");
    load("SQLite", open().await, open, count).await;
    let _ = fs::remove_dir_all(&directory);
    if let Some(server) = server::Server::start() {
        let url = server.database();
        let open = async || PostgresStore::connect(&url).await.expect("a server");
        load("PostgreSQL", open().await, open, count).await;
    }
}

async fn load<S: TokenStore>(name: &str, store: S, open: impl AsyncFn() -> S, count: usize) {
    filled::fill(&store, count).await;
    drop(store);
    let store = open().await;
    let begin = Instant::now();
    let tokens = filled::open(store).await;
    println!("| {name} | {:.1} |", begin.elapsed().as_secs_f64());
    tokens.shutdown().await.expect("an end");
}
