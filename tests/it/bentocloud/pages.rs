//! The pages of the deployments, without a browser.

use serde_json::json;

use super::{ADMIN, Call, Cloud};
use crate::support::Answered;

/// Signs in to the page, and returns the cookie of the session.
async fn sign_in(cloud: &Cloud, token: &str) -> String {
    let answer = Call::new("POST", "/api_tokens/session").token(token);
    let answer = answer.send(cloud.address).await;
    let cookie = answer.head.headers["set-cookie"].to_str().unwrap();
    cookie.split_once(';').unwrap().0.to_owned()
}

async fn get(cloud: &Cloud, path: &str, cookie: &str) -> Answered {
    let call = Call::new("GET", path).header("cookie", cookie);
    call.send(cloud.address).await
}

fn body(answer: &Answered) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

async fn switch(cloud: &Cloud, name: &str, cookie: &str, site: &str) -> u16 {
    let call = Call::new("POST", &format!("/deployments/{name}"));
    let call = call.header("cookie", cookie).header("sec-fetch-site", site);
    let call = call.body("application/x-www-form-urlencoded", "access=public");
    call.status(cloud.address).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s20_strangers_are_answered_the_same_whatever_the_name() {
    let cloud = Cloud::start();
    for tab in ["", "/api_tokens"] {
        let known = get(&cloud, &format!("/deployments/demo{tab}"), "").await;
        assert_eq!(known.head.status, 200);
        assert!(body(&known).contains("Sign in to"));
        for name in ["hello", "nowhere", "%22%3E%3Cimg%3E", "a.b"] {
            for cookie in ["", "__Host-tower-authn=made-up"] {
                let unknown = get(&cloud, &format!("/deployments/{name}{tab}"), cookie).await;
                assert_eq!(unknown.head.status, 200, "{name}");
                assert_eq!(unknown.body, known.body, "{name}");
                let headers = |answer: &Answered| {
                    let mut headers = answer.head.headers.clone();
                    headers.remove("date");
                    headers
                };
                assert_eq!(headers(&unknown), headers(&known), "{name}");
            }
        }
    }
    for name in ["demo", "nowhere"] {
        assert_eq!(switch(&cloud, name, "", "same-origin").await, 303, "{name}");
    }
    let answer = Call::new("GET", "/apps/demo/readyz").send(cloud.address);
    assert_eq!(answer.await.head.status, 401, "demo is protected still");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s20_after_signing_in_an_unknown_name_says_so() {
    let cloud = Cloud::start();
    let admin = sign_in(&cloud, ADMIN).await;
    let held = json!({ "scopes": ["resources"], "targets": ["hello", "nowhere"] });
    let held = sign_in(&cloud, &cloud.create(held).await.1).await;
    for (name, cookie, status) in [
        ("demo", &admin, 200),
        ("hello", &admin, 200),
        ("nowhere", &admin, 404),
        ("DEMO", &admin, 404),
        ("%22%3E%3Cimg%3E", &admin, 404),
        ("hello", &held, 200),
        ("nowhere", &held, 404),
        // Its targets exclude this one, which is then not found.
        ("demo", &held, 404),
        ("other", &held, 404),
    ] {
        for tab in ["", "/api_tokens"] {
            let answer = get(&cloud, &format!("/deployments/{name}{tab}"), cookie).await;
            assert_eq!(answer.head.status, status, "{name}{tab}");
            let said = body(&answer).contains("No such deployment");
            assert_eq!(said, status == 404, "{name}{tab}");
            assert!(!body(&answer).contains("<img"), "{name}");
        }
    }
    let (all, own) = (
        get(&cloud, "/deployments", &admin).await,
        get(&cloud, "/deployments", &held).await,
    );
    assert!(
        body(&all).contains("/deployments/demo\"") && body(&all).contains("/deployments/hello\"")
    );
    assert!(
        !body(&own).contains("/deployments/demo\"") && body(&own).contains("/deployments/hello\"")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s20_only_a_token_that_may_update_it_switches_a_deployment() {
    let cloud = Cloud::start();
    let signed_in = async |scopes: &[&str], targets: &[&str]| {
        let targets = Some(targets).filter(|targets| !targets.is_empty());
        let draft = json!({ "scopes": scopes, "targets": targets });
        sign_in(&cloud, &cloud.create(draft).await.1).await
    };
    let manager = ["resources:access"];
    let reader = ["resources:access", "resources:deployments:read"];
    let rows = [
        (signed_in(&manager, &[]).await, "same-origin", 403, 403),
        (signed_in(&reader, &[]).await, "same-origin", 200, 403),
        (
            signed_in(&["resources"], &["hello"]).await,
            "same-origin",
            404,
            404,
        ),
        (signed_in(&["resources"], &[]).await, "cross-site", 200, 403),
        (signed_in(&["resources"], &[]).await, "same-site", 200, 403),
        (
            signed_in(&["resources"], &["demo"]).await,
            "same-origin",
            200,
            303,
        ),
    ];
    for (cookie, site, shows, switches) in rows {
        let stranger = Call::new("GET", "/apps/demo/readyz").status(cloud.address);
        assert_eq!(stranger.await, 401, "protected so far");
        let answer = get(&cloud, "/deployments/demo", &cookie).await;
        assert_eq!(answer.head.status, shows, "{site}");
        assert_eq!(switch(&cloud, "demo", &cookie, site).await, switches);
    }
    let stranger = Call::new("GET", "/apps/demo/readyz").status(cloud.address);
    assert_eq!(stranger.await, 200, "public now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s20_the_root_and_trailing_slashes_lead_to_the_pages() {
    let cloud = Cloud::start();
    for (path, leads) in [
        ("/", "deployments"),
        ("/deployments/", "../deployments"),
        ("/deployments/demo/", "../demo"),
        ("/deployments/nowhere/", "../nowhere"),
        ("/deployments/demo/api_tokens/", "../api_tokens"),
    ] {
        let answer = get(&cloud, path, "").await;
        assert_eq!(answer.head.status, 303, "{path}");
        assert_eq!(answer.head.headers["location"], leads);
    }
    let cookie = sign_in(&cloud, ADMIN).await;
    for path in ["/deployments", "/deployments/demo", "/deployments/nowhere"] {
        let answer = get(&cloud, path, &cookie).await;
        let policy = answer.head.headers["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("script"));
        assert_eq!(answer.head.headers["cache-control"], "no-store");
        for inline in ["<script", "style=", "onclick", "javascript:"] {
            assert!(!body(&answer).contains(inline), "{path}: {inline}");
        }
    }
}

/// Returns the path of a link, as a browser resolves it on a page.
fn resolve(page: &str, link: &str) -> String {
    let mut path: Vec<&str> = match link.starts_with('/') {
        true => Vec::new(),
        false => page.split('/').skip(1).collect(),
    };
    path.pop();
    for segment in link.split('/') {
        match segment {
            "." | "" => {}
            ".." => drop(path.pop()),
            segment => path.push(segment),
        }
    }
    format!("/{}", path.join("/"))
}

/// Returns the links of a page, and the addresses of its files and forms.
fn links(html: &str) -> Vec<&str> {
    let links = ["href=\"", "src=\"", "action=\""].map(|name| html.split(name).skip(1));
    let links = links.into_iter().flatten();
    let links = links.map(|rest| rest.split('"').next().unwrap());
    links.filter(|link| !link.starts_with("data:")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_work_through_a_proxy_that_cuts_a_prefix_off_the_path() {
    let cloud = Cloud::start();
    let admin = sign_in(&cloud, ADMIN).await;
    let narrow = sign_in(&cloud, &cloud.token(&["resources:access"]).await).await;
    let mut followed = 0;
    for cookie in [&String::new(), &admin, &narrow] {
        for page in [
            "/",
            "/deployments",
            "/deployments/",
            "/deployments/demo",
            "/deployments/demo/",
            "/deployments/nowhere",
            "/deployments/demo/api_tokens",
            "/deployments/demo/api_tokens/",
            "/deployments/nowhere/api_tokens",
        ] {
            let answer = get(&cloud, page, cookie).await;
            let html = body(&answer);
            let location = answer.head.headers.get("location");
            let location = location.map(|location| location.to_str().unwrap());
            assert_eq!(location.is_some(), answer.head.status == 303);
            for link in links(&html).into_iter().chain(location) {
                let path = resolve(&format!("/prefix{page}"), link);
                let path = path.strip_prefix("/prefix");
                let path = path.unwrap_or_else(|| panic!("{page} leaves the prefix by {link}"));
                let answer = get(&cloud, path, cookie).await;
                let expected = match path.contains("nowhere") {
                    _ if cookie.is_empty() => 200,
                    _ if *cookie == narrow && !path.contains('.') && path != "/api_tokens" => 403,
                    true => 404,
                    false => 200,
                };
                assert_eq!(answer.head.status, expected, "{page} links to {link}");
                followed += 1;
            }
        }
    }
    assert!(followed > 50, "{followed} links");
    let cookie = &admin;
    let call = Call::new("POST", "/deployments/demo").header("cookie", cookie);
    let call = call.header("sec-fetch-site", "same-origin");
    let call = call.body("application/x-www-form-urlencoded", "access=public");
    let location = &call.send(cloud.address).await.head.headers["location"];
    assert_eq!(location, "./demo");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tab_of_tokens_links_back_to_its_deployment() {
    let cloud = Cloud::start();
    let admin = sign_in(&cloud, ADMIN).await;
    let link = r#"<a href="../demo">demo</a>"#;
    let tab = get(&cloud, "/deployments/demo/api_tokens", &admin).await;
    assert!(body(&tab).contains(link), "{}", body(&tab));
    // Strangers get no link, and the page of all tokens belongs to no deployment.
    let stranger = get(&cloud, "/deployments/demo/api_tokens", "").await;
    let all = get(&cloud, "/api_tokens", &admin).await;
    for page in [stranger, all] {
        assert_eq!(page.head.status, 200);
        assert!(!body(&page).contains("../demo"));
    }
}
