//! Builds the table of routes and gRPC methods.

use http::Method;
use matchit::{InsertError, Router};

use super::{
    Access,
    table::{AccessTable, Row},
};
use crate::{error::ConfigError, scope::ScopeRule};

/// Builds an [`AccessTable`]. Made by [`AccessTable::builder`].
#[derive(Debug)]
#[must_use]
pub struct AccessTableBuilder {
    /// The first error stays until the table is built.
    rows: Result<Vec<Row>, ConfigError>,
    preflight: bool,
    otherwise: Access,
}

impl AccessTableBuilder {
    pub(super) fn new() -> Self {
        Self {
            rows: Ok(Vec::new()),
            preflight: false,
            otherwise: Access::NotFound,
        }
    }

    /// Names a path for one method. GET serves HEAD too.
    pub fn route(self, method: Method, path: &str, access: impl IntoAccess) -> Self {
        let method = if method == Method::HEAD {
            Method::GET
        } else {
            method
        };
        self.row(Some(method), path.to_owned(), None, access)
    }

    /// Names a path for every method that no [`route`](Self::route) names it for.
    pub fn any(self, path: &str, access: impl IntoAccess) -> Self {
        self.row(None, path.to_owned(), None, access)
    }

    /// Names one method of a gRPC service, by its full name: `inference.v1.Inference`.
    pub fn grpc(self, service: &str, method: &str, access: impl IntoAccess) -> Self {
        if !is_grpc_name(method) {
            return self.fail(format!("{method:?} is not the name of a gRPC method"));
        }
        self.service(service, method, access)
    }

    /// Names every method of a gRPC service that no [`grpc`](Self::grpc) names.
    pub fn grpc_service(self, service: &str, access: impl IntoAccess) -> Self {
        self.service(service, "{method}", access)
    }

    fn service(self, service: &str, method: &str, access: impl IntoAccess) -> Self {
        if !is_grpc_name(service) {
            return self.fail(format!("{service:?} is not the name of a gRPC service"));
        }
        let path = format!("/{service}/{method}");
        self.row(Some(Method::POST), path, Some(service.to_owned()), access)
    }

    /// Makes gRPC health checks public.
    pub fn grpc_health(self) -> Self {
        self.public_service("grpc.health.v1.Health")
    }

    /// Makes gRPC reflection public: who calls it learns every method there is.
    pub fn grpc_reflection(self) -> Self {
        self.public_service("grpc.reflection.v1.ServerReflection")
            .public_service("grpc.reflection.v1alpha.ServerReflection")
    }

    fn public_service(self, service: &str) -> Self {
        let path = format!("/{service}/{{method}}");
        self.row(Some(Method::POST), path, None, Access::Public)
    }

    /// Makes CORS preflights public: OPTIONS with `Origin` and
    /// `Access-Control-Request-Method`, which browsers send without a
    /// credential. Any other OPTIONS is a request like all others.
    pub fn cors_preflight(mut self) -> Self {
        self.preflight = true;
        self
    }

    /// Sets what a request requires that no entry names;
    /// [`NotFound`](Access::NotFound) unless set.
    pub fn otherwise(mut self, access: impl IntoAccess) -> Self {
        match access.into_access() {
            Ok(access) => self.otherwise = access,
            Err(error) => return self.fail(error.to_string()),
        }
        self
    }

    fn fail(mut self, message: String) -> Self {
        self.rows = self.rows.and_then(|_| Err(ConfigError::new(message)));
        self
    }

    fn row(
        mut self,
        method: Option<Method>,
        path: String,
        service: Option<String>,
        access: impl IntoAccess,
    ) -> Self {
        self.rows = self.rows.and_then(|mut rows| {
            let access = access.into_access()?;
            rows.push(Row {
                method,
                path,
                service,
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
    /// Where a path or a scope is not one, or two entries are equal.
    pub fn build(self) -> Result<AccessTable, ConfigError> {
        let rows = self.rows?;
        let mut methods: Vec<Method> = Vec::new();
        for method in rows.iter().filter_map(|row| row.method.as_ref()) {
            if !methods.contains(method) {
                methods.push(method.clone());
            }
        }
        let by_method = methods
            .into_iter()
            .map(|method| Ok((method.clone(), router(&rows, Some(&method))?)))
            .collect::<Result<_, ConfigError>>()?;
        Ok(AccessTable {
            by_method,
            any_method: router(&rows, None)?,
            rows,
            preflight: self.preflight,
            otherwise: self.otherwise,
        })
    }
}

/// The rows that a method is matched against: its own, and those for any
/// method, less what one of its own names just so.
fn router(rows: &[Row], method: Option<&Method>) -> Result<Router<usize>, ConfigError> {
    let mut router = Router::new();
    let (any, own): (Vec<_>, Vec<_>) = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.method.is_none() || row.method.as_ref() == method)
        .partition(|(_, row)| row.method.is_none());
    for &(index, row) in &own {
        insert(&mut router, index, &row.path)?;
    }
    let own_shapes: Vec<String> = own.iter().map(|(_, row)| shape(&row.path)).collect();
    for (index, row) in any {
        if !own_shapes.contains(&shape(&row.path)) {
            insert(&mut router, index, &row.path)?;
        }
    }
    Ok(router)
}

fn insert(router: &mut Router<usize>, index: usize, path: &str) -> Result<(), ConfigError> {
    if !path.starts_with('/') {
        return Err(ConfigError::new(format!(
            "{path:?} does not begin with '/'"
        )));
    }
    router.insert(path, index).map_err(|error| {
        ConfigError::new(match error {
            InsertError::Conflict { with } => format!("{path:?} names what {with:?} names"),
            error => format!("{path:?} is not a path: {error}"),
        })
    })
}

/// A path without the names of its parameters: equal for entries that match
/// the same paths.
fn shape(path: &str) -> String {
    let mut shape = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        let star = if name.starts_with('*') { "*" } else { "" };
        shape.extend([before, "{", star, "}"]);
        rest = behind;
    }
    shape + rest
}

fn is_grpc_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_');
    !name.is_empty() && name.bytes().all(allowed)
}

/// What a table's entry may be given: an [`Access`] or a [`ScopeRule`], or the
/// result of making one, whose error the table then reports.
pub trait IntoAccess {
    /// The access, or why there is none.
    ///
    /// # Errors
    ///
    /// Where it could not be made.
    fn into_access(self) -> Result<Access, ConfigError>;
}

impl IntoAccess for Access {
    fn into_access(self) -> Result<Access, ConfigError> {
        Ok(self)
    }
}

impl IntoAccess for ScopeRule {
    fn into_access(self) -> Result<Access, ConfigError> {
        Ok(Access::Scopes(self))
    }
}

impl<T: IntoAccess> IntoAccess for Result<T, ConfigError> {
    fn into_access(self) -> Result<Access, ConfigError> {
        self?.into_access()
    }
}
