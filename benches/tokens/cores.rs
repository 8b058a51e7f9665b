//! Measures verdicts per second of many threads on one token, and on a token for each.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use http::StatusCode;
use tokio::runtime::Runtime;
use tower_authn::tokens::Tokens;

use super::{
    filled::{Filled, header, token},
    sender::sender_to,
};

const ROUNDS: usize = 15;
const PERIOD: Duration = Duration::from_millis(200);

/// How many verdicts a thread makes between two looks at the flag that stops it.
const BATCH: u64 = 64;

/// Measures 1, 2, 4 … threads, up to a number, in interleaved rounds.
pub fn report(runtime: &Runtime, most: usize, rounds: Option<usize>) {
    let tokens = runtime.block_on(Filled::new(1_000).open());
    let mut counts: Vec<usize> = (0..).map(|n| 1 << n).take_while(|n| *n < most).collect();
    counts.push(most);
    let cases = |threads| [(threads, true), (threads, false)];
    let cases: Vec<(usize, bool)> = counts.into_iter().flat_map(cases).collect();
    let rounds = rounds.unwrap_or(ROUNDS);
    let mut seen = vec![Vec::new(); cases.len()];
    for _ in 0..rounds {
        for ((threads, same), seen) in cases.iter().zip(&mut seen) {
            seen.push(run(&tokens, *threads, *same));
        }
    }
    seen.iter_mut()
        .for_each(|seen| seen.sort_by(f64::total_cmp));
    println!("\n| threads | token | verdicts per second, most | median | over one thread |");
    println!("|---|---|---|---|---|");
    for (index, (threads, same)) in cases.iter().enumerate() {
        let [most, median] = [rounds - 1, rounds / 2].map(|round| seen[index][round]);
        let single = seen[index % 2][rounds - 1];
        let token = if *same { "one for all" } else { "one for each" };
        println!(
            "| {threads} | {token} | {most:.0} | {median:.0} | {:.2} |",
            most / single
        );
    }
}

/// Returns verdicts per second.
fn run(tokens: &Tokens, threads: usize, same: bool) -> f64 {
    let (stop, barrier) = (AtomicBool::new(false), Barrier::new(threads + 1));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads as u64)
            .map(|number| {
                let (stop, barrier) = (&stop, &barrier);
                scope.spawn(move || {
                    // Values of its own: a clone of a shared header counts references.
                    let credential = header(&token(if same { 0 } else { number % 1_000 }));
                    let mut sender = sender_to(tokens.verifier());
                    let mut verdicts = 0;
                    barrier.wait();
                    while !stop.load(Ordering::Relaxed) {
                        for _ in 0..BATCH {
                            assert_eq!(sender.send(&credential), StatusCode::ACCEPTED);
                        }
                        verdicts += BATCH;
                    }
                    verdicts
                })
            })
            .collect();
        barrier.wait();
        let begin = Instant::now();
        thread::sleep(PERIOD);
        stop.store(true, Ordering::Relaxed);
        let took = begin.elapsed().as_secs_f64();
        let verdicts = threads.into_iter().map(|thread| thread.join());
        let verdicts: u64 = verdicts.map(|own| own.expect("no verdict fails")).sum();
        verdicts as f64 / took
    })
}
