//! Checks that no branch and no address depends on a stored secret, in optimised
//! builds.
//!
//! ```text
//! cargo run --release --manifest-path tests/ctgrind/Cargo.toml --target-dir target/ctgrind
//! ```
//!
//! Valgrind's memcheck reports each branch and each address that depends on memory
//! which was not written. The program marks the secrets that a verifier stores as such
//! memory, and then verifies a request: each report is a leak. The verdict itself,
//! that something matched, depends on the secret and is public; it may be read in the
//! one place that each case names. Planted leaks must be found, because otherwise the
//! absence of others would prove nothing.

mod arena;
mod cases;
mod reports;
mod valgrind;
mod verdict;

use std::{env, process::ExitCode};

use self::{cases::CASES, reports::Report};

fn main() -> ExitCode {
    match env::args().nth(1) {
        Some(name) => cases::run(&name),
        None => check_all(),
    }
}

/// Runs every case under memcheck and prints what it reports.
fn check_all() -> ExitCode {
    let mut failed = 0;
    for case in &CASES {
        let (verdicts, leaks): (Vec<Report>, Vec<Report>) = reports::collect(case.name)
            .into_iter()
            .partition(|report| report.reads_the_verdict(case.verdict_in));
        // A verdict that does not depend on a secret shows that none was watched.
        let is_watched = !verdicts.is_empty() || case.verdict_in == cases::OWN;
        let passed = is_watched && leaks.is_empty() != case.is_planted;
        failed += usize::from(!passed);
        let found = match leaks.len() {
            0 => "no leak",
            _ => "a leak",
        };
        let outcome = if passed { "ok" } else { "FAILED" };
        println!("{}: {found} ... {outcome}", case.name);
        if !case.is_planted {
            leaks.iter().for_each(|leak| println!("{leak}"));
        }
    }
    println!("{} passed, {failed} failed", CASES.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}
