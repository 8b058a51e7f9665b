//! A token in clear.

use std::fmt;

use zeroize::Zeroizing;

/// A token in clear, zeroed on drop.
///
/// `Secret` implements neither `Display` nor `Serialize`, and its `Debug` shows
/// nothing of the token, so that it is not logged by accident.
///
/// # Example
///
/// ```
/// # fn shown(secret: tower_authn::token::Secret) -> String {
/// format!("your token: {}", secret.expose())
/// # }
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(token: String) -> Self {
        Self(Zeroizing::new(token))
    }

    /// Returns the token. Show it to its owner once, and do not store it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}
