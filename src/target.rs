//! Targets: the deployments, buckets or accounts that a credential is limited to.

use std::{fmt, str::FromStr, sync::Arc};

use crate::error::ConfigError;

/// The longest target, in bytes.
const MAX_LEN: usize = 128;

/// A name that a credential is limited to, or a pattern for all names with a prefix:
/// `demo*`.
///
/// Names consist of `[A-Za-z0-9._-]` and are compared exactly.
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
    /// Returns the target as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the target includes a name.
    #[must_use]
    pub fn covers_name(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == &*self.0,
        }
    }

    /// Returns whether the target includes every name that `other` includes.
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
    /// Returns whether each of `targets` is covered by one of `by`.
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
                "{text:?} is not a target; expected at most {MAX_LEN} of [A-Za-z0-9._-], then an \
                 optional '*'"
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
    fn a_target_covers_its_own_names_and_no_others() {
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
    fn an_invalid_target_is_refused() {
        for text in ["", "*", "a*b", "a b", "é", "a/b", &"a".repeat(129)] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
