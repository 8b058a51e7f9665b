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
    target::Target,
    token::{Digest, KeyId, Record, Timestamp, TokenId},
};

/// What a verdict needs to know of a token. It is a principal as it stands.
pub(super) struct Entry {
    pub(super) id: TokenId,
    pub(super) digest: Digest,
    pub(super) kid: Option<KeyId>,
    pub(super) rev: u64,
    withdrawn: Option<Withdrawn>,
    not_before: Timestamp,
    expires_at: Timestamp,
    grace_until: Timestamp,
    subject: Arc<str>,
    organization: Option<Arc<str>>,
    scopes: Arc<[Scope]>,
    targets: Option<Arc<[Target]>>,
    metadata: Option<Arc<str>>,
    usage: Counter,
    /// Made when somebody waits, or when another entry takes this one's place.
    end: OnceLock<Arc<End>>,
}

#[derive(Clone, Copy)]
enum Withdrawn {
    Revoked,
    Suspended,
}

/// Uses since they were told last.
#[derive(Default)]
struct Counter {
    last_millis: AtomicU64,
    count: AtomicU32,
    /// Whether the entry is on the list of those to tell of.
    listed: AtomicBool,
}

/// Tells those who wait that a token was withdrawn. All entries of one token
/// share it.
#[derive(Default)]
struct End {
    ended: AtomicBool,
    notify: Notify,
}

/// Shares texts and lists that many tokens have.
pub(super) trait Share {
    fn text(&mut self, text: &str) -> Arc<str>;
    fn scopes(&mut self, scopes: &[Scope]) -> Arc<[Scope]>;
}

impl Entry {
    pub(super) fn new(record: &Record, share: &mut impl Share) -> Self {
        Self {
            id: record.id,
            digest: record.digest,
            kid: record.kid,
            rev: record.rev,
            withdrawn: match (record.revoked_at, record.suspended_at) {
                (Some(_), _) => Some(Withdrawn::Revoked),
                (None, Some(_)) => Some(Withdrawn::Suspended),
                (None, None) => None,
            },
            not_before: record.not_before.unwrap_or_default(),
            expires_at: record.expires_at.unwrap_or(Timestamp::MAX),
            grace_until: record.grace_until.unwrap_or(Timestamp::MAX),
            subject: share.text(&record.subject),
            organization: record.organization.as_deref().map(|name| share.text(name)),
            scopes: share.scopes(&record.scopes),
            targets: record.targets.as_deref().map(Arc::from),
            metadata: Some(record.metadata.as_str())
                .filter(|m| !m.is_empty())
                .map(Arc::from),
            usage: Counter::default(),
            end: OnceLock::new(),
        }
    }

    /// Whether the token is good, its key aside. `now` is asked only where the
    /// token has a time.
    pub(super) fn check(&self, now: impl FnOnce() -> Timestamp) -> Result<(), Rejection> {
        let timed = self.not_before > Timestamp::default()
            || self.expires_at < Timestamp::MAX
            || self.grace_until < Timestamp::MAX;
        if timed {
            let now = now();
            if now < self.not_before {
                return Err(Rejection::expired().because("not valid yet"));
            }
            if now >= self.expires_at {
                return Err(Rejection::expired().because("expired"));
            }
            if now >= self.grace_until {
                return Err(Rejection::revoked().because("rotated"));
            }
        }
        match self.withdrawn {
            None => Ok(()),
            Some(Withdrawn::Suspended) => Err(Rejection::revoked().because("suspended")),
            Some(Withdrawn::Revoked) => Err(Rejection::revoked().because("revoked")),
        }
    }

    /// Counts a use, and says whether it is the first to be told of.
    pub(super) fn count(&self, now: Timestamp) -> bool {
        self.usage
            .last_millis
            .store(now.as_millis(), Ordering::Relaxed);
        self.usage.count.fetch_add(1, Ordering::Relaxed);
        !self.usage.listed.load(Ordering::Relaxed)
            && !self.usage.listed.swap(true, Ordering::AcqRel)
    }

    /// The uses since this was asked last.
    pub(super) fn take_uses(&self) -> Option<super::Use> {
        self.usage.listed.store(false, Ordering::Release);
        let count = self.usage.count.swap(0, Ordering::AcqRel);
        (count > 0).then(|| super::Use {
            id: self.id,
            at: Timestamp::from_millis(self.usage.last_millis.load(Ordering::Relaxed)),
            count: u64::from(count),
        })
    }

    /// Puts uses back that could not be told.
    pub(super) fn give_back(&self, used: super::Use) -> bool {
        let count = u32::try_from(used.count).unwrap_or(u32::MAX);
        self.usage
            .last_millis
            .fetch_max(used.at.as_millis(), Ordering::Relaxed);
        self.usage.count.fetch_add(count, Ordering::Relaxed);
        !self.usage.listed.swap(true, Ordering::AcqRel)
    }

    /// Takes the place of an older entry of the same token: those who wait for
    /// its end wait for this one's.
    pub(super) fn succeed(&self, older: &Self) {
        let end = older.end.get_or_init(Arc::default);
        // This entry is new, so nobody has asked for its end yet.
        let _ = self.end.set(Arc::clone(end));
        if let Some(used) = older.take_uses() {
            self.give_back(used);
        }
        if self.withdrawn.is_some() {
            self.tell_end();
        }
    }

    /// Tells those who wait that the token was withdrawn.
    pub(super) fn tell_end(&self) {
        let end = self.end.get_or_init(Arc::default);
        end.ended.store(true, Ordering::Release);
        end.notify.notify_waiters();
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
        self.targets.as_deref()
    }

    fn token_id(&self) -> Option<&str> {
        Some(self.id.as_str())
    }

    fn metadata(&self) -> Option<&str> {
        self.metadata.as_deref()
    }

    fn expires_at(&self) -> Option<SystemTime> {
        let end = self.expires_at.min(self.grace_until);
        let since_epoch = Duration::from_millis(end.as_millis());
        (end < Timestamp::MAX)
            .then(|| UNIX_EPOCH.checked_add(since_epoch))
            .flatten()
    }

    fn ended(&self) -> BoxFuture<'static, ()> {
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
