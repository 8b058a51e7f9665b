//! Targets: which deployments, buckets or accounts a credential is held to.

use std::{fmt, str::FromStr, sync::Arc};

use crate::error::ConfigError;

/// The longest target, in bytes.
const MAX_LEN: usize = 128;

/// What a credential is held to: a name, or all names with a beginning, `demo*`.
///
/// Names are of `[A-Za-z0-9._-]`, and compared as they stand.
///
/// # Example
///
/// ```
/// use tower_authn::Target;
///
/// let target: Target = "demo-*".parse()?;
/// assert!(target.covers_name("demo-1"));
/// assert!(!target.covers_name("demo"));
/// assert!("*-demo".parse::<Target>().is_err());
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(Arc<str>);

impl Target {
    /// The target as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name is meant.
    #[must_use]
    pub fn covers_name(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == &*self.0,
        }
    }

    /// Whether everything that `other` means is meant.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self.0.strip_suffix('*'), other.0.strip_suffix('*')) {
            (Some(own), Some(other)) => other.starts_with(own),
            (None, Some(_)) => false,
            (_, None) => self.covers_name(&other.0),
        }
    }
}

impl Target {
    /// Whether each target of a list is covered by one of another.
    pub(crate) fn all_covered(targets: &[Self], by: &[Self]) -> bool {
        let is_covered = |target| by.iter().any(|wide: &Self| wide.covers(target));
        targets.iter().all(is_covered)
    }
}

impl FromStr for Target {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let name = text.strip_suffix('*').unwrap_or(text);
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if name.is_empty() || text.len() > MAX_LEN || !name.bytes().all(allowed) {
            return Err(ConfigError::new(format!(
                "{text:?} is not a target: [A-Za-z0-9._-], at most {MAX_LEN} bytes, then an optional '*'"
            )));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_covers_what_it_means_and_no_more() {
        let rows = [
            ("demo", "demo", true),
            ("demo", "demo2", false),
            ("demo*", "demo", true),
            ("demo*", "demo2", true),
            ("demo*", "dem", false),
            ("demo*", "demo2*", true),
            ("demo2*", "demo*", false),
            ("demo", "demo*", false),
            ("demo*", "Demo", false),
        ];
        for (own, other, expected) in rows {
            let target = |text: &str| text.parse::<Target>().unwrap();
            assert_eq!(
                target(own).covers(&target(other)),
                expected,
                "{own} {other}"
            );
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in ["", "*", "a*b", "a b", "é", "a/b", &"a".repeat(129)] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
