//! Support for [axum](https://docs.rs/axum) (feature `axum`).
//!
//! - [`Authenticated`] gives handlers the principal.
//! - [`Protected::into_make_service`](crate::layer::Protected::into_make_service)
//!   turns a guarded router into an argument for `axum::serve`.
//! - [`assert_protected`] tests that no route is open.
//! - [`assert_rows_reach_routes`] tests that each row of a table matches a route.

mod extract;
mod rows;
mod serve;
mod testing;

pub use self::{
    extract::{Authenticated, AuthenticatedRejection},
    rows::assert_rows_reach_routes,
    serve::{MakeService, WithAxumBody, WithAxumBodyFuture},
    testing::assert_protected,
};
