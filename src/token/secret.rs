//! A token in clear, which is shown once.

use std::fmt;

use zeroize::Zeroizing;

/// A token in clear. It is wiped when it is dropped.
///
/// There is no `Display` and no serialization, so that it gets into no log by
/// itself; `Debug` shows nothing of it.
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

    /// The token. Show it to its owner once, and keep it nowhere.
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
