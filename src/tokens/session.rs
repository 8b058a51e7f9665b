//! Sessions of the management page.
//!
//! A session is a record of the store, beside the tokens. Each use reads that
//! record, so that a session ends on every instance when it is closed on one,
//! and outlives a restart. Its secret has the form of a token under a prefix of
//! its own: the tag of one that was made up is wrong, and no read is made for it.

use std::{sync::Arc, time::SystemTime};

use super::{TokenError, Tokens, operations::write};
use crate::{
    engine::{Engine, Retries},
    principal::{Facts, Principal},
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

/// How many sessions one holder has at most. Another one takes the place, and
/// the record, of one that ended, or else of the oldest.
const SESSIONS_MAX: usize = 16;

/// Which sessions are meant: those of one page, in cookies of one form.
#[derive(Clone, Copy)]
pub(crate) struct SessionKind<'a> {
    pub(crate) prefix: &'a Prefix,
    pub(crate) page: &'a str,
}

impl Tokens {
    /// A short text that every instance over this store derives alike, and
    /// instances over another store do not.
    pub(crate) fn label(&self) -> String {
        let ring = self.engine.mirror.ring();
        let first = ring.keys().map(|key| key.id).min();
        // No token holds blanks: this is the tag of none.
        let tag = first.and_then(|id| ring.tag(id, b"tower-authn label v1"));
        format!("{:012x}", tag.unwrap_or_default() >> 16)
    }

    /// Opens a session of this caller, and returns its secret.
    pub(crate) async fn open_session(
        &self,
        kind: SessionKind<'_>,
        caller: &Principal,
        ends: Timestamp,
    ) -> Result<Secret, TokenError> {
        let token = caller.token_id().and_then(|id| id.parse().ok());
        let holder = token.map_or(SessionHolder::User, SessionHolder::Token);
        let mut query = Query {
            session_of: Some(holder),
            limit: SESSIONS_MAX,
            ..Query::default()
        };
        if holder == SessionHolder::User {
            query.subject = Some(caller.subject().to_owned());
            query.organization = Some(caller.organization().unwrap_or_default().to_owned());
        }
        let mut retries = Retries::default();
        loop {
            let now = self.engine.now();
            let known = self.engine.list(query.clone()).await?;
            let place = self.place(&known).map(|record| (record.id, record.rev));
            let (id, expected_rev) = place.unzip();
            let (secret, id, kid) = self.engine.mint_session(kind.prefix, id, now)?;
            let record = Record {
                kid: Some(kid),
                organization: caller.organization().map(str::to_owned),
                name: kind.page.to_owned(),
                scopes: caller.scopes().to_vec(),
                targets: caller.targets().map(<[Target]>::to_vec),
                metadata: caller.metadata().unwrap_or_default().to_owned(),
                expires_at: Some(ends),
                session_of: Some(holder),
                ..Record::new(
                    id,
                    Digest::sha256(secret.expose()),
                    caller.subject().to_owned(),
                    now,
                )
            };
            match self.engine.apply(vec![write(record, expected_rev)]).await {
                Ok(_) => return Ok(secret),
                Err(error) => retries.allow(error)?,
            }
        }
    }

    /// The record whose place a new session takes, if there is no room for one
    /// more or one of them ended. They are listed with the newest first.
    fn place<'a>(&self, known: &'a [StoredToken]) -> Option<&'a Record> {
        let mut records = known.iter().map(|stored| &stored.record);
        let ended = records.find(|record| self.state(record) != TokenState::Active);
        let oldest = known.last().map(|stored| &stored.record);
        ended.or_else(|| oldest.filter(|_| known.len() >= SESSIONS_MAX))
    }

    /// Returns the principal of a session as it is now; `None` if there is no such
    /// session, it has ended, or its token is not good.
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
            Some(SessionHolder::User) => Ok(Some(Principal::of(Arc::new(User(record))))),
            Some(SessionHolder::Token(id)) => match self.current(id).await {
                Ok(principal) => Ok(Some(principal)),
                Err(error) if error.kind().status() == StatusCode::UNAUTHORIZED => Ok(None),
                Err(_) => Err(TokenError::unavailable(
                    "the session's token can't be verified",
                )),
            },
        }
    }

    /// Ends a session, on every instance, and returns whether there was one.
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
            match self.engine.apply(vec![write(record, expected_rev)]).await {
                Ok(_) => return Ok(true),
                Err(error) => retries.allow(error)?,
            }
        }
    }

    /// The record of a session that has not ended, its token aside.
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
            None if engine.may_be_of_a_new_key(&shape, seen) => {
                return Err(TokenError::unavailable("not confirmed for too long"));
            }
            None => return Ok(None),
            Some(_) => {}
        }
        let read = engine.store.get(shape.id()).await?;
        let digest = Digest::sha256(secret);
        let stored = read.map(|stored| stored.record);
        Ok(stored.filter(|record| {
            record.session_of.is_some()
                && record.digest == digest
                && record.name == kind.page
                && self.state(record) == TokenState::Active
        }))
    }

    /// The principal of a token that was presented before, as it is now.
    async fn current(&self, id: TokenId) -> Result<Principal, Rejection> {
        if self.engine.mirror.get(id).is_none() {
            // Made by another instance a moment ago.
            self.engine.read_through(id).await?;
        }
        let seen = self.engine.freshness.see();
        let entry = self.engine.mirror.get(id).ok_or_else(Rejection::invalid)?;
        self.engine.judge_standing(entry, seen)
    }
}

impl Engine {
    /// Makes the secret of a session, under this id or a new one.
    fn mint_session(
        &self,
        prefix: &Prefix,
        id: Option<TokenId>,
        now: Timestamp,
    ) -> Result<(Secret, TokenId, KeyId), TokenError> {
        let ring = self.mirror.ring();
        let kid = ring
            .minting(now)
            .ok_or_else(|| TokenError::unavailable("no key of the ring mints now"))?;
        let id = match id {
            Some(id) => id,
            None => TokenId::random()?,
        };
        let tag = |text: &[u8]| {
            ring.tag(kid, text)
                .expect("the key that mints is in the ring")
        };
        let secret = compose(prefix, id, kid, tag)?;
        Ok((secret, id, kid))
    }
}

/// A user, as the record of their session describes them.
struct User(Record);

impl Facts for User {
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

    /// The session's end is no end of the user's: what they make may outlive it.
    fn expires_at(&self) -> Option<SystemTime> {
        None
    }
}
