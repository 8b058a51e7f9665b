//! Pages of lists in databases of many tokens.

use std::time::Duration;

use rusqlite::Connection;
use tower_authn::{
    store::{MemoryStore, PostgresStore, Query, Row, SqliteStore, TokenStore, Write},
    token::{Digest, KeyId, Record, Timestamp, TokenState},
};

use super::{Directory, server};

/// More than two pages look at.
const MANY: u64 = 12_000;

/// One of so many tokens belongs to the small organization, and was revoked.
const EVERY: u64 = 400;

fn record(number: u64) -> Record {
    let id = format!("{number:012}").parse().unwrap();
    let digest = Digest::sha256(number.to_be_bytes());
    let created_at = Timestamp::from_secs(1_000 + number);
    let mut record = Record::new(id, digest, format!("user-{}", number % 7), created_at);
    let is_rare = number.is_multiple_of(EVERY);
    record.organization = Some(if is_rare { "small" } else { "large" }.to_owned());
    record.created_by = format!("admin-{}", number % 3);
    record.name = format!("token {number}");
    record.revoked_at = is_rare.then_some(created_at);
    record
}

async fn fill(store: &impl TokenStore) {
    let write = |number| Write::insert(Row::Token(Box::new(record(number))));
    store.apply((0..MANY).map(write).collect()).await.unwrap();
}

/// Returns a query for each filter, and how many tokens it matches.
fn queries() -> Vec<(Query, u64)> {
    let text = |text: &str| Some(text.to_owned());
    let now = Timestamp::from_secs(1 << 30);
    let mut queries = Vec::new();
    let mut add = |matching, set: &dyn Fn(&mut Query)| {
        let mut query = Query::default();
        set(&mut query);
        queries.push((query, matching));
    };
    add(MANY / EVERY, &|query| query.organization = text("small"));
    add(MANY - MANY / EVERY, &|query| {
        query.organization = text("large")
    });
    add(0, &|query| query.organization = text(""));
    add(MANY.div_ceil(7), &|query| query.subject = text("user-0"));
    add(MANY / 3, &|query| query.created_by = text("admin-1"));
    add(MANY.div_ceil(21), &|query| {
        query.subject = text("user-0");
        query.created_by = text("admin-0");
    });
    add(0, &|query| query.kid = KeyId::from_number(9));
    add(0, &|query| query.search = text("no token"));
    add(1, &|query| query.search = text("TOKEN 11999"));
    add(MANY / EVERY, &|query| {
        query.state = Some((TokenState::Revoked, now))
    });
    add(0, &|query| query.state = Some((TokenState::Suspended, now)));
    add(0, &|query| query.expires_before = Some(now));
    add(0, &|query| {
        query.unused_since = Some(Timestamp::from_secs(1_000))
    });
    queries
}

/// Reads every page of every query, and checks that no page looks at more than 5,000
/// tokens.
async fn read_all_pages(store: &impl TokenStore) {
    for (mut query, matching) in queries() {
        query.limit = 200;
        let mut found = 0;
        let mut last_seen = MANY;
        loop {
            let page = store.list(query.clone()).await.unwrap();
            found += page.tokens.len() as u64;
            let Some(next) = page.next else { break };
            let number: u64 = next.id.as_str().parse().unwrap();
            let is_full = page.tokens.len() == query.limit;
            let by_index = query.subject.as_ref().map_or(1, |_| 7);
            let by_index = by_index * query.created_by.as_ref().map_or(1, |_| 3);
            let looked_at = (last_seen - number) / by_index;
            assert!(is_full || looked_at <= 5_000, "{looked_at} for {query:?}");
            last_seen = number;
            query.after = Some(next);
        }
        assert_eq!(found, matching, "{query:?}");
    }
}

#[tokio::test]
async fn f07_a_page_of_a_list_in_memory_looks_at_5000_tokens_at_most() {
    let store = MemoryStore::new();
    fill(&store).await;
    read_all_pages(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_a_page_of_a_list_in_sqlite_looks_at_5000_tokens_at_most() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).await.unwrap();
    fill(&store).await;
    read_all_pages(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_a_page_of_a_list_in_postgres_looks_at_5000_tokens_at_most() {
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let database = url.rsplit('/').next().unwrap();
    let connect = async || PostgresStore::connect(&url).await.unwrap();
    fill(&connect().await).await;
    server.psql(database, "ANALYZE");
    // A connection writes its statistics at the latest when it is closed.
    let scans = async || {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let scans = "SELECT sum(seq_scan) FROM pg_stat_user_tables \
            WHERE relname = 'tower_authn_tokens'";
        server.psql(database, scans).trim().parse::<u64>().unwrap()
    };
    let before = scans().await;
    read_all_pages(&connect().await).await;
    assert_eq!(scans().await, before, "a list reads a whole table");
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_a_list_in_sqlite_sorts_nothing() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).await.unwrap();
    fill(&store).await;
    let connection = Connection::open(directory.file()).unwrap();
    let plan = |condition: &str| {
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT * FROM tower_authn_tokens t WHERE {condition} \
             AND (t.created_at, t.id) < (9, '') ORDER BY t.created_at DESC, t.id DESC"
        );
        let mut statement = connection.prepare(&sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(3));
        rows.unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    let cases = [
        ("t.session_of IS NULL", "created ("),
        ("t.session_of IS NULL AND t.subject = 'a'", "subject ("),
        (
            "t.session_of IS NULL AND t.created_by = 'a'",
            "created_by (",
        ),
        (
            "t.session_of IS NULL AND coalesce(t.organization, '') = 'a'",
            "organization (",
        ),
        ("t.session_of = 'a' AND t.subject = 'a'", "session_of ("),
    ];
    for (condition, index) in cases {
        let plan = plan(condition);
        let index = format!("SEARCH t USING INDEX tower_authn_tokens_{index}");
        assert!(plan.len() == 1 && plan[0].starts_with(&index), "{plan:?}");
    }
}
