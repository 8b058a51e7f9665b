//! Sessions of the management page.
//!
//! A session is a record in the store, next to the tokens, and every request reads that
//! record. So a session that is closed on one instance ends on all of them, and sessions
//! survive a restart. The secret of a session has the form of a token under another
//! prefix, with a tag: a forged secret is refused without a read of the store.

use std::{sync::Arc, time::SystemTime};

use super::{TokenError, Tokens, create::write_record};
use crate::{
    engine::{Engine, Retries},
    principal::{Principal, PrincipalData},
    rejection::Rejection,
    scope::Scope,
    store::{Query, StoredToken},
    target::Target,
    token::{
        Digest, KeyId, Prefix, Record, Secret, SessionHolder, Shape, Timestamp, TokenId,
        TokenState, compose,
    },
};
use http::StatusCode;

/// The most sessions of one holder. A further session reuses the record of one that
/// ended, or else of the oldest.
const SESSIONS_MAX: usize = 16;

/// The sessions of one page, with one prefix for their secrets.
#[derive(Clone, Copy)]
pub(crate) struct SessionKind<'a> {
    pub(crate) prefix: &'a Prefix,
    pub(crate) page: &'a str,
}

impl Tokens {
    /// Returns a short text that is the same for all instances over this store, and
    /// different for another store.
    pub(crate) fn label(&self) -> String {
        let ring = self.engine.mirror.ring();
        let first = ring.keys().map(|key| key.id).min();
        // No token contains a space, so this is not the tag of a token.
        let tag = first.and_then(|id| ring.tag(id, b"tower-authn label v1"));
        format!("{:012x}", tag.unwrap_or_default() >> 16)
    }

    /// Opens a session for a caller, and returns its secret.
    pub(crate) async fn open_session(
        &self,
        kind: SessionKind<'_>,
        caller: &Principal,
        ends: Timestamp,
    ) -> Result<Secret, TokenError> {
        let token = TokenId::try_from(caller).ok();
        let holder = token.map_or(SessionHolder::User, SessionHolder::Token);
        let mut query = Query {
            session_of: Some(holder),
            ..Query::default()
        };
        if holder == SessionHolder::User {
            query.subject = Some(caller.subject().to_owned());
            query.organization = Some(caller.organization().unwrap_or_default().to_owned());
        }
        let mut retries = Retries::default();
        loop {
            let now = self.engine.now();
            let sessions = self.engine.list_all(query.clone()).await?;
            let reused = self.reusable(&sessions);
            let (id, expected_rev) = reused.map(|record| (record.id, record.rev)).unzip();
            let id = match id {
                Some(id) => id,
                None => TokenId::random()?,
            };
            let (secret, digest, kid) = self.engine.mint_session(kind.prefix, id, now)?;
            let record = Record {
                kid: Some(kid),
                organization: caller.organization().map(str::to_owned),
                name: kind.page.to_owned(),
                scopes: caller.scopes().to_vec(),
                targets: caller.targets().map(<[Target]>::to_vec),
                metadata: caller.metadata().unwrap_or_default().to_owned(),
                expires_at: Some(ends),
                session_of: Some(holder),
                ..Record::new(id, digest, caller.subject().to_owned(), now)
            };
            match self
                .engine
                .apply(vec![write_record(record, expected_rev)])
                .await
            {
                Ok(_) => return Ok(secret),
                Err(error) => retries.allow(error)?,
            }
        }
    }

