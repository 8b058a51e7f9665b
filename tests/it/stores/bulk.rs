//! Revocations of many tokens, in parts.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tower_authn::{
    RejectionKind,
    store::{
        Changes, MemoryStore, Position, Query, Row, StoreError, StoredToken, TokenPage, TokenStore,
        TokenUse, Write,
    },
    token::{Digest, Record, Timestamp, TokenId},
    tokens::{TokenErrorKind, TokenSelector, Tokens, TokensOptions},
};

use super::{Directory, outages::open as open_postgres, server, sqlite};
use crate::tokens::answer;

const MANY: u64 = 1_700;

/// The most tokens of one part.
const PART: usize = 500;

fn text(number: u64) -> String {
    format!("made-elsewhere-number-{number:06}")
}

fn write(number: u64) -> Write {
    let id = format!("{number:012}").parse().unwrap();
    let created_at = Timestamp::from_secs(1_000 + number);
    let digest = Digest::sha256(text(number));
    let record = Record::new(id, digest, "bob".to_owned(), created_at);
    Write::insert(Row::Token(Box::new(record)))
}

async fn good(tokens: &Tokens) -> u64 {
    let mut good = 0;
    for number in 0..MANY {
        good += u64::from(answer(tokens, &text(number)).await.is_ok());
    }
    good
}

async fn open(store: impl TokenStore) -> Tokens {
    let options = TokensOptions::new("acme").unwrap();
    Tokens::open(store, options).await.unwrap()
}

const BOB: TokenSelector<'_> = TokenSelector::Subject("bob");

/// A store that notes the rows of each write. It may fail after some writes, and may write
/// a new token after it has returned the first page of a list.
#[derive(Clone, Default)]
struct Noting {
    store: Arc<MemoryStore>,
    parts: Arc<Mutex<Vec<usize>>>,
    fails_after: Arc<AtomicUsize>,
    creates: Arc<AtomicBool>,
}

impl Noting {
    async fn filled() -> Self {
        let noting = Self::default();
        noting.fails_after.store(usize::MAX, Ordering::SeqCst);
        let writes = (0..MANY).map(write).collect();
        noting.store.apply(writes).await.unwrap();
        noting
    }

    fn parts(&self) -> Vec<usize> {
        std::mem::take(&mut *self.parts.lock().unwrap())
    }
}

impl TokenStore for Noting {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        let begun = {
            let mut parts = self.parts.lock().unwrap();
            parts.push(writes.len());
            parts.len()
        };
        if begun > self.fails_after.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("a test"));
        }
        self.store.apply(writes).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        self.store.get(id).await
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        let page = self.store.list(query).await?;
        if self.creates.swap(false, Ordering::SeqCst) {
            self.store.apply(vec![write(MANY)]).await?;
        }
        Ok(page)
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        self.store.changes(since, limit).await
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        self.store.load_all(each).await
    }

    async fn watch(&self, since: u64) {
        self.store.watch(since).await;
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        self.store.record_uses(uses).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        self.store.prune(ended_before).await
    }
}

#[tokio::test]
async fn f07_a_bulk_revocation_writes_a_bounded_number_of_tokens_at_a_time() {
    let store = Noting::filled().await;
    let tokens = open(store.clone()).await;
    store.parts();
    assert_eq!(good(&tokens).await, MANY);
    let revoked = tokens.revoke(BOB, "admin", "leaked").await.unwrap();
    assert_eq!(revoked as u64, MANY);
    let parts = store.parts();
    assert_eq!(parts.iter().sum::<usize>() as u64, MANY);
    assert!(
        parts.iter().all(|part| (1..=PART).contains(part)),
        "{parts:?}"
    );
    assert_eq!(good(&tokens).await, 0);
    assert_eq!(tokens.revoke(BOB, "admin", "").await.unwrap(), 0);
    assert_eq!(store.parts(), [0; 0], "nothing is written twice");
}

#[tokio::test]
async fn f07_a_bulk_revocation_that_breaks_off_keeps_its_parts_and_goes_on() {
    let store = Noting::filled().await;
    let tokens = open(store.clone()).await;
    store.parts();
    store.fails_after.store(2, Ordering::SeqCst);
    let broken = tokens.revoke(BOB, "admin", "leaked").await.unwrap_err();
    assert_eq!(broken.kind(), TokenErrorKind::Unavailable);
    let left = MANY - 2 * PART as u64;
    assert_eq!(good(&tokens).await, left, "two parts are refused already");
    store.fails_after.store(usize::MAX, Ordering::SeqCst);
    let revoked = tokens.revoke(BOB, "admin", "leaked").await.unwrap();
    assert_eq!(revoked as u64, left, "the rest, and nothing twice");
    assert_eq!(good(&tokens).await, 0);
}

#[tokio::test]
async fn f07_a_bulk_revocation_finds_what_was_made_behind_it() {
    let store = Noting::filled().await;
    let tokens = open(store.clone()).await;
    store.creates.store(true, Ordering::SeqCst);
    let revoked = tokens.revoke(BOB, "admin", "leaked").await.unwrap();
    assert_eq!(revoked as u64, MANY + 1);
    let refused = answer(&tokens, &text(MANY)).await.unwrap_err();
    assert_eq!(refused, RejectionKind::Revoked);
}

/// Revokes many tokens on one instance while another one writes, and checks that the
/// writes are among the parts.
async fn lets_others_write(one: Tokens, other: Tokens, store: impl TokenStore) {
    let many = 3 * MANY;
    store.apply((0..many).map(write).collect()).await.unwrap();
    let done = AtomicBool::new(false);
    let revoke = async {
        let revoked = one.revoke(BOB, "admin", "leaked").await.unwrap();
        done.store(true, Ordering::SeqCst);
        assert_eq!(revoked as u64, many);
    };
    let create = async {
        let mut revs = Vec::new();
        while !done.load(Ordering::SeqCst) {
            revs.push(super::make(&other).await.record.rev);
        }
        revs
    };
    let ((), created) = tokio::join!(revoke, create);
    let mut revoked = BTreeSet::new();
    let each = &mut |row| {
        if let Row::Token(record) = row
            && record.subject == "bob"
        {
            revoked.insert(record.rev);
        }
    };
    store.load_all(each).await.unwrap();
    let is_between =
        |rev: &u64| revoked.range(..rev).next().is_some() && revoked.range(rev..).next().is_some();
    let between = created.into_iter().filter(is_between).count();
    assert!(between > 0, "no write came between the parts");
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_others_write_during_a_bulk_revocation_in_sqlite() {
    let directory = Directory::new();
    let file = directory.file();
    let (one, other) = (sqlite(&file).await, sqlite(&file).await);
    lets_others_write(open(one).await, open(other).await, sqlite(&file).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_others_write_during_a_bulk_revocation_in_postgres() {
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let (one, other) = (open_postgres(&url).await, open_postgres(&url).await);
    let store = tower_authn::store::PostgresStore::connect(&url).await;
    lets_others_write(one, other, store.unwrap()).await;
}
