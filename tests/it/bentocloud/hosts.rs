//! Hosts, and what an app's host serves.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use http::Version;
use serde_json::json;

use super::{ADMIN, Call, Cloud, ask};

fn at(host: &str, path: &str) -> Call {
    Call::new("GET", path).header("host", host)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_means_its_app_in_any_case_with_any_port_and_a_dot() {
    let cloud = Cloud::start();
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for host in [
            "NAME.mybentocloud.localhost",
            "NAME.mybentocloud.localhost.",
            "NAME.mybentocloud.localhost:80",
            "NAME.mybentocloud.localhost.:65535",
            "NAME.MyBentoCloud.LocalHost",
        ] {
            for (name, expected) in [
                ("hello", (200, 200)),
                ("HELLO", (200, 200)),
                ("demo", (401, 200)),
                ("Demo", (401, 200)),
                ("nowhere", (401, 404)),
                // Below the domain, but not a label: no app has this host.
                ("a.hello", (401, 404)),
                ("hello.", (401, 404)),
                ("-", (401, 404)),
            ] {
                let host = host.replace("NAME", name);
                let call = at(&host, "/readyz").version(version);
                assert_eq!(ask(&cloud, call).await, expected, "{host} {version:?}");
            }
        }
        for host in [
            "mybentocloud.localhost",
            "hellomybentocloud.localhost",
            "hello.mybentocloud.localhost.example.com",
            "hello.mybentocloud",
            "localhost",
        ] {
            let call = at(host, "/readyz").version(version);
            assert_eq!(ask(&cloud, call).await, (401, 404), "{host} is no app's");
            let call = at(host, "/api/v1/models").version(version);
            assert_eq!(ask(&cloud, call).await, (401, 200), "{host}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_host_itself_names_an_app() {
    let cloud = Cloud::start();
    let hello = "hello.mybentocloud.localhost";
    for name in [
        "x-forwarded-host",
        "forwarded",
        "x-host",
        "x-original-host",
        "x-original-url",
    ] {
        let call = Call::new("GET", "/readyz").header(name, hello);
        assert_eq!(ask(&cloud, call).await, (401, 404), "{name}");
    }
    // A proxy may have read the other one of two.
    let other = "demo.mybentocloud.localhost";
    for (line, hosts, status) in [
        ("/readyz", &[hello][..], "200"),
        ("/readyz", &[hello, hello], "400"),
        ("/readyz", &[hello, other], "400"),
        ("/readyz", &[other, hello], "400"),
        (
            "http://hello.mybentocloud.localhost/readyz",
            &[hello],
            "200",
        ),
        (
            "http://hello.mybentocloud.localhost/readyz",
            &[other],
            "400",
        ),
        ("http://demo.mybentocloud.localhost/readyz", &[hello], "400"),
        ("/readyz", &["hello .mybentocloud.localhost"], "400"),
        ("/readyz", &["hello.mybentocloud.localhost/x"], "400"),
        (
            "/readyz",
            &["demo.mybentocloud.localhost@hello.mybentocloud.localhost"],
            "400",
        ),
        ("/readyz", &[], "401"),
        ("/readyz", &[""], "401"),
    ] {
        assert_eq!(raw(&cloud, line, hosts), status, "{line} {hosts:?}");
    }
}

/// A request to an app's host never becomes one to the control plane, even if the path
/// gets too long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_too_long_below_an_apps_is_no_path() {
    let cloud = Cloud::start();
    let hosts = ["hello.mybentocloud.localhost"];
    for (length, status) in [(65_000, "401"), (65_530, "414")] {
        let target = format!("/{}", "a".repeat(length));
        assert_eq!(raw(&cloud, &target, &hosts), status, "{length}");
    }
}

/// Sends a request that no client would send, and returns its status.
fn raw(cloud: &Cloud, target: &str, hosts: &[&str]) -> String {
    let hosts = hosts.iter().map(|host| format!("host: {host}\r\n"));
    let hosts: String = hosts.collect();
    let mut stream = TcpStream::connect(cloud.address).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apps_host_serves_nothing_of_the_control_plane() {
    let cloud = Cloud::start();
    for host in [
        "hello.mybentocloud.localhost",
        "demo.mybentocloud.localhost",
    ] {
        for path in [
            "/",
            "/api/v1/models",
            "/api/v1/auth/current",
            "/api_tokens",
            "/api_tokens/session",
            "/api_tokens/page.js",
            "/manage/whoami",
            "/manage/openapi.json",
            "/deployments/demo",
            "/apps/hello/readyz",
            "/apps/demo/readyz",
            "/../demo/readyz",
            "//demo/readyz",
            "/%2e%2e/demo/readyz",
        ] {
            for version in [Version::HTTP_11, Version::HTTP_2] {
                let came_to = ask(&cloud, at(host, path).version(version)).await;
                assert_eq!(came_to, (401, 404), "{host}{path} {version:?}");
            }
        }
    }
}

/// An app at its path has the origin of the control plane, so it must not run scripts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_app_answers_is_sandboxed() {
    let cloud = Cloud::start();
    let generate = |path: &str| Call::new("POST", path).json(&json!({ "prompt": "<script>" }));
    for (call, status) in [
        (generate("/apps/hello/generate"), 200),
        (generate("/apps/demo/generate"), 401),
        (Call::new("GET", "/apps/hello/schema.json"), 200),
        (Call::new("GET", "/apps/hello/nothing"), 401),
        (Call::new("GET", "/apps/nowhere/readyz").token(ADMIN), 404),
        (at("hello.mybentocloud.localhost", "/readyz"), 200),
    ] {
        let answer = call.send(cloud.address).await;
        assert_eq!(answer.head.status, status);
        assert_eq!(answer.head.headers["content-security-policy"], "sandbox");
    }
}
