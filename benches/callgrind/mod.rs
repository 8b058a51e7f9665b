//! What a function costs, counted by callgrind where it is installed: it runs
//! the program twice, with a small and a large number of calls, and the
//! difference is exact.

use std::{env, process::Command};

/// Calls of the two runs that are subtracted.
const FEW: u64 = 100;
const MANY: u64 = 1_100;

/// The first argument of a program that is to repeat something. What, and how
/// often, stands behind it.
pub const REPEAT: &str = "--repeat";

/// Instructions and allocations of one call.
#[derive(Clone, Copy)]
pub struct Counts {
    pub instructions: u64,
    pub allocations: u64,
}

impl Counts {
    /// Of a function (`*` stands for anything in its name), which this program
    /// calls as often as it is told to, behind [`REPEAT`] and these arguments;
    /// `None` without valgrind.
    pub fn of(function: &str, arguments: &[String]) -> Option<Self> {
        let [few, many] = [FEW, MANY].map(|calls| Self::of_run(function, arguments, calls));
        let (few, many) = (few?, many?);
        let one = |few, many| u64::div_ceil(many - few, MANY - FEW);
        Some(Self {
            instructions: one(few.instructions, many.instructions),
            allocations: one(few.allocations, many.allocations),
        })
    }

    fn of_run(function: &str, arguments: &[String], calls: u64) -> Option<Self> {
        let output = Command::new("valgrind")
            .args([
                "--tool=callgrind",
                "--compress-strings=no",
                "--compress-pos=no",
            ])
            .arg("--callgrind-out-file=/dev/stdout")
            .arg(format!("--toggle-collect={function}"))
            .arg(env::current_exe().ok()?)
            .arg(REPEAT)
            .args(arguments)
            .arg(calls.to_string())
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
