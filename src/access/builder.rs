//! The builder of a table.

use http::{Extensions, Method, Uri};

use super::{
    Access, IntoAccess,
    index::RowIndex,
    row::{AccessRow, Methods},
    table::AccessTable,
};
use crate::error::ConfigError;

/// Builds an [`AccessTable`]. Created by [`AccessTable::builder`].
#[derive(Debug)]
#[must_use]
pub struct AccessTableBuilder {
    /// The first error is kept until the table is built.
    rows: Result<Vec<AccessRow>, ConfigError>,
    fallback: Access,
    original_uri: Option<fn(&Extensions) -> Option<&Uri>>,
}

impl AccessTable {
    /// Returns a builder of a table without rows.
    pub fn builder() -> AccessTableBuilder {
        AccessTableBuilder {
            rows: Ok(Vec::new()),
            fallback: Access::NotFound,
            original_uri: None,
        }
    }
}

impl AccessTableBuilder {
    /// Adds a row for one method of a path.
    ///
    /// A GET row decides HEAD too, unless the path has a row for HEAD. A method
    /// for which the path has no row gets the [`fallback`](Self::fallback), even if
    /// a less specific path has a row for it: axum answers 405 there and does not
    /// look further.
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
    /// The rows decide every GET and CONNECT for the path, including requests that
    /// do not ask for a WebSocket: routers do not tell these apart either.
    ///
    /// [RFC 8441]: https://www.rfc-editor.org/rfc/rfc8441#section-4
    pub fn websocket(self, path: &str, access: impl IntoAccess) -> Self {
        match access.into_access() {
            Ok(access) => {
                self.route(Method::GET, path, access.clone())
                    .route(Method::CONNECT, path, access)
            }
            Err(error) => self.fail(error),
        }
    }

    /// Adds a row for one method of a gRPC service, given by its full name:
    /// `inference.v1.Inference`.
    ///
    /// The row decides requests of every HTTP method, because tonic routes by
    /// the path alone. Methods of the service that have no row get the row of
    /// [`grpc_service`](Self::grpc_service), or else the
    /// [`fallback`](Self::fallback). Rows by path do not apply to a service.
    pub fn grpc(self, service: &str, method: &str, access: impl IntoAccess) -> Self {
        if !is_grpc_name(method) {
            return self.fail(invalid_grpc_name("method", method));
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
            return self.fail(invalid_grpc_name("service", service));
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
            Err(error) => return self.fail(error),
        }
        self
    }

    /// Looks rows up by another URI than that of the request, if the function
    /// finds one among the request's extensions.
    ///
    /// A layer inside axum's `nest` needs this. There the request's path lacks the
    /// prefix, and axum keeps the original one in an extension of its own, with
    /// its feature `original-uri`:
    ///
    /// ```
    /// use axum::extract::OriginalUri;
    /// use tower_authn::{Access, AccessTable};
    ///
    /// let table = AccessTable::builder()
    ///     .any("/admin/users", Access::scope("resources"))
    ///     .original_uri(|extensions| extensions.get().map(|OriginalUri(uri)| uri))
    ///     .build()?;
    /// # Ok::<(), tower_authn::ConfigError>(())
    /// ```
    ///
    /// # Security
    ///
    /// The function must return what the outermost router routed by. Never return a
    /// value that comes from the request's headers.
    pub fn original_uri(mut self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.original_uri = Some(find);
        self
    }

    fn fail(mut self, error: ConfigError) -> Self {
        self.rows = self.rows.and(Err(error));
        self
    }

    fn row(mut self, methods: Methods, path: String, access: impl IntoAccess) -> Self {
        self.rows = self.rows.and_then(|mut rows| {
            let access = access.into_access()?;
            rows.push(AccessRow {
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
    /// - axum would not accept a path, or a scope or the name of a gRPC service or
    ///   method is malformed;
    /// - two rows are for the same path and method, or two spellings of a path
    ///   match the same requests (`/a/{x}` and `/a/{y}`), which axum refuses too;
    /// - a row by path is below the name of a gRPC service that the table names;
    /// - a HEAD row requires less than the GET row of its path.
    pub fn build(self) -> Result<AccessTable, ConfigError> {
        let rows = self.rows?;
        Ok(AccessTable {
            index: RowIndex::new(&rows)?,
            rows,
            fallback: self.fallback,
            original_uri: self.original_uri,
        })
    }
}

fn is_grpc_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_');
    !name.is_empty() && name.bytes().all(allowed)
}

fn invalid_grpc_name(kind: &str, name: &str) -> ConfigError {
    ConfigError::new(format!(
        "gRPC {kind} {name:?}: not a name; expected letters, digits, '_' and '.'"
    ))
}
