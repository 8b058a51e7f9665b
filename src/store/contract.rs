//! What a store does: the trait, and what passes through it.

use std::{future::Future, sync::Arc};

use super::error::StoreError;
use crate::token::{KeyId, Record, SessionHolder, TagKey, Timestamp, TokenId, TokenState};

/// Keeps tokens and keys, and counts their revisions.
///
/// A store is one counter and two tables. Every write takes the next number of
/// the counter, in the transaction that writes it, so that numbers appear in
/// the order of the commits, and whoever has read up to a number has missed
/// nothing before it. [`MemoryStore`](super::MemoryStore) is a complete one, and
/// short enough to be read first.
///
/// Every call has a deadline, [`store_timeout`](crate::tokens::TokensOptions::store_timeout),
/// after which its future is dropped. Such a write may have been done or not:
/// [`Tokens`](crate::Tokens) treats it as one of another process, and reads the
/// changes to find out.
pub trait TokenStore: Send + Sync + 'static {
    /// Writes all rows or none, and gives the number of the last one.
    ///
    /// Each row gets the next number as its `rev`; what it brought there is
    /// ignored.
    ///
    /// # Errors
    ///
    /// Returns an error, with nothing written, if a row is not at the revision
    /// that its [`Write`] names ([`Conflict`](super::StoreErrorKind::Conflict)),
    /// or if a new one has an id or a digest that is taken
    /// ([`AlreadyExists`](super::StoreErrorKind::AlreadyExists)).
    fn apply(&self, writes: Vec<Write>) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The token of this id.
    ///
    /// # Errors
    ///
    /// Where the store can't tell.
    fn get(
        &self,
        id: TokenId,
    ) -> impl Future<Output = Result<Option<StoredToken>, StoreError>> + Send;

    /// Returns the tokens that a query means, the newest first, at most
    /// [`limit`](Query::limit). Sessions of the management page, which have
    /// [`session_of`](Record::session_of), are listed only for a query that names
    /// their holder.
    ///
    /// A page may be shorter than that. Only an empty page means that no token
    /// follows.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't tell.
    fn list(
        &self,
        query: Query,
    ) -> impl Future<Output = Result<Vec<StoredToken>, StoreError>> + Send;

    /// Returns what changed after a revision: at most `limit` rows, in the
    /// order of their revisions, and how far the store is.
    ///
    /// Both are of one moment. A page may be shorter than `limit`: the next one
    /// begins after its last row. An empty page, or one whose last row is at the
    /// revision of the head, means that nothing else changed up to the head.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't tell.
    fn changes(
        &self,
        since: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Changes, StoreError>> + Send;

    /// Hands over every row, in any order, as of one moment, and says which.
    ///
    /// # Errors
    ///
    /// Where the store can't be read to the end.
    fn load_all(
        &self,
        each: &mut (dyn FnMut(Row) + Send),
    ) -> impl Future<Output = Result<Position, StoreError>> + Send;

    /// Waits until something may have changed after a revision.
    ///
    /// It may return at once, every time, and may never return:
    /// [`Tokens`](crate::Tokens) pauses between two reads, and polls besides. It
    /// is dropped when it is not waited for any more.
    fn watch(&self, since: u64) -> impl Future<Output = ()> + Send;

    /// Adds uses. Uses of unknown ids are dropped. It takes no revision.
    ///
    /// # Errors
    ///
    /// Where nothing was written.
    fn record_uses(
        &self,
        uses: Vec<TokenUse>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the tokens that ended before a time, whether they were revoked,
    /// expired, or outlived their grace, and returns their ids. It takes no
    /// revision.
    ///
    /// # Errors
    ///
    /// Returns an error if nothing was removed.
    fn prune(
        &self,
        ended_before: Timestamp,
    ) -> impl Future<Output = Result<Vec<TokenId>, StoreError>> + Send;
}

impl<S: TokenStore> TokenStore for Arc<S> {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        S::apply(self, writes).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        S::get(self, id).await
    }

    async fn list(&self, query: Query) -> Result<Vec<StoredToken>, StoreError> {
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

    async fn prune(&self, ended_before: Timestamp) -> Result<Vec<TokenId>, StoreError> {
        S::prune(self, ended_before).await
    }
}

/// How far a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make them")]
pub struct Position {
    /// Names the history that revisions count: another one where the store was
    /// replaced, restored or failed over.
    pub epoch: String,
    /// The revision of the last write; 0 before the first.
    pub rev: u64,
}

/// What changed after a revision.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores make them")]
pub struct Changes {
    /// How far the store is; further than the last row where there are more.
    pub head: Position,
    /// The rows, in the order of their revisions.
    pub rows: Vec<Row>,
}

/// A row of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must keep every kind")]
pub enum Row {
    /// A key of the ring.
    Key(TagKey),
    /// A token.
    Token(Box<Record>),
}

impl Row {
    /// The revision of its last change.
    #[must_use]
    pub fn rev(&self) -> u64 {
        match self {
            Self::Key(key) => key.rev,
            Self::Token(record) => record.rev,
        }
    }

    /// Sets the revision, when it is written.
    pub fn set_rev(&mut self, rev: u64) {
        match self {
            Self::Key(key) => key.rev = rev,
            Self::Token(record) => record.rev = rev,
        }
    }
}

/// A row to be written.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores take them apart")]
pub struct Write {
    /// The whole row.
    pub row: Row,
    /// The revision at which the row must be; `None` where it must not be there.
    pub expected_rev: Option<u64>,
}

/// A token with its uses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make them")]
pub struct StoredToken {
    /// What is known of it.
    pub record: Record,
    /// How it was used.
    pub usage: Usage,
}

/// How a token was used, as far as it was written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make them")]
pub struct Usage {
    /// When it was used last.
    pub last_used_at: Option<Timestamp>,
    /// How often it was used.
    pub uses: u64,
}

/// Uses of one token, to be added to what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores take them apart")]
pub struct TokenUse {
    /// Which token.
    pub id: TokenId,
    /// When it was used last.
    pub at: Timestamp,
    /// How often, since the last time that was told.
    pub count: u64,
}

/// Which tokens are meant: all, unless something is set.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Query {
    /// Of this organization.
    pub organization: Option<String>,
    /// Of this subject.
    pub subject: Option<String>,
    /// Made by this one.
    pub created_by: Option<String>,
    /// Tagged by this key.
    pub kid: Option<KeyId>,
    /// With this text in their name or description, regardless of ASCII case.
    pub search: Option<String>,
    /// In this state at this time, as [`Record::state`] decides it. A token of
    /// one of the [`retired_keys`](Self::retired_keys) is revoked.
    pub state: Option<(TokenState, Timestamp)>,
    /// The keys whose tokens count as revoked. [`Tokens`](crate::Tokens) fills
    /// this in.
    pub retired_keys: Vec<KeyId>,
    /// With an end before this time.
    pub expires_before: Option<Timestamp>,
    /// Not used since this time, and made before it.
    pub unused_since: Option<Timestamp>,
    /// Sessions of this holder, and no tokens; tokens alone unless set.
    pub session_of: Option<SessionHolder>,
    /// After this one, in the order of the list.
    pub after: Option<Cursor>,
    /// At most so many; 100 for 0.
    pub limit: usize,
}

