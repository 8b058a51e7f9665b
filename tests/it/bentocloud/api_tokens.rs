//! `bentoml api-token`.

use serde_json::{Value, json};

use super::{
    ADMIN, Call, Cloud,
    cli::{Cli, NEW},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cli_of_today_makes_lists_shows_and_deletes_tokens() {
    let Some(cli) = Cli::find(NEW) else { return };
    let cloud = Cloud::start();
    cli.ok(&[
        "cloud",
        "login",
        "--api-token",
        ADMIN,
        "--endpoint",
        &cloud.app.url,
    ]);
    let create = [
        "api-token",
        "create",
        "ci",
        "-s",
        "api",
        "-d",
        "for CI",
        "--expires",
        "30d",
        "-o",
        "json",
    ];
    let printed = cli.ok(&create);
    // The secret is shown in a box above the JSON.
    let (_, made) = printed.split_once('{').unwrap();
    let made: Value = serde_json::from_str(&format!("{{{made}")).unwrap();
    let (uid, secret) = (
        made["uid"].as_str().unwrap(),
        made["token"].as_str().unwrap(),
    );
    assert_eq!(made["name"], "ci");
    assert_eq!(made["description"], "for CI");
    assert_eq!(made["created_by"], "user");

    let generate = || Call::new("POST", "/apps/demo/generate").json(&json!({ "prompt": "hi" }));
    let raw = |call: Call| call.header("authorization", &format!("Basic {secret}"));
    assert_eq!(
        raw(generate()).status(cloud.address).await,
        200,
        "`-s api` may call"
    );
    let login = Call::new("GET", "/api/v1/auth/current");
    assert_eq!(raw(login).status(cloud.address).await, 200, "and log in");

    let listed = cli.ok(&["api-token", "list"]);
    assert!(listed.contains(uid) && listed.contains("ci"), "{listed}");
    let listed = cli.ok(&["api-token", "list", "--search", "nothing of this name"]);
    assert!(!listed.contains(uid), "{listed}");
    let shown = cli.ok(&["api-token", "get", uid]);
    for part in ["ci", "for CI", "user", "False"] {
        assert!(shown.contains(part), "{shown}");
    }
    for printed in [&listed, &shown] {
        assert!(
            !printed.contains(secret),
            "the secret is shown once: {printed}"
        );
    }

    let deleted = cli.ok(&["api-token", "delete", uid]);
    assert_eq!(deleted, format!("API token {uid} deleted successfully"));
    assert_eq!(raw(generate()).status(cloud.address).await, 401);
    let listed = cli.ok(&["api-token", "list"]);
    assert!(!listed.contains(uid), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cli_of_today_prints_one_line_where_it_may_not() {
    let Some(cli) = Cli::find(NEW) else { return };
    let cloud = Cloud::start();
    let narrow = cloud.token(&["resources:access"]).await;
    cli.ok(&[
        "cloud",
        "login",
        "--api-token",
        &narrow,
        "--endpoint",
        &cloud.app.url,
    ]);
    let made = cli.ok(&[
        "api-token",
        "create",
        "as-narrow",
        "-s",
        "resources:access",
        "--expires",
        "2w",
    ]);
    assert!(made.contains("as-narrow"), "{made}");
    for (args, said) in [
        (&["create", "wider", "-s", "api"][..], "status code 403"),
        (
            &["create", "other", "-s", "write_everything"],
            "status code 400",
        ),
        (
            &[
                "create",
                "late",
                "-s",
                "resources:access",
                "--expires",
                "2020-01-01",
            ],
            "status code 400",
        ),
        (&["get", "nothing-of-this-uid"], "not found"),
        (&["delete", "nothing-of-this-uid"], "not found"),
    ] {
        let printed = cli.refused(&[&["api-token"], args].concat());
        assert_eq!(printed.lines().count(), 1, "{printed}");
        assert!(
            printed.starts_with("Error: ") && printed.contains(said),
            "{printed}"
        );
        assert!(!printed.contains(&narrow), "{printed}");
    }
}
