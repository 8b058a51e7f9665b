//! Measures whole calls, side by side in one run:
//! `cargo bench --all-features --bench instructions`.
//!
//! Prints one Markdown table. Times are measured in interleaved rounds, and are
//! ratios to the median of the service without a layer: the fastest round, the
//! median, and the round that nine of ten do not exceed. Instructions and allocations
//! are counted by callgrind, if it is installed, and are over the service without a
//! layer. A call is counted whole, until the response is dropped.
//!
//! With `-- --check`, compares the counts of this crate with the stored ones, and
//! fails if they are higher; `-- --store` stores them.

#![expect(
    unreachable_pub,
    reason = "modules of one program, nothing is reachable"
)]

mod baseline;
mod callgrind;
mod contenders;

use std::{
    env,
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use self::{
    callgrind::{Counts, REPEAT},
    contenders::{Case, Contender},
};

const ROUNDS: usize = 101;
const REQUESTS_PER_ROUND: u32 = 2_000;

fn main() -> ExitCode {
    let mut contenders = contenders::all();
    let arguments: Vec<String> = env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let has = |flag| arguments.contains(&flag);
    if let [_, REPEAT, contender, case, requests] = arguments[..] {
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let contender = &mut contenders[number(contender)];
        repeat(contender, Case::ALL[number(case)], number(requests) as u32);
        return ExitCode::SUCCESS;
    }
    contenders.iter_mut().for_each(Contender::check);
    if has("--store") {
        baseline::store(&own_counts(&contenders));
    } else if has("--check") && !baseline::check(&own_counts(&contenders)) {
        return ExitCode::FAILURE;
    } else if !has("--check") && !has("--test") {
        report(&mut contenders);
    }
    ExitCode::SUCCESS
}

fn repeat(contender: &mut Contender, case: Case, requests: u32) {
    for _ in 0..requests {
        black_box(contender.send(case));
    }
}

fn report(contenders: &mut [Contender]) {
    let times = measure_times(contenders);
    let bare = count_bare();
    println!(
        "| guard | time, least | median | 9 of 10 \
         | accepted: instructions, allocations | wrong token | none |"
    );
    println!("|---|---|---|---|---|---|---|");
    let base = times[0][ROUNDS / 2].as_secs_f64();
    for (index, contender) in contenders.iter().enumerate() {
        let cell = |case| match bare {
            Some(bare) => {
                let counts = count_over(bare, index, case);
                format!("{}, {}", counts.instructions, counts.allocations)
            }
            None => "not counted".to_owned(),
        };
        let ratio = |round: usize| times[index][round].as_secs_f64() / base;
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {} | {} | {} |",
            contender.name,
            ratio(0),
            ratio(ROUNDS / 2),
            ratio(ROUNDS * 9 / 10),
            cell(Case::Good),
            cell(Case::Wrong),
            cell(Case::Missing),
        );
    }
}

/// Measures how long the rounds of each contender take, and sorts them. The
/// contenders take turns, so that a slow moment of the machine slows all of them.
fn measure_times(contenders: &mut [Contender]) -> Vec<Vec<Duration>> {
    let mut times = vec![Vec::with_capacity(ROUNDS); contenders.len()];
    for _ in 0..ROUNDS {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            repeat(contender, Case::Good, REQUESTS_PER_ROUND);
            times.push(begin.elapsed());
        }
    }
    times.iter_mut().for_each(|times| times.sort());
    times
}

/// Counts every case of this crate's contenders.
fn own_counts(contenders: &[Contender]) -> baseline::Table {
    let bare = count_bare().expect("valgrind is installed");
    let own = contenders.iter().enumerate();
    let own = own.filter(|(_, contender)| contender.name.starts_with("**"));
    own.flat_map(|(index, contender)| {
        let name = contender.name.replace(['*', '`'], "");
        Case::ALL.map(|case| (format!("{name}: {case:?}"), count_over(bare, index, case)))
    })
    .collect()
}

/// The counts of the service without a layer, by case.
type Bare = [Counts; 3];

/// Counts the service without a layer, or returns `None` without valgrind.
fn count_bare() -> Option<Bare> {
    let [good, wrong, missing] = Case::ALL.map(|case| count(0, case));
    Some([good?, wrong?, missing?])
}

/// Counts what one request costs over the service without a layer.
fn count_over(bare: Bare, contender: usize, case: Case) -> Counts {
    let counts = count(contender, case).expect("valgrind is installed");
    counts.over(bare[case as usize])
}

fn count(contender: usize, case: Case) -> Option<Counts> {
    let arguments = [contender, case as usize].map(|number| number.to_string());
    Counts::measure("*Contender*send*", &arguments)
}
