//! The public conformance suite, run against the three stores.

use std::sync::Arc;

use tower_authn::store::{MemoryStore, PostgresOptions, PostgresStore, conformance};

use super::{Directory, server, sqlite};

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_store_conforms() {
    conformance::check(async || MemoryStore::new()).await;
    conformance::check_shared(async || {
        let store = Arc::new(MemoryStore::new());
        (Arc::clone(&store), store)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sqlite_store_conforms() {
    let directory = Directory::new();
    let files = std::sync::atomic::AtomicUsize::new(0);
    let file = || {
        let number = files.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        directory.path().join(format!("{number}.db"))
    };
    conformance::check(async || sqlite(&file()).await).await;
    conformance::check_shared(async || {
        let file = file();
        (sqlite(&file).await, sqlite(&file).await)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_postgres_store_conforms() {
    let Some(server) = server::shared() else {
        return;
    };
    let open = async |url: String| PostgresStore::connect(&url).await.unwrap();
    conformance::check(async || open(server.database()).await).await;
    conformance::check_shared(async || {
        let url = server.database();
        (open(url.clone()).await, open(url).await)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_postgres_store_conforms_with_one_connection_and_no_listener() {
    let Some(server) = server::shared() else {
        return;
    };
    conformance::check_shared(async || {
        let options = PostgresOptions::new(&server.database()).unwrap();
        let options = options.without_listen().pool_size(1);
        let open = || options.clone().connect();
        (open().await.unwrap(), open().await.unwrap())
    })
    .await;
}
