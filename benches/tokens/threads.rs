//! Measures verdicts per second of one thread and of two, while a third one changes
//! tokens.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use http::{HeaderValue, StatusCode};
use tokio::runtime::Runtime;
use tower_authn::tokens::{NewToken, Tokens};

use super::{
    Scale,
    filled::{header, random_numbers, token},
    loads::Loaded,
    sender::sender_to,
};

const READERS: [usize; 2] = [1, 2];

pub fn report(runtime: &Runtime, scale: Scale, loaded: &Loaded) {
    let rounds = scale.rounds.div_ceil(5);
    let period = Duration::from_micros(100 * scale.requests as u64);
    let picks: Vec<HeaderValue> = random_numbers(scale.all, scale.requests * 10)
        .into_iter()
        .map(|number| header(&token(number)))
        .collect();
    let cases: Vec<(usize, bool)> = READERS
        .into_iter()
        .flat_map(|readers| [(readers, false), (readers, true)])
        .collect();
    let mut seen = vec![Vec::new(); cases.len()];
    for _ in 0..rounds {
        for ((readers, changing), seen) in cases.iter().zip(&mut seen) {
            seen.push(run(
                runtime,
                &loaded.tokens,
                &picks,
                *readers,
                *changing,
                period,
            ));
        }
    }
    println!(
        "\n| threads that verify, among {} | verdicts per second, most | median | least \
         | changes per second, median |",
        scale.all
    );
    println!("|---|---|---|---|---|");
    for ((readers, changing), seen) in cases.iter().zip(&mut seen) {
        let mut sorted = |of: fn(&(u64, u64)) -> u64| {
            seen.sort_by_key(of);
            [rounds - 1, rounds / 2, 0].map(|index| of(&seen[index]))
        };
        let (verdicts, changes) = (sorted(|s| s.0), sorted(|s| s.1));
        let while_ = if *changing {
            ", while a third changes tokens"
        } else {
            ""
        };
        println!(
            "| {readers}{while_} | {} | {} | {} | {} |",
            verdicts[0], verdicts[1], verdicts[2], changes[1]
        );
    }
}

/// Returns verdicts and changes per second.
fn run(
    runtime: &Runtime,
    tokens: &Tokens,
    picks: &[HeaderValue],
    readers: usize,
    changing: bool,
    period: Duration,
) -> (u64, u64) {
    let stop = AtomicBool::new(false);
    let (send, done) = mpsc::channel();
    let begin = Instant::now();
    thread::scope(|scope| {
        for reader in 0..readers {
            let (stop, send) = (&stop, send.clone());
            scope.spawn(move || {
                let mut sender = sender_to(tokens.verifier());
                let mut verdicts = 0;
                let shifted = picks.iter().cycle().skip(reader * 97);
                for pick in shifted.take_while(|_| !stop.load(Ordering::Relaxed)) {
                    assert_eq!(sender.send(pick), StatusCode::ACCEPTED);
                    verdicts += 1;
                }
                send.send((verdicts, 0)).expect("an open channel");
            });
        }
        if changing {
            let (stop, send) = (&stop, send.clone());
            scope.spawn(move || {
                let changes = runtime.block_on(change(tokens, stop));
                send.send((0, changes)).expect("an open channel");
            });
        }
        thread::sleep(period);
        stop.store(true, Ordering::Relaxed);
    });
    drop(send);
    let took = begin.elapsed().as_secs_f64();
    let (verdicts, changes) = done
        .iter()
        .fold((0, 0), |(a, b), (c, d): (u64, u64)| (a + c, b + d));
    (
        (verdicts as f64 / took) as u64,
        (changes as f64 / took) as u64,
    )
}

async fn change(tokens: &Tokens, stop: &AtomicBool) -> u64 {
    let created = tokens.create(NewToken::new("alice")).await;
    let id = created.expect("a store in memory").record.id;
    let mut changes = 0;
    while !stop.load(Ordering::Relaxed) {
        tokens.suspend(id).await.expect("a known token");
        tokens.resume(id).await.expect("a known token");
        changes += 2;
    }
    changes
}