/// A place in a list: the last token of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "pages make them")]
pub struct Cursor {
    /// When that token was made.
    pub created_at: Timestamp,
    /// Its id.
    pub id: TokenId,
}

impl Query {
    /// How many at most.
    #[must_use]
    pub fn page_size(&self) -> usize {
        if self.limit == 0 { 100 } else { self.limit }
    }

    /// Whether a token is meant, its place in the list and the limit aside.
    #[must_use]
    pub fn matches(&self, stored: &StoredToken) -> bool {
        let record = &stored.record;
        let named = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|w| w == own);
        let found = |text: &str, wanted: &str| {
            text.to_ascii_lowercase()
                .contains(&wanted.to_ascii_lowercase())
        };
        record.session_of == self.session_of
            && named(
                &self.organization,
                record.organization.as_deref().unwrap_or_default(),
            )
            && named(&self.subject, &record.subject)
            && named(&self.created_by, &record.created_by)
            && self.kid.is_none_or(|kid| record.kid == Some(kid))
            && self.search.as_deref().is_none_or(|wanted| {
                found(&record.name, wanted) || found(&record.description, wanted)
            })
            && self.state.is_none_or(|(state, now)| {
                let retired = record
                    .kid
                    .is_some_and(|kid| self.retired_keys.contains(&kid));
                record.lifecycle().state(now, retired) == state
            })
            && self
                .expires_before
                .is_none_or(|end| record.expires_at.is_some_and(|at| at < end))
            && self.is_unused(stored)
            && self
                .after
                .is_none_or(|after| Cursor::from_record(record) < after)
    }

    /// Whether a token was made and not used since before the time that
    /// [`unused_since`](Self::unused_since) names, if it names one.
    pub(crate) fn is_unused(&self, stored: &StoredToken) -> bool {
        let StoredToken { record, usage } = stored;
        self.unused_since.is_none_or(|since| {
            record.created_at < since && usage.last_used_at.is_none_or(|last| last < since)
        })
    }
}

impl Cursor {
    /// The place of a token.
    #[must_use]
    pub fn from_record(record: &Record) -> Self {
        Self {
            created_at: record.created_at,
            id: record.id,
        }
    }
}
