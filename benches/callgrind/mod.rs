//! Counts what a function costs with callgrind, if it is installed. The program
//! runs twice, with few and with many calls, and the difference of the two counts
//! is that of the calls alone.

use std::{env, process::Command};

/// The calls of the two runs that are subtracted.
const FEW: u64 = 100;
const MANY: u64 = 1_100;

/// The first argument of a program that repeats a call. The arguments that follow
/// say which call; the last one is the number of repetitions.
pub const REPEAT: &str = "--repeat";

/// What the C library may use of the processor: the least, so that it copies and
/// compares memory in the same way on every machine.
const HWCAPS: &str = "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM,\
                      -SSE4_1,-SSE4_2,-SSSE3,-Fast_Unaligned_Copy";

/// The instructions and allocations of one call.
#[derive(Clone, Copy)]
pub struct Counts {
    pub instructions: u64,
    pub allocations: u64,
}

impl Counts {
    /// Counts a function. Its name may have a `*` for any text. The program is
    /// run with [`REPEAT`], these arguments and a number of repetitions. Returns
    /// `None` without valgrind.
    pub fn measure(function: &str, arguments: &[String]) -> Option<Self> {
        let [few, many] = [FEW, MANY].map(|calls| Self::measure_run(function, arguments, calls));
        let (few, many) = (few?, many?);
        let calls = MANY - FEW;
        // Valgrind also counts the allocations of the rest of the program. Their number may
        // differ a little between the two runs.
        let allocations = many.allocations.saturating_sub(few.allocations);
        Some(Self {
            instructions: (many.instructions - few.instructions).div_ceil(calls),
            allocations: (allocations + calls / 2) / calls,
        })
    }

    fn measure_run(function: &str, arguments: &[String], calls: u64) -> Option<Self> {
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
            .env("GLIBC_TUNABLES", HWCAPS)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Reads a profile: the total of instructions, and the calls of allocators.
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

    /// What this costs more than another call.
    pub fn over(self, other: Self) -> Self {
        Self {
            instructions: self.instructions.saturating_sub(other.instructions),
            allocations: self.allocations.saturating_sub(other.allocations),
        }
    }
}
