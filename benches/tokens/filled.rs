//! A store that generates its tokens as they are read.

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
        Changes, MemoryStore, Position, Query, Row, StoreError, StoredToken, TokenPage, TokenStore,
        TokenUse, Write,
    },
    token::{KeyId, Prefix, Record, Timestamp, TokenId},
    tokens::{Tokens, TokensOptions},
};

pub const PREFIX: &str = "acme";

/// Returns the token with a number: 68 bytes, as real ones have. Its tag and its
/// checksum are wrong, but neither is checked for a known token.
pub fn token(number: u64) -> String {
    format!("{PREFIX}_{number:012}_{number:050}")
}

pub fn prefix() -> Prefix {
    PREFIX.parse().expect("a prefix")
}

pub fn header(token: &str) -> HeaderValue {
    HeaderValue::try_from(format!("Bearer {token}")).expect("visible ASCII")
}

/// Returns the record with a number. It has no metadata, names that many records
/// share, and an expiry.
pub fn record(number: u64) -> Record {
    let id: TokenId = format!("{number:012}").parse().expect("12 digits");
    let subject = format!("user-{}", number % 1_000);
    let now = Timestamp::from_secs(1_700_000_000);
    let digest = prefix().digest(&token(number)).expect("a token's form");
    let mut record = Record::new(id, digest, subject, now);
    record.kid = KeyId::from_number(0);
    record.organization = Some("acme".to_owned());
    record.scopes = vec!["deployment".parse().expect("a scope")];
    record.created_by = creator(number).to_owned();
    record.expires_at = Some(now + Duration::from_secs(1_000_000_000));
    record
}

/// Returns who created the token with a number: one in ten is of the creator `bulk`.
fn creator(number: u64) -> &'static str {
    match number % 10 {
        0 => "bulk",
        _ => "",
    }
}

/// Returns pseudo-random numbers below a bound, the same in every run.
pub fn random_numbers(bound: u64, how_many: usize) -> Vec<u64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    std::iter::repeat_with(next).take(how_many).collect()
}

/// A store in memory with a number of generated tokens. It counts the reads of single
/// tokens and the rows of uses that are written.
#[derive(Clone)]
pub struct Filled {
    own: Arc<MemoryStore>,
    count: u64,
    reads: Arc<AtomicU64>,
    uses_written: Arc<AtomicU64>,
}

impl Filled {
    pub fn new(count: u64) -> Self {
        Self {
            own: Arc::new(MemoryStore::new()),
            count,
            reads: Arc::default(),
            uses_written: Arc::default(),
        }
    }

    pub async fn open(&self) -> Tokens {
        Tokens::open(self.clone(), options())
            .await
            .expect("a store in memory")
    }

    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    pub fn uses_written(&self) -> u64 {
        self.uses_written.load(Ordering::Relaxed)
    }
}

pub fn options() -> TokensOptions {
    // A run under callgrind follows no store, so its mirror must not become stale.
    let options = TokensOptions::new(PREFIX).expect("a prefix");
    options.max_stale(Duration::MAX)
}

impl TokenStore for Filled {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.own.apply(writes).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.own.get(id).await
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
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
        self.uses_written
            .fetch_add(uses.len() as u64, Ordering::Relaxed);
        self.own.record_uses(uses).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        self.own.prune(ended_before).await
    }
}
