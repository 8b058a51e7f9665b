//! The object-safe form of [`TokenStore`], so that [`Tokens`](super::Tokens)
//! has no type parameter.

use futures::future::{BoxFuture, FutureExt};

use super::{
    contract::{Changes, Head, Query, Row, Stored, TokenStore, Use, Write},
    error::StoreError,
};
use crate::token::{Timestamp, TokenId};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

pub(super) trait DynStore: Send + Sync {
    fn apply(&self, writes: Vec<Write>) -> Answer<'_, u64>;
    fn get(&self, id: TokenId) -> Answer<'_, Option<Stored>>;
    fn list(&self, query: Query) -> Answer<'_, Vec<Stored>>;
    fn changes(&self, since: u64, limit: usize) -> Answer<'_, Changes>;
    fn load_all<'a>(&'a self, each: &'a mut (dyn FnMut(Row) + Send)) -> Answer<'a, Head>;
    fn watch(&self, since: u64) -> BoxFuture<'_, ()>;
    fn touch(&self, uses: Vec<Use>) -> Answer<'_, ()>;
    fn prune(&self, ended_before: Timestamp) -> Answer<'_, Vec<TokenId>>;
}

impl<S: TokenStore> DynStore for S {
    fn apply(&self, writes: Vec<Write>) -> Answer<'_, u64> {
        TokenStore::apply(self, writes).boxed()
    }

    fn get(&self, id: TokenId) -> Answer<'_, Option<Stored>> {
        TokenStore::get(self, id).boxed()
    }

    fn list(&self, query: Query) -> Answer<'_, Vec<Stored>> {
        TokenStore::list(self, query).boxed()
    }

    fn changes(&self, since: u64, limit: usize) -> Answer<'_, Changes> {
        TokenStore::changes(self, since, limit).boxed()
    }

    fn load_all<'a>(&'a self, each: &'a mut (dyn FnMut(Row) + Send)) -> Answer<'a, Head> {
        TokenStore::load_all(self, each).boxed()
    }

    fn watch(&self, since: u64) -> BoxFuture<'_, ()> {
        TokenStore::watch(self, since).boxed()
    }

    fn touch(&self, uses: Vec<Use>) -> Answer<'_, ()> {
        TokenStore::touch(self, uses).boxed()
    }

    fn prune(&self, ended_before: Timestamp) -> Answer<'_, Vec<TokenId>> {
        TokenStore::prune(self, ended_before).boxed()
    }
}
