//! Programs that are not Rust crates. A test without its program is skipped, except in
//! CI.

#![cfg(feature = "full")]

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The environment variable with the directory of the clients, which `.ci/services`
/// fills.
const CLIENTS: &str = "TOWER_AUTHN_CLIENTS";

/// Returns a function that makes curl commands, if curl is installed.
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

/// Returns a function that makes wget commands, if wget is installed.
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

/// Returns a Python interpreter with grpcio, requests and httpx.
pub fn python() -> Option<PathBuf> {
    client("calls/bin/python3")
}

/// Returns whether a program is installed, by running it with its version flag.
pub fn installed(program: &str, version: &str) -> bool {
    Command::new(program).arg(version).output().is_ok()
}

/// Returns the path of a program or package of a list in `tests/clients`.
pub fn client(name: &str) -> Option<PathBuf> {
    let found = env::var_os(CLIENTS).map(|clients| Path::new(&clients).join(name));
    found
        .filter(|path| path.exists())
        .or_else(|| left_out(&format!("{CLIENTS} names no directory with {name}")))
}

/// Reports that a test is skipped.
///
/// # Panics
///
/// Panics in CI, where every test must run.
pub fn left_out<T>(why: &str) -> Option<T> {
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
    eprintln!("skipped: {why}");
    None
}

/// Returns a command that runs a script of `tests/clients`.
pub fn script(interpreter: &Path, name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let mut command = Command::new(interpreter);
    command.arg(path.join(name));
    command
}

/// Returns the output of a client.
///
/// # Panics
///
/// Panics if the client failed.
pub fn text(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", output.status);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.trim_end().to_owned()
}
