//! The document, and what a builder refuses.

use http::Method;
use serde_json::{Value, json};
use tower_authn::{ScopeRule, resource::ResourceMetadata};

use super::builder;
use crate::support::values;

const ROOT: &str = "/.well-known/oauth-protected-resource";

fn parse(metadata: &ResourceMetadata) -> Value {
    serde_json::from_str(metadata.json()).unwrap()
}

#[test]
fn j05_the_metadata_are_those_of_the_builder() {
    let least = ResourceMetadata::builder("https://api.example.com")
        .build()
        .unwrap();
    let expected = json!({
        "resource": "https://api.example.com",
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(parse(&least), expected);

    let name = r#"Übersetzer "2" \ 翻译"#;
    let full = builder()
        .authorization_server("https://b.example.com/realms/b")
        .scopes(["tools:echo", "files"])
        .name(name)
        .documentation("https://docs.example.com/?q=a#b".replace("#b", ""))
        .member("resource_policy_uri", "https://example.com/policy")
        .member("resource_name#fr", "Traducteur")
        .build()
        .unwrap();
    let expected = json!({
        "resource": "https://api.example.com/mcp",
        "authorization_servers": ["https://login.example.com", "https://b.example.com/realms/b"],
        "scopes_supported": ["tools:echo", "files"],
        "bearer_methods_supported": ["header"],
        "resource_name": name,
        "resource_documentation": "https://docs.example.com/?q=a",
        "resource_policy_uri": "https://example.com/policy",
        "resource_name#fr": "Traducteur",
    });
    assert_eq!(parse(&full), expected);
    let response = full.respond(&Method::GET, ROOT).unwrap();
    assert_eq!(response.body(), full.json().as_bytes());
}

#[test]
fn j05_the_metadata_are_at_two_paths() {
    // The resource, the rest of its metadata's URL, and paths without an answer.
    let rows = [
        ("https://a.example", "", ["/mcp", "/"]),
        ("https://a.example/", "", ["//", "/mcp"]),
        ("https://a.example:8443/mcp", "/mcp", ["/mcp/", "/mc"]),
        ("https://a.example/a/b/", "/a/b/", ["/a/b", "/"]),
        ("http://[::1]:3000/mcp", "/mcp", ["/MCP", "mcp"]),
        (
            "https://a.example/.well-known/oauth-protected-resource/x",
            "/.well-known/oauth-protected-resource/x",
            ["/x", "/.well-known/oauth-protected-resource"],
        ),
    ];
    for (resource, suffix, others) in rows {
        let metadata = ResourceMetadata::builder(resource).build().unwrap();
        assert_eq!(metadata.resource(), resource);
        assert_eq!(parse(&metadata)["resource"], resource);
        let (scheme, rest) = resource.split_once("://").unwrap();
        let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
        assert_eq!(
            metadata.url(),
            format!("{scheme}://{authority}{ROOT}{suffix}")
        );
        let is_answered = |path: &str| metadata.respond(&Method::GET, path).is_some();
        assert!(is_answered(ROOT) && is_answered(&format!("{ROOT}{suffix}")));
        for other in others {
            assert!(
                !is_answered(&format!("{ROOT}{other}")),
                "{resource} {other}"
            );
        }
        for other in ["/", "", "/mcp", "/.well-known/oauth-authorization-server"] {
            assert!(!is_answered(other), "{resource} {other}");
        }
    }
}

#[test]
fn j05_every_page_may_read_the_metadata_and_none_may_write() {
    let metadata = builder().build().unwrap();
    let length = metadata.json().len().to_string();
    for method in [
        "GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "X",
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let response = metadata.respond(&method, ROOT).unwrap();
        let header = |name: &str| values(response.headers(), name).first().copied();
        assert_eq!(header("access-control-allow-origin"), Some("*"));
        assert_eq!(header("access-control-allow-credentials"), None);
        let allow = Some("GET, HEAD, OPTIONS");
        match method.as_str() {
            "GET" | "HEAD" => {
                assert_eq!(response.status(), 200);
                assert_eq!(header("content-type"), Some("application/json"));
                assert_eq!(header("content-length"), Some(length.as_str()));
                assert_eq!(header("cache-control"), Some("public, max-age=3600"));
                assert_eq!(response.body().is_empty(), method == Method::HEAD);
            }
            "OPTIONS" => {
                assert_eq!(response.status(), 204);
                assert_eq!(header("access-control-allow-methods"), allow);
                assert_eq!(header("access-control-allow-headers"), Some("*"));
                assert!(response.body().is_empty());
            }
            _ => {
                assert_eq!(response.status(), 405, "{method}");
                assert_eq!(header("allow"), allow);
                assert!(response.body().is_empty());
            }
        }
    }
}

#[test]
fn j05_a_resource_that_clients_would_read_differently_is_refused() {
    let path = "resource: its path has encoded characters, or empty or dot segments; expected \
                plain segments";
    let query = "resource: has a query; expected a URL without one";
    let rows = [
        (
            "http://api.example.com",
            "resource: is not https; expected https, or http on a loopback host",
        ),
        (
            "api.example.com/mcp",
            "resource: not a URL; expected an absolute URL",
        ),
        (
            "https://api.example.com/mcp#x",
            "resource: has a fragment; expected a URL without one",
        ),
        (
            "https://u@api.example.com",
            "resource: has a user; expected a URL without one",
        ),
        (
            "https://API.example.com",
            "resource: has upper case in the scheme or host; expected lower case",
        ),
        ("https://a.example/mcp?x=1", query),
        ("https://a.example?", query),
        ("https://a.example/a%20b", path),
        ("https://a.example/%2e%2e/a", path),
        ("https://a.example/a/../b", path),
        ("https://a.example/.", path),
        ("https://a.example/a//b", path),
        ("https://a.example//", path),
    ];
    for (resource, expected) in rows {
        let error = ResourceMetadata::builder(resource).build().unwrap_err();
        assert_eq!(error.to_string(), expected, "{resource}");
    }
}

#[test]
fn j05_a_faulty_field_is_named_and_refused() {
    let long = "a".repeat(1001);
    let scope =
        r#""a b" is not a scope; expected 1 to 255 visible ASCII characters without '"' and '\'"#;
    let rows = [
        (
            builder().authorization_server("http://login.example.com"),
            "authorization server: is not https; expected https, or http on a loopback host",
        ),
        (
            builder().authorization_server("https://login.example.com?a"),
            "authorization server: has a query; expected a URL without one",
        ),
        (
            builder().documentation("docs"),
            "documentation: not absolute; expected \"https://\" and a host",
        ),
        (builder().scopes(["a", "a b"]), scope),
        (
            builder().scopes(["a", "offline_access"]),
            "scopes: has \"offline_access\"; expected scopes of the resource",
        ),
        (
            builder().name(""),
            "name: empty; expected 1 to 1000 characters",
        ),
        (
            builder().name("a\u{202E}b"),
            "name: contains U+202E, a bidirectional control; expected one line of visible text",
        ),
        (
            builder().name(long.as_str()),
            "name: is longer than 1000 characters; expected one line of visible text",
        ),
        (
            builder().member("", "a"),
            "name of a member: empty; expected 1 to 1000 characters",
        ),
        (
            builder().member("x", "a\nb"),
            "member \"x\": contains U+000A, a control character; expected one line of visible text",
        ),
        (
            builder().member("a\u{0}", "b"),
            "name of a member: contains U+0000, a control character; expected one line of visible text",
        ),
        (
            builder().member("x", "a").member("x", "b"),
            "member \"x\": repeated or reserved; expected another member that is a string",
        ),
    ];
    for (builder, expected) in rows {
        assert_eq!(builder.build().unwrap_err().to_string(), expected);
    }
    for reserved in [
        "authorization_details_types_supported",
        "authorization_servers",
        "bearer_methods_supported",
        "dpop_bound_access_tokens_required",
        "dpop_signing_alg_values_supported",
        "resource",
        "resource_documentation",
        "resource_name",
        "resource_signing_alg_values_supported",
        "scopes_supported",
        "tls_client_certificate_bound_access_tokens",
    ] {
        assert!(
            builder().member(reserved, "x").build().is_err(),
            "{reserved}"
        );
    }
    assert!(builder().member("jwks_uri", "https://a").build().is_ok());
}

#[test]
fn j05_a_handler_can_ask_for_more_scopes() {
    let rule = ScopeRule::all_of(["tools:echo", "files"]).unwrap();
    let metadata = builder().build().unwrap();
    let response: http::Response<String> = metadata.insufficient_scope(&rule);
    assert_eq!(response.status(), 403);
    assert_eq!(values(response.headers(), "cache-control"), ["no-store"]);
    let expected = format!(
        r#"Bearer error="insufficient_scope", scope="tools:echo files", resource_metadata="{}""#,
        metadata.url()
    );
    assert_eq!(values(response.headers(), "www-authenticate"), [expected]);
}
