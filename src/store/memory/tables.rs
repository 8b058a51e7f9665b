//! The tables of the store in memory, and their indexes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::{
    store::{
        error::StoreError,
        query::{Cursor, Query, TokenPage},
        rows::{Row, StoredToken, Usage, Write},
    },
    token::{Digest, KeyId, Record, TagKey, Timestamp, TokenId},
};

#[derive(Default)]
pub(super) struct Tables {
    pub(super) rev: u64,
    pub(super) pruned_before: Timestamp,
    keys: BTreeMap<KeyId, TagKey>,
    /// In the order of lists.
    tokens: BTreeMap<Cursor, StoredToken>,
    cursors: HashMap<TokenId, Cursor>,
    digests: HashSet<[u8; 32]>,
    /// The row of each revision that is still the last one of its row.
    changed: BTreeMap<u64, RowId>,
    /// The tokens that end, by the time of their end.
    ends: BTreeSet<(Timestamp, TokenId)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RowId {
    Key(KeyId),
    Token(TokenId),
}

impl RowId {
    fn from_row(row: &Row) -> Self {
        match row {
            Row::Key(key) => Self::Key(key.id),
            Row::Token(record) => Self::Token(record.id),
        }
    }
}

impl Tables {
    /// Writes all rows or none.
    pub(super) fn write(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.check_all(&writes)?;
        for mut write in writes {
            self.rev += 1;
            write.row.set_rev(self.rev);
            self.put(write.row);
        }
        Ok(())
    }

    /// Checks the writes of a batch against the tables and against each other.
    fn check_all(&self, writes: &[Write]) -> Result<(), StoreError> {
        let (mut ids, mut digests) = <(BTreeSet<_>, BTreeSet<_>)>::default();
        for write in writes {
            self.check(write)?;
            let is_new = write.expected_rev.is_none();
            let is_first = ids.insert(RowId::from_row(&write.row))
                && match &write.row {
                    Row::Token(record) if is_new => digests.insert(record.digest.to_bytes()),
                    Row::Token(_) | Row::Key(_) => true,
                };
            match (is_first, is_new) {
                (true, _) => {}
                (false, true) => return Err(StoreError::already_exists()),
                (false, false) => return Err(StoreError::conflict()),
            }
        }
        Ok(())
    }

    fn check(&self, write: &Write) -> Result<(), StoreError> {
        let rev = match &write.row {
            Row::Key(key) => self.keys.get(&key.id).map(|key| key.rev),
            Row::Token(record) => self.get(record.id).map(|stored| stored.record.rev),
        };
        if write.expected_rev.is_some() {
            return if rev == write.expected_rev {
                Ok(())
            } else {
                Err(StoreError::conflict())
            };
        }
        let digest_is_taken = match &write.row {
            Row::Token(record) => self.has_digest(&record.digest),
            Row::Key(_) => false,
        };
        if rev.is_some() || digest_is_taken {
            return Err(StoreError::already_exists());
        }
        Ok(())
    }

    fn has_digest(&self, digest: &Digest) -> bool {
        self.digests.contains(&digest.to_bytes())
    }

    fn put(&mut self, row: Row) {
        self.changed.insert(row.rev(), RowId::from_row(&row));
        match row {
            Row::Key(key) => {
                if let Some(old) = self.keys.insert(key.id, key) {
                    self.changed.remove(&old.rev);
                }
            }
            Row::Token(record) => {
                let old = self.remove(record.id);
                let usage = old.map_or_else(Usage::default, |old| old.usage);
                self.insert(StoredToken {
                    record: *record,
                    usage,
                });
            }
        }
    }

    fn insert(&mut self, stored: StoredToken) {
        let record = &stored.record;
        let cursor = Cursor::from_record(record);
        self.cursors.insert(record.id, cursor);
        self.digests.insert(record.digest.to_bytes());
        self.ends.extend(end(record).map(|end| (end, record.id)));
        self.tokens.insert(cursor, stored);
    }

    fn remove(&mut self, id: TokenId) -> Option<StoredToken> {
        let cursor = self.cursors.remove(&id)?;
        let removed = self.tokens.remove(&cursor)?;
        let record = &removed.record;
        self.changed.remove(&record.rev);
        self.digests.remove(&record.digest.to_bytes());
        if let Some(end) = end(record) {
            self.ends.remove(&(end, id));
        }
        Some(removed)
    }

    pub(super) fn get(&self, id: TokenId) -> Option<&StoredToken> {
        self.tokens.get(self.cursors.get(&id)?)
    }

    pub(super) fn get_mut(&mut self, id: TokenId) -> Option<&mut StoredToken> {
        self.tokens.get_mut(self.cursors.get(&id)?)
    }

    /// Returns the rows that changed after a revision, in the order of their revisions.
    pub(super) fn changes(&self, since: u64) -> impl Iterator<Item = Row> {
        let later = self.changed.range(since.saturating_add(1)..);
        later.filter_map(|(_, id)| match id {
            RowId::Key(id) => self.keys.get(id).cloned().map(Row::Key),
            RowId::Token(id) => {
                let stored = self.get(*id)?;
                Some(Row::Token(Box::new(stored.record.clone())))
            }
        })
    }

    /// Returns a page of the tokens that match a query, after a look at no more than `scan`
    /// tokens.
    pub(super) fn list(&self, query: &Query, scan: usize) -> TokenPage {
        let older = match query.after {
            Some(after) => self.tokens.range(..after),
            None => self.tokens.range(..),
        };
        let mut page = TokenPage::default();
        for (seen, (cursor, stored)) in (1..).zip(older.rev()) {
            if query.matches(stored) {
                page.tokens.push(stored.clone());
            }
            if seen == scan || page.tokens.len() == query.page_size() {
                page.next = Some(*cursor);
                return page;
            }
        }
        page
    }

    /// Removes tokens that ended before a time, at most as many as `most`, and returns how
    /// many there were.
    pub(super) fn prune(&mut self, ended_before: Timestamp, most: usize) -> usize {
        let ended = self.ends.iter().take(most);
        let ended = ended.take_while(|(end, _)| *end < ended_before);
        let ids: Vec<TokenId> = ended.map(|(_, id)| *id).collect();
        for id in &ids {
            self.remove(*id);
        }
        ids.len()
    }
}

/// Returns when a token ends.
fn end(record: &Record) -> Option<Timestamp> {
    let ends = [record.revoked_at, record.expires_at, record.grace_until];
    ends.into_iter().flatten().min()
}
