//! The verdict on a token, by what memory holds.

use std::sync::Arc;

use super::{
    Engine,
    entry::TokenEntry,
    freshness::Seen,
    schedule,
    thread_cache::{CacheKey, ThreadEntry},
};
use crate::{
    principal::Principal,
    rejection::Rejection,
    token::{Clock, Digest, KeyId, Shape, SystemClock, Timestamp, TokenId},
};

/// The lengths of tokens of other systems, in bytes.
const IMPORTED: std::ops::RangeInclusive<usize> = 20..=255;

/// What memory alone decides on a token.
pub(crate) enum Decision {
    Final(Result<Principal, Rejection>),
    /// One of our keys made the token, and memory does not know it: another instance may
    /// have created it a moment ago.
    ReadStore(TokenId),
}

impl Engine {
    /// Decides on a token by what memory holds.
    ///
    /// The order of the checks makes a flood cheap: a known token costs one digest, a
    /// forged one a checksum or a tag, and neither a read of the store.
    #[inline]
    pub(crate) fn decide(&self, token: &[u8]) -> Decision {
        let Some(shape) = Shape::parse(token, &self.options.prefix) else {
            return Decision::Final(self.decide_imported(token));
        };
        let seen = self.freshness.see();
        schedule::point();
        let key = self.cache_key(shape.id());
        if let Some(own) = key.find(self.mirror.tokens()) {
            return Decision::Final(self.check_remembered(own, &shape.digest(), seen));
        }
        match self.mirror.tokens().get(key.id, key.hash) {
            Some((entry, generation)) => {
                let verdict = self.check(&entry, &shape.digest(), seen);
                Decision::Final(verdict.map(|now| {
                    self.usage.count(&entry, now);
                    if let Some(own) = key.note(&entry, generation) {
                        self.usage.keep(own);
                    }
                    Principal::from_data(entry)
                }))
            }
            None => self.decide_unknown(&shape, seen),
        }
    }

    #[inline]
    pub(super) fn cache_key(&self, id: TokenId) -> CacheKey {
        CacheKey {
            engine: self.usage.number,
            id,
            hash: self.mirror.tokens().hash(id),
        }
    }

    /// Decides on a token that this thread remembers. `seen` was read before the
    /// generation of its shard.
    #[inline(always)]
    pub(super) fn check_remembered(
        &self,
        own: Arc<ThreadEntry>,
        digest: &Digest,
        seen: Seen,
    ) -> Result<Principal, Rejection> {
        let now = self.check(own.entry(), digest, seen)?;
        own.count_use(now);
        Ok(Principal::from_data(own))
    }

    #[cold]
    fn decide_unknown(&self, shape: &Shape<'_>, seen: Seen) -> Decision {
        if !shape.has_valid_crc() {
            return Decision::Final(Err(invalid("the checksum is wrong")));
        }
        match self.key_of(shape) {
            None if self.may_have_new_key(shape, seen) => Decision::Final(Err(stale())),
            None => Decision::Final(Err(invalid("no key of the ring made it"))),
            key if self.mirror.is_retired(key) => Decision::Final(Err(retired())),
            Some(_) => Decision::ReadStore(shape.id()),
        }
    }

    /// Returns the key of the ring that made a token, by its tag.
    pub(crate) fn key_of(&self, shape: &Shape<'_>) -> Option<KeyId> {
        let (key, tagged, tag) = shape.tag()?;
        self.mirror.ring().verify(key, tagged, tag).then_some(key)
    }

    /// Returns whether a token names an unknown key that another instance may have added.
    ///
    /// That is possible only while memory is stale: a new key mints after `max_stale`, when
    /// every instance that is fresh has read it.
    pub(crate) fn may_have_new_key(&self, shape: &Shape<'_>, seen: Seen) -> bool {
        let ring = self.mirror.ring();
        let is_unknown = |kid| ring.keys().all(|key| key.id != kid);
        shape.tag().is_some_and(|(kid, ..)| is_unknown(kid)) && !self.is_fresh(seen)
    }

    /// Returns the rejection of a token that one of our keys made and memory does not
    /// know, for a verifier that never reads the store.
    pub(crate) fn reject_unknown(&self, seen: Seen) -> Rejection {
        match self.is_fresh(seen) {
            true => invalid("not known to this process yet"),
            false => stale(),
        }
    }

    fn is_fresh(&self, seen: Seen) -> bool {
        self.freshness.vouches_for(seen, SystemClock.now())
    }

    #[cold]
    fn decide_imported(&self, token: &[u8]) -> Result<Principal, Rejection> {
        let unknown = || invalid("neither our form nor imported");
        if !IMPORTED.contains(&token.len()) || !self.mirror.has_imported() {
            return Err(unknown());
        }
        let digest = Digest::sha256(token);
        let seen = self.freshness.see();
        let entry = self.mirror.get_imported(&digest).ok_or_else(unknown)?;
        let now = self.check(&entry, &digest, seen)?;
        self.usage.count(&entry, now);
        Ok(Principal::from_data(entry))
    }

    /// Decides on a token that was presented with its secret before this request. `seen`
    /// was read before `entry`.
    #[cfg(feature = "manage")]
    pub(crate) fn check_verified(
        &self,
        entry: Arc<TokenEntry>,
        seen: Seen,
    ) -> Result<Principal, Rejection> {
        let now = self.check_active(&entry, seen)?;
        self.usage.count(&entry, now);
        Ok(Principal::from_data(entry))
    }

    #[inline(always)]
    fn check(
        &self,
        entry: &TokenEntry,
        digest: &Digest,
        seen: Seen,
    ) -> Result<Timestamp, Rejection> {
        if entry.digest != *digest {
            return Err(invalid("another secret than that of this id"));
        }
        self.check_active(entry, seen)
    }

    /// Returns the time of the verdict, or an error if the token is not active then. `seen`
    /// was read before `entry`.
    #[inline(always)]
    fn check_active(&self, entry: &TokenEntry, seen: Seen) -> Result<Timestamp, Rejection> {
        schedule::point();
        if self.mirror.is_retired(entry.kid) {
            return Err(retired());
        }
        schedule::point();
        let system = SystemClock.now();
        let now = self.options.now(system);
        entry.check(now)?;
        if !self.freshness.vouches_for(seen, system) {
            return Err(stale());
        }
        Ok(now)
    }
}

#[cold]
fn invalid(reason: &'static str) -> Rejection {
    Rejection::invalid().with_reason(reason)
}

#[cold]
fn retired() -> Rejection {
    Rejection::revoked().with_reason("its key is retired")
}

#[cold]
fn stale() -> Rejection {
    Rejection::unavailable_with_reason("the store has not been read for max_stale")
}
