//! Creating tokens, and importing those of another system.

use std::{fmt, sync::Arc};

use super::{NewToken, TokenError, Tokens};
use crate::{
    engine::{Engine, Retries},
    store::{Row, Write},
    token::{Digest, Record, Secret, Shape, Timestamp, TokenId, compose},
};

/// A token that was created, with its secret.
///
/// The secret is not stored: this is the only time that it is seen.
#[derive(Clone)]
#[non_exhaustive]
pub struct CreatedToken {
    /// The secret that the client sends.
    pub secret: Secret,
    /// The record that the store keeps.
    pub record: Record,
}

impl fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedToken")
            .field("id", &self.record.id)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// Creates a token. The return value holds its secret, which is not stored.
    ///
    /// # Errors
    ///
    /// Returns an error if a field is not valid ([`Invalid`](super::TokenErrorKind::Invalid))
    /// or exceeds the rights of the principal that
    /// [`within_rights_of`](NewToken::within_rights_of) names
    /// ([`Forbidden`](super::TokenErrorKind::Forbidden)); either names the field.
    pub async fn create(&self, token: NewToken) -> Result<CreatedToken, TokenError> {
        let now = self.engine.now();
        let (secret, mut record) = self.engine.mint(now, |id, digest| {
            token
                .clone()
                .into_record(id, digest, now, &self.engine.options)
        })?;
        record.rev = self.engine.insert(record.clone()).await?;
        Ok(CreatedToken { secret, record })
    }

    /// Imports a token of another system by its text: 20 to 255 characters of a token68,
    /// in another form than the tokens of this store.
    ///
    /// # Errors
    ///
    /// Returns an error as [`create`](Self::create) does, and if the text has another form,
    /// or if the token was imported before
    /// ([`AlreadyExists`](super::TokenErrorKind::AlreadyExists)).
    pub async fn import(&self, text: &str, token: NewToken) -> Result<Record, TokenError> {
        let is_token68 = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
        let is_own = Shape::parse(text.as_bytes(), &self.engine.options.prefix).is_some();
        if !(20..=255).contains(&text.len()) || !text.bytes().all(is_token68) || is_own {
            return Err(TokenError::invalid(
                "token",
                "is not 20 to 255 characters of a token68, or has the form of our own tokens",
            ));
        }
        self.import_digest(Digest::sha256(text), token).await
    }

    /// Imports a token of another system by the SHA-256 digest of its text.
    ///
    /// # Errors
    ///
    /// Returns an error as [`import`](Self::import) does.
    pub async fn import_digest(
        &self,
        digest: Digest,
        token: NewToken,
    ) -> Result<Record, TokenError> {
        let now = self.engine.now();
        let id = TokenId::random()?;
        let mut record = token.into_record(id, digest, now, &self.engine.options)?;
        record.rev = self.engine.insert(record.clone()).await?;
        Ok(record)
    }
}

impl Engine {
    /// Makes a secret, and the record that holds its digest.
    pub(super) fn mint(
        &self,
        now: Timestamp,
        record: impl FnOnce(TokenId, Digest) -> Result<Record, TokenError>,
    ) -> Result<(Secret, Record), TokenError> {
        let ring = self.mirror.ring();
        let kid = ring
            .minting(now)
            .ok_or_else(|| TokenError::unavailable("no key of the ring mints now"))?;
        let id = TokenId::random()?;
        let tag = |text: &[u8]| {
            let tag = ring.tag(kid, text);
            tag.expect("the key that mints is in the ring")
        };
        let (secret, digest) = compose(&self.options.prefix, id, kid, tag)?;
        let mut record = record(id, digest)?;
        record.kid = Some(kid);
        record.rev = 0;
        Ok((secret, record))
    }

    async fn insert(self: &Arc<Self>, record: Record) -> Result<u64, TokenError> {
        let writes = vec![write_record(record, None)];
        let mut retries = Retries::default();
        loop {
            match self.apply(writes.clone()).await {
                Ok(rev) => return Ok(rev),
                Err(error) => retries.allow(error)?,
            }
        }
    }
}

/// Returns the write of a record. `expected_rev` is `None` for a new one.
pub(super) fn write_record(record: Record, expected_rev: Option<u64>) -> Write {
    let row = Row::Token(Box::new(record));
    Write { row, expected_rev }
}
