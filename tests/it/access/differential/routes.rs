//! An app: a real router, and the rows that were written for its routes.

use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, MethodRouter, any, on},
};
use http::Method;
use tower_authn::AccessTable;

use super::need::Need;

/// A handler by its index in the list, and the rows that were written for it.
#[derive(Debug)]
pub struct Route {
    pub method: Option<Method>,
    /// The paths of its rows; the first one is the path that it answers.
    pub paths: Vec<String>,
    pub need: Need,
    pub rule: Rule,
}

/// The rows that decide a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Its rows.
    Rows,
    /// No rows of its own: these were left out.
    Unlisted,
    /// The fallback of the table.
    Fallback,
}

#[derive(Debug)]
pub struct App {
    pub router: Router,
    pub table: AccessTable,
    pub routes: Vec<Route>,
    pub fallback_need: Need,
}

/// The id of a fallback, which has no row.
pub const FALLBACK: usize = usize::MAX;

/// A handler that reports its id.
pub fn reports(id: usize) -> impl Handler<((),), ()> + Copy {
    async move || [("x-route", id.to_string())]
}

pub fn method_router(method: Option<&Method>, id: usize) -> MethodRouter {
    match method {
        Some(method) => on(MethodFilter::try_from(method.clone()).unwrap(), reports(id)),
        None => any(reports(id)),
    }
}
