//! The object-safe form of [`TokenStore`], which saves
//! [`Tokens`](crate::tokens::Tokens) a type parameter.

use futures::future::{BoxFuture, FutureExt};

use super::{
    error::StoreError,
    query::{Query, TokenPage},
    rows::{Changes, Position, Row, StoredToken, TokenUse, Write},
    token_store::TokenStore,
};
use crate::token::{Timestamp, TokenId};

type StoreFuture<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

pub(super) trait DynStore: Send + Sync {
    fn apply(&self, writes: Vec<Write>) -> StoreFuture<'_, u64>;
    fn get(&self, id: TokenId) -> StoreFuture<'_, Option<StoredToken>>;
    fn list(&self, query: Query) -> StoreFuture<'_, TokenPage>;
    fn changes(&self, since: u64, limit: usize) -> StoreFuture<'_, Changes>;
    fn load_all<'a>(&'a self, each: &'a mut (dyn FnMut(Row) + Send)) -> StoreFuture<'a, Position>;
    fn watch(&self, since: u64) -> BoxFuture<'_, ()>;
    fn record_uses(&self, uses: Vec<TokenUse>) -> StoreFuture<'_, ()>;
    fn prune(&self, ended_before: Timestamp) -> StoreFuture<'_, usize>;
}

impl<S: TokenStore> DynStore for S {
    fn apply(&self, writes: Vec<Write>) -> StoreFuture<'_, u64> {
        TokenStore::apply(self, writes).boxed()
    }

    fn get(&self, id: TokenId) -> StoreFuture<'_, Option<StoredToken>> {
        TokenStore::get(self, id).boxed()
    }

    fn list(&self, query: Query) -> StoreFuture<'_, TokenPage> {
        TokenStore::list(self, query).boxed()
    }

    fn changes(&self, since: u64, limit: usize) -> StoreFuture<'_, Changes> {
        TokenStore::changes(self, since, limit).boxed()
    }

    fn load_all<'a>(&'a self, each: &'a mut (dyn FnMut(Row) + Send)) -> StoreFuture<'a, Position> {
        TokenStore::load_all(self, each).boxed()
    }

    fn watch(&self, since: u64) -> BoxFuture<'_, ()> {
        TokenStore::watch(self, since).boxed()
    }

    fn record_uses(&self, uses: Vec<TokenUse>) -> StoreFuture<'_, ()> {
        TokenStore::record_uses(self, uses).boxed()
    }

    fn prune(&self, ended_before: Timestamp) -> StoreFuture<'_, usize> {
        TokenStore::prune(self, ended_before).boxed()
    }
}
