//! The table against real routers: random apps, each route with the row that
//! was written for it, and random requests.
//!
//! A handler says which one it is. The oracle knows the row of each handler and
//! nothing of how a table finds rows: no request may reach a handler with less
//! than its row asks for, and a request with enough must reach it.

mod app;
mod need;
mod parts;
mod requests;
mod routes;
mod rpc;
mod wire;

use std::cell::Cell;

use http::HeaderMap;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{TestCaseError, TestRunner},
};
use tower::Layer;
use tower_authn::{AccessTable, AuthnLayer, Principal, Rejection, Verifier, verify_fn};

use self::{
    need::{Caller, Need, SCOPES},
    requests::{Seed, Spelling, request, seed, spelling},
    routes::{App, FALLBACK, Rule},
};
use crate::support::ask;

fn layer(table: AccessTable) -> AuthnLayer<impl Verifier<Principal = Principal>, AccessTable> {
    let verify = verify_fn(|credential| {
        let flags = credential.token().strip_prefix("known-");
        let (one, two) = flags
            .and_then(|flags| flags.split_once('-'))
            .ok_or_else(Rejection::invalid)?;
        let held = [one, two].into_iter().zip(SCOPES);
        let scopes = held.filter(|(flag, _)| *flag == "true");
        let scopes = scopes.map(|(_, scope)| scope);
        Ok(Principal::new("caller").with_scopes(scopes).unwrap())
    });
    AuthnLayer::new(verify).access(table)
}

/// Returns the id of the handler that responded.
fn handler(headers: &HeaderMap) -> Option<usize> {
    let id = headers.get("x-route")?;
    Some(id.to_str().unwrap().parse().unwrap())
}

/// Counts the kinds of requests, so that a test without enough of each fails.
#[derive(Debug, Default)]
struct Tally {
    admitted: Cell<usize>,
    refused: Cell<usize>,
    rpcs: Cell<usize>,
    fallbacks: Cell<usize>,
    odd: Cell<usize>,
}

fn count(cell: &Cell<usize>) {
    cell.set(cell.get() + 1);
}

/// Returns whether a row's pattern could match a path, segment by segment.
fn could_match(pattern: &str, path: &str) -> bool {
    let mut path = path.split('/');
    for segment in pattern.split('/') {
        let Some(found) = path.next() else {
            return false;
        };
        let matches = match segment {
            "{*rest}" => return true,
            "{{x}}" => found == "{x}",
            segment => match segment.split_once('{') {
                Some((start, _)) => found.starts_with(start),
                None => found == segment,
            },
        };
        if !matches {
            return false;
        }
    }
    path.next().is_none()
}

/// Compares the response of the protected app with that of the router alone.
fn check(
    app: &App,
    (target, caller): (&str, Caller),
    (alone, guarded): (Option<usize>, Option<usize>),
    tally: &Tally,
) -> Result<(), TestCaseError> {
    if let Some(reached) = guarded {
        prop_assert_eq!(Some(reached), alone, "the layer changes no route");
    }
    let Some(id) = alone else {
        return Ok(());
    };
    let route = app.routes.get(id);
    let (need, rule) = match route {
        Some(route) => (route.need, route.rule),
        None => (app.fallback_need, Rule::Fallback),
    };
    if rule == Rule::Unlisted {
        let path = target.parse::<http::Uri>().unwrap().path().to_owned();
        let mut rows = app.routes.iter().filter(|route| route.rule == Rule::Rows);
        let covered = rows.any(|row| row.paths.iter().any(|row| could_match(row, &path)));
        let closed = !covered && !app.fallback_need.is_met_by(caller);
        prop_assert!(!(closed && guarded.is_some()), "an unlisted route is open");
        return Ok(());
    }
    let spelling = spelling(target);
    let enough = match (spelling, need, app.fallback_need) {
        (Spelling::Odd, ..) => false,
        // An encoded path is never public, even if its row is.
        (Spelling::Encoded, Need::Public, Need::Public) => caller.is_some(),
        (Spelling::Encoded, Need::Public, otherwise) => otherwise.is_met_by(caller),
        (Spelling::Encoded | Spelling::Plain, ..) => need.is_met_by(caller),
    };
    match guarded {
        Some(_) => prop_assert!(enough, "{spelling:?}, reached with less than {:?}", need),
        None => prop_assert!(!enough, "{spelling:?}, refused with enough for {:?}", need),
    }
    count(match guarded {
        Some(_) => &tally.admitted,
        None => &tally.refused,
    });
    if route.is_some_and(|route| route.paths[0].contains(rpc::SERVICE)) {
        count(&tally.rpcs);
    }
    if id == FALLBACK {
        count(&tally.fallbacks);
    }
    if spelling != Spelling::Plain {
        count(&tally.odd);
    }
    Ok(())
}

#[test]
fn s01_no_request_reaches_a_handler_with_less_than_its_row_asks() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let tally = Tally::default();
    let config = ProptestConfig {
        cases: 500,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let result = TestRunner::new(config).run(&(app::app(), vec(seed(), 40)), |(mut app, seeds)| {
        let empty = AccessTable::builder().build().unwrap();
        let table = std::mem::replace(&mut app.table, empty);
        let app_with_layer = layer(table).layer(app.router.clone());
        for seed in &seeds {
            let target = seed.target(&app);
            let Some(asked) = request(seed.method(), &target, seed.caller) else {
                continue;
            };
            let again = request(seed.method(), &target, seed.caller).unwrap();
            let (alone, guarded) = runtime.block_on(async {
                (
                    ask(&app.router, asked).await,
                    ask(&app_with_layer, again).await,
                )
            });
            let answers = (handler(alone.headers()), handler(guarded.headers()));
            check(&app, (&target, seed.caller), answers, &tally).map_err(|error| {
                TestCaseError::fail(format!(
                    "{} {target} {:?}: {error}",
                    seed.method(),
                    seed.caller
                ))
            })?;
        }
        Ok(())
    });
    result.unwrap();
    for seen in [
        &tally.admitted,
        &tally.refused,
        &tally.rpcs,
        &tally.fallbacks,
        &tally.odd,
    ] {
        assert!(seen.get() > 300, "too little was seen: {tally:?}");
    }
}
