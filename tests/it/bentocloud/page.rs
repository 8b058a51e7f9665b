//! A session of the page is not accepted elsewhere.

use serde_json::json;

use super::{Call, Cloud, TOKENS};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_the_page_opens_its_own_routes_alone_and_ends_with_its_token() {
    let cloud = Cloud::start();
    let scopes = ["resources", "deployment"];
    let (id, token) = cloud.create(json!({ "scopes": scopes })).await;
    let sign_in = Call::new("POST", "/api_tokens/session").token(&token);
    let answer = sign_in.send(cloud.address).await;
    assert_eq!(answer.head.status, 200);
    let cookie = answer.head.headers["set-cookie"].to_str().unwrap();
    let (cookie, _) = cookie.split_once(';').unwrap();

    let port = cloud.address.port();
    let app = format!("demo.mybentocloud.localhost:{port}");
    let own = "/api_tokens/api/tokens";
    for (call, expected) in [
        (Call::new("GET", own), 200),
        (
            Call::new("GET", own).header("origin", "http://example.com"),
            200,
        ),
        (
            Call::new("POST", own).json(&json!({ "scopes": scopes })),
            201,
        ),
        (Call::new("GET", TOKENS), 401),
        (Call::new("GET", "/manage/whoami"), 401),
        (Call::new("GET", "/api/v1/models"), 401),
        (Call::new("GET", "/api/v1/auth/current"), 401),
        (Call::new("GET", "/apps/demo/readyz"), 401),
        (Call::new("GET", "/readyz").header("host", &app), 401),
        (Call::new("GET", own).header("host", &app), 401),
        // Requests that another site's page could send.
        (
            Call::new("POST", own)
                .header("sec-fetch-site", "cross-site")
                .json(&json!({ "scopes": scopes })),
            403,
        ),
        (
            Call::new("POST", own)
                .header("sec-fetch-site", "same-site")
                .header("origin", &format!("http://{app}"))
                .json(&json!({ "scopes": scopes })),
            403,
        ),
    ] {
        let call = call.header("cookie", cookie);
        let shown = format!("{:?} {:?}", call.head.uri, call.head.headers);
        assert_eq!(call.status(cloud.address).await, expected, "{shown}");
    }
    cloud.revoke(&id).await;
    let call = Call::new("GET", own).header("cookie", cookie);
    assert_eq!(call.status(cloud.address).await, 401);
}
