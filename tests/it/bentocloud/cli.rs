//! The reference system's command line and client, from PyPI.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use super::{ADMIN, Cloud, TOKENS};
use crate::{
    stores::Directory,
    tools::{client, script, text},
};

/// The last version with `yatai login`, and the current one.
const OLD: &str = "bentoml-1.0.22";
pub const NEW: &str = "bentoml-1.4.39";

/// A command line with its own configuration and without a network.
pub struct Cli {
    program: PathBuf,
    home: Directory,
}

impl Cli {
    pub fn find(version: &str) -> Option<Self> {
        let program = client(&format!("{version}/bin/bentoml"))?;
        Some(Self {
            program,
            home: Directory::new(),
        })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        isolate(&mut command, self.home.path());
        command
    }

    /// Runs a command that succeeds, and returns its output.
    pub fn ok(&self, args: &[&str]) -> String {
        text(&self.command(&self.program).args(args).output().unwrap())
    }

    /// Returns a path in its home directory.
    pub fn home(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Runs a command that fails, and returns its standard error.
    pub fn failed(&self, args: &[&str]) -> String {
        let output = self.command(&self.program).args(args).output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {printed}");
        printed.trim_end().to_owned()
    }

    /// Runs a command that fails, and returns its whole output.
    pub fn refused(&self, args: &[&str]) -> String {
        let output = self.command(&self.program).args(args).output().unwrap();
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {printed}");
        printed.trim_end().to_owned()
    }
}

/// Restricts a client of the reference system to this machine.
pub fn isolate(command: &mut Command, home: &Path) {
    command
        .env("BENTOML_HOME", home)
        .env("BENTOML_DO_NOT_TRACK", "True")
        .env("COLUMNS", "200");
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env(proxy, "http://127.0.0.1:1");
    }
    command.env("no_proxy", "127.0.0.1,localhost");
}

/// Returns tokens that can't log in, each with the expected status and message.
async fn strangers(cloud: &Cloud) -> Vec<(String, u16, &'static str)> {
    let dead = cloud.invalid_tokens(&["resources"]).await.into_iter();
    let mut strangers: Vec<_> = dead
        .map(|(_, token)| (token, 401, "the credential is not valid"))
        .collect();
    let caller = cloud.token(&["deployment"]).await;
    strangers.push((caller, 403, "insufficient permissions"));
    strangers
}

fn login<'a>(group: &'a str, token: &'a str, cloud: &'a Cloud) -> [&'a str; 6] {
    let url = &cloud.app.url;
    [group, "login", "--api-token", token, "--endpoint", url]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_yatai_login_says_who_is_logged_in_where() {
    let Some(cli) = Cli::find(OLD) else { return };
    let cloud = Cloud::start();
    let printed = cli.ok(&login("yatai", ADMIN, &cloud));
    let logged_in = r#"Successfully logged in as user "user" in organization "mybentocloud"."#;
    assert_eq!(printed, logged_in);
    for (token, status, message) in strangers(&cloud).await {
        let printed = cli.refused(&login("yatai", &token, &cloud));
        let refused = "Error: [yatai] `login` failed: request failed with status code";
        assert_eq!(
            printed,
            format!(r#"{refused} {status}: {{"message":"{message}"}}"#)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cli_of_today_logs_in() {
    let Some(cli) = Cli::find(NEW) else { return };
    let cloud = Cloud::start();
    let printed = cli.ok(&login("cloud", ADMIN, &cloud));
    let logged_in = "Logged in as user@example.com at mybentocloud organization";
    assert!(printed.contains(logged_in), "{printed}");
    let strangers = strangers(&cloud).await;
    for (token, status, _) in &strangers {
        let printed = cli.refused(&login("cloud", token, &cloud));
        let refused = format!("Error validating token: HTTP {status}");
        assert!(printed.contains(&refused), "{printed}");
        assert_eq!(printed.lines().count(), 1, "{printed}");
        assert!(!printed.contains(token), "{printed}");
    }

    // Other commands print the server's message, for a made-up token and for one without
    // the scope.
    for (token, status, message) in &strangers[3..] {
        let mut list = cli.command(&cli.program);
        list.env("BENTO_CLOUD_API_KEY", token)
            .env("BENTO_CLOUD_API_ENDPOINT", &cloud.app.url);
        let output = list.args(["api-token", "list"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let printed = String::from_utf8(output.stderr).unwrap();
        let said =
            format!(r#"request failed with status code {status}: {{"message":"{message}"}}"#);
        assert!(
            printed.lines().next().unwrap().ends_with(&said),
            "{printed}"
        );
        assert!(!printed.contains(token), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_http_client_of_today_calls_a_deployment() {
    let Some(python) = client(&format!("{NEW}/bin/python3")) else {
        return;
    };
    let cloud = Cloud::start();
    let caller = cloud.token(&["deployment"]).await;
    let (id, ending) = cloud.create(json!({ "scopes": ["deployment"] })).await;
    let home = Directory::new();
    let mut calls = script(&python, "bentoml_calls.py");
    isolate(&mut calls, home.path());
    let revoke = format!("{}{}/{id}/revoke", cloud.app.url, TOKENS);
    let other = cloud.token(&["resources"]).await;
    calls.args([&cloud.app.url, &caller, &other, &ending, &revoke, ADMIN]);
    let expected = [
        "good: You asked: hi",
        "public: You asked: hi",
        "none: Failed to fetch schema from URL/schema.json",
        "wrong: Failed to fetch schema from URL/schema.json",
        "other scope: Failed to fetch schema from URL/schema.json",
        "before: You asked: hi",
        "revoked: 401",
    ];
    let printed = text(&calls.output().unwrap());
    let printed = printed.replace(&cloud.app.url, "URL");
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
}
