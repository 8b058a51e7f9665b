//! The counts that the repository stores, and the check against them.
//!
//! Counts are the same on every machine with the same toolchain, dependencies and
//! C library: see [`Counts`]. After an upgrade of one of these, or a change that is
//! worth its cost, store new ones with `--store`.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use super::callgrind::Counts;

/// How much more instructions are a failure, in percent. One more allocation is.
const TOLERANCE: u64 = 2;

/// Counts by what was counted.
pub type Table = BTreeMap<String, Counts>;

fn file() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches/baseline/counts.txt"]
        .iter()
        .collect()
}

fn toolchain() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&version).trim().to_owned()
}

/// Stores counts.
pub fn store(counts: &Table) {
    let mut text = format!(
        "# Instructions and allocations over the service without a layer.\n# {}\n",
        toolchain()
    );
    for (name, counts) in counts {
        let Counts {
            instructions,
            allocations,
        } = counts;
        text += &format!("{instructions}\t{allocations}\t{name}\n");
    }
    fs::write(file(), text).expect("a writable file");
}

fn load() -> Table {
    let text = fs::read_to_string(file()).expect("stored counts");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.splitn(3, '\t');
            let mut next = || fields.next().expect("three fields");
            let mut number = || next().parse().expect("a number");
            let counts = Counts {
                instructions: number(),
                allocations: number(),
            };
            (next().to_owned(), counts)
        })
        .collect()
}

/// Compares counts with the stored ones, and returns whether none is higher.
pub fn check(counts: &Table) -> bool {
    let stored = load();
    let mut good = true;
    for (name, now) in counts {
        let Some(then) = stored.get(name) else {
            println!("{name}: no stored count");
            good = false;
            continue;
        };
        let limit = then.instructions + then.instructions * TOLERANCE / 100;
        let is_worse = now.instructions > limit || now.allocations > then.allocations;
        good &= !is_worse;
        println!(
            "{name}: {}, {}; stored {}, {}{}",
            now.instructions,
            now.allocations,
            then.instructions,
            then.allocations,
            if is_worse { " ... WORSE" } else { "" }
        );
    }
    for name in stored.keys().filter(|name| !counts.contains_key(*name)) {
        println!("{name}: stored, but no longer counted");
        good = false;
    }
    if !good {
        println!("counted with {}", toolchain());
    }
    good
}
