//! Tables that mix literal paths, parameters and catch-alls in the same places,
//! against axum's router: the path decides first, and then the method.

use std::{cell::Cell, collections::BTreeSet};

use axum::{
    Router,
    body::Body,
    routing::{MethodFilter, any, on},
};
use http::{Method, Request};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{TestCaseError, TestRunner},
};
use tower_authn::{Access, AccessTable, Head, access::Policy};

use crate::support::ask;

/// A route, `None` for all methods. Its scope is named after its place in the list.
type Route = (Option<Method>, String);

fn scope(route: usize) -> Access {
    Access::scope(&format!("route{route}")).unwrap()
}

/// Returns a path of literals and parameters. Few literals and a fixed name for the
/// parameter in each place let most paths overlap with others.
fn path() -> impl Strategy<Value = String> {
    let kind = prop_oneof![3 => select(vec!["a", "b", "ab"]), 3 => Just("{}"), 1 => Just("a{}")];
    let end = prop_oneof![6 => Just(""), 1 => Just("/"), 1 => Just("/{*rest}")];
    (vec(kind, 1..4), end).prop_map(|(kinds, end)| {
        let segments = kinds.iter().enumerate();
        let segments = segments
            .map(|(place, kind)| format!("/{}", kind.replace("{}", &format!("{{p{place}}}"))));
        segments.collect::<String>() + end
    })
}

/// Returns routes that axum accepts on one router.
fn routes() -> impl Strategy<Value = Vec<Route>> {
    let methods = select(vec![None, Some(Method::GET), Some(Method::POST)]);
    vec((methods, path()), 2..16).prop_map(|routes| {
        let mut router = matchit::Router::new();
        let mut known = BTreeSet::new();
        let mut taken = BTreeSet::new();
        let mut accepted = Vec::new();
        for (method, path) in routes {
            let name = method.as_ref().map(Method::to_string);
            let is_known = known.contains(&path) || router.insert(path.as_str(), ()).is_ok();
            if is_known && taken.insert((path.clone(), name)) {
                known.insert(path.clone());
                accepted.push((method, path));
            }
        }
        accepted
    })
}

fn request() -> impl Strategy<Value = (Method, String)> {
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT];
    let segment = prop_oneof![6 => select(vec!["a", "b", "ab"]), 1 => Just("c")];
    let segments = vec(segment, 1..4);
    let end = prop_oneof![5 => Just(""), 1 => Just("/")];
    (select(methods.to_vec()), segments, end).prop_map(|(method, segments, end)| {
        let path = format!("/{}{end}", segments.join("/"));
        (method, path)
    })
}

/// Returns the place of the route that axum calls.
async fn called(router: &Router, method: Method, path: &str) -> Option<usize> {
    let request = Request::builder().method(method).uri(path);
    let response = ask(router, request.body(Body::empty()).unwrap()).await;
    let route = response.headers().get("x-route")?;
    Some(route.to_str().unwrap().parse().unwrap())
}

fn router(routes: &[Route]) -> Router {
    let routes = routes.iter().enumerate();
    routes.fold(Router::new(), |router, (id, (method, path))| {
        let handler = async move || [("x-route", id.to_string())];
        let handler = match method {
            Some(method) => on(MethodFilter::try_from(method.clone()).unwrap(), handler),
            None => any(handler),
        };
        router.route(path, handler)
    })
}

fn table(routes: &[Route]) -> AccessTable {
    let routes = routes.iter().enumerate();
    let table = routes.fold(
        AccessTable::builder(),
        |table, (id, (method, path))| match method {
            Some(method) => table.route(method.clone(), path, scope(id)),
            None => table.any(path, scope(id)),
        },
    );
    table.build().unwrap()
}

#[test]
fn f02_a_literal_wins_over_a_parameter_in_its_place_exactly_as_in_axum() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (by_literal, closed) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let cases = (routes(), vec(request(), 60));
    let result = TestRunner::new(config).run(&cases, |(routes, requests)| {
        let (router, table) = (router(&routes), table(&routes));
        let mut patterns = matchit::Router::new();
        for (_, path) in routes.iter().filter(|(_, path)| path.contains('{')) {
            // A path with two methods is there already.
            let _ = patterns.insert(path.as_str(), ());
        }
        for (method, path) in requests {
            let route = runtime.block_on(called(&router, method.clone(), &path));
            let request = Request::builder().method(&method).uri(&path).body(());
            let access = table.access(&Head::from_request(&request.unwrap()));
            let expected = route.map_or(Access::NotFound, scope);
            if access != expected {
                let problem = format!("{method} {path}: {access:?}; axum calls {route:?}");
                return Err(TestCaseError::fail(problem));
            }
            let is_literal = routes.iter().any(|(_, route)| *route == path);
            if is_literal && patterns.at(&path).is_ok() {
                // Without a route the literal is closed to the method.
                let seen = if route.is_some() {
                    &by_literal
                } else {
                    &closed
                };
                seen.set(seen.get() + 1);
            }
        }
        Ok(())
    });
    result.unwrap();
    let seen = (by_literal.get(), closed.get());
    assert!(seen.0 > 300 && seen.1 > 100, "too few overlaps: {seen:?}");
}
