//! A token as it is held in memory.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::future::{BoxFuture, FutureExt};
use tokio::sync::Notify;

use crate::{
    principal::Facts,
    rejection::Rejection,
    scope::Scope,
    store::TokenUse,
    target::Target,
    token::{Digest, KeyId, Lifecycle, Record, Timestamp, TokenId, TokenState},
};

/// What a verdict needs to know of a token. It is a principal as it stands.
///
/// The fields stand in the order of their use: among a million tokens each
/// line of memory is cold, and a verdict reads the first two alone.
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) id: TokenId,
    pub(crate) kid: Option<KeyId>,
    withdrawn: Option<Withdrawn>,
    /// Whether it is good until its end: neither withdrawn, nor has `rare`
    /// something to say of its time.
    plain: bool,
    pub(crate) digest: Digest,
    expires_at: Timestamp,
    usage: Counter,
    pub(crate) rev: u64,
    subject: Arc<str>,
    scopes: Arc<[Scope]>,
    organization: Option<Arc<str>>,
    rare: Option<Box<Rare>>,
    /// Made when somebody waits, or when another entry takes this one's place.
    end: OnceLock<Arc<End>>,
}

/// What few tokens have, so that the others need no room for it.
struct Rare {
    not_before: Timestamp,
    grace_until: Timestamp,
    targets: Option<Box<[Target]>>,
    metadata: Option<Box<str>>,
}

#[derive(Clone, Copy)]
enum Withdrawn {
    Revoked,
    Suspended,
}

/// Uses that are not written yet.
#[derive(Default)]
struct Counter {
    last_millis: AtomicU64,
    count: AtomicU32,
    /// Whether the entry is on the list of used ones.
    listed: AtomicBool,
    /// Whether a use was written.
    written: AtomicBool,
}

/// Tells those who wait that a token was withdrawn. All entries of one token
/// share it.
#[derive(Default)]
struct End {
    ended: AtomicBool,
    notify: Notify,
}

/// Shares texts and lists that many tokens have.
pub(crate) trait Share {
    fn text(&mut self, text: &str) -> Arc<str>;
    fn scopes(&mut self, scopes: &[Scope]) -> Arc<[Scope]>;
}

impl Entry {
    pub(crate) fn new(record: &Record, share: &mut impl Share) -> Self {
        let withdrawn = match (record.revoked_at, record.suspended_at) {
            (Some(_), _) => Some(Withdrawn::Revoked),
            (None, Some(_)) => Some(Withdrawn::Suspended),
            (None, None) => None,
        };
        let bounded = record.not_before.is_some() || record.grace_until.is_some();
        Self {
            id: record.id,
            digest: record.digest,
            kid: record.kid,
            rev: record.rev,
            withdrawn,
            plain: withdrawn.is_none() && !bounded,
            expires_at: record.expires_at.unwrap_or(Timestamp::MAX),
            subject: share.text(&record.subject),
            organization: record.organization.as_deref().map(|name| share.text(name)),
            scopes: share.scopes(&record.scopes),
            rare: Rare::of(record).map(Box::new),
            usage: Counter::default(),
            end: OnceLock::new(),
        }
    }

    /// Whether the token is good, its key aside.
    #[inline]
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Rejection> {
        if self.plain && now < self.expires_at {
            return Ok(());
        }
        self.check_all(now)
    }

    #[cold]
    fn check_all(&self, now: Timestamp) -> Result<(), Rejection> {
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
        let end = |end: Timestamp| Some(end).filter(|end| *end < Timestamp::MAX);
        Lifecycle {
            revoked: matches!(self.withdrawn, Some(Withdrawn::Revoked)),
            suspended: self.withdrawn.is_some(),
            not_before: Some(not_before),
            expires_at: end(self.expires_at),
            grace_until: end(grace_until),
        }
    }

    /// From when on it is good, and until when its grace lasts.
    fn bounds(&self) -> (Timestamp, Timestamp) {
        match &self.rare {
            Some(rare) => (rare.not_before, rare.grace_until),
            None => (Timestamp::default(), Timestamp::MAX),
        }
    }

