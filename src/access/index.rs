//! The index of a table: it finds the rows of a request's path.

use std::{
    collections::{BTreeMap, HashMap},
    hash::BuildHasherDefault,
};

use matchit::{InsertError, Router};

use super::{
    path::{Spelling, check_row_path, classify_spelling},
    path_hasher::PathHasher,
    row::{AccessRow, Methods, PathRows},
};
use crate::error::ConfigError;

/// Finds the rows of a path as axum finds a route: the most specific path wins.
pub(super) struct RowIndex {
    /// The paths without parameters, methods of gRPC services among them. Each of
    /// them wins over every other path.
    literals: PathMap,
    /// The paths of gRPC services, `/a.S`. Each of them wins over every pattern.
    services: PathMap,
    /// The paths with parameters, and every path below a service, without rows.
    patterns: Router<PathRows>,
}

type PathMap = HashMap<Box<str>, KnownPath, BuildHasherDefault<PathHasher>>;

/// A path with the rows that decide requests for it.
struct KnownPath {
    /// The spelling of the path, and so of every request that begins with it.
    spelling: Spelling,
    rows: PathRows,
}

impl RowIndex {
    pub(super) fn new(rows: &[AccessRow]) -> Result<Self, ConfigError> {
        let mut literals = PathMap::default();
        let mut services = PathMap::default();
        let mut patterns: BTreeMap<String, PathRows> = BTreeMap::new();
        for service in rows.iter().filter_map(AccessRow::service) {
            rows_of(&mut services, &format!("/{service}"));
            patterns.entry(format!("/{service}/{{*rest}}")).or_default();
        }
        for row in rows {
            let path = row.path.as_str();
            check_row_path(path)?;
            if row.service().is_none() {
                check_outside_services(row, services.keys())?;
            }
            let rows_of_path = match &row.methods {
                Methods::Grpc {
                    service,
                    whole: true,
                    ..
                } => rows_of(&mut services, &format!("/{service}")),
                _ if path.contains(['{', '}']) => patterns.entry(path.to_owned()).or_default(),
                _ => rows_of(&mut literals, path),
            };
            rows_of_path.insert(row)?;
        }
        let mut router = Router::new();
        for (path, rows) in patterns {
            router
                .insert(path.as_str(), rows)
                .map_err(|error| conflict(&path, &error))?;
        }
        Ok(Self {
            literals,
            services,
            patterns: router,
        })
    }

    /// Returns the rows of a path, and the spelling of the path.
    pub(super) fn find(&self, path: &str) -> (Option<&PathRows>, Spelling) {
        match self.literals.get(path) {
            Some(literal) => (Some(&literal.rows), literal.spelling),
            None => self.find_wider(path),
        }
    }

    /// Kept out of line, so that a literal path costs one look-up and no more.
    #[inline(never)]
    fn find_wider(&self, path: &str) -> (Option<&PathRows>, Spelling) {
        let last_slash = path.bytes().rposition(|byte| byte == b'/');
        let (service, method) = path.split_at(last_slash.unwrap_or(0));
        match self.services.get(service) {
            Some(service) if method != "/" => {
                let spelling = service.spelling.min(classify_spelling(method));
                (Some(&service.rows), spelling)
            }
            _ => {
                let rows = self.patterns.at(path).ok().map(|found| found.value);
                (rows, classify_spelling(path))
            }
        }
    }
}

fn rows_of<'a>(paths: &'a mut PathMap, path: &str) -> &'a mut PathRows {
    let known = paths.entry(path.into()).or_insert_with(|| KnownPath {
        spelling: classify_spelling(path),
        rows: PathRows::default(),
    });
    &mut known.rows
}

fn check_outside_services<'a>(
    row: &AccessRow,
    services: impl Iterator<Item = &'a Box<str>>,
) -> Result<(), ConfigError> {
    let mut names = services.map(|path| path.trim_start_matches('/'));
    match names.find(|service| row.is_below(service)) {
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
