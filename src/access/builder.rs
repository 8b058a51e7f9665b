//! Builds the table of routes and gRPC methods.

use http::Method;

use super::{
    Access, IntoAccess,
    row::{Index, Methods, Row},
    table::AccessTable,
};
use crate::error::ConfigError;

/// Builds an [`AccessTable`]. Made by [`AccessTable::builder`].
#[derive(Debug)]
#[must_use]
pub struct AccessTableBuilder {
    /// The first error stays until the table is built.
    rows: Result<Vec<Row>, ConfigError>,
    fallback: Access,
}

impl AccessTableBuilder {
    pub(super) fn new() -> Self {
        Self {
            rows: Ok(Vec::new()),
            fallback: Access::NotFound,
        }
    }

    /// Adds a row for one method of a path.
    ///
    /// A GET row decides HEAD too, unless the path has a row for HEAD. A method
    /// for which the path has no row gets what [`fallback`](Self::fallback)
    /// says, even where a less specific path has a row for it: axum answers 405
    /// there and does not look further.
    pub fn route(self, method: Method, path: &str, access: impl IntoAccess) -> Self {
        self.row(Methods::One(method), path.to_owned(), access)
    }

    /// Adds a row for every method of a path for which it has no
    /// [`route`](Self::route) row.
    pub fn any(self, path: &str, access: impl IntoAccess) -> Self {
        self.row(Methods::All, path.to_owned(), access)
    }

    /// Adds rows for a WebSocket endpoint: GET, which opens it over HTTP/1.1,
    /// and CONNECT, which opens it over HTTP/2 ([RFC 8441]).
    ///
    /// The rows decide every GET and CONNECT for the path, whether or not it
    /// asks for a WebSocket: routers do not look at that either.
    ///
    /// [RFC 8441]: https://www.rfc-editor.org/rfc/rfc8441#section-4
    pub fn websocket(mut self, path: &str, access: impl IntoAccess) -> Self {
        match access.into_access() {
            Ok(access) => {
                self.route(Method::GET, path, access.clone())
                    .route(Method::CONNECT, path, access)
            }
            Err(error) => {
                self.rows = self.rows.and(Err(error));
                self
            }
        }
    }

    /// Adds a row for one method of a gRPC service, given by its full name:
    /// `inference.v1.Inference`.
    ///
    /// The row decides requests of every HTTP method, because tonic routes by
    /// the path alone. Methods of the service that have no row get the row of
    /// [`grpc_service`](Self::grpc_service), or what
    /// [`fallback`](Self::fallback) says: no row by path reaches into a
    /// service.
    pub fn grpc(self, service: &str, method: &str, access: impl IntoAccess) -> Self {
        if !is_grpc_name(method) {
            return self.fail(format!(
                "gRPC method {method:?}: not a name; expected letters, digits, '_' and '.'"
            ));
        }
        self.service(service, Some(method), false, access)
    }

    /// Adds a row for every method of a gRPC service that has no
    /// [`grpc`](Self::grpc) row.
    pub fn grpc_service(self, service: &str, access: impl IntoAccess) -> Self {
        self.service(service, None, false, access)
    }

    /// Makes gRPC health checks public.
    pub fn grpc_health(self) -> Self {
        self.public_service("grpc.health.v1.Health")
    }

    /// Makes gRPC reflection public: callers learn every method of the server.
    pub fn grpc_reflection(self) -> Self {
        self.public_service("grpc.reflection.v1.ServerReflection")
            .public_service("grpc.reflection.v1alpha.ServerReflection")
    }

    fn public_service(self, service: &str) -> Self {
        self.service(service, None, true, Access::Public)
    }

    fn service(
        self,
        service: &str,
        method: Option<&str>,
        preset: bool,
        access: impl IntoAccess,
    ) -> Self {
        if !is_grpc_name(service) {
            return self.fail(format!(
                "gRPC service {service:?}: not a name; expected letters, digits, '_' and '.'"
            ));
        }
        let methods = Methods::Grpc {
            service: service.to_owned(),
            whole: method.is_none(),
            preset,
        };
        let path = format!("/{service}/{}", method.unwrap_or("{method}"));
        self.row(methods, path, access)
    }

    /// Sets what requests without a row require. The default is
    /// [`NotFound`](Access::NotFound).
    pub fn fallback(mut self, access: impl IntoAccess) -> Self {
        match access.into_access() {
            Ok(access) => self.fallback = access,
            Err(error) => return self.fail(error.to_string()),
        }
        self
    }

    fn fail(mut self, message: String) -> Self {
        self.rows = self.rows.and_then(|_| Err(ConfigError::new(message)));
        self
    }

    fn row(mut self, methods: Methods, path: String, access: impl IntoAccess) -> Self {
        self.rows = self.rows.and_then(|mut rows| {
            let access = access.into_access()?;
            rows.push(Row {
                methods,
                path,
                access,
            });
            Ok(rows)
        });
        self
    }

    /// Builds the table.
    ///
    /// # Errors
    ///
    /// Returns an error if
    ///
    /// - a path is not one that axum accepts, or a scope or the name of a gRPC
    ///   service or method is malformed;
    /// - two rows are for the same path and method, or two spellings of a path
    ///   match the same requests (`/a/{x}` and `/a/{y}`), which axum refuses too;
    /// - a row by path is below the name of a gRPC service that the table names;
    /// - a HEAD row asks for less than the GET row of its path.
    pub fn build(self) -> Result<AccessTable, ConfigError> {
        let rows = self.rows?;
        Ok(AccessTable {
            index: Index::new(&rows)?,
            rows,
            fallback: self.fallback,
        })
    }
}

fn is_grpc_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_');
    !name.is_empty() && name.bytes().all(allowed)
}
