//! Odd spellings of paths and methods.

use http::Version;

use super::{ADMIN, Call, Cloud, ask};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_odd_path_is_no_other_spelling_of_a_good_one() {
    let cloud = Cloud::start();
    // The app `hello` is public, so one of its paths would need no token.
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
    ];
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for path in paths {
            let came_to = ask(&cloud, Call::new("GET", path).version(version)).await;
            assert_eq!(came_to, (401, 404), "{path} {version:?}");
        }
        // A name is compared without decoding, so no app has these.
        for path in [
            "/apps/%68ello/readyz",
            "/apps/hello%00/readyz",
            "/apps/HELLO/readyz",
        ] {
            let came_to = ask(&cloud, Call::new("GET", path).version(version)).await;
            assert_eq!(came_to, (401, 404), "{path} {version:?}");
        }
        // The query does not matter.
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
        let (stranger, admin) = ask(&cloud, Call::new("GET", path)).await;
        assert!(matches!(stranger, 401 | 404), "{path}: {stranger}");
        assert!(matches!(admin, 401 | 404), "{path}: {admin}");
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
    ] {
        let came_to = ask(&cloud, Call::new(method, path)).await;
        assert_eq!(came_to, (401, 404), "{method} {path}");
    }
    for method in ["GET", "PUT", "OPTIONS", "FOO"] {
        // tonic ignores the HTTP method, so a gRPC method is listed for all of them.
        let call = Call::new(method, "/inference.v1.Inference/Generate");
        let (stranger, admin) = ask(&cloud, call).await;
        assert_eq!(stranger, 401, "{method}");
        assert!(![401, 403, 404].contains(&admin), "{method}: {admin}");
    }
    let preflight = Call::new("OPTIONS", "/apps/hello/generate")
        .header("origin", "http://example.com")
        .header("access-control-request-method", "POST");
    assert_eq!(
        preflight.status(cloud.address).await,
        401,
        "no origin is allowed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_cache_keeps_what_a_token_of_any_source_was_answered() {
    let cloud = Cloud::start();
    for path in [
        "/api/v1/auth/current",
        "/api/v1/api_tokens",
        "/api/v1/deployments",
        "/api/v1/cluster",
        "/apps/demo/schema.json",
        // It may become protected.
        "/apps/hello/schema.json",
    ] {
        let call = Call::new("GET", path).header("x-yatai-api-token", ADMIN);
        let answer = call.send(cloud.address).await;
        assert_eq!(answer.head.status, 200, "{path}");
        let kept = answer.head.headers.get("cache-control");
        assert_eq!(kept.unwrap_or_else(|| panic!("{path}")), "no-store");
    }
}
