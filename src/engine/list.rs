//! Reading tokens from the store, with the uses that are not written yet.

use super::Engine;
use crate::{
    store::{Cursor, Query, StoreError, StoredToken},
    token::TokenId,
};

/// The most tokens that one read of the store asks for.
const PAGE: usize = 1_000;

impl Engine {
    /// Reads a token, with its unwritten uses. A session is not a token.
    pub(crate) async fn stored(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        loop {
            let flushes = self.usage.flushes();
            let mut stored = self.store.get(id).await?;
            if flushes == self.usage.flushes() {
                self.usage.add_unwritten(stored.as_mut_slice());
                return Ok(stored.filter(|stored| stored.record.session_of.is_none()));
            }
        }
    }

    /// Reads pages until there are as many tokens as the query asks for, or the store has
    /// no more. A page may be shorter than asked for; only an empty one is the last.
    pub(crate) async fn list(&self, mut query: Query) -> Result<Vec<StoredToken>, StoreError> {
        query.retired_keys = self.mirror.ring().retired().collect();
        let size = query.page_size();
        let mut found = Vec::new();
        while found.len() < size {
            query.limit = PAGE.min(size - found.len());
            let page = self.page(&query).await?;
            let Some(last) = page.last() else { break };
            let after = Cursor::from_record(&last.record);
            if page.len() > query.limit || query.after.is_some_and(|cursor| after >= cursor) {
                return Err(StoreError::corrupt(
                    "a page is not the one that was asked for",
                ));
            }
            query.after = Some(after);
            // The store does not know the unwritten uses, so it may list a used token.
            found.extend(page.into_iter().filter(|stored| query.matches_use(stored)));
        }
        Ok(found)
    }

    async fn page(&self, query: &Query) -> Result<Vec<StoredToken>, StoreError> {
        loop {
            let flushes = self.usage.flushes();
            let mut page = self.store.list(query.clone()).await?;
            if flushes == self.usage.flushes() {
                self.usage.add_unwritten(&mut page);
                return Ok(page);
            }
        }
    }
}
