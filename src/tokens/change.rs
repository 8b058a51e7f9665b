//! Changing one token: update, suspend, resume, revoke.

#[cfg(feature = "manage")]
use super::revoke::Revocation;
use super::{TokenError, TokenUpdate, Tokens, TokensOptions, validate};
use crate::{
    principal::Principal,
    store::StoredToken,
    token::{Record, Timestamp, TokenId},
};

/// A change of one token, which a conditional write applies to its current record.
#[derive(Clone, Copy)]
pub(crate) enum TokenChange<'a> {
    Resume,
    /// Resumes it on behalf of a caller, who needs the rights that it has.
    ResumeAs(&'a Principal),
    #[cfg(feature = "manage")]
    Revoke {
        by: &'a str,
        reason: &'a str,
    },
    Suspend,
    Update(&'a TokenUpdate),
}

impl Tokens {
    /// Changes a token. A change can only reduce what the token may do.
    ///
    /// # Errors
    ///
    /// Returns an error if the token would gain rights
    /// ([`Forbidden`](super::TokenErrorKind::Forbidden)) or a field is not valid
    /// ([`Invalid`](super::TokenErrorKind::Invalid)), either of which names the field; if
    /// there is no such token; or if the store can't be reached.
    pub async fn update(&self, id: TokenId, update: TokenUpdate) -> Result<Record, TokenError> {
        self.change(id, TokenChange::Update(&update)).await
    }

    /// Suspends a token until it is resumed.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such token, or if the store can't be reached.
    pub async fn suspend(&self, id: TokenId) -> Result<Record, TokenError> {
        self.change(id, TokenChange::Suspend).await
    }

    /// Resumes a token that was suspended. A revoked token stays revoked.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such token, or if the store can't be reached.
    pub async fn resume(&self, id: TokenId) -> Result<Record, TokenError> {
        self.change(id, TokenChange::Resume).await
    }

    /// Resumes a token on behalf of a caller, who must have every right that the token
    /// has: callers can't bring back a token that they could not create.
    ///
    /// # Errors
    ///
    /// Returns an error as [`resume`](Self::resume) does, and if the token has rights
    /// beyond the caller's ([`Forbidden`](super::TokenErrorKind::Forbidden)); it names the
    /// field.
    pub async fn resume_as(&self, id: TokenId, caller: &Principal) -> Result<Record, TokenError> {
        self.change(id, TokenChange::ResumeAs(caller)).await
    }

    async fn change(&self, id: TokenId, change: TokenChange<'_>) -> Result<Record, TokenError> {
        let changed = self.change_if(id, |_| true, change).await?;
        Ok(changed.record)
    }

    /// Changes a token if its current record meets a condition, and returns an error of
    /// the kind `NotFound` otherwise. The store is read once, unless another write
    /// conflicts.
    pub(crate) async fn change_if(
        &self,
        id: TokenId,
        is_visible: impl Fn(&Record) -> bool + Sync,
        change: TokenChange<'_>,
    ) -> Result<StoredToken, TokenError> {
        let now = self.engine.now();
        let options = &self.engine.options;
        let apply = |record: &mut Record| match is_visible(record) {
            true => change.apply(record, now, options),
            false => Err(TokenError::not_found()),
        };
        self.engine.change(id, apply).await
    }
}

impl TokenChange<'_> {
    fn apply(
        self,
        record: &mut Record,
        now: Timestamp,
        options: &TokensOptions,
    ) -> Result<(), TokenError> {
        match self {
            Self::Resume => record.suspended_at = None,
            Self::ResumeAs(caller) => {
                validate::within_rights(record, caller)?;
                record.suspended_at = None;
            }
            #[cfg(feature = "manage")]
            Self::Revoke { by, reason } => Revocation::new(by, reason)?.apply(record, now),
            Self::Suspend => {
                record.suspended_at.get_or_insert(now);
            }
            Self::Update(update) => update.apply(record, options)?,
        }
        Ok(())
    }
}
