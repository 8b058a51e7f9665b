//! How many connections an instance holds.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::time::sleep;
use tower_authn::{
    store::{PostgresOptions, Query},
    tokens::{Tokens, TokensOptions},
};

use super::server;

#[tokio::test(flavor = "multi_thread")]
async fn f07_an_instance_at_rest_holds_two_connections() {
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let database = url.rsplit('/').next().unwrap();
    let held = || {
        let held = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' \
            AND application_name = 'tower-authn'"
        );
        server
            .psql("postgres", &held)
            .trim()
            .parse::<u64>()
            .unwrap()
    };
    let options = PostgresOptions::new(&url).unwrap().pool_size(6);
    let options = options.close_idle_after(Duration::from_secs(3));
    let store = options.connect().await.unwrap();
    let tokens = Tokens::open(store, TokensOptions::new("acme").unwrap());
    let tokens = tokens.await.unwrap();
    let read = |_| tokens.list(Query::default());
    for page in join_all((0..200).map(read)).await {
        page.unwrap();
    }
    assert_eq!(
        held(),
        7,
        "under load: as many as allowed, and the one that listens"
    );
    let begun = Instant::now();
    while held() > 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", held());
        sleep(Duration::from_millis(200)).await;
    }
    tokens.list(Query::default()).await.unwrap();
    assert_eq!(held(), 2);
}
