//! Programs that cargo does not bring, and what it means that one is missing.

#![cfg(feature = "full")]

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Names the directory where `.ci/run` put the clients.
const CLIENTS: &str = "TOWER_AUTHN_CLIENTS";

/// Makes curl commands, where there is a curl.
pub fn curl() -> Option<impl Fn(&str) -> Command> {
    if !installed("curl", "--version") {
        return left_out("curl is not installed");
    }
    Some(|protocol: &str| {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "20", protocol]);
        command
    })
}

/// Makes wget commands, where there is a wget.
pub fn wget() -> Option<impl Fn() -> Command> {
    if Command::new("wget").arg("--version").output().is_err() {
        return left_out("wget is not installed");
    }
    Some(|| {
        let mut command = Command::new("wget");
        command.args(["-q", "-O-", "--timeout=20", "--tries=1"]);
        command
    })
}

/// A Python that has grpcio, requests and httpx.
pub fn python() -> Option<PathBuf> {
    client("calls/bin/python3")
}

/// Whether a program is installed. It is asked for its version.
pub fn installed(program: &str, version: &str) -> bool {
    Command::new(program).arg(version).output().is_ok()
}

/// A program, or a package, of a list in `tests/clients`.
pub fn client(name: &str) -> Option<PathBuf> {
    let found = env::var_os(CLIENTS).map(|clients| Path::new(&clients).join(name));
    found
        .filter(|path| path.exists())
        .or_else(|| left_out(&format!("{CLIENTS} names no directory with {name}")))
}

/// Says what is not tested here; in CI everything must be.
pub fn left_out<T>(why: &str) -> Option<T> {
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
    eprintln!("left out: {why}");
    None
}

/// One of the scripts in `tests/clients`.
pub fn script(interpreter: &Path, name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let mut command = Command::new(interpreter);
    command.arg(path.join(name));
    command
}

/// What a client printed, once it ended well.
pub fn text(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", output.status);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.trim_end().to_owned()
}
