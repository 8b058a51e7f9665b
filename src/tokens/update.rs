//! What can be asked to be done to tokens.

use std::fmt;

use super::{TokenError, TokensOptions, new_token};
use crate::{
    target::Target,
    token::{Record, Secret, Timestamp, TokenId},
};

/// A token that was made, with its secret: the only time it is seen.
#[derive(Clone)]
#[non_exhaustive]
pub struct CreatedToken {
    /// The token in clear.
    pub secret: Secret,
    /// What is known of it from now on.
    pub record: Record,
}

impl fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedToken")
            .field("id", &self.record.id)
            .finish_non_exhaustive()
    }
}

/// What is to be changed of a token: only what is set, and only to less.
///
/// ```
/// use tower_authn::tokens::TokenUpdate;
///
/// let change = TokenUpdate::default().name("old laptop").scopes(["deployment"]);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct TokenUpdate {
    name: Option<String>,
    description: Option<String>,
    metadata: Option<String>,
    scopes: Option<Vec<String>>,
    targets: Option<Vec<String>>,
    expires_at: Option<Timestamp>,
}

impl TokenUpdate {
    /// Another name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Another description.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Other metadata.
    pub fn metadata(mut self, json: impl Into<String>) -> Self {
        self.metadata = Some(json.into());
        self
    }

    /// Fewer scopes, or narrower ones.
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Fewer targets, or narrower ones.
    pub fn targets<T: Into<String>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.targets = Some(targets.into_iter().map(Into::into).collect());
        self
    }

    /// An earlier end.
    pub fn expires_at(mut self, end: Timestamp) -> Self {
        self.expires_at = Some(end);
        self
    }
}

/// Which tokens are revoked.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum TokenSelector<'a> {
    /// All that this one made.
    CreatedBy(&'a str),
    /// The one of this id.
    Id(TokenId),
    /// The one that was presented, by whoever holds it (RFC 7009).
    Presented(&'a str),
    /// All of this subject.
    Subject(&'a str),
}

/// Shows no token.
impl fmt::Debug for TokenSelector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreatedBy(name) => write!(f, "CreatedBy({name:?})"),
            Self::Id(id) => write!(f, "Id({id})"),
            Self::Presented(_) => f.write_str("Presented(…)"),
            Self::Subject(name) => write!(f, "Subject({name:?})"),
        }
    }
}

impl TokenUpdate {
    pub(super) fn apply(
        &self,
        record: &mut Record,
        options: &TokensOptions,
    ) -> Result<(), TokenError> {
        if let Some(name) = &self.name {
            new_token::name("name", name)?;
            record.name.clone_from(name);
        }
        if let Some(description) = &self.description {
            new_token::description(description)?;
            record.description.clone_from(description);
        }
        if let Some(metadata) = &self.metadata {
            new_token::metadata(metadata)?;
            record.metadata.clone_from(metadata);
        }
        if let Some(wanted) = &self.scopes {
            let scopes = new_token::scopes(wanted, options)?;
            let had = |scope| record.scopes.iter().any(|own| own.covers(scope));
            if !scopes.iter().all(had) {
                return Err(TokenError::forbidden("scopes", "more than it has"));
            }
            record.scopes = scopes;
        }
        if let Some(wanted) = &self.targets {
            let targets = new_token::targets(wanted)?;
            if let Some(own) = &record.targets
                && !Target::all_covered(&targets, own)
            {
                return Err(TokenError::forbidden("targets", "more than it is held to"));
            }
            record.targets = Some(targets);
        }
        if let Some(end) = self.expires_at {
            if record.expires_at.is_some_and(|own| end > own) {
                return Err(TokenError::forbidden("expires_at", "after its own end"));
            }
            record.expires_at = Some(end);
        }
        Ok(())
    }
}
