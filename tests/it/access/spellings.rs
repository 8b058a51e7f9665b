//! A table accepts the same combinations of paths as axum.

use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::{Router, routing::any};
use http::Method;
use proptest::{collection::vec, prelude::*};
use tower_authn::{Access, AccessTable};

/// Whether axum registers both paths, each for its method, on one router.
fn axum_accepts(rows: &[(Method, String)]) -> bool {
    let build = || {
        rows.iter().fold(Router::<()>::new(), |router, row| {
            let (method, path) = row;
            let filter = method.clone().try_into().unwrap();
            router.route(path, axum::routing::on(filter, async || ()))
        })
    };
    catch_unwind(AssertUnwindSafe(build)).is_ok()
}

fn table_accepts(rows: &[(Method, String)]) -> bool {
    let table = rows.iter().fold(AccessTable::builder(), |table, row| {
        table.route(row.0.clone(), &row.1, Access::Authenticated)
    });
    table.build().is_ok()
}

/// Segments that look alike: escaped braces, parameters and catch-alls, and
/// what other routers write for them.
fn segment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a", "b", "{a}", "{b}", "{{a}}", "{{b}}", "{{a}", "{a}}", "{*a}", "{*b}", "{{*a}}", ":a",
        "*a", "a:b", "a*", "x{a}", "x{b}", "{a}x", "", "{", "}", "{}", "{*}", "%7Ba%7D",
    ])
}

fn path() -> impl Strategy<Value = String> {
    let joined = vec(segment(), 1..4).prop_map(|segments| format!("/{}", segments.join("/")));
    prop_oneof![20 => joined, 1 => Just(String::new()), 1 => Just("a".to_owned())]
}

fn row() -> impl Strategy<Value = (Method, String)> {
    let method = prop::sample::select(vec![Method::GET, Method::POST]);
    (method, path())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn s03_a_table_accepts_the_paths_that_axum_accepts(rows in vec(row(), 1..4)) {
        prop_assert_eq!(table_accepts(&rows), axum_accepts(&rows));
    }
}

#[test]
fn s03_a_row_for_all_methods_takes_one_spelling_of_its_path() {
    let rows = |first: &str, second: &str| {
        let table = AccessTable::builder()
            .any(first, Access::Authenticated)
            .route(Method::GET, second, Access::Authenticated);
        let accepts = || {
            Router::<()>::new()
                .route(first, any(async || ()))
                .route(second, axum::routing::get(async || ()))
        };
        (table.build().is_ok(), catch_unwind(accepts).is_ok())
    };
    for (first, second, expected) in [
        ("/{a}", "/{a}", true),
        ("/{a}", "/{b}", false),
        ("/{{a}}", "/{{b}}", true),
        ("/{{a}}", "/{a}", true),
        ("/a", "/:a", false),
    ] {
        let found = rows(first, second);
        assert_eq!(found, (expected, expected), "{first} {second}");
    }
}