    /// Returns the record that a new session reuses, if a session ended or there are
    /// too many. The sessions are sorted, the newest first.
    fn reusable<'a>(&self, sessions: &'a [StoredToken]) -> Option<&'a Record> {
        let mut records = sessions.iter().map(|stored| &stored.record);
        let ended = records.find(|record| self.state(record) != TokenState::Active);
        let oldest = sessions.last().map(|stored| &stored.record);
        ended.or_else(|| oldest.filter(|_| sessions.len() >= SESSIONS_MAX))
    }

    /// Returns the principal of a session as it is now, or `None` if there is no such
    /// session, it has ended, or its token is no longer valid.
    pub(crate) async fn session(
        &self,
        kind: SessionKind<'_>,
        secret: &[u8],
    ) -> Result<Option<Principal>, TokenError> {
        let Some(record) = self.session_record(kind, secret).await? else {
            return Ok(None);
        };
        match record.session_of {
            None => Ok(None),
            Some(SessionHolder::User) => {
                Ok(Some(Principal::from_data(Arc::new(SessionUser(record)))))
            }
            Some(SessionHolder::Token(id)) => match self.current(id).await {
                Ok(principal) => Ok(Some(principal)),
                Err(error) if error.kind().status() == StatusCode::UNAUTHORIZED => Ok(None),
                Err(_) => Err(TokenError::unavailable(
                    "the session's token can't be verified",
                )),
            },
        }
    }

    /// Closes a session on every instance, and returns whether it was open.
    pub(crate) async fn close_session(
        &self,
        kind: SessionKind<'_>,
        secret: &[u8],
    ) -> Result<bool, TokenError> {
        let mut retries = Retries::default();
        loop {
            let Some(mut record) = self.session_record(kind, secret).await? else {
                return Ok(false);
            };
            let expected_rev = Some(record.rev);
            record.revoked_at = Some(self.engine.now());
            match self
                .engine
                .apply(vec![write_record(record, expected_rev)])
                .await
            {
                Ok(_) => return Ok(true),
                Err(error) => retries.allow(error)?,
            }
        }
    }

    /// Returns the record of a session that has not ended. Its token is not checked.
    async fn session_record(
        &self,
        kind: SessionKind<'_>,
        secret: &[u8],
    ) -> Result<Option<Record>, TokenError> {
        let engine = &self.engine;
        let Some(shape) = Shape::parse(secret, kind.prefix).filter(Shape::has_valid_crc) else {
            return Ok(None);
        };
        let seen = engine.freshness.see();
        match engine.key_of(&shape) {
            None if engine.may_have_new_key(&shape, seen) => {
                return Err(TokenError::unavailable(
                    "the store has not been read for max_stale",
                ));
            }
            None => return Ok(None),
            Some(_) => {}
        }
        let read = engine.store.get(shape.id()).await?;
        let digest = shape.digest();
        let stored = read.map(|stored| stored.record);
        Ok(stored.filter(|record| {
            record.session_of.is_some()
                && record.digest == digest
                && record.name == kind.page
                && self.state(record) == TokenState::Active
        }))
    }

    /// Returns the principal of a token that was verified when the session was opened,
    /// as it is now.
    async fn current(&self, id: TokenId) -> Result<Principal, Rejection> {
        if self.engine.mirror.get(id).is_none() {
            // Another instance may have created it a moment ago.
            self.engine.read_through(id).await?;
        }
        let seen = self.engine.freshness.see();
        let entry = self.engine.mirror.get(id).ok_or_else(Rejection::invalid)?;
        self.engine.check_verified(entry, seen)
    }
}

impl Engine {
    /// Makes the secret of a session, with this id or a new one.
    fn mint_session(
        &self,
        prefix: &Prefix,
        id: TokenId,
        now: Timestamp,
    ) -> Result<(Secret, Digest, KeyId), TokenError> {
        let ring = self.mirror.ring();
        let kid = ring
            .minting(now)
            .ok_or_else(|| TokenError::unavailable("no key of the ring mints now"))?;
        let tag = |text: &[u8]| {
            ring.tag(kid, text)
                .expect("the key that mints is in the ring")
        };
        let (secret, digest) = compose(prefix, id, kid, tag)?;
        Ok((secret, digest, kid))
    }
}

/// The principal of a session that was opened without a token: the record of the session
/// describes it.
struct SessionUser(Record);

impl PrincipalData for SessionUser {
    fn subject(&self) -> &str {
        &self.0.subject
    }

    fn scopes(&self) -> &[Scope] {
        &self.0.scopes
    }

    fn organization(&self) -> Option<&str> {
        self.0.organization.as_deref()
    }

    fn targets(&self) -> Option<&[Target]> {
        self.0.targets.as_deref()
    }

    fn metadata(&self) -> Option<&str> {
        Some(self.0.metadata.as_str()).filter(|text| !text.is_empty())
    }

    /// The end of the session does not limit the user: their tokens may outlive it.
    fn expires_at(&self) -> Option<SystemTime> {
        None
    }
}
