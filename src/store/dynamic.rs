//! The object-safe form of [`TokenStore`], so that [`Tokens`](super::Tokens)
//! has no type parameter.

use futures::future::{BoxFuture, FutureExt};

use super::{
    contract::{Changes, Position, Query, Row, StoredToken, TokenStore, TokenUse, Write},
    error::StoreError,
};
use crate::token::{Timestamp, TokenId};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

pub(super) trait DynStore: Send + Sync {
    fn apply(&self, writes: Vec<Write>) -> Answer<'_, u64>;
    fn get(&self, id: TokenId) -> Answer<'_, Option<StoredToken>>;
    fn list(&self, query: Query) -> Answer<'_, Vec<StoredToken>>;
    fn changes(&self, since: u64, limit: usize) -> Answer<'_, Changes>;
    fn load_all<'a>(&'a self, each: &'a mut (dyn FnMut(Row) + Send)) -> Answer<'a, Position>;
    fn watch(&self, since: u64) -> BoxFuture<'_, ()>;
    fn record_uses(&self, uses: Vec<TokenUse>) -> Answer<'_, ()>;
    fn prune(&self, ended_before: Timestamp) -> Answer<'_, Vec<TokenId>>;
}

impl<S: TokenStore> DynStore for S {
    fn apply(&self, writes: Vec<Write>) -> Answer<'_, u64> {
        TokenStore::apply(self, writes).boxed()
    }

    fn get(&self, id: TokenId) -> Answer<'_, Option<StoredToken>> {
        TokenStore::get(self, id).boxed()
    }

    fn list(&self, query: Query) -> Answer<'_, Vec<StoredToken>> {
        TokenStore::list(self, query).boxed()
    }

    fn changes(&self, since: u64, limit: usize) -> Answer<'_, Changes> {
        TokenStore::changes(self, since, limit).boxed()
    }

    fn load_all<'a>(&'a self, each: &'a mut (dyn FnMut(Row) + Send)) -> Answer<'a, Position> {
        TokenStore::load_all(self, each).boxed()
    }

    fn watch(&self, since: u64) -> BoxFuture<'_, ()> {
        TokenStore::watch(self, since).boxed()
    }

    fn record_uses(&self, uses: Vec<TokenUse>) -> Answer<'_, ()> {
        TokenStore::record_uses(self, uses).boxed()
    }

    fn prune(&self, ended_before: Timestamp) -> Answer<'_, Vec<TokenId>> {
        TokenStore::prune(self, ended_before).boxed()
    }
}
