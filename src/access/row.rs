//! Rows of a table.

use http::Method;

use super::Access;
use crate::error::ConfigError;

/// One row of a table: the access that a path requires for some methods.
#[derive(Debug)]
pub(super) struct AccessRow {
    pub(super) methods: Methods,
    pub(super) path: String,
    pub(super) access: Access,
}

/// The requests for a row's path that the row decides.
#[derive(Debug)]
pub(super) enum Methods {
    /// Every method that no other row of the path names.
    All,
    /// Every method: tonic routes by the path alone.
    Grpc {
        service: String,
        /// Whether the row is for all methods of the service.
        whole: bool,
        /// Whether a preset added the row. Its service need not be served.
        preset: bool,
    },
    One(Method),
}

impl AccessRow {
    pub(super) fn service(&self) -> Option<&str> {
        match &self.methods {
            Methods::Grpc { service, .. } => Some(service),
            Methods::All | Methods::One(_) => None,
        }
    }

    /// Returns whether the row is for a path below a gRPC service's name.
    pub(super) fn is_below(&self, service: &str) -> bool {
        let below = self.path.strip_prefix('/');
        let below = below.and_then(|path| path.strip_prefix(service));
        below.is_some_and(|rest| rest.starts_with('/'))
    }
}

/// The rows of one path.
#[derive(Debug, Default)]
pub(super) struct PathRows {
    all: Option<Access>,
    one: Vec<(Method, Access)>,
}

impl PathRows {
    /// Returns what a method requires by its own row, then by GET's for HEAD, then by
    /// the one for all methods. axum's `MethodRouter` picks a handler in this order.
    pub(super) fn find(&self, method: &Method) -> Option<&Access> {
        self.find_exact(method)
            .or_else(|| match *method {
                Method::HEAD => self.find_exact(&Method::GET),
                _ => None,
            })
            .or(self.all.as_ref())
    }

    fn find_exact(&self, method: &Method) -> Option<&Access> {
        let row = self.one.iter().find(|(known, _)| known == method);
        row.map(|(_, access)| access)
    }

    pub(super) fn insert(&mut self, row: &AccessRow) -> Result<(), ConfigError> {
        let access = row.access.clone();
        let (is_repeated, methods) = match &row.methods {
            Methods::All | Methods::Grpc { .. } => {
                (self.all.replace(access).is_some(), "all methods")
            }
            Methods::One(method) => {
                let is_repeated = self.find_exact(method).is_some();
                self.one.push((method.clone(), access));
                (is_repeated, method.as_str())
            }
        };
        match is_repeated {
            true => Err(ConfigError::new(format!(
                "path {:?}: second row for {methods}; expected at most one",
                row.path
            ))),
            false => self.check_head(&row.path),
        }
    }

    /// Checks that a HEAD row requires no less than the GET row: a router
    /// without a handler for HEAD calls the one for GET.
    fn check_head(&self, path: &str) -> Result<(), ConfigError> {
        let access = |method| self.find_exact(&method);
        let (Some(head), Some(get)) = (access(Method::HEAD), access(Method::GET)) else {
            return Ok(());
        };
        if head.clone().stricter(get.clone()) == *head {
            return Ok(());
        }
        Err(ConfigError::new(format!(
            "path {path:?}: HEAD requires less than GET, but the handler of GET may answer it; \
             expected no row for HEAD, or a stricter one"
        )))
    }
}
