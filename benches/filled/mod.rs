//! A store with many tokens, and a guarded service that is asked for them.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use tokio::{runtime::Handle, task::block_in_place};
use tower::{Layer, Service};
use tower_authn::{
    AuthnLayer,
    layer::{Authn, EveryRequest, NoBody},
    store::{
        Changes, Head, MemoryStore, NewToken, Query, Row, StoreError, Stored, TokenStore,
        TokenVerifier, Tokens, TokensOptions, Use, Write,
    },
    token::{Digest, KeyId, Record, Timestamp, TokenId},
};

/// How many rows are written at once.
const CHUNK: usize = 10_000;

/// How many forged tokens take turns.
const FORGED: usize = 1_000;

/// A credential to send.
#[derive(Clone)]
pub struct Asked {
    header: HeaderValue,
}

impl Asked {
    fn new(token: &str) -> Self {
        let header = HeaderValue::try_from(format!("Bearer {token}")).expect("ASCII");
        Self { header }
    }

    pub fn token(&self) -> &str {
        &self.header.to_str().expect("ASCII")["Bearer ".len()..]
    }

    pub fn id(&self) -> &str {
        &self.token()["acme_".len()..][..12]
    }
}

type Guarded = Authn<Bare, TokenVerifier, EveryRequest, NoBody>;

/// A store of many tokens, and a service behind a layer that knows them.
pub struct Filled {
    tokens: Tokens,
    len: usize,
    gets: Arc<AtomicU64>,
    hot: Asked,
    forged: Vec<Asked>,
    guarded: Guarded,
}

impl Filled {
    pub async fn new(store: MemoryStore, len: usize) -> Self {
        fill(&store, len).await;
        let gets = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            store,
            gets: Arc::clone(&gets),
        };
        let tokens = open(counted).await;
        let other = open(MemoryStore::new()).await;
        let mut forged = Vec::new();
        for _ in 0..FORGED {
            let made = other.create(NewToken::new("mallory")).await;
            forged.push(Asked::new(made.expect("made").secret.expose()));
        }
        let guarded = AuthnLayer::new(tokens.verifier()).layer(Bare);
        Self {
            tokens,
            len,
            gets,
            hot: Asked::new(&text(len / 2)),
            forged,
            guarded,
        }
    }

    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// How often the store was asked for a token.
    pub fn gets(&self) -> u64 {
        self.gets.load(Ordering::Relaxed)
    }

    pub fn hot(&self) -> &Asked {
        &self.hot
    }

    pub fn forged(&self) -> &[Asked] {
        &self.forged
    }

    pub fn ids(&self) -> impl Iterator<Item = String> {
        (0..self.len).map(|n| id(n).to_string())
    }

    /// Good ones, in an order that no cache foresees.
    pub fn random(&self, count: usize) -> Vec<Asked> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as usize % self.len
        };
        (0..count).map(|_| Asked::new(&text(next()))).collect()
    }

    /// The same service for another thread.
    pub fn another(&self) -> Asking {
        Asking(self.guarded.clone())
    }

    /// Whether it is let in.
    #[inline(never)]
    pub fn ask(&mut self, asked: &Asked) -> bool {
        call(&mut self.guarded, asked)
    }

    /// The same without a layer.
    #[inline(never)]
    pub fn ask_bare(&mut self, asked: &Asked) -> bool {
        call(&mut Bare, asked)
    }
}

pub struct Asking(Guarded);

impl Asking {
    pub fn ask(&mut self, asked: &Asked) -> bool {
        call(&mut self.0, asked)
    }
}

fn call<S>(service: &mut S, asked: &Asked) -> bool
where
    S: Service<Request<()>, Response = Response<()>>,
{
    let mut request = Request::new(());
    request
        .headers_mut()
        .insert(AUTHORIZATION, asked.header.clone());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    match pin!(service.call(request)).poll(&mut cx) {
        Poll::Ready(Ok(response)) => response.status() == StatusCode::OK,
        _ => false,
    }
}

/// The service that is guarded.
#[derive(Clone, Copy)]
pub struct Bare;

impl Service<Request<()>> for Bare {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}

/// What a record takes in memory, the store's own copy aside.
pub async fn bytes_a_record(len: usize) -> i64 {
    let store = MemoryStore::new();
    fill(&store, len).await;
    let mut opened = None;
    let measured = allocation_counter::measure(|| {
        let opening = async { opened = Some(open(store).await) };
        block_in_place(|| Handle::current().block_on(opening));
    });
    measured.bytes_current / len as i64
}

pub async fn open(store: impl TokenStore) -> Tokens {
    let options = TokensOptions::new("acme").expect("a prefix");
    Tokens::open(store, options).await.expect("a store")
}

/// Writes so many tokens. They are of the store's own form, with tags that
/// nobody made: a token that is known is known by its digest.
pub async fn fill(store: &impl TokenStore, len: usize) {
    for from in (0..len).step_by(CHUNK) {
        let writes = (from..len.min(from + CHUNK)).map(|n| Write {
            row: Row::Token(Box::new(record(n))),
            was: None,
        });
        store
            .apply(writes.collect())
            .await
            .expect("rows are written");
    }
}

fn record(n: usize) -> Record {
    let subject = format!("team-{}", n % 100);
    let mut record = Record::new(id(n), Digest::of(text(n)), subject, Timestamp::from_secs(1));
    record.kid = KeyId::from_number(0);
    record.organization = Some("acme".to_owned());
    record.scopes = vec!["deployment".parse().expect("a scope")];
    record.expires_at = Some(Timestamp::from_secs(1 << 40));
    record
}

/// Spread as random ids are.
fn id(n: usize) -> TokenId {
    let spread = (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{:012}", spread % 1_000_000_000_000)
        .parse()
        .expect("an id")
}

fn text(n: usize) -> String {
    format!("acme_{}_{n:050}", id(n))
}

/// Counts what the store is asked for.
struct Counted {
    store: MemoryStore,
    gets: Arc<AtomicU64>,
}

impl TokenStore for Counted {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.store.apply(writes).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<Stored>, StoreError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        self.store.get(id).await
    }

    async fn list(&self, query: Query) -> Result<Vec<Stored>, StoreError> {
        self.store.list(query).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        self.store.changes(since, limit).await
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Head, StoreError> {
        self.store.load_all(each).await
    }

    async fn watch(&self, since: u64) {
        self.store.watch(since).await;
    }

    async fn touch(&self, uses: Vec<Use>) -> Result<(), StoreError> {
        self.store.touch(uses).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        self.store.prune(ended_before).await
    }
}
