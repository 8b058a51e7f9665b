//! The responses of the page and its routes.

use axum::{Router, routing::get};
use http::StatusCode;

use super::{ORIGIN, Page};
use crate::manage::{TokenAdmin, page::html::render};

#[tokio::test]
async fn changes_from_pages_of_other_sites_are_refused() {
    let page = Page::new(|admin| admin).await;
    let created = page.token().await;
    let cookie = page.signed_in(&created).await;
    let credential = format!("Bearer {}", created.secret.expose());
    let suspend = format!("/api/tokens/{}/suspend", page.token().await.record.id);
    let rows = [
        (("sec-fetch-site", "cross-site"), StatusCode::FORBIDDEN),
        // Another port of this host: the browser sends the cookie.
        (("sec-fetch-site", "same-site"), StatusCode::FORBIDDEN),
        (("origin", "http://localhost:4000"), StatusCode::FORBIDDEN),
        (("origin", "null"), StatusCode::FORBIDDEN),
        (("origin", ORIGIN), StatusCode::OK),
        (("sec-fetch-site", "same-origin"), StatusCode::OK),
    ];
    for (header, expected) in rows {
        let signed_in = [header, ("cookie", &*cookie)];
        let answer = page.ask("POST", &suspend, &signed_in).await;
        assert_eq!(answer.status, expected, "{header:?}");
        let answer = page.sign_in(&credential, &[header]).await;
        assert_eq!(answer.status, expected, "{header:?}");
    }
    let foreign = [("origin", "null"), ("cookie", &*cookie)];
    page.ask("DELETE", "/session", &foreign).await;
    assert!(page.caller(&cookie).await.is_some());
}

#[tokio::test]
async fn every_response_forbids_caching_and_foreign_scripts() {
    let page = Page::new(|admin| admin).await;
    let foreign = [("sec-fetch-site", "cross-site")];
    let rows: [(&str, &str, &[_], u16); 8] = [
        ("GET", "/", &[], 200),
        ("GET", "/page.js", &[], 200),
        ("GET", "/page.css", &[], 200),
        ("GET", "/session", &[], 200),
        ("POST", "/session", &[], 401),
        ("POST", "/session", &foreign, 403),
        ("GET", "/no/such/path", &[], 404),
        ("PUT", "/session", &[], 405),
    ];
    let admin = TokenAdmin::new(page.tokens.clone());
    let target_page = admin.target_page("/api_tokens", "demo").into_parts().0;
    let mut heads = vec![("target_page".to_owned(), target_page.headers)];
    for (method, path, headers, status) in rows {
        let answer = page.ask(method, path, headers).await;
        assert_eq!(answer.status, status, "{method} {path}");
        heads.push((format!("{method} {path}"), answer.headers));
    }
    for (name, headers) in heads {
        assert_eq!(headers["cache-control"], "no-store", "{name}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{name}");
        assert_eq!(headers.get_all("cache-control").iter().count(), 1, "{name}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn values_in_the_page_are_escaped() {
    let page = Page::new(|admin| admin).await;
    let admin = TokenAdmin::new(page.tokens)
        .title("<b>")
        .targets_hint("<i>");
    let page = render(&admin, "/a\"b", "{{title}}'&", "");
    assert!(page.contains(">&lt;i&gt;</p>"));
    assert!(page.contains("<h1 tabindex=\"-1\">&lt;b&gt;</h1>"));
    assert!(page.contains("src=\"/a&quot;b/page.js\""));
    assert!(page.contains("data-target=\"&#123;&#123;title}}&#39;&amp;\""));
    assert!(!page.contains("{{") && !page.contains("<b>"));
}

/// Resolves a link on a page, as a browser does.
fn resolved(page: &str, link: &str) -> String {
    if link.starts_with('/') {
        return link.to_owned();
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[tokio::test]
async fn s17_the_page_finds_its_assets_and_routes_if_a_proxy_removes_a_prefix() {
    let mut page = Page::new(|admin| admin).await;
    let admin = TokenAdmin::new(page.tokens.clone());
    let own = admin.page();
    let target_page = async move || admin.target_page("../api_tokens", "demo");
    let routes = Router::new().nest_service("/api_tokens", own.clone());
    let routes = routes.nest("/a:b", own.clone());
    let routes = routes.route("/deployments/demo", get(target_page));
    let nested = ["/api_tokens", "/api_tokens/", "/a:b", "/deployments/demo"];
    for (routes, paths) in [(routes, &nested[..]), (own, &["/"])] {
        page.routes = routes;
        for (prefix, path) in ["", "/cloud", "/a/b"]
            .iter()
            .flat_map(|prefix| paths.iter().map(move |path| (prefix, path)))
        {
            let html = page.ask("GET", path, &[]).await;
            assert_eq!(html.status, StatusCode::OK, "{path}");
            let links = html.text.split([' ', '>']).filter_map(|attribute| {
                let (name, value) = attribute.split_once("=\"")?;
                let link = value.strip_suffix('"')?;
                (["href", "src"].contains(&name) && !link.starts_with("data:")).then_some(link)
            });
            let shown = format!("{prefix}{path}");
            let links: Vec<String> = links.map(|link| resolved(&shown, link)).collect();
            assert_eq!(links.len(), 2, "a stylesheet and a script");
            for link in &links {
                let cut = link
                    .strip_prefix(prefix)
                    .unwrap_or_else(|| panic!("{link} from {shown}"));
                let file = page.ask("GET", cut, &[]).await;
                assert_eq!(file.status, StatusCode::OK, "{link} from {shown}");
            }
            // The script refers to other scripts and routes relative to itself.
            let script = links.iter().find(|link| link.ends_with(".js")).unwrap();
            for other in ["./client.js", "./list.js", "./view.js", "session"] {
                let route = resolved(script, other);
                let cut = route.strip_prefix(prefix).unwrap();
                assert_eq!(
                    page.ask("GET", cut, &[]).await.status,
                    StatusCode::OK,
                    "{route}"
                );
            }
        }
    }
}
