//! One token in the place of another.

use std::time::Duration;

use super::{CreatedToken, TokenError, Tokens, new_token, operations::write};
use crate::{
    engine::Retries,
    principal::Principal,
    token::{Record, TokenId, TokenState},
};

impl Tokens {
    /// Makes another token in the place of one, with the same rights and the
    /// same end. Both are good until the grace is over; with a grace of zero
    /// the old one ends at once.
    ///
    /// # Errors
    ///
    /// [`Invalid`](super::TokenErrorKind::Invalid) where the old one is not good any
    /// more, or was rotated already.
    pub async fn rotate(&self, id: TokenId, grace: Duration) -> Result<CreatedToken, TokenError> {
        self.rotated(None, id, grace).await
    }

    /// As [`rotate`](Self::rotate), for somebody who then holds the new token:
    /// it gives no rights beyond their own, as with
    /// [`NewToken::within_rights_of`](super::NewToken::within_rights_of).
    ///
    /// # Errors
    ///
    /// As there, and [`Forbidden`](super::TokenErrorKind::Forbidden), which names what
    /// the token has and they have not.
    pub async fn rotate_as(
        &self,
        id: TokenId,
        grace: Duration,
        maker: &Principal,
    ) -> Result<CreatedToken, TokenError> {
        self.rotated(Some(maker), id, grace).await
    }

    async fn rotated(
        &self,
        maker: Option<&Principal>,
        id: TokenId,
        grace: Duration,
    ) -> Result<CreatedToken, TokenError> {
        let mut retries = Retries::default();
        loop {
            let now = self.engine.now();
            let old = self.get(id).await?.record;
            if let Some(maker) = maker {
                new_token::within(&old, maker)?;
                new_token::name("created_by", maker.subject())?;
            }
            if old.rotated_to.is_some() || self.state(&old) != TokenState::Active {
                return Err(TokenError::invalid(
                    "id",
                    "can't be rotated: it is not active",
                ));
            }
            let (secret, mut fresh) = self.engine.mint(now, |id, digest| {
                let mut fresh = old.clone();
                fresh.id = id;
                fresh.digest = digest;
                fresh.created_at = now;
                if let Some(maker) = maker {
                    maker.subject().clone_into(&mut fresh.created_by);
                }
                fresh.rotated_from = Some(old.id);
                Ok(fresh)
            })?;
            let expected_rev = Some(old.rev);
            let mut old = Record {
                rotated_to: Some(fresh.id),
                ..old
            };
            if grace.is_zero() {
                // At once, whatever another instance's clock says.
                old.revoked_at = Some(now);
                old.revoked_by = maker.map(|maker| maker.subject().to_owned());
                old.revoked_reason = Some("rotated".to_owned());
            } else {
                old.grace_until = Some(now + grace);
            }
            let writes = vec![write(old, expected_rev), write(fresh.clone(), None)];
            match self.engine.apply(writes).await {
                Ok(rev) => {
                    fresh.rev = rev;
                    let record = fresh;
                    return Ok(CreatedToken { secret, record });
                }
                Err(error) => retries.allow(error)?,
            }
        }
    }
}