    /// Counts a use. Returns whether the entry must be listed as used.
    pub(crate) fn count(&self, now: Timestamp) -> bool {
        let usage = &self.usage;
        usage.last_millis.store(now.as_millis(), Ordering::Relaxed);
        // Whoever reads this use finds its time; and where it comes after
        // `settle` took the others, it finds the entry off the list.
        usage.count.fetch_add(1, Ordering::AcqRel);
        !usage.listed.load(Ordering::Relaxed) && !usage.listed.swap(true, Ordering::AcqRel)
    }

    /// Returns the uses that are not written yet.
    pub(crate) fn pending(&self) -> Option<TokenUse> {
        let count = self.usage.count.load(Ordering::Acquire);
        (count > 0).then(|| TokenUse {
            id: self.id,
            at: Timestamp::from_millis(self.usage.last_millis.load(Ordering::Relaxed)),
            count: u64::from(count),
        })
    }

    /// Takes uses off that were written. Returns whether the entry must stay
    /// listed, since it was used meanwhile.
    pub(crate) fn settle(&self, written: u64) -> bool {
        let usage = &self.usage;
        let written = u32::try_from(written).unwrap_or(u32::MAX);
        usage.written.store(true, Ordering::Relaxed);
        usage.listed.swap(false, Ordering::AcqRel);
        let left = usage.count.fetch_sub(written, Ordering::AcqRel) > written;
        left && !usage.listed.swap(true, Ordering::AcqRel)
    }

    /// Whether no use of it was written by this process.
    pub(crate) fn is_first_use(&self) -> bool {
        !self.usage.written.load(Ordering::Relaxed)
    }

    /// Takes the place of an older entry of the same token: those who wait for
    /// its end wait for this one's.
    pub(crate) fn succeed(&self, older: &Self) {
        let end = older.end.get_or_init(Arc::default);
        // This entry is new, so nobody has asked for its end yet.
        let _ = self.end.set(Arc::clone(end));
        let written = older.usage.written.load(Ordering::Relaxed);
        self.usage.written.store(written, Ordering::Relaxed);
        if self.withdrawn.is_some() {
            self.tell_end();
        }
    }

    /// Tells those who wait that the token was withdrawn.
    pub(crate) fn tell_end(&self) {
        let end = self.end.get_or_init(Arc::default);
        end.ended.store(true, Ordering::Release);
        end.notify.notify_waiters();
    }
}

impl Rare {
    fn of(record: &Record) -> Option<Self> {
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

impl Facts for Entry {
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
        let end = Arc::clone(self.end.get_or_init(Arc::default));
        if self.withdrawn.is_some() {
            end.ended.store(true, Ordering::Release);
        }
        async move {
            // Enabled before it looks, so that no notice falls in between.
            let mut notified = std::pin::pin!(end.notify.notified());
            notified.as_mut().enable();
            if !end.ended.load(Ordering::Acquire) {
                notified.await;
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Shares nothing.
    struct Alone;

    impl Share for Alone {
        fn text(&mut self, text: &str) -> Arc<str> {
            text.into()
        }

        fn scopes(&mut self, scopes: &[Scope]) -> Arc<[Scope]> {
            scopes.into()
        }
    }

    fn time() -> impl Strategy<Value = Option<Timestamp>> {
        let near = (0..6_u64).prop_map(Timestamp::from_millis);
        let far = Just(Timestamp::from_millis(Timestamp::MAX.as_millis() - 1));
        prop_oneof![2 => Just(None), 3 => near.prop_map(Some), 1 => far.prop_map(Some)]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4_096,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn an_entry_is_in_the_state_of_its_record(
            not_before in time(),
            expires_at in time(),
            grace_until in time(),
            suspended_at in time(),
            revoked_at in time(),
        ) {
            let id = "000000000000".parse().unwrap();
            let subject = "alice".to_owned();
            let mut record = Record::new(id, Digest::sha256("x"), subject, Timestamp::default());
            (record.not_before, record.expires_at) = (not_before, expires_at);
            record.grace_until = grace_until;
            (record.suspended_at, record.revoked_at) = (suspended_at, revoked_at);
            let entry = Entry::new(&record, &mut Alone);
            let far = Timestamp::MAX.as_millis();
            for now in (0..7).chain(far - 2..=far).map(Timestamp::from_millis) {
                let state = record.state(now);
                prop_assert_eq!(entry.lifecycle().state(now, false), state, "at {:?}", now);
                let good = state == TokenState::Active;
                prop_assert_eq!(entry.check(now).is_ok(), good, "at {:?}", now);
            }
        }
    }
}
