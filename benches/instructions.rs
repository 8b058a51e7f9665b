//! Whole calls, side by side in one run: `cargo bench --bench instructions`.
//!
//! Prints one Markdown table. Times are measured in interleaved rounds, and
//! given as a ratio to the service without a layer. Instructions and
//! allocations are counted by callgrind, where it is installed, and are over
//! the service without a layer.

#![expect(
    unreachable_pub,
    reason = "modules of one program, nothing is reachable"
)]

mod callgrind;
mod contenders;

use std::{
    env,
    hint::black_box,
    time::{Duration, Instant},
};

use self::{
    callgrind::{Counts, REPEAT},
    contenders::{Case, Contender},
};

const ROUNDS: usize = 101;
const REQUESTS_A_ROUND: u32 = 2_000;

fn main() {
    let mut contenders = contenders::all();
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        [REPEAT, contender, case, requests] => {
            let number = |text: &str| text.parse::<usize>().expect("a number");
            let contender = &mut contenders[number(contender)];
            repeat(contender, Case::ALL[number(case)], number(requests) as u32);
        }
        [.., "--test"] | ["--test", ..] => contenders.iter_mut().for_each(Contender::check),
        _ => {
            contenders.iter_mut().for_each(Contender::check);
            report(&mut contenders);
        }
    }
}

fn repeat(contender: &mut Contender, case: Case, requests: u32) {
    for _ in 0..requests {
        black_box(contender.ask(case));
    }
}

fn report(contenders: &mut [Contender]) {
    let times = times(contenders);
    let counted = counts(0, Case::Good).is_some();
    println!(
        "| guard | time, least | median | accept: instructions, allocations | wrong token | none |"
    );
    println!("|---|---|---|---|---|---|");
    for (index, contender) in contenders.iter().enumerate() {
        let cell = |case| match counted {
            true => over_the_bare_service(index, case),
            false => "not counted".to_owned(),
        };
        let ratio = |of: fn(&[Duration]) -> Duration| {
            of(&times[index]).as_secs_f64() / of(&times[0]).as_secs_f64()
        };
        println!(
            "| {} | {:.2} | {:.2} | {} | {} | {} |",
            contender.name,
            ratio(|sorted| sorted[0]),
            ratio(|sorted| sorted[ROUNDS / 2]),
            cell(Case::Good),
            cell(Case::Wrong),
            cell(Case::Missing),
        );
    }
}

/// How long each contender's rounds took, sorted. The rounds take turns, so
/// that what slows the machine down slows all of them.
fn times(contenders: &mut [Contender]) -> Vec<Vec<Duration>> {
    let mut times = vec![Vec::with_capacity(ROUNDS); contenders.len()];
    for _ in 0..ROUNDS {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            repeat(contender, Case::Good, REQUESTS_A_ROUND);
            times.push(begin.elapsed());
        }
    }
    times.iter_mut().for_each(|times| times.sort());
    times
}

/// What one request costs over the service without a layer.
fn over_the_bare_service(contender: usize, case: Case) -> String {
    let bare = counts(0, case).expect("counted before");
    let own = counts(contender, case).expect("counted before");
    format!(
        "{}, {}",
        own.instructions.saturating_sub(bare.instructions),
        own.allocations - bare.allocations
    )
}

fn counts(contender: usize, case: Case) -> Option<Counts> {
    let arguments = [contender, case as usize].map(|number| number.to_string());
    Counts::of("*Contender*ask*", &arguments)
}
