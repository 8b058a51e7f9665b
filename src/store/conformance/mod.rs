//! Checks of the rules that every [`TokenStore`] must follow.
//!
//! ```
//! use tower_authn::store::{MemoryStore, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! conformance::check(async || MemoryStore::new()).await;
//! # }
//! ```

mod following;
mod listing;
mod rows;
mod writing;

use std::{future::Future, sync::Arc};

use super::{Position, Row, TokenStore};

/// Checks a store that one process uses alone. `make` returns a new, empty store
/// each time.
///
/// # Panics
///
/// Panics if the store breaks a rule of [`TokenStore`]. The message names the rule.
pub async fn check<S, F>(make: impl Fn() -> F)
where
    S: TokenStore,
    F: Future<Output = S>,
{
    writing::empty(make().await).await;
    writing::whole_rows(make().await).await;
    writing::revisions(make().await).await;
    writing::conflicts(make().await).await;
    writing::repeated_rows(make().await).await;
    writing::uses(make().await).await;
    writing::pruning(make().await).await;
    listing::filters(make().await).await;
    listing::states(make().await).await;
    listing::pages(make().await).await;
    let store = Arc::new(make().await);
    following::concurrent_writes(Arc::clone(&store), store).await;
}

/// Checks a store that several instances share. `make` returns two instances on a
/// new, empty store each time.
///
/// # Panics
///
/// Panics if the store breaks a rule of [`TokenStore`]. The message names the rule.
pub async fn check_shared<S, F>(make: impl Fn() -> F)
where
    S: TokenStore,
    F: Future<Output = (S, S)>,
{
    let (one, two) = make().await;
    following::two_instances(one, two).await;
    let (one, two) = make().await;
    following::concurrent_writes(Arc::new(one), Arc::new(two)).await;
}

/// Returns the position of a store and all its rows, by revision.
async fn all(store: &impl TokenStore) -> (Position, Vec<Row>) {
    let mut rows = Vec::new();
    let position = store.load_all(&mut |row| rows.push(row)).await;
    rows.sort_by_key(Row::rev);
    (position.expect("`load_all` reads to the end"), rows)
}
