//! Signature algorithms, and sets of them.

use std::fmt;

/// A signature algorithm of a JWT
/// ([RFC 7518 §3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1),
/// [RFC 8037 §3.1](https://www.rfc-editor.org/rfc/rfc8037#section-3.1)).
///
/// `none` is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    ES256,
    /// ECDSA over P-384 with SHA-384.
    ES384,
    /// EdDSA over Ed25519. A token names it `EdDSA` or, by
    /// [RFC 9864](https://www.rfc-editor.org/rfc/rfc9864), `Ed25519`.
    EdDSA,
    /// HMAC with SHA-256, and a secret that the issuer shares with each verifier.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
}

impl Algorithm {
    const ALL: [Self; 12] = [
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
    ];

    /// Returns the name of the algorithm, as the `alg` of a header has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
        }
    }

    /// Returns the algorithm of a name. Names are case-sensitive.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDSA);
        }
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of algorithms.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Algorithms(u16);

impl Algorithms {
    pub(super) const EC_P256: Self = Self::from_slice(&[Algorithm::ES256]);
    pub(super) const EC_P384: Self = Self::from_slice(&[Algorithm::ES384]);
    pub(super) const ED25519: Self = Self::from_slice(&[Algorithm::EdDSA]);
    pub(super) const HMAC: Self =
        Self::from_slice(&[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512]);
    pub(super) const RSA: Self = Self::from_slice(&[
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
    ]);

    pub(super) const fn from_slice(algorithms: &[Algorithm]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < algorithms.len() {
            bits |= 1 << algorithms[index] as u16;
            index += 1;
        }
        Self(bits)
    }

    /// Returns the algorithms for an HMAC secret of this length: the secret is at least
    /// as long as the hash (RFC 7518 §3.2).
    pub(super) fn for_secret_of(len: usize) -> Self {
        let fits = [
            (Algorithm::HS256, 32),
            (Algorithm::HS384, 48),
            (Algorithm::HS512, 64),
        ];
        let fits = fits.into_iter().filter(|(_, least)| len >= *least);
        fits.fold(Self::default(), |all, (algorithm, _)| all.with(algorithm))
    }

    pub(super) const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & 1 << algorithm as u16 != 0
    }

    pub(super) const fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | 1 << algorithm as u16)
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Algorithm> {
        let all = Algorithm::ALL.into_iter();
        all.filter(move |algorithm| self.contains(*algorithm))
    }
}

/// The names, separated by commas.
impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Algorithm::as_str).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_is_found_by_its_exact_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.as_str()), Some(algorithm));
        }
        assert_eq!(Algorithm::from_name("Ed25519"), Some(Algorithm::EdDSA));
        for name in [
            "", "none", "None", "rs256", "RS256 ", "ES512", "Ed448", "HS1",
        ] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_set_contains_what_was_put_into_it() {
        let set = Algorithms::from_slice(&[Algorithm::RS512, Algorithm::ES256]);
        assert_eq!(set.to_string(), "ES256, RS512");
        assert!(set.and(Algorithms::HMAC).is_empty());
        let all = [Algorithms::HMAC, Algorithms::RSA, Algorithms::EC_P256]
            .iter()
            .chain(&[Algorithms::EC_P384, Algorithms::ED25519])
            .fold(0, |all, family| all + family.iter().count());
        assert_eq!(all, Algorithm::ALL.len());
    }

    #[test]
    fn a_secret_is_as_long_as_the_hash() {
        for (len, expected) in [
            (31, ""),
            (32, "HS256"),
            (48, "HS256, HS384"),
            (64, "HS256, HS384, HS512"),
        ] {
            assert_eq!(Algorithms::for_secret_of(len).to_string(), expected);
        }
    }
}
