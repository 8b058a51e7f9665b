//! Reading tokens from the store, with the uses that are not written yet.

use super::Engine;
use crate::{
    store::{Query, StoreError, StoredToken, TokenPage},
    token::TokenId,
};

/// The most tokens of a page.
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

    /// Reads every token that matches a query.
    pub(crate) async fn list_all(&self, mut query: Query) -> Result<Vec<StoredToken>, StoreError> {
        query.limit = PAGE;
        let mut found = Vec::new();
        loop {
            let page = self.list(query.clone()).await?;
            found.extend(page.tokens);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// Reads a page, with the unwritten uses.
    pub(crate) async fn list(&self, mut query: Query) -> Result<TokenPage, StoreError> {
        query.retired_keys = self.mirror.ring().retired().collect();
        query.limit = query.page_size().min(PAGE);
        let mut page = self.page(&query).await?;
        let goes_on = |next| query.after.is_none_or(|after| next < after);
        if page.tokens.len() > query.limit || !page.next.is_none_or(goes_on) {
            return Err(StoreError::corrupt(
                "a page is not the one that was asked for",
            ));
        }
        // The store does not know the unwritten uses, so it may list a used token.
        page.tokens.retain(|stored| query.matches_use(stored));
        Ok(page)
    }

    async fn page(&self, query: &Query) -> Result<TokenPage, StoreError> {
        loop {
            let flushes = self.usage.flushes();
            let mut page = self.store.list(query.clone()).await?;
            if flushes == self.usage.flushes() {
                self.usage.add_unwritten(&mut page.tokens);
                return Ok(page);
            }
        }
    }
}
