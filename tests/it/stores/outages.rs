//! PostgreSQL gone, cut off, slow, and replaced.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};
use tower_authn::{
    RejectionKind,
    store::{
        Changes, Position, PostgresStore, Query, Row, StoreError, StoredToken, TokenPage,
        TokenStore, TokenUse, Write,
    },
    token::{Timestamp, TokenId},
    tokens::{CreatedToken, NewToken, TokenErrorKind, TokenSelector, Tokens, TokensOptions},
};

use super::{
    becomes, make,
    server::{self, Server},
    verdict,
};

const MAX_STALE: Duration = Duration::from_secs(2);

fn options() -> TokensOptions {
    TokensOptions::new("acme").unwrap().max_stale(MAX_STALE)
}

pub async fn open(url: &str) -> Tokens {
    let store = PostgresStore::connect(url).await.unwrap();
    Tokens::open(store, options()).await.unwrap()
}

async fn revoke(tokens: &Tokens, made: &CreatedToken) {
    let id = TokenSelector::Id(made.record.id);
    assert_eq!(tokens.revoke(id, "test", "").await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_under_load_and_comes_back_makes_no_verdict_wrong() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let tokens = open(&server.database()).await;
    let (good, bad) = (make(&tokens).await, make(&tokens).await);
    revoke(&tokens, &bad).await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = (0..4).map(|_| {
        let (tokens, good, bad) = (tokens.clone(), good.clone(), bad.clone());
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            let (mut asked, mut longest) = (0, Duration::ZERO);
            while !stop.load(Ordering::SeqCst) {
                let begun = Instant::now();
                let refused = verdict(&tokens, &bad).await;
                assert_eq!(refused, Some(RejectionKind::Revoked));
                let refused = verdict(&tokens, &good).await;
                assert!(matches!(refused, None | Some(RejectionKind::Unavailable)));
                longest = longest.max(begun.elapsed());
                asked += 1;
                sleep(Duration::from_millis(1)).await;
            }
            (asked, longest)
        })
    });
    let load: Vec<_> = load.collect();

    sleep(Duration::from_millis(300)).await;
    server.down();
    let down = Instant::now();
    sleep(MAX_STALE / 2).await;
    assert_eq!(verdict(&tokens, &good).await, None, "it is bridged");
    let made = timeout(Duration::from_secs(20), tokens.create(NewToken::new("bob")));
    let refused = made.await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), TokenErrorKind::Unavailable);
    becomes(&tokens, &good, Some(RejectionKind::Unavailable)).await;
    let bridged = down.elapsed();
    assert!(bridged < MAX_STALE + Duration::from_secs(1), "{bridged:?}");
    assert!(tokens.staleness() >= MAX_STALE);

    server.up();
    becomes(&tokens, &good, None).await;
    assert!(tokens.staleness() < MAX_STALE);
    let fresh = make(&tokens).await;
    assert_eq!(verdict(&tokens, &fresh).await, None);
    stop.store(true, Ordering::SeqCst);
    for task in load {
        let (asked, longest) = task.await.unwrap();
        assert!(asked > 100, "{asked}");
        assert!(longest < Duration::from_secs(1), "one took {longest:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_killed_are_made_again() {
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let (one, other) = (open(&url).await, open(&url).await);
    let database = url.rsplit('/').next().unwrap();
    for _ in 0..3 {
        let (kept, revoked) = (make(&one).await, make(&one).await);
        becomes(&other, &revoked, None).await;
        let killed = server.psql(
            "postgres",
            &format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = '{database}'"
            ),
        );
        assert!(killed.trim().parse::<u32>().unwrap() >= 2, "{killed}");
        let id = TokenSelector::Id(revoked.record.id);
        // The first to use a dead connection may be the one to find out.
        while one.revoke(id, "test", "").await.is_err() {}
        becomes(&other, &revoked, Some(RejectionKind::Revoked)).await;
        assert_eq!(verdict(&other, &kept).await, None);
    }
}

/// A store with delayed reads, which return what has changed since.
struct Late(PostgresStore);

const LATE: Duration = Duration::from_millis(400);

impl TokenStore for Late {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.0.apply(writes).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        let read = self.0.get(id).await;
        sleep(LATE).await;
        read
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        self.0.list(query).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        self.0.changes(since, limit).await
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        let head = self.0.load_all(each).await;
        sleep(LATE).await;
        head
    }

    async fn watch(&self, since: u64) {
        self.0.watch(since).await;
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        self.0.record_uses(uses).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        self.0.prune(ended_before).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_held_over_a_revocation_brings_nothing_back() {
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let one = open(&url).await;
    let (at_start, unread) = (make(&one).await, make(&one).await);
    // The first read of everything.
    let late = Late(PostgresStore::connect(&url).await.unwrap());
    let opening = Tokens::open(late, options());
    let revoking = async {
        sleep(LATE / 2).await;
        revoke(&one, &at_start).await;
    };
    let (late, ()) = futures::future::join(opening, revoking).await;
    let late = late.unwrap();
    let refused = verdict(&late, &at_start).await;
    assert_eq!(refused, Some(RejectionKind::Revoked), "ready, and so fresh");
    assert_eq!(verdict(&late, &unread).await, None);

    // A read of a token that this instance does not know yet.
    let fresh = make(&one).await;
    let asking = verdict(&late, &fresh);
    let revoking = async {
        sleep(LATE / 4).await;
        revoke(&one, &fresh).await;
        sleep(LATE / 4).await;
    };
    let (_, ()) = futures::future::join(asking, revoking).await;
    becomes(&late, &fresh, Some(RejectionKind::Revoked)).await;
    sleep(LATE * 2).await;
    let refused = verdict(&late, &fresh).await;
    assert_eq!(refused, Some(RejectionKind::Revoked), "and it stays so");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_replaced_by_an_older_copy_is_read_again() {
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let database = url.rsplit('/').next().unwrap();
    let tokens = open(&url).await;
    let old = make(&tokens).await;
    let dump = server.dump(database);
    let data = server.dump_data(database);
    for (how, in_place) in [("dropped and restored", false), ("restored in place", true)] {
        revoke(&tokens, &old).await;
        let newer = make(&tokens).await;
        if in_place {
            let tables = "tower_authn_meta, tower_authn_keys, tower_authn_tokens";
            let restore = format!("BEGIN; TRUNCATE {tables} CASCADE; {data} COMMIT;");
            server.restore(database, &restore);
        } else {
            server.psql(
                "postgres",
                &format!("DROP DATABASE {database} WITH (FORCE)"),
            );
            server.psql("postgres", &format!("CREATE DATABASE {database}"));
            server.restore(database, &dump);
        }
        becomes(&tokens, &newer, Some(RejectionKind::Invalid)).await;
        // The token was not revoked in that copy.
        becomes(&tokens, &old, None).await;
        assert!(tokens.staleness() < MAX_STALE, "{how}");
    }
}
