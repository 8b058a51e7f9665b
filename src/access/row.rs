//! Rows of a table, and the index that finds the row of a request.

use std::collections::BTreeSet;

use http::Method;
use matchit::{InsertError, Router};

use super::{Access, path::check_row_path};
use crate::error::ConfigError;

/// One row of a table: the access that a path requires for some methods.
#[derive(Debug)]
pub(super) struct Row {
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
        /// Whether the row came with a preset, whose service need not be served.
        preset: bool,
    },
    One(Method),
}

impl Row {
    pub(super) fn service(&self) -> Option<&str> {
        match &self.methods {
            Methods::Grpc { service, .. } => Some(service),
            Methods::All | Methods::One(_) => None,
        }
    }

    /// The path by which the index finds the row. A service takes all paths below
    /// its name, so that no wider row reaches into it.
    fn place(&self) -> String {
        match &self.methods {
            Methods::Grpc {
                service,
                whole: true,
                ..
            } => below(service),
            _ => self.path.clone(),
        }
    }

    /// Whether the row is for a path below a gRPC service's name.
    pub(super) fn is_below(&self, service: &str) -> bool {
        let below = self.path.strip_prefix('/');
        let below = below.and_then(|path| path.strip_prefix(service));
        below.is_some_and(|rest| rest.starts_with('/'))
    }
}

fn below(service: &str) -> String {
    format!("/{service}/{{*rest}}")
}

/// The rows of one path, as their places in the list of rows.
#[derive(Debug, Default)]
struct Place {
    /// Whether the path is what is below a gRPC service's name.
    service: bool,
    all: Option<usize>,
    one: Vec<(Method, usize)>,
}

impl Place {
    /// The row that decides a method: its own, then GET's for HEAD, then the one
    /// for all methods. axum's `MethodRouter` picks a handler in this order.
    fn row(&self, method: &Method) -> Option<usize> {
        self.own(method)
            .or_else(|| match *method {
                Method::HEAD => self.own(&Method::GET),
                _ => None,
            })
            .or(self.all)
    }

    fn own(&self, method: &Method) -> Option<usize> {
        let own = self.one.iter().find(|(own, _)| own == method);
        own.map(|(_, row)| *row)
    }

    fn add(&mut self, index: usize, row: &Row) -> Result<(), ConfigError> {
        let (taken, methods) = match &row.methods {
            Methods::All | Methods::Grpc { .. } => {
                (self.all.replace(index).is_some(), "all methods")
            }
            Methods::One(method) => {
                let taken = self.own(method).is_some();
                self.one.push((method.clone(), index));
                (taken, method.as_str())
            }
        };
        match taken {
            true => Err(ConfigError::new(format!(
                "path {:?}: second row for {methods}; expected at most one",
                row.path
            ))),
            false => Ok(()),
        }
    }

    /// Checks that a HEAD row asks for no less than the GET row: a router
    /// without a handler for HEAD calls the one for GET.
    fn check_head(&self, rows: &[Row]) -> Result<(), ConfigError> {
        let row = |method| self.own(&method).and_then(|index| rows.get(index));
        let (Some(head), Some(get)) = (row(Method::HEAD), row(Method::GET)) else {
            return Ok(());
        };
        if head.access.clone().stricter(get.access.clone()) == head.access {
            return Ok(());
        }
        Err(ConfigError::new(format!(
            "path {:?}: HEAD asks for less than GET, whose handler may answer it; \
             expected no row for HEAD, or a stricter one",
            head.path
        )))
    }
}

/// Finds the row of a request as axum finds a route: the most specific path
/// first, then the method.
pub(super) struct Index(Router<Place>);

impl Index {
    pub(super) fn new(rows: &[Row]) -> Result<Self, ConfigError> {
        let services: BTreeSet<&str> = rows.iter().filter_map(Row::service).collect();
        let mut places: Vec<(String, Place)> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            check_row_path(&row.path)?;
            if row.service().is_none() {
                check_no_service(row, &services)?;
            }
            place_at(&mut places, row.place()).add(index, row)?;
        }
        for service in services {
            place_at(&mut places, below(service)).service = true;
        }
        let mut router = Router::new();
        for (path, place) in places {
            place.check_head(rows)?;
            router
                .insert(path.as_str(), place)
                .map_err(|error| conflict(&path, &error))?;
        }
        Ok(Self(router))
    }

    /// The row that decides a request, as its place in the list of rows.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<usize> {
        let found = self.0.at(path).ok()?;
        // The name of a gRPC method is one segment.
        if found.value.service && found.params.iter().any(|(_, rest)| rest.contains('/')) {
            return None;
        }
        found.value.row(method)
    }
}

fn place_at(places: &mut Vec<(String, Place)>, path: String) -> &mut Place {
    let index = places.iter().position(|(known, _)| *known == path);
    let index = index.unwrap_or_else(|| {
        places.push((path, Place::default()));
        places.len() - 1
    });
    &mut places[index].1
}

fn check_no_service(row: &Row, services: &BTreeSet<&str>) -> Result<(), ConfigError> {
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
