//! One table for routes and gRPC methods.

use std::fmt;

use http::{
    Method,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
};
use matchit::Router;

use super::{
    Access, Policy,
    builder::AccessTableBuilder,
    path::{Spelling, spelling},
};
use crate::{error::ConfigError, head::Head};

/// What each route and each gRPC method requires; whatever it does not name is
/// [`NotFound`](Access::NotFound): 401 for strangers, 404 for everybody else.
///
/// Paths have axum's syntax (`/clusters/{id}`, `/files/{*rest}`), gRPC entries
/// are a service and a method. The most specific entry wins; HEAD is read as
/// GET. The path is matched as it arrived, as routers match it: not decoded,
/// without the query, regardless of the host and of every header.
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
/// `\`, `%2e`, `%2f`, `%5c`) never gets more than the entry it seems to match
/// and never more than what is not named gets; a path with any other `%` is
/// never public or optional by an entry.
pub struct AccessTable {
    pub(super) rows: Vec<Row>,
    /// The rows of one method, those for any method among them.
    pub(super) by_method: Vec<(Method, Router<usize>)>,
    pub(super) any_method: Router<usize>,
    pub(super) preflight: bool,
    pub(super) otherwise: Access,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) method: Option<Method>,
    pub(super) path: String,
    /// The gRPC service, unless a preset named it.
    pub(super) service: Option<String>,
    pub(super) access: Access,
}

impl AccessTable {
    /// Begins a table in which nothing is named.
    pub fn builder() -> AccessTableBuilder {
        AccessTableBuilder::new()
    }

    /// Holds the gRPC entries against the services that are served: an entry
    /// whose service is not there guards nothing.
    ///
    /// Call it at start, with the `NAME` of each service.
    ///
    /// # Errors
    ///
    /// Names the entries that match nothing.
    pub fn check(&self, services: &[&str]) -> Result<(), ConfigError> {
        let unserved = |row: &&Row| match &row.service {
            Some(service) => !services.contains(&service.as_str()),
            None => false,
        };
        let lost: Vec<&str> = self
            .rows
            .iter()
            .filter(unserved)
            .map(|row| row.path.as_str())
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        let message = format!("no such service is served: {}", lost.join(", "));
        Err(ConfigError::new(message))
    }

    fn named(&self, method: &Method, path: &str) -> Option<&Access> {
        let method = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let own = self.by_method.iter().find(|(own, _)| own == method);
        let router = own.map_or(&self.any_method, |(_, router)| router);
        let row = *router.at(path).ok()?.value;
        self.rows.get(row).map(|row| &row.access)
    }
}

impl Policy for AccessTable {
    fn access(&self, head: &Head<'_>) -> Access {
        if self.preflight && is_preflight(head) {
            return Access::Public;
        }
        let Some(named) = self.named(head.method(), head.path()) else {
            return self.otherwise.clone();
        };
        let open = matches!(named, Access::Optional | Access::Public);
        match spelling(head.path()) {
            Spelling::Plain => named.clone(),
            Spelling::Encoded if !open => named.clone(),
            Spelling::Encoded | Spelling::Odd => named.clone().stricter(self.otherwise.clone()),
        }
    }
}

