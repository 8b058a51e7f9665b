//! A store in memory that is watched, slowed down and made to fail.

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
        Changes, MemoryStore, Position, Query, Row, StoreError, StoredToken, TokenStore, TokenUse,
        Write,
    },
    token::{Timestamp, TokenId},
    tokens::{Tokens, TokensOptions},
};

use crate::support::{Calls, Strict, ask, get};

/// All clones are the same store. It never tells of changes: they are seen by
/// asking.
#[derive(Clone, Default)]
pub struct Watched(Arc<State>);

#[derive(Default)]
struct State {
    store: MemoryStore,
    epoch: AtomicUsize,
    gets: Calls,
    loads: Calls,
    /// Each batch of uses that was written.
    told: Mutex<Vec<Vec<TokenUse>>>,
    fail: AtomicBool,
    get: Gate,
    load: Gate,
    touch: Gate,
}

/// Lets everybody through, until it is closed.
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

    pub fn told(&self) -> Vec<Vec<TokenUse>> {
        self.0.told.lock().unwrap().clone()
    }

    pub fn gets(&self) -> usize {
        self.0.gets.count()
    }

    pub fn loads(&self) -> usize {
        self.0.loads.count()
    }

    /// Whoever follows it takes it for another history.
    pub fn begin_another_history(&self) {
        self.0.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether whole reads stop half-way, and uses are not written.
    pub fn set_failing(&self, failing: bool) {
        self.0.fail.store(failing, Ordering::Relaxed);
    }

    fn reach(&self) -> Result<(), StoreError> {
        match self.0.fail.load(Ordering::Relaxed) {
            true => Err(StoreError::unavailable("down")),
            false => Ok(()),
        }
    }

    /// Holds the answers of `get` back, which are from before.
    pub fn hold_gets(&self) {
        self.0.get.close();
    }

    pub fn release_gets(&self) {
        self.0.get.open();
    }

    /// Holds whole reads up half-way.
    pub fn hold_loads(&self) {
        self.0.load.close();
    }

    pub fn release_loads(&self) {
        self.0.load.open();
    }

    /// Holds uses up on their way.
    pub fn hold_uses(&self) {
        self.0.touch.close();
    }

    pub fn release_uses(&self) {
        self.0.touch.open();
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

    async fn list(&self, query: Query) -> Result<Vec<StoredToken>, StoreError> {
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
        self.0.touch.pass().await;
        self.reach()?;
        self.0.told.lock().unwrap().push(uses.clone());
        self.0.store.record_uses(uses).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<Vec<TokenId>, StoreError> {
        self.0.store.prune(ended_before).await
    }
}

/// What a service that these tokens guard answers to a token.
pub async fn status(tokens: &Tokens, token: &str) -> StatusCode {
    let service = AuthnLayer::new(tokens.verifier()).layer(Strict::default());
    let request = get("/", &[("authorization", &format!("Bearer {token}"))]);
    ask(&service, request).await.status()
}
