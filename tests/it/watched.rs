//! A store in memory that records its calls, and that a test delays or makes fail.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use http::StatusCode;
use tokio::sync::Semaphore;
use tower::Layer;
use tower_authn::{
    AuthnLayer,
    store::{
        Changes, MemoryStore, Position, Query, Row, StoreError, StoredToken, TokenPage, TokenStore,
        TokenUse, Write,
    },
    token::{Timestamp, TokenId},
    tokens::{Tokens, TokensOptions},
};

use crate::support::{Calls, Strict, ask, get};

/// All clones are the same store. Its `watch` never returns, so changes are found by
/// polling.
#[derive(Clone, Default)]
pub struct Watched(Arc<State>);

#[derive(Default)]
struct State {
    store: MemoryStore,
    epoch: AtomicUsize,
    gets: Calls,
    loads: Calls,
    /// Each batch of uses that was written.
    written_uses: Mutex<Vec<Vec<TokenUse>>>,
    fail: AtomicBool,
    get: Gate,
    load: Gate,
    record_uses: Gate,
}

/// Lets every call through while it is open.
struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(Self::OPEN))
    }
}

impl Gate {
    const OPEN: usize = 1_000;

    fn close(&self) {
        self.0.forget_permits(Self::OPEN);
    }

    fn open(&self) {
        self.0.add_permits(Self::OPEN);
    }

    async fn pass(&self) {
        drop(self.0.acquire().await);
    }
}

impl Watched {
    pub fn store(&self) -> &MemoryStore {
        &self.0.store
    }

    pub async fn open(&self) -> Tokens {
        self.open_with(TokensOptions::new("acme").unwrap()).await
    }

    pub async fn open_with(&self, options: TokensOptions) -> Tokens {
        Tokens::open(self.clone(), options).await.unwrap()
    }

    pub fn written_uses(&self) -> Vec<Vec<TokenUse>> {
        self.0.written_uses.lock().unwrap().clone()
    }

    pub fn gets(&self) -> usize {
        self.0.gets.count()
    }

    pub fn loads(&self) -> usize {
        self.0.loads.count()
    }

    /// Changes the epoch, so that followers load everything again.
    pub fn begin_another_history(&self) {
        self.0.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets whether `load_all` fails halfway and `record_uses` fails.
    pub fn set_failing(&self, failing: bool) {
        self.0.fail.store(failing, Ordering::Relaxed);
    }

    fn reach(&self) -> Result<(), StoreError> {
        match self.0.fail.load(Ordering::Relaxed) {
            true => Err(StoreError::unavailable("down")),
            false => Ok(()),
        }
    }

    /// Holds the results of `get`, which are read before, until they are released.
    pub fn hold_gets(&self) {
        self.0.get.close();
    }

    pub fn release_gets(&self) {
        self.0.get.open();
    }

    /// Holds `load_all` halfway.
    pub fn hold_loads(&self) {
        self.0.load.close();
    }

    pub fn release_loads(&self) {
        self.0.load.open();
    }

    /// Holds `record_uses` before anything is written.
    pub fn hold_uses(&self) {
        self.0.record_uses.close();
    }

    pub fn release_uses(&self) {
        self.0.record_uses.open();
    }

    fn head(&self, head: Position) -> Position {
        let epoch = self.0.epoch.load(Ordering::Relaxed).to_string();
        Position { epoch, ..head }
    }
}

impl TokenStore for Watched {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.0.store.apply(writes).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        self.0.gets.add();
        let stored = self.0.store.get(id).await;
        self.0.get.pass().await;
        stored
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        self.0.store.list(query).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let Changes { head, rows } = self.0.store.changes(since, limit).await?;
        let head = self.head(head);
        Ok(Changes { head, rows })
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        self.0.loads.add();
        let mut rows = Vec::new();
        let head = self.0.store.load_all(&mut |row| rows.push(row)).await?;
        let rest = rows.split_off(rows.len() / 2);
        rows.into_iter().for_each(&mut *each);
        self.0.load.pass().await;
        self.reach()?;
        rest.into_iter().for_each(each);
        Ok(self.head(head))
    }

    async fn watch(&self, _: u64) {
        std::future::pending().await
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        self.0.record_uses.pass().await;
        self.reach()?;
        self.0.written_uses.lock().unwrap().push(uses.clone());
        self.0.store.record_uses(uses).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        self.0.store.prune(ended_before).await
    }
}

/// Returns the status with which a service that these tokens guard answers a token.
pub async fn status(tokens: &Tokens, token: &str) -> StatusCode {
    let service = AuthnLayer::new(tokens.verifier()).layer(Strict::default());
    let request = get("/", &[("authorization", &format!("Bearer {token}"))]);
    ask(&service, request).await.status()
}
