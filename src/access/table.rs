//! One table for routes and gRPC methods.

#[cfg(test)]
mod tests;

use std::fmt;

use super::{
    Access, Policy,
    builder::AccessTableBuilder,
    path::{Spelling, spelling},
    row::{Index, Methods, Row},
};
use crate::{error::ConfigError, head::Head};

/// A policy that lists what each route and each gRPC method requires. A request
/// without a row is [`NotFound`](Access::NotFound), unless the table says
/// fallback: 401 without a credential, 404 with a good one.
///
/// A row is found as axum finds a route. The most specific path wins first
/// (`/a/b` before `/a/{id}` before `/a/{*rest}`, in axum's syntax), and then the
/// method decides among the rows of that path: a method for which the path has
/// no row is a request without a row. The path is compared as it arrived: not
/// decoded, without the query, whatever the host and the headers say.
///
/// Each route of the router should have its row, under the path and the methods
/// that it is registered with:
///
/// | axum, tonic | rows |
/// |---|---|
/// | `route("/a", get(f).post(g))` | `route(GET, "/a", …)`, `route(POST, "/a", …)` |
/// | `route("/a", any(f))`, `route_service("/a", s)` | `any("/a", …)` |
/// | `nest("/a", router)` | the router's rows, with `/a` before each path |
/// | `nest_service("/a", s)` | `any` for `/a`, `/a/` and `/a/{*rest}` |
/// | `fallback(f)` | `fallback(…)` |
/// | a WebSocket handler for `/ws` | `websocket("/ws", …)` |
/// | `add_service(InferenceServer::new(s))` | `grpc` for each method, or `grpc_service` |
///
/// A service under `nest_service` that routes by itself can have rows for its
/// inside too, where no route of the outer router begins with the same prefix. Its
/// `/` then takes two rows: it answers `/a` and `/a/`.
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
/// A path that routers and proxies read differently (a dot segment, `//`, `;`,
/// `\`, `%2e`, `%2f`, `%5c`) is [`NotFound`](Access::NotFound), whatever its row
/// and the fallback allow. A path with any other `%` is never public or optional.
///
/// A row of [`route`](AccessTableBuilder::route) does not guard a gRPC method,
/// which runs for every HTTP method: use [`grpc`](AccessTableBuilder::grpc), and
/// [`check`](Self::check) at start.
///
/// CORS preflights are requests like all others. Put the CORS layer outside of
/// the authentication layer: it then answers them itself.
pub struct AccessTable {
    pub(super) rows: Vec<Row>,
    pub(super) index: Index,
    pub(super) fallback: Access,
}

impl AccessTable {
    /// Returns a builder of a table without rows.
    pub fn builder() -> AccessTableBuilder {
        AccessTableBuilder::new()
    }

    /// Checks the rows against the gRPC services that the server has. Call it at
    /// start, with the `NAME` of each service.
    ///
    /// # Errors
    ///
    /// Returns an error if
    ///
    /// - a gRPC row's service is not served, so that the row guards nothing;
    /// - a served service has a [`route`](AccessTableBuilder::route) row: tonic
    ///   runs a call whatever its HTTP method, so the row does not guard it.
    pub fn check(&self, services: &[&str]) -> Result<(), ConfigError> {
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
}

impl Policy for AccessTable {
    fn access(&self, head: &Head<'_>) -> Access {
        let row = self.index.find(head.method(), head.path());
        let row = row.and_then(|row| self.rows.get(row));
        let access = row.map_or(&self.fallback, |row| &row.access).clone();
        let is_open = |access: &Access| matches!(access, Access::Optional | Access::Public);
        match spelling(head.path()) {
            Spelling::Plain => access,
            Spelling::Encoded if !is_open(&access) => access,
            Spelling::Encoded => access
                .stricter(self.fallback.clone())
                .stricter(Access::Authenticated),
            // Nested routers cut a prefix off, so an odd path may reach a route
            // whose row it does not match.
            Spelling::Odd => access.stricter(Access::NotFound),
        }
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
        map.entry(&format_args!("otherwise"), &self.fallback)
            .finish()
    }
}
