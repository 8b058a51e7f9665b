//! The verdict on a token.

use std::sync::Arc;

use super::{Engine, entry::Entry, freshness::Seen, schedule};
use crate::{
    principal::Principal,
    rejection::Rejection,
    token::{Clock, Digest, KeyId, Shape, SystemClock, TokenId},
};

/// The lengths of a token that was made elsewhere, in bytes.
const IMPORTED: std::ops::RangeInclusive<usize> = 20..=255;

/// What is known of a token in memory.
pub(crate) enum Verdict {
    Decided(Result<Principal, Rejection>),
    /// Its tag is ours and its id is not known: worth a read of the store.
    Ask(TokenId),
}

impl Engine {
    /// Decides by what is in memory.
    ///
    /// The order is what makes a flood cheap: a token that we know costs one
    /// digest, one that we never made costs a checksum or a tag, and neither
    /// touches the store.
    #[inline]
    pub(crate) fn judge(&self, token: &[u8]) -> Verdict {
        let Some(shape) = Shape::parse(token, &self.options.prefix) else {
            return Verdict::Decided(self.judge_imported(token));
        };
        let seen = self.freshness.see();
        schedule::point();
        match self.mirror.get(shape.id()) {
            Some(entry) => Verdict::Decided(self.judge_known(entry, &Digest::sha256(token), seen)),
            None => self.judge_unknown(&shape, seen),
        }
    }

    #[cold]
    fn judge_unknown(&self, shape: &Shape<'_>, seen: Seen) -> Verdict {
        if !shape.has_valid_crc() {
            return refuse("the checksum does not hold");
        }
        match self.key_of(shape) {
            None if self.may_be_of_a_new_key(shape, seen) => Verdict::Decided(Err(stale())),
            None => refuse("no key of ours made it"),
            key if self.mirror.is_retired(key) => Verdict::Decided(Err(retired())),
            Some(_) => Verdict::Ask(shape.id()),
        }
    }

    /// The key of ours that made a token, by its tag.
    pub(crate) fn key_of(&self, shape: &Shape<'_>) -> Option<KeyId> {
        let (key, tagged, tag) = shape.tag()?;
        self.mirror.ring().verify(key, tagged, tag).then_some(key)
    }

    /// Whether it names a key that is not known here, while others may have added
    /// one: a new key mints once whoever is fresh has heard of it.
    pub(crate) fn may_be_of_a_new_key(&self, shape: &Shape<'_>, seen: Seen) -> bool {
        let ring = self.mirror.ring();
        let unknown = |kid| ring.keys().all(|key| key.id != kid);
        shape.tag().is_some_and(|(kid, ..)| unknown(kid)) && !self.is_fresh(seen)
    }

    /// The verdict on a token of ours that is not known, where the store is not
    /// asked.
    pub(crate) fn judge_unheard(&self, seen: Seen) -> Result<Principal, Rejection> {
        match self.is_fresh(seen) {
            true => Err(invalid("not heard of yet")),
            false => Err(stale()),
        }
    }

    fn is_fresh(&self, seen: Seen) -> bool {
        self.freshness.vouches_for(seen, SystemClock.now())
    }

    #[cold]
    fn judge_imported(&self, token: &[u8]) -> Result<Principal, Rejection> {
        let unknown = || invalid("not of our form");
        if !IMPORTED.contains(&token.len()) || !self.mirror.has_imported() {
            return Err(unknown());
        }
        let digest = Digest::sha256(token);
        let seen = self.freshness.see();
        let entry = self.mirror.imported(&digest).ok_or_else(unknown)?;
        self.judge_known(entry, &digest, seen)
    }

    #[inline(always)]
    fn judge_known(
        &self,
        entry: Arc<Entry>,
        digest: &Digest,
        seen: Seen,
    ) -> Result<Principal, Rejection> {
        if entry.digest != *digest {
            return Err(invalid("not the token of this id"));
        }
        self.judge_standing(entry, seen)
    }

    /// Decides on a token that was presented, now or before. Freshness was seen
    /// before the entry was read.
    #[inline(always)]
    pub(crate) fn judge_standing(
        &self,
        entry: Arc<Entry>,
        seen: Seen,
    ) -> Result<Principal, Rejection> {
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
        self.usage.count(&entry, now);
        Ok(Principal::of(entry))
    }
}

fn refuse(reason: &'static str) -> Verdict {
    Verdict::Decided(Err(invalid(reason)))
}

#[cold]
fn invalid(reason: &'static str) -> Rejection {
    Rejection::invalid().with_reason(reason)
}

#[cold]
fn retired() -> Rejection {
    Rejection::revoked().with_reason("its key was retired")
}

#[cold]
fn stale() -> Rejection {
    Rejection::unavailable_with_reason("not confirmed for too long")
}
