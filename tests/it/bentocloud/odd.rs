//! Paths, hosts and methods that are not what they seem.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use http::Version;
use serde_json::json;

use super::{Call, Cloud};

/// The status for nobody, and for a token that may do everything.
async fn ask(cloud: &Cloud, call: Call) -> (u16, u16) {
    let nobody = call.clone().status(cloud.address).await;
    (nobody, call.token(super::ADMIN).status(cloud.address).await)
}

fn at(host: &str, path: &str) -> Call {
    Call::new("GET", path).header("host", host)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_odd_path_is_no_other_spelling_of_a_good_one() {
    let cloud = Cloud::start();
    // The app `hello` is public, so a path that is taken for one of its own
    // needs no token.
    let paths = [
        "/apps/hello/",
        "/apps/hello",
        "/apps/hello/readyz/",
        "/apps/hello//readyz",
        "/apps//hello/readyz",
        "//apps/hello/readyz",
        "/apps/hello/./readyz",
        "/apps/hello/../demo/readyz",
        "/apps/hello/../../api/v1/models",
        "/apps/hello/%2e%2e/demo/readyz",
        "/apps/hello/%2E%2E/demo/readyz",
        "/apps/hello/..;/demo/readyz",
        "/apps/hello;/readyz",
        "/apps/hello/readyz;x=1",
        "/apps/hello/%72eadyz",
        "/apps/hello%2freadyz",
        "/apps/hello%5creadyz",
        "/apps/HELLO/readyz/x",
        "/Apps/hello/readyz",
        "/apps/hello/READYZ",
        "/api/v1/models/",
        "/api/v1//models",
        "/api/v1/./models",
        "/api/v1/apps/../models",
        "/api/v1/%6dodels",
        "/API/v1/models",
        "/api/v2/models",
        "/",
    ];
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for path in paths {
            let came_to = ask(&cloud, Call::new("GET", path).version(version)).await;
            assert_eq!(came_to, (401, 403), "{path} {version:?}");
        }
        // A name is read as it stands: nothing is called that.
        for path in [
            "/apps/%68ello/readyz",
            "/apps/hello%00/readyz",
            "/apps/HELLO/readyz",
        ] {
            let came_to = ask(&cloud, Call::new("GET", path).version(version)).await;
            assert_eq!(came_to, (401, 404), "{path} {version:?}");
        }
        // These are ordinary, whatever stands in the query.
        let plain = Call::new("GET", "/apps/hello/readyz?a=/../;%2e").version(version);
        assert_eq!(ask(&cloud, plain).await, (200, 200));
        let plain = Call::new("GET", "/api/v1/models?a=/../;%2e").version(version);
        assert_eq!(ask(&cloud, plain).await, (401, 200));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_odd_path_below_manage_and_the_page_is_not_there() {
    let cloud = Cloud::start();
    for path in [
        "/manage/tokens/",
        "/manage//tokens",
        "/manage/./tokens",
        "/manage/openapi.json/../tokens",
        "/manage/openapi.json/%2e%2e/tokens",
        "/manage/%74okens",
        "/manage/nothing",
    ] {
        let came_to = ask(&cloud, Call::new("GET", path)).await;
        assert_eq!(came_to, (401, 404), "{path}");
    }
    for path in [
        "/api_tokens//",
        "/api_tokens/api//tokens",
        "/api_tokens/page.js/../api/tokens",
    ] {
        let (nobody, admin) = ask(&cloud, Call::new("GET", path)).await;
        assert!(matches!(nobody, 401 | 404), "{path}: {nobody}");
        assert!(matches!(admin, 401 | 404), "{path}: {admin}");
    }
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
                // No host of an app, but below the domain: nobody's.
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
            assert_eq!(ask(&cloud, call).await, (401, 403), "{host} is no app's");
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
        assert_eq!(ask(&cloud, call).await, (401, 403), "{name}");
    }
    // Two that differ are none: whoever stands in front may have read the other.
    let other = "demo.mybentocloud.localhost";
    for (line, hosts, status) in [
        ("/readyz", &[hello][..], "200"),
        ("/readyz", &[hello, hello], "200"),
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

/// The status of a request that no client would write.
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
                assert_eq!(came_to, (401, 403), "{host}{path} {version:?}");
            }
        }
        for path in [
            "/inference.v1.Inference/Generate",
            "/grpc.health.v1.Health/Check",
        ] {
            let call = Call::new("POST", path).header("host", host);
            let call = call
                .body("application/grpc", b"\0\0\0\0\0")
                .version(Version::HTTP_2);
            let answer = call.token(super::ADMIN).send(cloud.address).await;
            assert_eq!(answer.head.headers["grpc-status"], "7", "{host}{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_is_not_listed_is_refused() {
    let cloud = Cloud::start();
    for (method, path) in [
        ("OPTIONS", "/api/v1/models"),
        ("OPTIONS", "/apps/hello/generate"),
        ("OPTIONS", "*"),
        ("TRACE", "/api/v1/models"),
        ("PATCH", "/api/v1/models"),
        ("DELETE", "/api/v1/deployments"),
        ("GET", "/apps/hello/generate"),
        ("HEAD", "/apps/hello/generate"),
        ("POST", "/apps/hello/readyz"),
        ("get", "/apps/hello/readyz"),
        ("GET", "/inference.v1.Inference/Generate"),
    ] {
        let came_to = ask(&cloud, Call::new(method, path)).await;
        assert_eq!(came_to, (401, 403), "{method} {path}");
    }
    let preflight = Call::new("OPTIONS", "/apps/hello/generate")
        .header("origin", "http://example.com")
        .header("access-control-request-method", "POST");
    assert_eq!(
        preflight.status(cloud.address).await,
        401,
        "nobody said which origins may"
    );
}

/// An app by path has the origin of the control plane, so it runs no script.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_app_answers_is_sandboxed() {
    let cloud = Cloud::start();
    let generate = |path: &str| Call::new("POST", path).json(&json!({ "prompt": "<script>" }));
    for (call, status) in [
        (generate("/apps/hello/generate"), 200),
        (generate("/apps/demo/generate"), 401),
        (Call::new("GET", "/apps/hello/schema.json"), 200),
        (Call::new("GET", "/apps/hello/nothing"), 401),
        (
            Call::new("GET", "/apps/nowhere/readyz").token(super::ADMIN),
            404,
        ),
        (at("hello.mybentocloud.localhost", "/readyz"), 200),
    ] {
        let answer = call.send(cloud.address).await;
        assert_eq!(answer.head.status, status);
        assert_eq!(answer.head.headers["content-security-policy"], "sandbox");
    }
}
