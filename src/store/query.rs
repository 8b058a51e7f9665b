//! Queries for tokens.

use super::rows::StoredToken;
use crate::token::{KeyId, Record, SessionHolder, Timestamp, TokenId, TokenState};

/// A query for tokens. It matches every token unless a field is set.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Query {
    /// Tokens of this organization.
    pub organization: Option<String>,
    /// Tokens of this subject.
    pub subject: Option<String>,
    /// Tokens that this principal created.
    pub created_by: Option<String>,
    /// Tokens tagged by this key.
    pub kid: Option<KeyId>,
    /// Tokens with this text anywhere in their name or description, in any ASCII case.
    pub search: Option<String>,
    /// Tokens in this state at this time, as [`Record::state`] returns it. A token
    /// of one of the [`retired_keys`](Self::retired_keys) is revoked.
    pub state: Option<(TokenState, Timestamp)>,
    /// The retired keys. [`Tokens`](crate::tokens::Tokens) sets this field.
    pub retired_keys: Vec<KeyId>,
    /// Tokens that expire before this time.
    pub expires_before: Option<Timestamp>,
    /// Tokens created before this time, and not used since.
    pub unused_since: Option<Timestamp>,
    /// Sessions of this holder, and no tokens. Unless set, tokens alone.
    pub session_of: Option<SessionHolder>,
    /// Tokens after this one, in the order of the list.
    pub after: Option<Cursor>,
    /// The greatest number of tokens of a page; 0 means 100.
    pub limit: usize,
}

impl Query {
    /// Returns the greatest number of tokens of a page.
    #[must_use]
    pub fn page_size(&self) -> usize {
        if self.limit == 0 { 100 } else { self.limit }
    }

    /// Checks whether a token matches this query. The limit is not considered.
    #[must_use]
    pub fn matches(&self, stored: &StoredToken) -> bool {
        let record = &stored.record;
        let equals =
            |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|w| w == own);
        let contains = |text: &str, wanted: &str| {
            text.to_ascii_lowercase()
                .contains(&wanted.to_ascii_lowercase())
        };
        record.session_of == self.session_of
            && equals(
                &self.organization,
                record.organization.as_deref().unwrap_or_default(),
            )
            && equals(&self.subject, &record.subject)
            && equals(&self.created_by, &record.created_by)
            && self.kid.is_none_or(|kid| record.kid == Some(kid))
            && self.search.as_deref().is_none_or(|wanted| {
                contains(&record.name, wanted) || contains(&record.description, wanted)
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
            && self.matches_use(stored)
            && self
                .after
                .is_none_or(|after| Cursor::from_record(record) < after)
    }

    /// Checks whether a token matches [`unused_since`](Self::unused_since).
    pub(crate) fn matches_use(&self, stored: &StoredToken) -> bool {
        let StoredToken { record, usage } = stored;
        self.unused_since.is_none_or(|since| {
            record.created_at < since && usage.last_used_at.is_none_or(|last| last < since)
        })
    }
}

/// A page of tokens.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "stores make them")]
pub struct TokenPage {
    /// The tokens, the newest first.
    pub tokens: Vec<StoredToken>,
    /// The place [`after`](Query::after) which the next page begins; `None` if no
    /// token follows.
    pub next: Option<Cursor>,
}

impl TokenPage {
    /// Creates the page of a store that has looked at every token: the first tokens that
    /// match a query, up to its limit. If there are as many, another page follows.
    #[must_use]
    pub fn new(tokens: Vec<StoredToken>, query: &Query) -> Self {
        let last = tokens.last().filter(|_| tokens.len() >= query.page_size());
        let next = last.map(|stored| Cursor::from_record(&stored.record));
        Self { tokens, next }
    }
}

/// A place in a list of tokens, such as that of the last token of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Cursor {
    /// The time at which the token was created.
    pub created_at: Timestamp,
    /// The id of the token.
    pub id: TokenId,
}

impl Cursor {
    /// Returns the place of a token.
    #[must_use]
    pub fn from_record(record: &Record) -> Self {
        Self {
            created_at: record.created_at,
            id: record.id,
        }
    }
}
