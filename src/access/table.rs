//! The access table: one list of rows for routes and gRPC methods.

#[cfg(test)]
mod tests;

use std::fmt;

#[cfg(feature = "axum")]
use http::Method;
use http::{Extensions, Uri};

use super::{
    Access, Policy,
    index::RowIndex,
    path::Spelling,
    row::{AccessRow, Methods},
};
use crate::{error::ConfigError, head::Head, scope::ScopeRule};

/// A policy that lists what each route and each gRPC method requires.
///
/// A request without a row gets the
/// [`fallback`](super::AccessTableBuilder::fallback), which is
/// [`NotFound`](Access::NotFound) by default: 401 without a credential, 404 with a
/// valid one.
///
/// The table finds a row as axum finds a route. The most specific path wins first
/// (`/a/b` before `/a/{id}` before `/a/{*rest}`, in axum's syntax). Then the
/// method decides among the rows of that path: a method for which the path has
/// no row is a request without a row. The path is compared as it arrived: not
/// decoded and without the query. The host and the headers have no influence.
///
/// Each route of the router should have its row, under the path and the methods
/// that it is registered with:
///
/// | axum, tonic | rows |
/// |---|---|
/// | `route("/a", get(f).post(g))` | `route(GET, "/a", …)`, `route(POST, "/a", …)` |
/// | `route("/a", any(f))`, `route_service("/a", s)` | `any("/a", …)` |
/// | `nest("/a", router)` | the rows of that router, with `/a` before each path |
/// | `nest_service("/a", s)` | `any` for `/a`, `/a/` and `/a/{*rest}` |
/// | `fallback(f)` | `fallback(…)` |
/// | a WebSocket handler for `/ws` | `websocket("/ws", …)` |
/// | `add_service(InferenceServer::new(s))` | `grpc` for each method, or `grpc_service` |
///
/// A service under `nest_service` that routes by itself can also have rows for its
/// own routes, if no route of the outer router begins with the same prefix. Its
/// route `/` then takes two rows, because it answers both `/a` and `/a/`.
///
/// In a test, [`assert_rows_reach_routes`] finds rows that match no route, and
/// [`check_services`](Self::check_services) finds gRPC rows that match no service.
///
/// [`assert_rows_reach_routes`]: https://docs.rs/tower-authn/latest/tower_authn/axum/fn.assert_rows_reach_routes.html
///
/// # Example
///
/// ```
/// use http::Method;
/// use tower_authn::{Access, AccessTable};
///
/// let table = AccessTable::builder()
///     .route(Method::GET, "/healthz", Access::Public)
///     .route(Method::POST, "/generate", Access::scope("deployment"))
///     .any("/admin/{*rest}", Access::scope("resources"))
///     .grpc("inference.v1.Inference", "Generate", Access::scope("deployment"))
///     .grpc_health()
///     .build()?;
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
///
/// # Security
///
/// A path that routers and proxies read differently (it has a dot segment, `//`, `;`,
/// `\`, `%2e`, `%2f` or `%5c`) is [`NotFound`](Access::NotFound), whatever its row
/// and the fallback allow. A path with any other `%` is never public or optional.
///
/// A row of [`route`](super::AccessTableBuilder::route) does not guard a gRPC
/// method, which runs for every HTTP method: use
/// [`grpc`](super::AccessTableBuilder::grpc), and call
/// [`check_services`](Self::check_services) at start.
///
/// A layer inside axum's `nest` sees paths without the prefix. A table with complete
/// paths then finds no row for `/api/users`, or finds the row for `/users`. Put the
/// layer around the whole router, or give the table axum's
/// [original URI](super::AccessTableBuilder::original_uri).
///
/// A CORS preflight is a request like any other. Put the CORS layer outside the
/// authentication layer, so that it answers preflights itself.
pub struct AccessTable {
    pub(super) rows: Vec<AccessRow>,
    pub(super) index: RowIndex,
    pub(super) fallback: Access,
    pub(super) original_uri: Option<fn(&Extensions) -> Option<&Uri>>,
}

impl AccessTable {
    /// Checks the gRPC rows against the services that the server has. Call it at
    /// start, with the `NAME` of each service.
    ///
    /// # Errors
    ///
    /// Returns an error if
    ///
    /// - a gRPC row names a service that is not served, so that the row guards
    ///   nothing;
    /// - a served service has a [`route`](super::AccessTableBuilder::route) row:
    ///   tonic runs a call for every HTTP method, so the row does not guard it.
    pub fn check_services(&self, services: &[&str]) -> Result<(), ConfigError> {
        let mut unserved = Vec::new();
        for row in &self.rows {
            match &row.methods {
                Methods::Grpc {
                    service,
                    preset: false,
                    ..
                } if !services.contains(&service.as_str()) => unserved.push(row.path.as_str()),
                Methods::One(method) if services.iter().any(|service| row.is_below(service)) => {
                    return Err(ConfigError::new(format!(
                        "path {:?}: row for {method} alone, but gRPC calls run for every method; \
                         expected a row made by `grpc` or `grpc_service`",
                        row.path
                    )));
                }
                Methods::All | Methods::Grpc { .. } | Methods::One(_) => {}
            }
        }
        if unserved.is_empty() {
            return Ok(());
        }
        let message = format!("no such service is served: {}", unserved.join(", "));
        Err(ConfigError::new(message))
    }

    /// Returns the rows by path, each with its method, or `None` for all methods.
    #[cfg(feature = "axum")]
    pub(crate) fn http_rows(&self) -> impl Iterator<Item = (Option<&Method>, &str)> {
        self.rows.iter().filter_map(|row| match &row.methods {
            Methods::All => Some((None, row.path.as_str())),
            Methods::Grpc { .. } => None,
            Methods::One(method) => Some((Some(method), row.path.as_str())),
        })
    }
}

impl Policy for AccessTable {
    fn access(&self, head: &Head<'_>) -> Access {
        let original = self.original_uri.and_then(|find| find(head.extensions()));
        let path = original.map_or_else(|| head.path(), Uri::path);
        let (rows, spelling) = self.index.find(path);
        let access = rows.and_then(|rows| rows.find(head.method()));
        let access = access.unwrap_or(&self.fallback).clone();
        match spelling {
            Spelling::Plain => access,
            Spelling::Encoded if !matches!(access, Access::Optional | Access::Public) => access,
            Spelling::Encoded => access
                .stricter(self.fallback.clone())
                .stricter(Access::Authenticated),
            // Nested routers strip a prefix, so an ambiguous path may reach a route
            // although it does not match the path of its row.
            Spelling::Ambiguous => access.stricter(Access::NotFound),
        }
    }

    fn scope_rules(&self) -> Vec<ScopeRule> {
        let accesses = self.rows.iter().map(|row| &row.access);
        let accesses = accesses.chain([&self.fallback]);
        accesses.flat_map(Policy::scope_rules).collect()
    }
}

impl fmt::Debug for AccessTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for row in &self.rows {
            let method = match &row.methods {
                Methods::All => "any",
                Methods::Grpc { .. } => "grpc",
                Methods::One(method) => method.as_str(),
            };
            map.entry(&format_args!("{method} {}", row.path), &row.access);
        }
        map.entry(&format_args!("fallback"), &self.fallback)
            .finish()
    }
}
