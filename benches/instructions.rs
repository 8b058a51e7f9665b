//! Whole calls, side by side in one run: `cargo bench --bench instructions`.
//!
//! Prints one Markdown table. Times are measured in interleaved rounds, and
//! given as a ratio to the service without a layer. Instructions and
//! allocations are counted by callgrind, where it is installed: it runs this
//! program twice, with a small and a large number of requests, and the
//! difference is exact. Both are over the service without a layer.

#![expect(
    unreachable_pub,
    reason = "modules of one program, nothing is reachable"
)]

mod contenders;

use std::{
    env,
    hint::black_box,
    process::Command,
    time::{Duration, Instant},
};

use self::contenders::{Case, Contender};

/// Requests of the two runs that are subtracted.
const FEW: u64 = 100;
const MANY: u64 = 1_100;

const ROUNDS: usize = 101;
const REQUESTS_A_ROUND: u32 = 2_000;

/// Calls this program with what to repeat: contender, case, requests.
const REPEAT: &str = "--repeat";

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
    let counted = Counts::of(0, Case::Good).is_some();
    println!(
        "| guard | time, least | median | accept: instructions, allocations | wrong token | none |"
    );
    println!("|---|---|---|---|---|---|");
    for (index, contender) in contenders.iter().enumerate() {
        let cell = |case| match counted {
            true => Counts::over_the_bare_service(index, case),
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
    if counted {
        println!();
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

/// What requests cost, by callgrind.
#[derive(Clone, Copy)]
struct Counts {
    instructions: u64,
    allocations: u64,
}

impl Counts {
    /// Of one request.
    fn of(contender: usize, case: Case) -> Option<Self> {
        let [few, many] = [FEW, MANY].map(|requests| Self::of_run(contender, case, requests));
        let (few, many) = (few?, many?);
        let one = |few, many| u64::div_ceil(many - few, MANY - FEW);
        Some(Self {
            instructions: one(few.instructions, many.instructions),
            allocations: one(few.allocations, many.allocations),
        })
    }

    fn over_the_bare_service(contender: usize, case: Case) -> String {
        let bare = Self::of(0, case).expect("counted before");
        let own = Self::of(contender, case).expect("counted before");
        format!(
            "{}, {}",
            own.instructions - bare.instructions,
            own.allocations - bare.allocations
        )
    }

    /// Of a whole run of this program, `None` without valgrind.
    fn of_run(contender: usize, case: Case, requests: u64) -> Option<Self> {
        let output = Command::new("valgrind")
            .args([
                "--tool=callgrind",
                "--compress-strings=no",
                "--compress-pos=no",
            ])
            .arg("--callgrind-out-file=/dev/stdout")
            .arg(env::current_exe().ok()?)
            .arg(REPEAT)
            .args([contender, case as usize].map(|number| number.to_string()))
            .arg(requests.to_string())
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Reads a profile: the total, and the calls of what allocates.
    fn parse(profile: &str) -> Self {
        let mut counts = Self {
            instructions: 0,
            allocations: 0,
        };
        let mut allocates = false;
        for line in profile.lines() {
            if let Some(callee) = line.strip_prefix("cfn=") {
                allocates = matches!(callee, "malloc" | "calloc" | "realloc" | "posix_memalign");
            } else if let Some(calls) = line.strip_prefix("calls=").filter(|_| allocates) {
                let count = calls.split(' ').next().and_then(|count| count.parse().ok());
                counts.allocations += count.unwrap_or(0);
            } else if let Some(total) = line.strip_prefix("summary: ") {
                counts.instructions = total.trim().parse().unwrap_or(0);
            }
        }
        counts
    }
}
