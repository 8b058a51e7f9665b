//! The command lines of the examples.

use std::process::Output;

use super::{Example, command, rules::names};

fn run(name: &str, flags: &[&str]) -> Output {
    command(name).args(flags).output().unwrap()
}

/// Asserts that the example refuses the flags with one line, and starts no server.
fn assert_refused(name: &str, flags: &[&str], expected: &str) {
    let output = run(name, flags);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{name} {flags:?}: {error}");
    assert!(error.contains(expected), "{name} {flags:?}: {error}");
    assert_eq!(error.lines().count(), 1, "{name} {flags:?}: {error}");
    assert!(output.stdout.is_empty(), "{name} {flags:?}");
    assert!(!error.contains("secret-"), "{name} {flags:?}: {error}");
}

#[test]
fn every_example_refuses_flags_that_it_does_not_know() {
    for name in names() {
        for (flags, expected) in [
            (&["--nonsense"][..], "unknown flag \"--nonsense\""),
            (
                &["--nonsense=secret-9cLqJTbY"],
                "unknown flag \"--nonsense\"",
            ),
            (&["-l", "127.0.0.1:0"], "unknown flag \"-l\""),
            (&["secret-9cLqJTbY"], "unexpected argument without a flag"),
            (&["--listen"], "--listen needs a value"),
            (&["--listen="], "--listen needs a value"),
            (
                &["--listen", "--listen=127.0.0.1:0"],
                "--listen needs a value",
            ),
            (
                &["--listen", "127.0.0.1:0", "--listen=127.0.0.1:0"],
                "--listen is given twice",
            ),
        ] {
            assert_refused(&name, flags, expected);
        }
    }
}

#[test]
fn every_example_prints_its_flags_on_request() {
    for name in names() {
        for flags in [&["--help"][..], &["--listen", "127.0.0.1:0", "--help"]] {
            let output = run(&name, flags);
            assert_eq!(output.status.code(), Some(0), "{name}");
            let usage = String::from_utf8(output.stdout).unwrap();
            let expected = format!("usage: {name} [--listen ADDR]");
            assert!(usage.starts_with(&expected), "{usage}");
            assert_eq!(usage.lines().count(), 1, "{usage}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_follows_its_flag_after_a_space_or_an_equals_sign_or_comes_from_the_environment() {
    let token = "9cLqJTbYzVvZyXHn";
    let by_variable = |command: &mut std::process::Command| {
        command.env("QUICKSTART_TOKEN", token);
    };
    let equals = format!("--token={token}");
    let apps = [
        Example::start("quickstart", &["--token", token]),
        Example::start("quickstart", &[&equals]),
        Example::start_with("quickstart", &[], by_variable),
    ];
    for app in apps {
        let authorization = format!("Bearer {token}");
        assert_eq!(app.ask("GET", "/whoami", &authorization).await.0, 200);
        assert_eq!(app.ask("GET", "/whoami", "Bearer other").await.0, 401);
    }
}

#[test]
fn a_bad_value_is_answered_with_one_line() {
    let quickstart: [(&[&str], &str); 7] = [
        (&["--listen", "nonsense"], "--listen nonsense"),
        (&["--token", "short"], "token 1 is shorter"),
        (&["--token", "$(reboot)$(reboot)"], "--token takes"),
        (&["--user", "alice"], "--user takes NAME:PASSWORD"),
        (&["--user", "alice:short"], "user 1 is shorter"),
        (&["--tokn=secret-9cLqJTbYzVvZ"], "unknown flag \"--tokn\""),
        (
            &["--listen", "127.0.0.1:0", "--tls", "/dev/null"],
            "--tls /dev/null",
        ),
    ];
    let cloud: [(&[&str], &str); 5] = [
        (&["--store"], "--store needs a value"),
        (&["--store", "nonsense"], "--store: a store is memory:"),
        (&["--store", "sqlite:/dev/null/db"], "--store: "),
        (
            &["--store", "memory:", "--listen", "nonsense"],
            "--listen nonsense",
        ),
        (
            &["--store", "memory:", "--admin-token", "short"],
            "--admin-token: token: is not",
        ),
    ];
    for (flags, expected) in quickstart {
        assert_refused("quickstart", flags, expected);
    }
    for (flags, expected) in cloud {
        let flags = [&["--listen=127.0.0.1:0"], flags].concat();
        let flags = match flags.contains(&"--listen") {
            true => &flags[1..],
            false => &flags[..],
        };
        assert_refused("bentocloud", flags, expected);
    }
}
