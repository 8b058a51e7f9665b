//! The page of `TokenAdmin` in a real browser: the scenarios of `tests/browser`.

#![cfg(feature = "full")]

use std::{
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
};

use super::{examples::Example, proxies::Proxy, stores::Directory, tools::client};

#[test]
fn a_token_is_managed_on_the_page_with_the_keyboard_only() {
    run("life");
}

#[test]
fn only_managers_sign_in_to_the_page() {
    run("sign_in");
}

#[test]
fn a_session_of_the_page_ends_with_its_token_and_the_form_keeps_its_values() {
    run("ended");
}

#[test]
fn a_page_of_another_origin_cant_act_for_the_person_who_is_signed_in() {
    run("forged");
}

#[test]
fn the_page_of_a_target_lists_the_tokens_that_can_be_used_for_it() {
    run("target");
}

#[test]
fn every_state_of_the_page_is_accessible() {
    run("looks");
}

#[test]
fn s20_the_pages_of_the_deployments_are_accessible() {
    run_on("deployments", "bentocloud", &["--store", "memory:"]);
}

#[test]
fn over_tls_the_cookie_of_the_page_is_the_strict_one() {
    let directory = Directory::new();
    let tls = directory.path().to_str().unwrap();
    run_on("tls", "bentocloud", &["--store", "memory:", "--tls", tls]);
}

#[test]
fn s17_every_page_works_behind_a_proxy_that_removes_a_prefix() {
    let proxy = |app: &str| {
        let instance = app.strip_prefix("http://").unwrap();
        let nginx = Proxy::nginx_prefix(instance, "/cloud")?;
        Some((format!("{}/cloud", nginx.url), nginx))
    };
    run_through("prefixed", "manage", &[], proxy);
}

fn run(scenario: &str) {
    run_on(scenario, "manage", &["--user", "alice:pässword-ü"]);
}

/// Allows one browser at a time: several only slow each other down.
static BROWSER: Mutex<()> = Mutex::new(());

/// Runs a scenario against its own instance of an example.
fn run_on(scenario: &str, example: &str, flags: &[&str]) {
    run_through(scenario, example, flags, |url| Some((url.to_owned(), ())));
}

/// Runs a scenario against an example, at the address that `proxy` returns.
fn run_through<P>(
    scenario: &str,
    example: &str,
    flags: &[&str],
    proxy: impl FnOnce(&str) -> Option<(String, P)>,
) {
    if client("node_modules/playwright-core").is_none() {
        return;
    }
    let _browser = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut app = Example::start(example, flags);
    let line = app.line();
    let token = line.strip_prefix("token ").unwrap();
    let Some((url, _proxy)) = proxy(&app.url) else {
        return;
    };
    let output = Command::new("node")
        .arg(root.join(format!("tests/browser/{scenario}.mjs")))
        .args([&*url, token])
        .arg(root.join("target/browser"))
        .output();
    let output = output.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario}: {error}");
}
