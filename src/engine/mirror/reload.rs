//! Replacing everything by what was loaded.
//!
//! Rows are merged into another mirror first, which shares the entries that are equal. Then
//! [`Mirror::replace_with`] swaps the two, a part after another, so a verdict may read some
//! parts from before and some from after. That is safe, since
//! [`Freshness::begin_generation`](crate::engine::freshness::Freshness::begin_generation)
//! runs before the first is replaced: a verdict accepts a token only if the generation
//! after its reads is the one from before them, and the memory was confirmed at the time.
//! A verdict that overlaps a reload can therefore refuse a token, but not accept one.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Mirror;
use crate::{
    engine::{schedule, table::write},
    error::ConfigError,
    store::Row,
};

impl Mirror {
    /// Returns an empty mirror that [`replace_with`](Self::replace_with) accepts.
    pub(crate) fn to_empty(&self) -> Self {
        Self::with_hasher(self.master.clone(), self.hasher)
    }

    /// Returns the number of tokens.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Merges a row that was loaded to replace the rows of another mirror. An entry of that
    /// mirror that is equal is used again, so that a load takes little memory, and texts
    /// are shared with it.
    pub(crate) fn merge_loaded(&self, row: &Row, replaced: &Self) -> Result<(), ConfigError> {
        let Row::Token(record) = row else {
            return self.merge(row);
        };
        if let Some(new) = replaced.new_entry(record) {
            let known = replaced.get(new.id).filter(|known| known.is_equal(&new));
            self.insert(&known.unwrap_or_else(|| Arc::new(new)));
        }
        Ok(())
    }

    /// Swaps everything with a mirror that was loaded from the store at revision `rev`. A
    /// new generation must have begun; see the [module](self) for why.
    /// [`release`](Self::release) must follow.
    pub(crate) fn replace_with(&self, loaded: &Self, rev: u64) {
        let mut history = write(&self.history);
        history.number += 1;
        history.written = AtomicU64::new(rev);
        self.tokens.swap(&loaded.tokens);
        schedule::point();
        mem::swap(&mut *write(&self.imported), &mut *write(&loaded.imported));
        mem::swap(&mut *write(&self.ring), &mut *write(&loaded.ring));
        schedule::point();
        let retired = loaded.retired.load(Ordering::Acquire);
        let known = self.retired.swap(retired, Ordering::AcqRel);
        loaded.retired.store(known, Ordering::Release);
    }

    /// Wakes the tasks that wait for tokens that a reload has ended. Tasks that wait for
    /// others go on to wait for the entries that replaced theirs.
    ///
    /// This looks at every token, so it takes long.
    pub(crate) fn release(&self, replaced: &Self) {
        let retired = self.retired.load(Ordering::Acquire);
        self.notify_retired(retired & !replaced.retired.load(Ordering::Acquire));
        replaced.tokens.for_each(|old| match self.get(old.id) {
            Some(new) if Arc::ptr_eq(old, &new) => {}
            Some(new) => old.forward_to(&new),
            None => old.notify_revoked(),
        });
    }
}

#[cfg(test)]
mod tests;
