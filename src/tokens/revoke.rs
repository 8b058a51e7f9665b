//! Revoking tokens, and pruning those that ended.

use std::{fmt, time::Duration};

use super::{TokenError, Tokens, create::write_record, validate};
use crate::{
    engine::Retries,
    store::Query,
    token::{Record, Timestamp, TokenId},
};

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
                ..Query::default()
            },
            TokenSelector::Subject(name) => Query {
                subject: Some(name.to_owned()),
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

    /// Revokes every token that matches a query, in one write.
    async fn revoke_all(
        &self,
        query: Query,
        revocation: Revocation<'_>,
    ) -> Result<usize, TokenError> {
        let mut retries = Retries::default();
        loop {
            let now = self.engine.now();
            let mut writes = Vec::new();
            for stored in self.engine.list_all(query.clone()).await? {
                let mut record = stored.record;
                if record.revoked_at.is_none() {
                    let expected_rev = Some(record.rev);
                    revocation.apply(&mut record, now);
                    writes.push(write_record(record, expected_rev));
                }
            }
            let count = writes.len();
            if count == 0 {
                return Ok(0);
            }
            match self.engine.apply(writes).await {
                Ok(_) => return Ok(count),
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
