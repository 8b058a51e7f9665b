//! What memcheck reports.

use std::{env, fmt, process::Command};

/// One report: what it is of, and where, the innermost place first.
pub struct Report {
    what: String,
    frames: Vec<String>,
}

/// The reports on a case, which this program runs.
pub fn of(case: &str) -> Vec<Report> {
    let program = env::current_exe().expect("the program has a path");
    let output = Command::new("valgrind")
        .args(["--fullpath-after=", "--error-limit=no"])
        .arg(program)
        .arg(case)
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{case}: {said}");
    parse(&said)
}

fn parse(said: &str) -> Vec<Report> {
    let mut reports: Vec<Report> = Vec::new();
    for line in said.lines() {
        let text = line.trim_start_matches(|c: char| c == '=' || c.is_ascii_digit());
        match text.trim() {
            text if text.starts_with("at ") || text.starts_with("by ") => {
                if let Some(report) = reports.last_mut() {
                    report.frames.push(text.to_owned());
                }
            }
            text if ["Conditional jump", "Use of"]
                .iter()
                .any(|of| text.starts_with(of)) =>
            {
                reports.push(Report {
                    what: text.to_owned(),
                    frames: Vec::new(),
                });
            }
            _ => {}
        }
    }
    reports
}

impl Report {
    /// Whether it is of this place itself, or of what it calls to hand the
    /// principal out.
    pub fn reads_the_verdict(&self, place: &str) -> bool {
        let hands_out = |frame: &&String| {
            ["/library/core/", "/library/alloc/", "/src/principal.rs"]
                .iter()
                .any(|part| frame.contains(part))
        };
        let mut frames = self.frames.iter().skip_while(hands_out);
        frames.next().is_some_and(|frame| frame.contains(place))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    {}", self.what)?;
        let mut frames = self.frames.iter().take(8);
        frames.try_for_each(|frame| writeln!(f, "        {frame}"))
    }
}
