//! A token store with a thousand tokens.

use std::{sync::LazyLock, time::Duration};

use tokio::runtime::{Builder, Runtime};
use tower_authn::{
    store::{MemoryStore, Row, TokenStore, Write},
    token::{Digest, KeyId, Record, Timestamp},
    tokens::{CreatedToken, NewToken, TokenVerifier, Tokens, TokensOptions},
};

/// The tokens beside the one that requests carry.
const OTHERS: u64 = 999;

struct StoredToken {
    tokens: Tokens,
    created: CreatedToken,
    /// No thread runs it, so that its tasks cost nothing.
    _runtime: Runtime,
}

static STORED: LazyLock<StoredToken> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (tokens, created) = runtime.block_on(async {
        let store = MemoryStore::new();
        let others = (0..OTHERS).map(other).collect();
        store.apply(others).await.expect("an empty store");
        let options = TokensOptions::new("acme").expect("a prefix");
        let options = options.max_stale(Duration::MAX);
        let tokens = Tokens::open(store, options).await.expect("a good store");
        let created = tokens.create(NewToken::new("ci")).await;
        (tokens, created.expect("a good store"))
    });
    StoredToken {
        tokens,
        created,
        _runtime: runtime,
    }
});

fn other(number: u64) -> Write {
    let id = format!("{number:012}").parse().expect("12 digits");
    let digest = Digest::sha256(number.to_be_bytes());
    let mut record = Record::new(id, digest, "ci".to_owned(), Timestamp::default());
    record.kid = KeyId::from_number(0);
    let row = Row::Token(Box::new(record));
    Write::insert(row)
}

/// Returns the good token, 68 bytes.
pub fn token() -> &'static str {
    STORED.created.secret.expose()
}

pub fn verifier() -> TokenVerifier {
    STORED.tokens.verifier()
}
