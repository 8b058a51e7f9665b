//! A store that makes its tokens up while they are read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::HeaderValue;
use tower_authn::{
    store::{
        Changes, MemoryStore, Position, Query, Row, StoreError, StoredToken, TokenStore, TokenUse,
        Write,
    },
    token::{Digest, KeyId, Record, Timestamp, TokenId},
    tokens::{Tokens, TokensOptions},
};

pub const PREFIX: &str = "acme";

/// All that stands behind the id.
const REST: &str = "_00000000000000000000000000000000000000000000000000";

/// The token of a number: 68 bytes, as a real one has. It has neither tag nor
/// checksum, which nobody looks at where the token is known.
pub fn token(number: u64) -> String {
    format!("{PREFIX}_{number:012}{REST}")
}

pub fn header(token: &str) -> HeaderValue {
    HeaderValue::try_from(format!("Bearer {token}")).expect("visible ASCII")
}

/// The record of a number: no metadata, names that many have in common, an end.
pub fn record(number: u64) -> Record {
    let id: TokenId = format!("{number:012}").parse().expect("12 digits");
    let subject = format!("user-{}", number % 1_000);
    let now = Timestamp::from_secs(1_700_000_000);
    let mut record = Record::new(id, Digest::sha256(token(number)), subject, now);
    record.kid = KeyId::from_number(0);
    record.organization = Some("acme".to_owned());
    record.scopes = vec!["deployment".parse().expect("a scope")];
    record.expires_at = Some(now + Duration::from_secs(1_000_000_000));
    record
}

/// Keeps what is made, and has so many more tokens. It counts the reads that
/// verdicts ask for, and the rows of uses that are written.
#[derive(Clone)]
pub struct Filled {
    own: Arc<MemoryStore>,
    count: u64,
    gets: Arc<AtomicU64>,
    told: Arc<AtomicU64>,
}

impl Filled {
    pub fn new(count: u64) -> Self {
        Self {
            own: Arc::new(MemoryStore::new()),
            count,
            gets: Arc::default(),
            told: Arc::default(),
        }
    }

    pub async fn open(&self) -> Tokens {
        Tokens::open(self.clone(), options())
            .await
            .expect("a store in memory")
    }

    pub fn gets(&self) -> u64 {
        self.gets.load(Ordering::Relaxed)
    }

    /// How many rows of uses were written.
    pub fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }
}

pub fn options() -> TokensOptions {
    // Where verdicts are counted nobody follows the store.
    let options = TokensOptions::new(PREFIX).expect("a prefix");
    options.max_stale(Duration::MAX)
}

impl TokenStore for Filled {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.own.apply(writes).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        self.own.get(id).await
    }

    async fn list(&self, query: Query) -> Result<Vec<StoredToken>, StoreError> {
        self.own.list(query).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        self.own.changes(since, limit).await
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        (0..self.count).for_each(|number| each(Row::Token(Box::new(record(number)))));
        self.own.load_all(each).await
    }

    async fn watch(&self, since: u64) {
        self.own.watch(since).await;
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        self.told.fetch_add(uses.len() as u64, Ordering::Relaxed);
        self.own.record_uses(uses).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<Vec<TokenId>, StoreError> {
        self.own.prune(ended_before).await
    }
}
