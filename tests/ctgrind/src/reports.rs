//! The reports of memcheck.

use std::{env, fmt, process::Command};

/// One report: its text, and the frames of its stack, the innermost first.
pub struct Report {
    text: String,
    frames: Vec<String>,
}

/// Runs a case and returns the reports on it.
pub fn collect(case: &str) -> Vec<Report> {
    let program = env::current_exe().expect("the program has a path");
    let output = Command::new("valgrind")
        .args(["--fullpath-after=", "--error-limit=no"])
        .arg(program)
        .arg(case)
        .output()
        .expect("valgrind is installed");
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{case}: {printed}");
    parse(&printed)
}

fn parse(printed: &str) -> Vec<Report> {
    let mut reports: Vec<Report> = Vec::new();
    for line in printed.lines() {
        let text = line.trim_start_matches(|c: char| c == '=' || c.is_ascii_digit());
        match text.trim() {
            text if text.starts_with("at ") || text.starts_with("by ") => {
                if let Some(report) = reports.last_mut() {
                    report.frames.push(text.to_owned());
                }
            }
            text if ["Conditional jump", "Use of"]
                .iter()
                .any(|start| text.starts_with(start)) =>
            {
                reports.push(Report {
                    text: text.to_owned(),
                    frames: Vec::new(),
                });
            }
            _ => {}
        }
    }
    reports
}

impl Report {
    /// Returns whether a place itself reads memory, or the functions that it calls to
    /// return the principal.
    pub fn reads_the_verdict(&self, place: &str) -> bool {
        let returns_principal = |frame: &&String| {
            ["/library/core/", "/library/alloc/", "/src/principal/"]
                .iter()
                .any(|part| frame.contains(part))
        };
        let mut frames = self.frames.iter().skip_while(returns_principal);
        frames.next().is_some_and(|frame| frame.contains(place))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    {}", self.text)?;
        let mut frames = self.frames.iter().take(8);
        frames.try_for_each(|frame| writeln!(f, "        {frame}"))
    }
}
