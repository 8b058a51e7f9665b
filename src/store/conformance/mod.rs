//! What every [`TokenStore`] must do, as checks to run against one.
//!
//! ```
//! use tower_authn::store::{MemoryStore, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! conformance::check(async || MemoryStore::new()).await;
//! # }
//! ```

mod listing;
mod rows;
mod writing;

use std::{future::Future, sync::Arc};

use super::{Position, Row, TokenStore};

/// Checks a store that one process has to itself. `make` gives an empty store
/// each time.
///
/// # Panics
///
/// Where the store does not do what [`TokenStore`] says, with the rule that is
/// broken.
pub async fn check<S, F>(make: impl Fn() -> F)
where
    S: TokenStore,
    F: Future<Output = S>,
{
    writing::empty(make().await).await;
    writing::whole_rows(make().await).await;
    writing::revisions(make().await).await;
    writing::conflicts(make().await).await;
    writing::uses(make().await).await;
    writing::pruning(make().await).await;
    listing::filters(make().await).await;
    listing::states(make().await).await;
    listing::pages(make().await).await;
    let store = Arc::new(make().await);
    writing::feed(Arc::clone(&store), store).await;
}

/// Checks a store that several instances share. `make` gives two of them on one
/// empty store each time.
///
/// # Panics
///
/// Where the stores do not do what [`TokenStore`] says, with the rule that is
/// broken.
pub async fn check_shared<S, F>(make: impl Fn() -> F)
where
    S: TokenStore,
    F: Future<Output = (S, S)>,
{
    let (one, two) = make().await;
    writing::seen_by_the_other(one, two).await;
    let (one, two) = make().await;
    writing::feed(Arc::new(one), Arc::new(two)).await;
}

/// Everything in a store, and how far it is.
async fn all(store: &impl TokenStore) -> (Position, Vec<Row>) {
    let mut rows = Vec::new();
    let head = store.load_all(&mut |row| rows.push(row)).await;
    rows.sort_by_key(Row::rev);
    (head.expect("`load_all` reads to the end"), rows)
}
