//! Measures how long a store takes to load, and how much memory it takes.

use std::{
    env, fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use http::StatusCode;
use tokio::runtime::Runtime;
use tower_authn::{
    store::{PostgresStore, Row, SqliteStore, TokenStore, Write},
    tokens::Tokens,
};

use super::{
    Scale, databases,
    filled::{Filled, header, options, record, token},
    sender::sender_to,
    server::Server,
};

/// All tokens, and the store that they were loaded from.
pub struct Loaded {
    pub store: Filled,
    pub tokens: Tokens,
}

/// The records of one write.
const CHUNK: u64 = 10_000;

/// How often each store is loaded.
const TIMES: usize = 3;

pub fn from_memory(runtime: &Runtime, scale: Scale) -> Loaded {
    let store = Filled::new(scale.all);
    let before = resident_bytes();
    let begin = Instant::now();
    let tokens = runtime.block_on(store.open());
    let took = begin.elapsed();
    let bytes = resident_bytes().zip(before).map(|(after, before)| {
        let bytes = after.saturating_sub(before) as f64 / scale.all as f64;
        format!(", {bytes:.0} bytes a record (resident)")
    });
    println!(
        "{} records generated and loaded in {took:.2?}{}",
        scale.all,
        bytes.unwrap_or_default()
    );
    Loaded { store, tokens }
}

/// Returns the resident memory of the process in bytes, if /proc has it.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024)
}

pub fn report(runtime: &Runtime, scale: Scale) {
    runtime.block_on(sqlite(scale));
    if let Some(server) = Server::start() {
        runtime.block_on(postgres(scale, &server));
    }
}

async fn sqlite(scale: Scale) {
    let directory = Directory::new();
    let file = directory.0.join("tokens.db");
    let store = SqliteStore::open(&file).await.expect("a new file");
    for first in (0..scale.all).step_by(CHUNK as usize) {
        let numbers = first..scale.all.min(first + CHUNK);
        let write = |number| Write::insert(Row::Token(Box::new(record(number))));
        store
            .apply(numbers.map(write).collect())
            .await
            .expect("room for them");
    }
    let open = async || SqliteStore::open(&file).await.expect("the file");
    measure("SQLite", scale, open).await;
    databases::report("SQLite", scale, open).await;
}

async fn postgres(scale: Scale, server: &Server) {
    let url = server.database();
    let open = async || PostgresStore::connect(&url).await.expect("a new database");
    drop(open().await);
    let database = url.rsplit('/').next().unwrap_or_default();
    server.psql(database, &fill_sql(scale.all));
    measure("PostgreSQL", scale, open).await;
    databases::report("PostgreSQL", scale, open).await;
}

/// Returns SQL that inserts the records of [`record`].
fn fill_sql(count: u64) -> String {
    let sample = record(0);
    format!(
        "INSERT INTO tower_authn_tokens (id, digest, organization, subject, subject_kind, name, \
             description, scopes, metadata, created_at, created_by, expires_at, rev) \
         SELECT lpad(n::text, 12, '0'), \
             sha256(decode(rpad(encode('acme_', 'hex'), 128, '0'), 'hex') \
                 || convert_to(lpad(n::text, 50, '0'), 'UTF8')), \
             'acme', 'user-' || n % 1000, 'user', '', '', 'deployment', '', {}, \
             CASE n % 10 WHEN 0 THEN 'bulk' ELSE '' END, {}, n + 1 \
         FROM generate_series(0, {count} - 1) n; \
         UPDATE tower_authn_meta SET rev = {count}; ANALYZE tower_authn_tokens;",
        sample.created_at.as_millis(),
        sample.expires_at.unwrap_or_default().as_millis(),
    )
}

async fn measure<S: TokenStore>(name: &str, scale: Scale, open: impl AsyncFn() -> S) {
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..TIMES {
        let store = open().await;
        let begin = Instant::now();
        let tokens = Tokens::open(store, options()).await.expect("a good store");
        times.push(begin.elapsed());
        let mut sender = sender_to(tokens.verifier());
        for number in [0, scale.all - 1] {
            let status = sender.send(&header(&token(number)));
            assert_eq!(status, StatusCode::ACCEPTED, "{number}");
        }
        tokens.shutdown().await.expect("a good store");
    }
    times.sort();
    let [least, median, most] = [0, TIMES / 2, TIMES - 1].map(|index| times[index]);
    println!(
        "\n{name}: {} records loaded in {median:.2?} ({least:.2?} to {most:.2?})",
        scale.all
    );
}

/// A temporary directory, removed when this value is dropped.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let name = format!("tower-authn-bench-{}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).expect("a directory for temporary files");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
