//! Lists, with the uses that are not written yet.

use super::Engine;
use crate::store::{Cursor, Query, StoreError, StoredToken};

/// How many tokens one read of the store asks for at most.
const PAGE: usize = 1_000;

impl Engine {
    /// Reads pages until there are as many tokens as the query asks for, or the
    /// store has no more: a page may be shorter than asked for, and only an
    /// empty one is the last.
    pub(crate) async fn list(&self, mut query: Query) -> Result<Vec<StoredToken>, StoreError> {
        query.retired_keys = self.mirror.ring().retired().collect();
        let size = query.page_size();
        let mut found = Vec::new();
        while found.len() < size {
            query.limit = PAGE.min(size - found.len());
            let page = self.page(&query).await?;
            let Some(last) = page.last() else { break };
            let after = Cursor::from_record(&last.record);
            if page.len() > query.limit || query.after.is_some_and(|before| after >= before) {
                return Err(StoreError::corrupt(
                    "a page is not the one that was asked for",
                ));
            }
            query.after = Some(after);
            // The store does not know of the uses that are not written yet.
            found.extend(page.into_iter().filter(|stored| query.matches_use(stored)));
        }
        Ok(found)
    }

    async fn page(&self, query: &Query) -> Result<Vec<StoredToken>, StoreError> {
        loop {
            let written = self.usage.written();
            let mut page = self.store.list(query.clone()).await?;
            if written == self.usage.written() {
                self.usage.add_pending(&mut page);
                return Ok(page);
            }
        }
    }
}
