//! The page of `Manage` in a real browser: scenarios in `tests/browser`.

#![cfg(feature = "full")]

use std::{
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
};

use super::{examples::Example, stores::Directory, tools::client};

#[test]
fn a_token_lives_and_ends_on_the_page_by_the_keyboard_alone() {
    plays("life");
}

#[test]
fn only_who_may_manage_tokens_signs_in_to_the_page() {
    plays("sign_in");
}

#[test]
fn a_session_of_the_page_ends_with_its_token_and_loses_nothing_typed() {
    plays("ended");
}

#[test]
fn a_page_of_another_origin_cant_act_for_who_is_signed_in() {
    plays("forged");
}

#[test]
fn the_page_of_a_target_lists_what_may_have_to_do_with_it() {
    plays("target");
}

#[test]
fn every_state_of_the_page_can_be_used_by_everybody() {
    plays("looks");
}

#[test]
fn s20_the_pages_of_the_deployments_can_be_used_by_everybody() {
    plays_on("deployments", "bentocloud", &["--store", "memory:"]);
}

#[test]
fn over_tls_the_cookie_of_the_page_is_the_strict_one() {
    let directory = Directory::new();
    let tls = directory.path().to_str().unwrap();
    plays_on("tls", "bentocloud", &["--store", "memory:", "--tls", tls]);
}

fn plays(scenario: &str) {
    plays_on(scenario, "manage", &["--user", "alice:pässword-ü"]);
}

/// A browser is heavy: more than one at a time only wait for each other.
static ONE: Mutex<()> = Mutex::new(());

/// Runs a scenario against an example of its own.
fn plays_on(scenario: &str, example: &str, flags: &[&str]) {
    if client("node_modules/playwright-core").is_none() {
        return;
    }
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut app = Example::start(example, flags);
    let line = app.line();
    let token = line.strip_prefix("token ").unwrap();
    let output = Command::new("node")
        .arg(root.join(format!("tests/browser/{scenario}.mjs")))
        .args([&app.url, token])
        .arg(root.join("target/browser"))
        .output();
    let output = output.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario}: {error}");
}
