//! The lines that the guide and the server itself give a newcomer to type.

use std::{env, ffi::OsString, net::TcpListener, path::Path, process::Command, time::Instant};

use super::cli::{NEW, isolate};
use crate::{
    examples::Example,
    stores::Directory,
    tools::{client, curl, python, text},
};

/// A shell in which the programs beside this one come first.
pub fn shell(program: &Path, home: &Directory) -> Command {
    let mut path = OsString::from(program.parent().unwrap());
    path.push(":");
    path.push(env::var_os("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.env("PATH", path);
    // The variables of the test's own cargo would make another cargo build again.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_PKG_") {
            shell.env_remove(&name);
        }
    }
    isolate(&mut shell, home.path());
    shell
}

/// The shell blocks of the guide's chapter.
fn shell_blocks() -> Vec<&'static str> {
    let chapter = include_str!("../../../docs/bentocloud.md");
    let blocks = chapter.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split_once("```").unwrap().0)
        .collect()
}

#[test]
fn three_lines_of_the_guide_lead_to_the_first_answer_and_three_more_to_the_cli() {
    let (Some(_), Some(bentoml)) = (curl(), client(&format!("{NEW}/bin/bentoml"))) else {
        return;
    };
    let [first, more] = shell_blocks()[..] else {
        panic!("the chapter has other blocks");
    };
    assert_eq!((first.lines().count(), more.lines().count()), (3, 3));
    let home = Directory::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    // Unchanged, except for a port and a file that no other test uses.
    let script = format!("set -e\ntrap 'kill $!' EXIT\n{first}\necho\n{more}");
    let script = script.replace(":3000", &format!(":{}", address.port()));
    let mut shell = shell(&bentoml, &home);
    let store = format!("sqlite:{}", home.file().display());
    shell
        .env("BENTOCLOUD_LISTEN", address.to_string())
        .env("BENTOCLOUD_STORE", store)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let begun = Instant::now();
    let printed = text(&shell.args(["-c", &script]).output().unwrap());
    println!("all of it took {:?}", begun.elapsed());
    for line in [
        r#"{"text":"You asked: What state is Los Angeles in?"}"#,
        "Logged in as user@example.com at mybentocloud organization",
        "Token ci created successfully",
        "{'text': 'You asked: What state is Los Angeles in?'}",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
}

#[test]
fn the_lines_that_it_prints_work_as_they_are() {
    let (Some(_), Some(bentoml), Some(calls)) =
        (curl(), client(&format!("{NEW}/bin/bentoml")), python())
    else {
        return;
    };
    for has_tls in [false, true] {
        let home = Directory::new();
        let store = format!("sqlite:{}", home.file().display());
        let tls = home.path().join("tls");
        let mut flags = vec!["--store", &store];
        if has_tls {
            flags.extend(["--tls", tls.to_str().unwrap()]);
        }
        let mut app = Example::start("bentocloud", &flags);
        assert!(app.line().starts_with("token bento_"));
        // Two lines call `python3`, each another one.
        let json = r#"{"text":"You asked: What state is Los Angeles in?"}"#;
        for (program, answer) in [
            (&bentoml, json),
            (&bentoml, "Logged in as user@example.com at mybentocloud"),
            (
                &bentoml,
                "'text': 'You asked: What state is Los Angeles in?'",
            ),
            (&calls, r"b'\n(You asked: What state is Los Angeles in?'"),
        ] {
            let line = app.line();
            let mut shell = shell(program, &home);
            let printed = text(&shell.args(["-c", &line]).output().unwrap());
            assert!(printed.contains(answer), "{line}: {printed}");
        }
        let (status, rest) = app.end("INT");
        assert_eq!(
            (status.code(), rest.as_str()),
            (Some(0), ""),
            "nothing else is printed"
        );
    }
}
