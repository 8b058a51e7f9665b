//! The page of `TokenAdmin` in a real browser: scenarios in `tests/browser`.

#![cfg(feature = "full")]

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread::sleep,
    time::Duration,
};

use super::{
    examples::Example,
    stores::Directory,
    tools::{client, left_out},
};

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

#[test]
fn s17_behind_a_proxy_that_cuts_a_prefix_off_every_page_works() {
    let cut = |app: &str| Nginx::start(app).map(|nginx| (nginx.url.clone(), nginx));
    plays_through("prefixed", "manage", &[], cut);
}

/// nginx with an app below `/cloud/`. It ends when it is dropped.
struct Nginx {
    child: Child,
    url: String,
    _directory: Directory,
}

impl Nginx {
    fn start(app: &str) -> Option<Self> {
        if Command::new("nginx").arg("-v").output().is_err() {
            return left_out("nginx is not installed");
        }
        // The port was free a moment ago, and may be taken before nginx listens.
        (0..5).find_map(|_| {
            let directory = Directory::new();
            let root = directory.path().display();
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path {root}/{name};"))
                .join(" ");
            let config = format!(
                "daemon off; master_process off; pid {root}/pid; error_log stderr;
                events {{}}
                http {{
                    access_log off; {temporary}
                    server {{
                        listen {address};
                        location /cloud/ {{
                            proxy_pass {app}/;
                            proxy_set_header Host $http_host;
                        }}
                    }}
                }}"
            );
            let file = directory.path().join("nginx.conf");
            fs::write(&file, config).unwrap();
            drop(free);
            let mut nginx = Command::new("nginx");
            nginx.arg("-c").arg(&file).args(["-e", "stderr"]);
            let mut child = nginx.stderr(Stdio::null()).spawn().unwrap();
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(address).is_ok() {
                    return Some(Self {
                        child,
                        url: format!("http://{address}/cloud"),
                        _directory: directory,
                    });
                }
                sleep(Duration::from_millis(10));
            }
            None
        })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn plays(scenario: &str) {
    plays_on(scenario, "manage", &["--user", "alice:pässword-ü"]);
}

/// A browser is heavy: more than one at a time only wait for each other.
static ONE: Mutex<()> = Mutex::new(());

/// Runs a scenario against an example of its own.
fn plays_on(scenario: &str, example: &str, flags: &[&str]) {
    plays_through(scenario, example, flags, |url| Some((url.to_owned(), ())));
}

/// The same, under the address that stands before the example.
fn plays_through<P>(
    scenario: &str,
    example: &str,
    flags: &[&str],
    before: impl FnOnce(&str) -> Option<(String, P)>,
) {
    if client("node_modules/playwright-core").is_none() {
        return;
    }
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut app = Example::start(example, flags);
    let line = app.line();
    let token = line.strip_prefix("token ").unwrap();
    let Some((url, _proxy)) = before(&app.url) else {
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
