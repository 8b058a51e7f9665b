//! Rows of a table, and the index that finds the row of a request.

use std::collections::BTreeSet;

use http::Method;
use matchit::{InsertError, Router};

use super::{Access, path::check_row_path};
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

    /// Returns the path under which the index holds the row. The path of a whole
    /// service matches everything below its name, so that no wider row applies there.
    fn index_path(&self) -> String {
        match &self.methods {
            Methods::Grpc {
                service,
                whole: true,
                ..
            } => service_path(service),
            _ => self.path.clone(),
        }
    }

    /// Returns whether the row is for a path below a gRPC service's name.
    pub(super) fn is_below(&self, service: &str) -> bool {
        let below = self.path.strip_prefix('/');
        let below = below.and_then(|path| path.strip_prefix(service));
        below.is_some_and(|rest| rest.starts_with('/'))
    }
}

fn service_path(service: &str) -> String {
    format!("/{service}/{{*rest}}")
}

/// The rows of one path, as indices into the list of rows.
#[derive(Debug, Default)]
struct PathRows {
    /// Whether the path is that of a whole gRPC service.
    is_service: bool,
    all: Option<usize>,
    one: Vec<(Method, usize)>,
}

impl PathRows {
    /// Returns the row that decides a method: its own, then GET's for HEAD, then the
    /// one for all methods. axum's `MethodRouter` picks a handler in this order.
    fn find(&self, method: &Method) -> Option<usize> {
        self.find_exact(method)
            .or_else(|| match *method {
                Method::HEAD => self.find_exact(&Method::GET),
                _ => None,
            })
            .or(self.all)
    }

    fn find_exact(&self, method: &Method) -> Option<usize> {
        let row = self.one.iter().find(|(known, _)| known == method);
        row.map(|(_, index)| *index)
    }

    fn insert(&mut self, index: usize, row: &AccessRow) -> Result<(), ConfigError> {
        let (is_repeated, methods) = match &row.methods {
            Methods::All | Methods::Grpc { .. } => {
                (self.all.replace(index).is_some(), "all methods")
            }
            Methods::One(method) => {
                let is_repeated = self.find_exact(method).is_some();
                self.one.push((method.clone(), index));
                (is_repeated, method.as_str())
            }
        };
        match is_repeated {
            true => Err(ConfigError::new(format!(
                "path {:?}: second row for {methods}; expected at most one",
                row.path
            ))),
            false => Ok(()),
        }
    }

    /// Checks that a HEAD row requires no less than the GET row: a router
    /// without a handler for HEAD calls the one for GET.
    fn check_head(&self, rows: &[AccessRow]) -> Result<(), ConfigError> {
        let row = |method| self.find_exact(&method).and_then(|index| rows.get(index));
        let (Some(head), Some(get)) = (row(Method::HEAD), row(Method::GET)) else {
            return Ok(());
        };
        if head.access.clone().stricter(get.access.clone()) == head.access {
            return Ok(());
        }
        Err(ConfigError::new(format!(
            "path {:?}: HEAD requires less than GET, but the handler of GET may answer it; \
             expected no row for HEAD, or a stricter one",
            head.path
        )))
    }
}

/// Finds the row of a request as axum finds a route: the most specific path
/// first, then the method.
pub(super) struct RowIndex(Router<PathRows>);

impl RowIndex {
    pub(super) fn new(rows: &[AccessRow]) -> Result<Self, ConfigError> {
        let services: BTreeSet<&str> = rows.iter().filter_map(AccessRow::service).collect();
        let mut paths: Vec<(String, PathRows)> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            check_row_path(&row.path)?;
            if row.service().is_none() {
                check_outside_services(row, &services)?;
            }
            rows_of_path(&mut paths, row.index_path()).insert(index, row)?;
        }
        for service in services {
            rows_of_path(&mut paths, service_path(service)).is_service = true;
        }
        let mut router = Router::new();
        for (path, path_rows) in paths {
            path_rows.check_head(rows)?;
            router
                .insert(path.as_str(), path_rows)
                .map_err(|error| conflict(&path, &error))?;
        }
        Ok(Self(router))
    }

    /// Returns the row that decides a request, as an index into the list of rows.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<usize> {
        let found = self.0.at(path).ok()?;
        // The name of a gRPC method is one segment.
        if found.value.is_service && found.params.iter().any(|(_, rest)| rest.contains('/')) {
            return None;
        }
        found.value.find(method)
    }
}

fn rows_of_path(paths: &mut Vec<(String, PathRows)>, path: String) -> &mut PathRows {
    let index = paths.iter().position(|(known, _)| *known == path);
    let index = index.unwrap_or_else(|| {
        paths.push((path, PathRows::default()));
        paths.len() - 1
    });
    &mut paths[index].1
}

fn check_outside_services(row: &AccessRow, services: &BTreeSet<&str>) -> Result<(), ConfigError> {
    match services.iter().find(|service| row.is_below(service)) {
        Some(service) => Err(ConfigError::new(format!(
            "path {:?}: belongs to the gRPC service {service:?}; \
             expected a row made by `grpc` or `grpc_service`",
            row.path
        ))),
        None => Ok(()),
    }
}

fn conflict(path: &str, error: &InsertError) -> ConfigError {
    ConfigError::new(match error {
        InsertError::Conflict { with } => format!(
            "path {path:?}: matches the same requests as {with:?}; \
             expected one spelling for both"
        ),
        error => format!("path {path:?}: {error}; expected a path in axum's syntax"),
    })
}