/// A CORS preflight, by what the Fetch standard says is one.
fn is_preflight(head: &Head<'_>) -> bool {
    head.method() == Method::OPTIONS
        && head.headers().contains_key(ORIGIN)
        && head.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl fmt::Debug for AccessTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for row in &self.rows {
            let method = row.method.as_ref().map_or("any", Method::as_str);
            map.entry(&format_args!("{method} {}", row.path), &row.access);
        }
        map.entry(&format_args!("otherwise"), &self.otherwise)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn asked(table: &AccessTable, method: &str, path: &str) -> Access {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .unwrap();
        table.access(&Head::of(&request))
    }

    #[test]
    fn the_most_specific_entry_of_the_method_wins() {
        let table = AccessTable::builder()
            .route(Method::GET, "/a/{x}", Access::Public)
            .any("/a/{y}", Access::Authenticated)
            .any("/a/{y}/z", Access::Optional)
            .any("/{*rest}", Access::Authenticated)
            .any("/a/b", Access::scope("s"))
            .route(Method::GET, "/a/b", Access::Public)
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
            ("get", "/a/1", Access::Authenticated),
            ("GET", "/a", Access::Authenticated),
            ("GET", "/a/", Access::Authenticated),
            ("GET", "/", Access::NotFound),
        ];
        for (method, path, expected) in rows {
            assert_eq!(asked(&table, method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn grpc_entries_match_exactly_two_segments_of_post() {
        let table = AccessTable::builder()
            .grpc("a.S", "M", Access::Public)
            .grpc_service("a.S", Access::Authenticated)
            .build()
            .unwrap();
        let rows = [
            ("POST", "/a.S/M", Access::Public),
            ("POST", "/a.S/N", Access::Authenticated),
            ("GET", "/a.S/M", Access::NotFound),
            ("POST", "/a.S/M/", Access::NotFound),
            ("POST", "/a.S//M", Access::NotFound),
            ("POST", "/a.S/a/b", Access::NotFound),
            ("POST", "/a.S/%4d", Access::Authenticated),
            ("POST", "/a.S", Access::NotFound),
            ("POST", "/b.S/M", Access::NotFound),
        ];
        for (method, path, expected) in rows {
            assert_eq!(asked(&table, method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn an_odd_path_gets_the_stricter_of_its_entry_and_what_is_not_named() {
        let table = AccessTable::builder()
            .any("/admin/{*rest}", Access::scope("resources"))
            .any("/public/{*rest}", Access::Public)
            .otherwise(Access::Authenticated)
            .build()
            .unwrap();
        let scoped = Access::scope("resources").unwrap();
        let rows = [
            ("/admin//x", scoped.clone()),
            ("/admin/%78", scoped),
            ("/public/x", Access::Public),
            ("/public/../admin", Access::Authenticated),
            ("/public/%78", Access::Authenticated),
            ("/x;y", Access::Authenticated),
        ];
        for (path, expected) in rows {
            assert_eq!(asked(&table, "GET", path), expected, "{path}");
        }
    }

    #[test]
    fn mistakes_are_reported_when_the_table_is_built() {
        let table = AccessTable::builder;
        let rows = [
            table()
                .any("/a/{x}", Access::Public)
                .any("/a/{y}", Access::Public),
            table()
                .grpc("S", "M", Access::Public)
                .grpc("S", "M", Access::Denied),
            table().any("a", Access::Public),
            table().any("/a/{", Access::Public),
            table().any("/a", Access::scope("No Scope")),
            table().grpc("a/b", "M", Access::Public),
            table().grpc("a", "M/N", Access::Public),
            table().grpc_service("{a}", Access::Public),
            table().otherwise(Access::scope("")),
        ];
        for (row, builder) in rows.into_iter().enumerate() {
            assert!(builder.build().is_err(), "{row}");
        }
    }

    #[test]
    fn entries_for_services_that_are_not_served_are_named() {
        let table = AccessTable::builder()
            .grpc("a.S", "M", Access::Public)
            .grpc_service("b.S", Access::Public)
            .grpc_health()
            .build()
            .unwrap();
        assert!(table.check(&["a.S", "b.S", "c.S"]).is_ok());
        let error = table.check(&["a.S"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no such service is served: /b.S/{method}"
        );
    }

    #[test]
    fn a_preflight_is_exempt_only_where_it_is_one() {
        let table = AccessTable::builder().cors_preflight().build().unwrap();
        let access = |headers: &[&str]| {
            let request = Request::options("/x");
            let request = headers.iter().fold(request, |r, name| r.header(*name, "x"));
            table.access(&Head::of(&request.body(()).unwrap()))
        };
        assert_eq!(
            access(&["origin", "access-control-request-method"]),
            Access::Public
        );
        assert_eq!(access(&["origin"]), Access::NotFound);
        assert_eq!(access(&["access-control-request-method"]), Access::NotFound);
        assert_eq!(access(&[]), Access::NotFound);
    }
}
