//! Replacing a token by a new one.

use std::time::Duration;

use super::{CreatedToken, TokenError, Tokens, create::write_record, validate};
use crate::{
    engine::Retries,
    principal::Principal,
    token::{Record, Timestamp, TokenId, TokenState},
};

impl Tokens {
    /// Creates a token that replaces another, with the same rights and the same expiry.
    /// Both are valid during the grace period; if it is zero, the old token is revoked at
    /// once.
    ///
    /// # Errors
    ///
    /// Returns an error if the old token is not active or was rotated before
    /// ([`Invalid`](super::TokenErrorKind::Invalid)), if there is no such token, or if the
    /// store can't be reached.
    pub async fn rotate(&self, id: TokenId, grace: Duration) -> Result<CreatedToken, TokenError> {
        self.replace(id, grace, None).await
    }

    /// Rotates a token on behalf of a caller, who receives the new one and must have every
    /// right that it has, as for
    /// [`NewToken::within_rights_of`](super::NewToken::within_rights_of).
    ///
    /// # Errors
    ///
    /// Returns an error as [`rotate`](Self::rotate) does, and if the token has rights
    /// beyond the caller's ([`Forbidden`](super::TokenErrorKind::Forbidden)); it names the
    /// field.
    pub async fn rotate_as(
        &self,
        id: TokenId,
        grace: Duration,
        caller: &Principal,
    ) -> Result<CreatedToken, TokenError> {
        self.replace(id, grace, Some(caller)).await
    }

    async fn replace(
        &self,
        id: TokenId,
        grace: Duration,
        caller: Option<&Principal>,
    ) -> Result<CreatedToken, TokenError> {
        let mut retries = Retries::default();
        loop {
            let now = self.engine.now();
            let old = self.get(id).await?.record;
            if let Some(caller) = caller {
                validate::within_rights(&old, caller)?;
                validate::name("created_by", caller.subject())?;
            }
            if old.rotated_to.is_some() || self.state(&old) != TokenState::Active {
                return Err(TokenError::invalid(
                    "id",
                    "can't be rotated: it is not active",
                ));
            }
            let (secret, mut record) = self.engine.mint(now, |id, digest| {
                let mut record = Record {
                    id,
                    digest,
                    created_at: now,
                    rotated_from: Some(old.id),
                    ..old.clone()
                };
                if let Some(caller) = caller {
                    caller.subject().clone_into(&mut record.created_by);
                }
                Ok(record)
            })?;
            let expected_rev = Some(old.rev);
            let mut old = Record {
                rotated_to: Some(record.id),
                ..old
            };
            end_after(&mut old, grace, now, caller);
            let writes = vec![
                write_record(old, expected_rev),
                write_record(record.clone(), None),
            ];
            match self.engine.apply(writes).await {
                Ok(rev) => {
                    record.rev = rev;
                    return Ok(CreatedToken { secret, record });
                }
                Err(error) => retries.allow(error)?,
            }
        }
    }
}

/// Ends a rotated token after its grace period.
fn end_after(record: &mut Record, grace: Duration, now: Timestamp, caller: Option<&Principal>) {
    if grace.is_zero() {
        // Revoked, and not merely given a time: the clock of another instance may be late.
        record.revoked_at = Some(now);
        record.revoked_by = caller.map(|caller| caller.subject().to_owned());
        record.revoked_reason = Some("rotated".to_owned());
    } else {
        record.grace_until = Some(now + grace);
    }
}
