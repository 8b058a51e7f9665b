//! The trait of stores.

use std::{future::Future, sync::Arc};

use super::{
    error::StoreError,
    query::{Query, TokenPage},
    rows::{Changes, Position, Row, StoredToken, TokenUse, Write},
};
use crate::token::{Timestamp, TokenId};

/// A store of tokens and keys, which counts their revisions.
///
/// A store consists of a counter and two tables. Each written row takes the next
/// revision from the counter, in the transaction that writes it. Revisions thus
/// become visible in order, and a reader of a revision has missed none before it.
/// [`MemoryStore`](super::MemoryStore) is a complete implementation, and short.
///
/// Every call has a deadline,
/// [`store_timeout`](crate::tokens::TokensOptions::store_timeout), after which
/// its future is dropped. A write that is dropped may have been done or not.
/// [`Tokens`](crate::tokens::Tokens) then reads the changes to find out.
pub trait TokenStore: Send + Sync + 'static {
    /// Writes all rows or none, and returns the revision of the last one.
    ///
    /// Each row takes the next revision, whatever its own `rev` is. No two writes
    /// may be of the same row, or of new tokens with the same digest.
    ///
    /// # Errors
    ///
    /// Returns an error, and writes nothing, if a row is not at the revision that
    /// its [`Write`] expects ([`Conflict`](super::StoreErrorKind::Conflict)), or
    /// if the id or the digest of a new row is taken
    /// ([`AlreadyExists`](super::StoreErrorKind::AlreadyExists)), be it by another
    /// write of the same call.
    fn apply(&self, writes: Vec<Write>) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Returns the token of an id, if there is one.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't be read.
    fn get(
        &self,
        id: TokenId,
    ) -> impl Future<Output = Result<Option<StoredToken>, StoreError>> + Send;

    /// Returns a page of the tokens that match a query, the newest first, at most
    /// [`limit`](Query::limit). Sessions of the management page, which have
    /// [`session_of`](crate::token::Record::session_of), are listed only for a
    /// query that names their holder.
    ///
    /// A page may be shorter than the limit, and even empty, if [`next`](TokenPage::next)
    /// is set. A store may thus return after it has looked at a number of tokens, where
    /// few match.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't be read.
    fn list(&self, query: Query) -> impl Future<Output = Result<TokenPage, StoreError>> + Send;

    /// Returns the rows that changed after a revision, at most `limit`, in the
    /// order of their revisions, and the position of the store.
    ///
    /// Rows and position belong to one moment. A page may be shorter than
    /// `limit`: the next one begins after its last row. An empty page, or one that
    /// ends at the revision of the position, means that no other row changed.
    ///
    /// Most calls find nothing new. A store that reads its position first, and the
    /// rows only if the revision is greater than `since`, makes them cheap.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't be read.
    fn changes(
        &self,
        since: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Changes, StoreError>> + Send;

    /// Calls a function for every row, in any order, as of one moment, and
    /// returns the store's position at that moment.
    ///
    /// It may also pass an earlier state of a row, and a row that was pruned
    /// after [`pruned_before`](Position::pruned_before) of that position.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't be read to the end.
    fn load_all(
        &self,
        each: &mut (dyn FnMut(Row) + Send),
    ) -> impl Future<Output = Result<Position, StoreError>> + Send;

    /// Waits until a row may have changed after a revision.
    ///
    /// This is a hint. It may return at once, every time, and may never return:
    /// [`Tokens`](crate::tokens::Tokens) pauses between two reads, and polls as
    /// well. The future is dropped when it is no longer needed.
    fn watch(&self, since: u64) -> impl Future<Output = ()> + Send;

    /// Adds uses to those that are stored, without a revision. Uses of unknown ids
    /// are dropped; those of one id add up.
    ///
    /// # Errors
    ///
    /// Returns an error if nothing was written.
    fn record_uses(
        &self,
        uses: Vec<TokenUse>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the tokens that were revoked, expired, or reached the end of their
    /// grace period before a time, and returns how many there were. It takes no
    /// revision.
    ///
    /// Before the first is removed, or at the same moment, the store raises
    /// [`pruned_before`](Position::pruned_before) to the time, even if there is no such
    /// token. An instance that has not read the end of a token must not read a position
    /// that hides its removal.
    ///
    /// # Errors
    ///
    /// Returns an error if some of them may not have been removed. Another call removes
    /// them.
    fn prune(
        &self,
        ended_before: Timestamp,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

impl<S: TokenStore> TokenStore for Arc<S> {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        S::apply(self, writes).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        S::get(self, id).await
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        S::list(self, query).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        S::changes(self, since, limit).await
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        S::load_all(self, each).await
    }

    async fn watch(&self, since: u64) {
        S::watch(self, since).await;
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        S::record_uses(self, uses).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        S::prune(self, ended_before).await
    }
}
