//! Whether a stored secret decides a branch or an address, in optimised builds.
//!
//! ```text
//! cargo run --release --manifest-path tests/ctgrind/Cargo.toml --target-dir target/ctgrind
//! ```
//!
//! Valgrind's memcheck reports each branch and each address that hangs on
//! memory which was not written. So the secrets that a verifier keeps are told
//! to be such memory, and a request is decided: what is reported is a leak. The
//! verdict itself, that something matched, hangs on the secret and is no
//! secret; it may be read in the one place that is named for each case. Leaks
//! that are planted must be found, or finding none in ours would say nothing.

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
        None => judge(),
    }
}

/// Runs every case under memcheck, and says what was found.
fn judge() -> ExitCode {
    let mut failed = 0;
    for case in &CASES {
        let (verdicts, leaks): (Vec<Report>, Vec<Report>) = reports::of(case.name)
            .into_iter()
            .partition(|report| report.reads_the_verdict(case.verdict_in));
        // A verdict that hangs on no secret would show that none was watched.
        let watched = !verdicts.is_empty() || case.verdict_in == cases::OWN;
        let good = watched && leaks.is_empty() != case.planted;
        failed += usize::from(!good);
        let found = match leaks.len() {
            0 => "no leak",
            _ => "a leak",
        };
        let good = if good { "ok" } else { "FAILED" };
        println!("{}: {found} ... {good}", case.name);
        if !case.planted {
            leaks.iter().for_each(|leak| println!("{leak}"));
        }
    }
    println!("{} passed, {failed} failed", CASES.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}
