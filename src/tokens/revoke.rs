//! Revoking tokens, and pruning those that ended.

use std::{fmt, time::Duration};

use tokio::time::Instant;

use super::{TokenError, Tokens, create::write_record, validate};
use crate::{
    engine::Retries,
    store::{Cursor, Query},
    token::{Record, Timestamp, TokenId},
};

/// How many tokens one write revokes, so that other writes wait for a fraction of a second.
const PART: usize = 500;

/// How many times a revocation goes over the tokens.
const PASSES: usize = 8;

/// Selects the tokens that [`Tokens::revoke`] revokes.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum TokenSelector<'a> {
    /// All tokens that a principal of this name created.
    CreatedBy(&'a str),
    /// The token with this id.
    Id(TokenId),
    /// The token with this secret, sent by its holder (RFC 7009).
    Presented(&'a str),
    /// All tokens of this subject.
    Subject(&'a str),
}

/// Omits the secret.
impl fmt::Debug for TokenSelector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreatedBy(name) => write!(f, "CreatedBy({name:?})"),
            Self::Id(id) => write!(f, "Id({id})"),
            Self::Presented(_) => f.write_str("Presented(…)"),
            Self::Subject(name) => write!(f, "Subject({name:?})"),
        }
    }
}

/// The name and the reason that a revoked record keeps.
#[derive(Clone, Copy)]
pub(super) struct Revocation<'a> {
    by: &'a str,
    reason: &'a str,
}

impl<'a> Revocation<'a> {
    pub(super) fn new(by: &'a str, reason: &'a str) -> Result<Self, TokenError> {
        validate::name("by", by)?;
        validate::reason(reason)?;
        Ok(Self { by, reason })
    }

    /// Marks a record as revoked, unless it is revoked already.
    pub(super) fn apply(self, record: &mut Record, now: Timestamp) {
        if record.revoked_at.is_none() {
            record.revoked_at = Some(now);
            record.revoked_by = Some(self.by.to_owned());
            record.revoked_reason = Some(self.reason.to_owned());
        }
    }
}

impl Tokens {
    /// Revokes tokens permanently, and returns how many were revoked. This process
    /// refuses them from the return of this call on.
    ///
    /// A revoked token is not counted again. A [`Presented`](TokenSelector::Presented)
    /// secret of no known token is not an error and counts as 0.
    ///
    /// The tokens of a subject or of a creator are revoked in parts of up to 500, so that
    /// other changes go on meanwhile. Each part is revoked whole or not at all, the newest
    /// tokens first, and refused as soon as it is. A call that fails or is dropped leaves
    /// the parts before it revoked, and another call goes on with the rest. When the call
    /// returns, it has found no token to revoke on its last pass over all of them, which
    /// also finds those that were created or rotated meanwhile. It makes at most 8 passes.
    ///
    /// # Errors
    ///
    /// Returns an error if `by` or `reason` is not a valid line of text, as [`NewToken`]
    /// describes it (a reason has at most 1,024 characters); nothing is revoked then.
    ///
    /// Returns an error if the store can't be reached. If the error names `apply`, which
    /// was not answered in time, the tokens may be revoked or not. Call `revoke` again: it
    /// has no effect on tokens that are revoked. Meanwhile this process follows the store,
    /// and refuses the tokens once it reads that they are revoked.
    ///
    /// [`NewToken`]: super::NewToken
    pub async fn revoke(
        &self,
        selector: TokenSelector<'_>,
        by: &str,
        reason: &str,
    ) -> Result<usize, TokenError> {
        let revocation = Revocation::new(by, reason)?;
        let query = match selector {
            TokenSelector::Id(id) => return self.revoke_one(id, revocation).await,
            TokenSelector::Presented(secret) => {
                return match self.engine.find_id(secret).await? {
                    Some(id) => self.revoke_one(id, revocation).await,
                    None => Ok(0),
                };
            }
            TokenSelector::CreatedBy(name) => Query {
                created_by: Some(name.to_owned()),
                limit: PART,
                ..Query::default()
            },
            TokenSelector::Subject(name) => Query {
                subject: Some(name.to_owned()),
                limit: PART,
                ..Query::default()
            },
        };
        self.revoke_all(query, revocation).await
    }

    async fn revoke_one(
        &self,
        id: TokenId,
        revocation: Revocation<'_>,
    ) -> Result<usize, TokenError> {
        let now = self.engine.now();
        let mut count = 0;
        let revoke = |record: &mut Record| {
            count = usize::from(record.revoked_at.is_none());
            revocation.apply(record, now);
            Ok(())
        };
        self.engine.change(id, revoke).await?;
        Ok(count)
    }

    /// Revokes every token that matches a query, until a pass over them finds none.
    ///
    /// A token may be created or rotated behind the place that a pass has reached.
    async fn revoke_all(
        &self,
        query: Query,
        revocation: Revocation<'_>,
    ) -> Result<usize, TokenError> {
        let mut count = 0;
        for _ in 0..PASSES {
            let mut pass = 0;
            let mut part = Some(query.clone());
            while let Some(query) = part {
                let begin = Instant::now();
                let (revoked, next) = self.revoke_part(&query, revocation).await?;
                if revoked > 0 && next.is_some() {
                    // SQLite has no queue of writers: those that wait try from time to time.
                    tokio::time::sleep(begin.elapsed() / 2).await;
                }
                pass += revoked;
                part = next.map(|next| Query {
                    after: Some(next),
                    ..query
                });
            }
            count += pass;
            if pass == 0 {
                break;
            }
        }
        Ok(count)
    }

    /// Revokes the tokens of one page, in one write. Returns how many, and where the next
    /// page begins.
    async fn revoke_part(
        &self,
        query: &Query,
        revocation: Revocation<'_>,
    ) -> Result<(usize, Option<Cursor>), TokenError> {
        let mut retries = Retries::default();
        loop {
            let now = self.engine.now();
            let page = self.engine.list(query.clone()).await?;
            let mut writes = Vec::new();
            for stored in page.tokens {
                let mut record = stored.record;
                if record.revoked_at.is_none() {
                    let expected_rev = Some(record.rev);
                    revocation.apply(&mut record, now);
                    writes.push(write_record(record, expected_rev));
                }
            }
            let count = writes.len();
            if count == 0 {
                return Ok((0, page.next));
            }
            match self.engine.apply(writes).await {
                Ok(_) => return Ok((count, page.next)),
                Err(error) => retries.allow(error)?,
            }
        }
    }

    /// Removes the tokens, and the sessions of the management page, that ended at least
    /// this long ago, and returns their number. Tokens that ended within
    /// [`max_stale`](super::TokensOptions::max_stale) are always kept.
    ///
    /// Every process forgets them when it next reads the store's changes; until then it
    /// refuses them as revoked or expired instead of unknown. A process that has not read
    /// the store since they ended reads every token again.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't be reached. Some of the tokens may be removed
    /// then; another call removes the others.
    pub async fn prune(&self, ended_for: Duration) -> Result<usize, TokenError> {
        let ended_for = ended_for.max(self.engine.options.max_stale);
        let ended_before = self.engine.now().saturating_sub(ended_for);
        let pruned = self.engine.store.prune(ended_before).await?;
        self.engine.follow().await?;
        Ok(pruned)
    }
}
