//! What can be done to tokens.

use std::time::Duration;

use super::{
    CreatedToken, TokenError, TokenErrorKind, TokenSelector, TokenUpdate, Tokens,
    new_token::{self, NewToken},
};
use crate::{
    engine::{Engine, Retries},
    principal::Principal,
    store::{Query, Row, StoreError, StoreErrorKind, Write},
    token::{
        Digest, KeyId, Record, Secret, Shape, TagKey, Timestamp, TokenId, compose, generate_sealed,
    },
};

impl Tokens {
    /// Makes a token. Its secret is in the answer and nowhere else.
    ///
    /// # Errors
    ///
    /// [`Invalid`](TokenErrorKind::Invalid) and
    /// [`Forbidden`](TokenErrorKind::Forbidden) name the field that is at fault.
    pub async fn create(&self, token: NewToken) -> Result<CreatedToken, TokenError> {
        let now = self.engine.now();
        let (secret, mut record) = self.engine.mint(now, |id, digest| {
            token.clone().record(id, digest, now, &self.engine.options)
        })?;
        record.rev = self.engine.insert(record.clone()).await?;
        Ok(CreatedToken { secret, record })
    }

    /// Takes a token over that was made elsewhere, by its text: 20 to 255
    /// characters of a token68, and not of our own form.
    ///
    /// # Errors
    ///
    /// Returns an error as [`create`](Self::create) does, and if the text is no
    /// such token, or if the token is already there
    /// ([`AlreadyExists`](TokenErrorKind::AlreadyExists)).
    pub async fn import(&self, text: &str, token: NewToken) -> Result<Record, TokenError> {
        let token68 = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
        let shaped = Shape::parse(text.as_bytes(), &self.engine.options.prefix).is_some();
        if !(20..=255).contains(&text.len()) || !text.bytes().all(token68) || shaped {
            return Err(TokenError::invalid(
                "token",
                "is not a token68 of 20 to 255 characters of another form than ours",
            ));
        }
        self.import_digest(Digest::sha256(text), token).await
    }

    /// Takes a token over by its SHA-256 alone.
    ///
    /// # Errors
    ///
    /// As [`import`](Self::import).
    pub async fn import_digest(
        &self,
        digest: Digest,
        token: NewToken,
    ) -> Result<Record, TokenError> {
        let now = self.engine.now();
        let id = TokenId::random()?;
        let mut record = token.record(id, digest, now, &self.engine.options)?;
        record.rev = self.engine.insert(record.clone()).await?;
        Ok(record)
    }

    /// Changes a token, to less.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](TokenErrorKind::Forbidden) where that would be more than it
    /// may do now.
    pub async fn update(&self, id: TokenId, change: TokenUpdate) -> Result<Record, TokenError> {
        let options = &self.engine.options;
        self.engine
            .change(id, |record| change.apply(record, options))
            .await
    }

    /// Suspends a token until it is resumed.
    ///
    /// # Errors
    ///
    /// Where there is none, or the store can't be reached.
    pub async fn suspend(&self, id: TokenId) -> Result<Record, TokenError> {
        let now = self.engine.now();
        self.engine
            .change(id, |record| {
                record.suspended_at.get_or_insert(now);
                Ok(())
            })
            .await
    }

    /// Resumes a token that was suspended. One that was revoked stays so.
    ///
    /// # Errors
    ///
    /// Where there is none, or the store can't be reached.
    pub async fn resume(&self, id: TokenId) -> Result<Record, TokenError> {
        self.engine
            .change(id, |record| {
                record.suspended_at = None;
                Ok(())
            })
            .await
    }

    /// As [`resume`](Self::resume), for somebody who could make such a token
    /// too: what one may not make, one may not bring back.
    ///
    /// # Errors
    ///
    /// As there, and [`Forbidden`](TokenErrorKind::Forbidden), which names what
    /// the token has and they have not.
    pub async fn resume_as(&self, id: TokenId, by: &Principal) -> Result<Record, TokenError> {
        self.engine
            .change(id, |record| {
                new_token::within(record, by)?;
                record.suspended_at = None;
                Ok(())
            })
            .await
    }

