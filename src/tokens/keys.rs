//! Adding keys to the ring and retiring them.

use std::sync::Arc;

use super::{TokenError, TokenErrorKind, Tokens, revoke::Revocation};
use crate::{
    engine::{Engine, Retries},
    store::{Row, StoreError, StoreErrorKind, Write},
    token::{KeyId, TagKey, Timestamp, generate_sealed},
};

impl Tokens {
    /// Returns the keys of the ring, including retired ones.
    #[must_use]
    pub fn keys(&self) -> Vec<TagKey> {
        self.engine.mirror.ring().keys().cloned().collect()
    }

    /// Adds a key to the ring. It starts to mint
    /// [`max_stale`](super::TokensOptions::max_stale) from now, when every instance has
    /// read it.
    ///
    /// # Errors
    ///
    /// Returns an error if the ring is full (61 keys, including retired ones), or if the
    /// store can't be reached.
    pub async fn add_key(&self) -> Result<TagKey, TokenError> {
        let mut retries = Retries::default();
        loop {
            let mints_from = self.engine.now() + self.engine.options.max_stale;
            match self.engine.add_key(mints_from).await {
                Err(error) => retries.allow(error)?,
                added => return added,
            }
            // Another process took the number of the key.
            self.engine.follow().await?;
        }
    }

    /// Retires a key permanently: it mints no more tokens, and every token that it minted
    /// is revoked. The key keeps `by` and `reason`.
    ///
    /// Returns the number of active tokens that this revoked, or 0 if the key was retired
    /// before, in which case nothing changes.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such key, if the store can't be reached, or if `by`
    /// or `reason` is not valid, as for [`revoke`](Self::revoke).
    pub async fn retire_key(&self, id: KeyId, by: &str, reason: &str) -> Result<usize, TokenError> {
        Revocation::new(by, reason)?;
        let mut retries = Retries::default();
        loop {
            let known = self.keys().into_iter().find(|key| key.id == id);
            let mut key = known.ok_or_else(TokenError::not_found)?;
            if key.retired_at.is_some() {
                return Ok(0);
            }
            let now = self.engine.now();
            key.retired_at = Some(now);
            key.retired_by = Some(by.to_owned());
            key.retired_reason = Some(reason.to_owned());
            let expected_rev = Some(key.rev);
            let row = Row::Key(key);
            let active = self.engine.mirror.count_active(id, now);
            match self.engine.apply(vec![Write { row, expected_rev }]).await {
                Ok(_) => return Ok(active),
                Err(error) => retries.allow(error)?,
            }
            self.engine.follow().await?;
        }
    }

    /// Adds the first key of an empty store, or a new one if all keys are retired.
    pub(super) async fn ensure_key(&self) -> Result<(), TokenError> {
        if self.keys().iter().any(|key| key.retired_at.is_none()) {
            return Ok(());
        }
        // It mints at once: no other key does, so nothing is gained by waiting.
        let added = self.engine.add_key(self.engine.now()).await;
        match added {
            // Another process opened the same store at the same time.
            Err(error) if error.kind() == TokenErrorKind::Conflict => {
                self.engine.follow().await?;
                Ok(())
            }
            other => other.map(drop),
        }
    }
}

impl Engine {
    async fn add_key(self: &Arc<Self>, mints_from: Timestamp) -> Result<TagKey, TokenError> {
        let id = self.mirror.ring().free_id();
        let id = id.ok_or_else(|| TokenError::invalid("key", "the ring is full"))?;
        let sealed = generate_sealed(id, self.mirror.master())?;
        let mut key = TagKey::new(id, sealed, self.now(), mints_from);
        let write = Write {
            row: Row::Key(key.clone()),
            expected_rev: None,
        };
        key.rev = match self.apply(vec![write]).await {
            // Another process added a key of this number at the same time.
            Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
                return Err(StoreError::conflict().into());
            }
            rev => rev?,
        };
        Ok(key)
    }
}
