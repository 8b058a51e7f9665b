//! Unit tests of the table.

use http::{Method, Request};

use super::*;

fn access(table: &AccessTable, method: &str, path: &str) -> Access {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(())
        .unwrap();
    table.access(&Head::from_request(&request))
}

#[test]
fn the_most_specific_path_wins_and_then_the_method() {
    let table = AccessTable::builder()
        .route(Method::GET, "/a/{x}", Access::Public)
        .any("/a/{x}", Access::Authenticated)
        .any("/a/{y}/z", Access::Optional)
        .any("/{*rest}", Access::Authenticated)
        .any("/a/b", Access::scope("s"))
        .route(Method::GET, "/a/b", Access::Public)
        .route(Method::GET, "/a/c", Access::Public)
        .route(Method::HEAD, "/a/c", Access::Authenticated)
        .websocket("/a/ws", Access::Optional)
        .build()
        .unwrap();
    let scoped = Access::scope("s").unwrap();
    let rows = [
        ("GET", "/a/1", Access::Public),
        ("HEAD", "/a/1", Access::Public),
        ("POST", "/a/1", Access::Authenticated),
        ("GET", "/a/1/2", Access::Authenticated),
        ("GET", "/a/1/z", Access::Optional),
        ("GET", "/a/b", Access::Public),
        ("POST", "/a/b", scoped),
        ("GET", "/a/c", Access::Public),
        ("HEAD", "/a/c", Access::Authenticated),
        ("POST", "/a/c", Access::NotFound),
        ("GET", "/a/ws", Access::Optional),
        ("CONNECT", "/a/ws", Access::Optional),
        ("POST", "/a/ws", Access::NotFound),
        ("get", "/a/1", Access::Authenticated),
        ("GET", "/a", Access::Authenticated),
        ("GET", "/a/", Access::Authenticated),
        ("GET", "/", Access::NotFound),
    ];
    for (method, path, expected) in rows {
        assert_eq!(access(&table, method, path), expected, "{method} {path}");
    }
}

#[test]
fn grpc_rows_match_two_segments_and_every_method() {
    let table = AccessTable::builder()
        .any("/{*rest}", Access::Public)
        .grpc("a.S", "M", Access::Optional)
        .grpc_service("a.S", Access::Authenticated)
        .grpc("b.S", "M", Access::Optional)
        .build()
        .unwrap();
    let rows = [
        ("/a.S/M", Access::Optional),
        ("/a.S/N", Access::Authenticated),
        ("/a.S/M/", Access::NotFound),
        ("/a.S//M", Access::NotFound),
        ("/a.S/a/b", Access::NotFound),
        ("/a.S/", Access::Public),
        ("/a.S/..", Access::NotFound),
        ("/a.S/%2e", Access::NotFound),
        ("/a.S/%4d", Access::Authenticated),
        ("/b.S/M", Access::Optional),
        ("/b.S/N", Access::NotFound),
        ("/a.S", Access::Public),
        ("/c.S/M", Access::Public),
    ];
    for (path, expected) in rows {
        for method in ["POST", "GET", "HEAD", "OPTIONS", "CONNECT", "FOO"] {
            assert_eq!(access(&table, method, path), expected, "{method} {path}");
        }
    }
}

#[test]
fn an_ambiguous_path_is_closed_and_an_encoded_one_is_never_open() {
    let scoped = || Access::scope("resources").unwrap();
    for fallback in [Access::Authenticated, Access::Public, Access::Denied] {
        let table = AccessTable::builder()
            .any("/admin/{*rest}", Access::scope("resources"))
            .any("/public/{*rest}", Access::Public)
            .fallback(fallback.clone())
            .build()
            .unwrap();
        let known = Access::Authenticated.stricter(fallback.clone());
        let closed = Access::NotFound.stricter(fallback);
        let rows = [
            ("/admin/x", scoped()),
            ("/admin/%78", scoped()),
            ("/public/x", Access::Public),
            ("/public/%78", known.clone()),
            ("/%78", known),
            ("/admin//x", Access::NotFound),
            ("/public/../admin", Access::NotFound),
            ("/x;y", closed.clone()),
            ("/x//", closed),
        ];
        for (path, expected) in rows {
            assert_eq!(access(&table, "GET", path), expected, "{path}");
        }
    }
}

