//! The builder of a token's changes.

use super::{TokenError, TokensOptions, validate};
use crate::{
    target::Target,
    token::{Record, Timestamp},
};

/// Changes to a token. Fields that are not set stay as they are.
///
/// An update can only reduce the rights of a token: its scopes, its targets and its
/// expiry.
///
/// # Example
///
/// ```
/// use tower_authn::tokens::TokenUpdate;
///
/// let update = TokenUpdate::default().name("old laptop").scopes(["deployment"]);
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
    /// Changes the name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Changes the description.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Replaces the metadata.
    pub fn metadata(mut self, json: impl Into<String>) -> Self {
        self.metadata = Some(json.into());
        self
    }

    /// Replaces the scopes, by fewer or narrower ones.
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Replaces the targets, by fewer or narrower ones.
    pub fn targets<T: Into<String>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.targets = Some(targets.into_iter().map(Into::into).collect());
        self
    }

    /// Sets an earlier expiry.
    pub fn expires_at(mut self, end: Timestamp) -> Self {
        self.expires_at = Some(end);
        self
    }

    /// Checks the changes, and makes them in a record.
    pub(super) fn apply(
        &self,
        record: &mut Record,
        options: &TokensOptions,
    ) -> Result<(), TokenError> {
        if let Some(name) = &self.name {
            validate::name("name", name)?;
            record.name.clone_from(name);
        }
        if let Some(description) = &self.description {
            validate::description(description)?;
            record.description.clone_from(description);
        }
        if let Some(metadata) = &self.metadata {
            validate::metadata(metadata)?;
            record.metadata.clone_from(metadata);
        }
        if let Some(scopes) = &self.scopes {
            let scopes = validate::scopes(scopes, options)?;
            let is_granted = |scope| record.scopes.iter().any(|own| own.covers(scope));
            if !scopes.iter().all(is_granted) {
                return Err(exceeds("scopes"));
            }
            record.scopes = scopes;
        }
        if let Some(targets) = &self.targets {
            let targets = validate::targets(targets)?;
            if let Some(own) = &record.targets
                && !Target::all_covered(&targets, own)
            {
                return Err(exceeds("targets"));
            }
            record.targets = Some(targets);
        }
        if let Some(end) = self.expires_at {
            if record.expires_at.is_some_and(|own| end > own) {
                let message = "is later than the present expiry";
                return Err(TokenError::forbidden("expires_at", message));
            }
            record.expires_at = Some(end);
        }
        Ok(())
    }
}

fn exceeds(field: &'static str) -> TokenError {
    TokenError::forbidden(field, "exceed those that the token has")
}