    /// Revokes tokens, for good, and says how many there were. None of them is
    /// taken by this process once this returns.
    ///
    /// # Errors
    ///
    /// Returns an error if `by` or `reason` is no text of one line, as
    /// [`NewToken`] has it (a reason is at most 1,024 characters); nothing is
    /// revoked then.
    ///
    /// Returns an error if the store can't be reached. If it names `apply`, which
    /// was not answered in time, the tokens may be revoked or not: memory follows
    /// the store, so that they are refused as soon as it says so. Revoke again,
    /// which changes nothing where it was done.
    ///
    /// A presented token that is not known is not an error; it counts as 0.
    pub async fn revoke(
        &self,
        which: TokenSelector<'_>,
        by: &str,
        reason: &str,
    ) -> Result<usize, TokenError> {
        new_token::revocation(by, reason)?;
        let query = match which {
            TokenSelector::Id(id) => return self.revoke_one(id, by, reason).await,
            TokenSelector::Presented(token) => {
                return match self.engine.presented(token).await? {
                    Some(id) => self.revoke_one(id, by, reason).await,
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
        let mut retries = Retries::default();
        loop {
            let now = self.engine.now();
            let known = self
                .all(query.clone())
                .await?
                .into_iter()
                .map(|stored| stored.record);
            let good = known.filter(|record| record.revoked_at.is_none());
            let writes: Vec<Write> = good
                .map(|record| {
                    let expected_rev = Some(record.rev);
                    write(revoked(record, now, by, reason), expected_rev)
                })
                .collect();
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

    async fn revoke_one(&self, id: TokenId, by: &str, reason: &str) -> Result<usize, TokenError> {
        let now = self.engine.now();
        let mut count = 0;
        let change = |record: &mut Record| {
            count = 0;
            if record.revoked_at.is_none() {
                count = 1;
                *record = revoked(record.clone(), now, by, reason);
            }
            Ok(())
        };
        self.engine.change(id, change).await?;
        Ok(count)
    }

    /// Adds a key to the ring. It mints once every instance can have seen it,
    /// [`max_stale`](super::TokensOptions::max_stale) from now.
    ///
    /// # Errors
    ///
    /// Where the ring is full (61 keys, retired ones too), or the store can't be
    /// reached.
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

    /// Retires a key for good: it mints no more tokens, and every token that it
    /// minted is revoked. The key keeps who retired it and why.
    ///
    /// Returns the number of tokens that were active and no longer are; 0 if
    /// the key was retired before, which changes nothing.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such key, the store can't be reached, or
    /// `by` or `reason` is refused as [`revoke`](Self::revoke) does.
    pub async fn retire_key(&self, id: KeyId, by: &str, reason: &str) -> Result<usize, TokenError> {
        new_token::revocation(by, reason)?;
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

    /// Removes tokens, and sessions of the management page, that ended so long ago,
    /// and returns their number. Tokens
    /// that ended within [`max_stale`](super::TokensOptions::max_stale) are
    /// kept in any case.
    ///
    /// This process forgets them at once, and others when they next read all
    /// tokens; until then they refuse them as ended instead of unknown.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't be reached.
    pub async fn prune(&self, ended_for: Duration) -> Result<usize, TokenError> {
        let ended_for = ended_for.max(self.engine.options.max_stale);
        let before = self.engine.now().saturating_sub(ended_for);
        let pruned = self.engine.store.prune(before).await?;
        for id in &pruned {
            self.engine.mirror.forget(*id);
        }
        Ok(pruned.len())
    }

    pub(super) async fn ensure_key(&self) -> Result<(), TokenError> {
        if self.keys().iter().any(|key| key.retired_at.is_none()) {
            return Ok(());
        }
        // Nothing was minted by another one that somebody still waits to see.
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
    /// Makes the text of a token, and the record of its digest.
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
        let secret = compose(&self.options.prefix, id, kid, tag)?;
        let mut record = record(id, Digest::sha256(secret.expose()))?;
        record.kid = Some(kid);
        record.rev = 0;
        Ok((secret, record))
    }

    async fn insert(&self, record: Record) -> Result<u64, TokenError> {
        let writes = vec![write(record, None)];
        let mut retries = Retries::default();
        loop {
            match self.apply(writes.clone()).await {
                Ok(rev) => return Ok(rev),
                Err(error) => retries.allow(error)?,
            }
        }
    }

    /// The id of a token that is presented, if there is such a token: here, or
    /// in the store where one of our keys made it.
    pub(super) async fn presented(&self, token: &str) -> Result<Option<TokenId>, TokenError> {
        let digest = Digest::sha256(token);
        let shape = Shape::parse(token.as_bytes(), &self.options.prefix);
        let known = match &shape {
            Some(shape) => self.mirror.get(shape.id()),
            None => self.mirror.imported(&digest),
        };
        let found = match (known, shape) {
            (Some(entry), _) => Some((entry.id, entry.digest)),
            (None, Some(shape)) if self.key_of(&shape).is_some() => {
                let stored = self.store.get(shape.id()).await?;
                stored.map(|stored| (stored.record.id, stored.record.digest))
            }
            (None, _) => None,
        };
        Ok(found.filter(|(_, own)| *own == digest).map(|(id, _)| id))
    }

    async fn add_key(&self, mints_from: Timestamp) -> Result<TagKey, TokenError> {
        let id = self.mirror.ring().free_id();
        let id = id.ok_or_else(|| TokenError::invalid("key", "the ring is full"))?;
        let sealed = generate_sealed(id, self.mirror.master())?;
        let mut key = TagKey::new(id, sealed, self.now(), mints_from);
        let row = Row::Key(key.clone());
        key.rev = match self
            .apply(vec![Write {
                row,
                expected_rev: None,
            }])
            .await
        {
            // Another process added a key of this number at the same time.
            Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
                return Err(StoreError::conflict().into());
            }
            rev => rev?,
        };
        Ok(key)
    }
}

pub(super) fn write(record: Record, expected_rev: Option<u64>) -> Write {
    let row = Row::Token(Box::new(record));
    Write { row, expected_rev }
}

fn revoked(record: Record, now: Timestamp, by: &str, reason: &str) -> Record {
    Record {
        revoked_at: Some(now),
        revoked_by: Some(by.to_owned()),
        revoked_reason: Some(reason.to_owned()),
        ..record
    }
}
