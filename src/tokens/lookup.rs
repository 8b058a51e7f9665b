//! Reading tokens: one, a page, or all that match.

use std::time::Duration;

use super::{TokenError, Tokens};
use crate::{
    engine::Engine,
    principal::Principal,
    store::{Query, StoredToken, TokenPage},
    token::{Digest, Record, Shape, Timestamp, TokenId, TokenState},
};

impl Tokens {
    /// Returns a token, including the uses that this process has counted so far.
    ///
    /// The id of a caller's own token is `TokenId::try_from(&principal)`.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no token with this id, or if the store can't be
    /// reached.
    pub async fn get(&self, id: TokenId) -> Result<StoredToken, TokenError> {
        let stored = self.engine.stored(id).await?;
        stored.ok_or_else(TokenError::not_found)
    }

    /// Returns the token with this secret, in any state, or `None` if there is no such
    /// token. This does not count as a use.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't be reached.
    pub async fn find(&self, secret: &str) -> Result<Option<StoredToken>, TokenError> {
        match self.engine.find_id(secret).await? {
            Some(id) => Ok(self.engine.stored(id).await?),
            None => Ok(None),
        }
    }

    /// Returns the state of a token now: [`Record::state`], or revoked if its key is
    /// retired.
    #[must_use]
    pub fn state(&self, record: &Record) -> TokenState {
        if self.engine.mirror.is_retired(record.kid) {
            TokenState::Revoked
        } else {
            record.state(self.engine.now())
        }
    }

    /// Returns a page of tokens, the newest first, at most 1,000.
    ///
    /// A page may be shorter than the query's limit, and even empty: a store looks at a
    /// bounded number of tokens for each page, so that every page is fast. The next page
    /// begins [`after`](Query::after) [`next`](TokenPage::next), unless that is `None`.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't be reached.
    ///
    /// # Example
    ///
    /// ```
    /// use tower_authn::{store::{MemoryStore, Query}, tokens::{NewToken, Tokens, TokensOptions}};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tokens = Tokens::open(MemoryStore::new(), TokensOptions::new("acme")?).await?;
    /// tokens.create(NewToken::new("alice").name("laptop")).await?;
    /// let mut query = Query::default();
    /// query.search = Some("LAP".to_owned());
    /// let mut found = Vec::new();
    /// loop {
    ///     let page = tokens.list(query.clone()).await?;
    ///     found.extend(page.tokens);
    ///     match page.next {
    ///         Some(next) => query.after = Some(next),
    ///         None => break,
    ///     }
    /// }
    /// assert_eq!(found.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn list(&self, query: Query) -> Result<TokenPage, TokenError> {
        Ok(self.engine.list(query).await?)
    }

    /// Returns the active tokens that expire within a time from now.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't be reached.
    pub async fn expiring(&self, within: Duration) -> Result<Vec<StoredToken>, TokenError> {
        let now = self.engine.now();
        let query = Query {
            state: Some((TokenState::Active, now)),
            expires_before: Some(now + within),
            ..Query::default()
        };
        Ok(self.engine.list_all(query).await?)
    }

    /// Returns the active tokens that were created before a time and not used since.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't be reached.
    pub async fn unused_since(&self, since: Timestamp) -> Result<Vec<StoredToken>, TokenError> {
        let query = Query {
            state: Some((TokenState::Active, self.engine.now())),
            unused_since: Some(since),
            ..Query::default()
        };
        Ok(self.engine.list_all(query).await?)
    }
}

impl Engine {
    /// Returns the id of the token with this secret. It reads the store only if memory
    /// does not know the token and its tag proves that one of our keys made it.
    pub(super) async fn find_id(&self, secret: &str) -> Result<Option<TokenId>, TokenError> {
        let shape = Shape::parse(secret.as_bytes(), &self.options.prefix);
        let digest = match &shape {
            Some(shape) => shape.digest(),
            None => Digest::sha256(secret),
        };
        let known = match &shape {
            Some(shape) => self.mirror.get(shape.id()),
            None => self.mirror.get_imported(&digest),
        };
        let found = match (known, shape) {
            (Some(entry), _) => Some((entry.id, entry.digest)),
            (None, Some(shape)) if self.key_of(&shape).is_some() => {
                let stored = self.store.get(shape.id()).await?;
                stored.map(|stored| (stored.record.id, stored.record.digest))
            }
            (None, _) => None,
        };
        Ok(found.filter(|(_, own)| *own == digest).map(|(id, _)| id))
    }
}

/// The token that authenticated a principal.
///
/// # Errors
///
/// Returns an error of the kind [`NotFound`](super::TokenErrorKind::NotFound) if the
/// principal has no token id, or one of another system, such as the `jti` of a JWT.
///
/// # Example
///
/// ```
/// use tower_authn::{Principal, token::TokenId};
///
/// let caller = Principal::new("ci").with_token_id("0123456789Az");
/// assert_eq!(TokenId::try_from(&caller)?.as_str(), "0123456789Az");
/// assert!(TokenId::try_from(&Principal::new("ci")).is_err());
/// # Ok::<(), tower_authn::tokens::TokenError>(())
/// ```
impl TryFrom<&Principal> for TokenId {
    type Error = TokenError;

    fn try_from(principal: &Principal) -> Result<Self, TokenError> {
        let id = principal.token_id().and_then(|id| id.parse().ok());
        id.ok_or_else(TokenError::not_found)
    }
}
