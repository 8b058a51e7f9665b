//! A token as memory holds it.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{Ordering, fence},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::future::BoxFuture;

use super::{counter::UseCounter, intern::Intern, revocation::RevocationSignal};
use crate::{
    principal::PrincipalData,
    rejection::Rejection,
    scope::Scope,
    target::Target,
    token::{Digest, KeyId, Lifecycle, Record, Timestamp, TokenId, TokenState},
};

/// The fields of a token that a verdict and its principal need.
///
/// The fields are in the order of their use, which `repr(C)` keeps: among a million
/// tokens no cache line is warm, and a verdict reads the first two alone.
#[repr(C)]
pub(crate) struct TokenEntry {
    pub(crate) id: TokenId,
    pub(crate) kid: Option<KeyId>,
    withdrawal: Option<Withdrawal>,
    /// Whether `expires_at` alone decides if it is active.
    only_expires: bool,
    pub(crate) digest: Digest,
    /// When it expires, or when it was revoked, if that was earlier.
    expires_at: Timestamp,
    pub(super) uses: UseCounter,
    pub(crate) rev: u64,
    subject: Arc<str>,
    scopes: Arc<[Scope]>,
    organization: Option<Arc<str>>,
    rare: Option<Box<RareFields>>,
    /// Created when the first task waits for it, or when this entry is replaced while it is
    /// in use.
    signal: OnceLock<Arc<RevocationSignal>>,
}

/// Fields that few tokens have, boxed to keep the other entries small.
#[derive(PartialEq)]
struct RareFields {
    not_before: Timestamp,
    grace_until: Timestamp,
    targets: Option<Box<[Target]>>,
    metadata: Option<Box<str>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Withdrawal {
    Revoked,
    Suspended,
}

impl TokenEntry {
    pub(super) fn new(record: &Record, interner: &mut impl Intern) -> Self {
        let withdrawal = match (record.revoked_at, record.suspended_at) {
            (Some(_), _) => Some(Withdrawal::Revoked),
            (None, Some(_)) => Some(Withdrawal::Suspended),
            (None, None) => None,
        };
        let is_bounded = record.not_before.is_some() || record.grace_until.is_some();
        let organization = record.organization.as_deref();
        let expires_at = [record.expires_at, record.revoked_at].into_iter().flatten();
        let expires_at = expires_at.min();
        Self {
            id: record.id,
            digest: record.digest,
            kid: record.kid,
            rev: record.rev,
            withdrawal,
            only_expires: withdrawal.is_none() && !is_bounded,
            expires_at: expires_at.unwrap_or(Timestamp::MAX),
            subject: interner.text(&record.subject),
            organization: organization.map(|name| interner.text(name)),
            scopes: interner.scopes(&record.scopes),
            rare: RareFields::from_record(record).map(Box::new),
            uses: UseCounter::default(),
            signal: OnceLock::new(),
        }
    }

    /// Returns an error if the token is not active at a time. Its key is not checked.
    #[inline]
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Rejection> {
        if self.only_expires && now < self.expires_at {
            return Ok(());
        }
        self.check_fully(now)
    }

    #[cold]
    fn check_fully(&self, now: Timestamp) -> Result<(), Rejection> {
        match self.lifecycle().state(now, false) {
            TokenState::Active => Ok(()),
            TokenState::Expired => Err(Rejection::expired().with_reason("expired")),
            TokenState::NotYet => Err(Rejection::expired().with_reason("not valid yet")),
            TokenState::Revoked => Err(Rejection::revoked().with_reason("revoked")),
            TokenState::Suspended => Err(Rejection::revoked().with_reason("suspended")),
        }
    }

    fn lifecycle(&self) -> Lifecycle {
        let (not_before, grace_until) = self.bounds();
        let finite = |end: Timestamp| Some(end).filter(|end| *end < Timestamp::MAX);
        Lifecycle {
            revoked: matches!(self.withdrawal, Some(Withdrawal::Revoked)),
            suspended: self.withdrawal.is_some(),
            not_before: Some(not_before),
            expires_at: finite(self.expires_at),
            grace_until: finite(grace_until),
        }
    }