#[test]
fn mistakes_are_reported_when_the_table_is_built() {
    let table = AccessTable::builder;
    let public = Access::Public;
    let rows = [
        (
            table().any("/a", Access::Public).any("/a", Access::Denied),
            r#"path "/a": second row for all methods; expected at most one"#,
        ),
        (
            table()
                .route(Method::GET, "/a", Access::Public)
                .websocket("/a", Access::Denied),
            r#"path "/a": second row for GET; expected at most one"#,
        ),
        (
            table()
                .grpc("S", "M", Access::Public)
                .grpc("S", "M", Access::Denied),
            r#"path "/S/M": second row for all methods; expected at most one"#,
        ),
        (
            table()
                .route(Method::GET, "/a/{x}", Access::Public)
                .any("/a/{y}", Access::Public),
            r#"path "/a/{y}": matches the same requests as "/a/{x}"; expected one spelling for both"#,
        ),
        (
            table()
                .route(Method::GET, "/a", Access::Authenticated)
                .route(Method::HEAD, "/a", Access::Optional),
            r#"path "/a": HEAD requires less than GET, but the handler of GET may answer it; expected no row for HEAD, or a stricter one"#,
        ),
        (
            table()
                .route(Method::GET, "/a.S/M", Access::Public)
                .grpc_service("a.S", Access::Authenticated),
            r#"path "/a.S/M": belongs to the gRPC service "a.S"; expected a row made by `grpc` or `grpc_service`"#,
        ),
        (
            table()
                .grpc_health()
                .any("/grpc.health.v1.Health/{*x}", Access::Denied),
            r#"path "/grpc.health.v1.Health/{*x}": belongs to the gRPC service "grpc.health.v1.Health"; expected a row made by `grpc` or `grpc_service`"#,
        ),
        (
            table().any("a", Access::Public),
            r#"path "a": does not start with '/'; expected "/a""#,
        ),
        (
            table().any("/a?b", Access::Public),
            r#"path "/a?b": has a query or fragment; expected the path alone"#,
        ),
        (
            table().any("/users/:id/*rest", Access::Public),
            r#"path "/users/:id/*rest": parameters are written in braces; expected "/users/{id}/{*rest}""#,
        ),
        (
            table().any("/files/*", Access::Public),
            r#"path "/files/*": parameters are written in braces; expected "/files/{*rest}""#,
        ),
        (
            table().grpc("a/b", "M", public.clone()),
            r#"gRPC service "a/b": not a name; expected letters, digits, '_' and '.'"#,
        ),
        (
            table().grpc("a", "M/N", public.clone()),
            r#"gRPC method "M/N": not a name; expected letters, digits, '_' and '.'"#,
        ),
        (
            table().grpc_service("{a}", public),
            r#"gRPC service "{a}": not a name; expected letters, digits, '_' and '.'"#,
        ),
    ];
    for (builder, expected) in rows {
        assert_eq!(builder.build().unwrap_err().to_string(), expected);
    }
    for path in ["/a/{", "/a/{}", "/a/{*x}/b", "/a/}"] {
        let error = table().any(path, Access::Public).build().unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("expected a path in axum's syntax"),
            "{error}"
        );
    }
    assert!(table().any("/a", Access::scope("")).build().is_err());
    assert!(table().websocket("/a", Access::scope("")).build().is_err());
    assert!(table().fallback(Access::scope("")).build().is_err());
}

#[test]
fn a_literal_path_has_its_own_spelling_whatever_its_row_allows() {
    let table = AccessTable::builder()
        .any("/a//b", Access::Public)
        .any("/a%20b", Access::Public)
        .any("/a", Access::Public)
        .grpc_service("..", Access::Public)
        .fallback(Access::Public)
        .build()
        .unwrap();
    let rows = [
        ("/a//b", Access::NotFound),
        ("/a%20b", Access::Authenticated),
        ("/a", Access::Public),
        ("/../M", Access::NotFound),
    ];
    for (path, expected) in rows {
        assert_eq!(access(&table, "GET", path), expected, "{path}");
    }
}

#[test]
fn escaped_braces_are_not_parameters() {
    let table = AccessTable::builder()
        .any("/{{a}}", Access::Public)
        .any("/{{b}}", Access::Authenticated)
        .route(Method::GET, "/{x}", Access::Optional)
        .build()
        .unwrap();
    // `Uri` accepts braces in a path.
    assert_eq!(access(&table, "GET", "/{a}"), Access::Public);
    assert_eq!(access(&table, "GET", "/{b}"), Access::Authenticated);
    assert_eq!(access(&table, "GET", "/c"), Access::Optional);
}

#[test]
fn rows_for_services_that_are_not_served_are_named() {
    let table = AccessTable::builder()
        .grpc("a.S", "M", Access::Public)
        .grpc_service("b.S", Access::Public)
        .grpc_health()
        .build()
        .unwrap();
    assert!(table.check_services(&["a.S", "b.S", "c.S"]).is_ok());
    let error = table.check_services(&["a.S"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no such service is served: /b.S/{method}"
    );
}

#[test]
fn a_row_for_one_http_method_of_a_served_grpc_service_is_an_error() {
    let table = AccessTable::builder()
        .route(Method::POST, "/a.S/M", Access::Public)
        .any("/b.S/M", Access::Public)
        .build()
        .unwrap();
    assert!(table.check_services(&["b.S", "a"]).is_ok());
    let error = table.check_services(&["a.S"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "path \"/a.S/M\": row for POST alone, but gRPC calls run for every method; \
         expected a row made by `grpc` or `grpc_service`"
    );
}
