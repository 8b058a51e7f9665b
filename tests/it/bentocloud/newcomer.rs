//! The lines to type in README and in the server's first output.

use std::{env, ffi::OsString, net::TcpListener, path::Path, process::Command, time::Instant};

use super::cli::{NEW, isolate};
use crate::{
    examples::Example,
    stores::Directory,
    tools::{client, curl, python, text},
};

/// Returns a shell that finds the programs in the same folder as this one first.
pub fn shell(program: &Path, home: &Directory) -> Command {
    let mut path = OsString::from(program.parent().unwrap());
    path.push(":");
    path.push(env::var_os("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.env("PATH", path);
    // With the variables of the test's cargo, another cargo would rebuild everything.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_PKG_") {
            shell.env_remove(&name);
        }
    }
    isolate(&mut shell, home.path());
    shell
}

/// Returns the blocks of lines to type in a section.
fn shell_blocks(section: &str) -> Vec<&'static str> {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once(&format!("\n## {section}\n")).unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split_once("```").unwrap().0)
        .collect()
}

#[test]
fn three_lines_of_readme_lead_to_the_first_answer_and_three_more_to_the_cli() {
    let (Some(_), Some(bentoml)) = (curl(), client(&format!("{NEW}/bin/bentoml"))) else {
        return;
    };
    let [first, more] = shell_blocks("The reference system")[..] else {
        panic!("README has other blocks");
    };
    assert_eq!((first.lines().count(), more.lines().count()), (3, 3));
    let home = Directory::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    // Unchanged but for a port and a file that no other test uses.
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