    /// Returns `not_before` and `grace_until`.
    fn bounds(&self) -> (Timestamp, Timestamp) {
        match &self.rare {
            Some(rare) => (rare.not_before, rare.grace_until),
            None => (Timestamp::default(), Timestamp::MAX),
        }
    }

    /// Returns whether the token ended before a time, so that a prune removes it.
    pub(super) fn has_ended(&self, before: Timestamp) -> bool {
        let (_, grace_until) = self.bounds();
        self.expires_at.min(grace_until) < before
    }

    /// Returns whether another entry has the same fields, at the same revision.
    pub(super) fn is_equal(&self, other: &Self) -> bool {
        self.id == other.id
            && self.kid == other.kid
            && self.withdrawal == other.withdrawal
            && self.digest == other.digest
            && self.expires_at == other.expires_at
            && self.rev == other.rev
            && self.subject == other.subject
            && self.scopes == other.scopes
            && self.organization == other.organization
            && self.rare == other.rare
    }

    /// Prepares a new entry to replace an older one of the same token in a table that is
    /// locked: tasks that wait for the revocation of the old entry are woken by this one.
    pub(super) fn inherit(&self, older: &Arc<Self>) {
        self.uses.inherit(&older.uses);
        // A token that was suspended and resumed has tasks that wait again.
        if let Some(signal) = older.awaited().filter(|signal| !signal.is_revoked()) {
            if self.withdrawal.is_some() {
                signal.notify();
            }
            // This entry is not shared yet, so its signal is not set.
            let _ = self.signal.set(Arc::clone(signal));
        }
    }

    /// Hands the tasks that wait for the revocation of this entry, which a reload has
    /// removed from its table, to the newer entry of the token.
    pub(super) fn forward_to(self: &Arc<Self>, newer: &Self) {
        let awaited = self.awaited().filter(|signal| !signal.is_revoked());
        match awaited {
            Some(signal) if newer.withdrawal.is_some() => signal.notify(),
            Some(signal) => signal.forward_to(newer.signal.get_or_init(Arc::default)),
            None => {}
        }
    }

    /// Returns the signal for which tasks wait, or may wait later. There is none if only
    /// the table has the entry. No other thread may be able to take it from there.
    fn awaited(self: &Arc<Self>) -> Option<&Arc<RevocationSignal>> {
        if Arc::strong_count(self) > 1 {
            return Some(self.signal.get_or_init(Arc::default));
        }
        // What a thread did with the entry comes before it dropped it.
        fence(Ordering::Acquire);
        self.signal.get()
    }

    /// Wakes the tasks that wait for the token to be revoked.
    pub(super) fn notify_revoked(&self) {
        self.signal.get_or_init(RevocationSignal::revoked).notify();
    }
}

impl RareFields {
    fn from_record(record: &Record) -> Option<Self> {
        let metadata = Some(record.metadata.as_str()).filter(|text| !text.is_empty());
        let any = record.not_before.is_some()
            || record.grace_until.is_some()
            || record.targets.is_some()
            || metadata.is_some();
        any.then(|| Self {
            not_before: record.not_before.unwrap_or_default(),
            grace_until: record.grace_until.unwrap_or(Timestamp::MAX),
            targets: record.targets.as_deref().map(Box::from),
            metadata: metadata.map(Box::from),
        })
    }
}

impl PrincipalData for TokenEntry {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    fn targets(&self) -> Option<&[Target]> {
        self.rare.as_ref()?.targets.as_deref()
    }

    fn token_id(&self) -> Option<&str> {
        Some(self.id.as_str())
    }

    fn metadata(&self) -> Option<&str> {
        self.rare.as_ref()?.metadata.as_deref()
    }

    fn expires_at(&self) -> Option<SystemTime> {
        let (_, grace_until) = self.bounds();
        let end = self.expires_at.min(grace_until);
        let since_epoch = Duration::from_millis(end.as_millis());
        (end < Timestamp::MAX)
            .then(|| UNIX_EPOCH.checked_add(since_epoch))
            .flatten()
    }

    fn revoked(&self) -> BoxFuture<'static, ()> {
        if self.withdrawal.is_some() {
            self.notify_revoked();
        }
        self.signal.get_or_init(Arc::default).wait()
    }
}

#[cfg(test)]
mod tests;
