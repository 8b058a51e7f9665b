//! The only file that names `jsonwebtoken`, which verifies signatures and nothing else.
//!
//! The back end is called directly. Nothing is installed for the whole process, so two
//! crates can use different back ends, and both can be enabled here.

#[cfg(feature = "jwt")]
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
#[cfg(not(feature = "jwt"))]
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm as Jose, DecodingKey, DecodingKeyKind};

use super::{
    algorithm::{Algorithm, Algorithms},
    der::Encoded,
};

/// The sizes of RSA keys, in bits: RFC 7518 §3.3 sets the lower bound. The upper one
/// limits the work for a token.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The longest public exponent, in bytes. 65537 has three.
const MAX_EXPONENT: usize = 4;

/// The y-coordinates of the points of small order on Curve25519, little-endian, as far as
/// they are not of the form that [`is_small_order`] recognizes.
const SMALL_ORDER: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// A key that verifies, and the algorithms that fit its type.
#[derive(Clone)]
pub(super) struct KeyMaterial {
    key: DecodingKey,
    algorithms: Algorithms,
}

impl KeyMaterial {
    /// Checks a public key.
    ///
    /// # Errors
    ///
    /// Returns the reason if an RSA key has fewer than 2048 or more than 4096 bits or an
    /// even modulus or exponent, or if an EC or Ed25519 key is not a point that can
    /// verify.
    pub(super) fn from_encoded(key: &Encoded<'_>) -> Result<Self, &'static str> {
        match *key {
            Encoded::Rsa { n, e } => Self::rsa(n, e),
            Encoded::EcP256(point) => Self::ec(point, 32, Algorithms::EC_P256),
            Encoded::EcP384(point) => Self::ec(point, 48, Algorithms::EC_P384),
            Encoded::Ed25519(point) => Self::ed25519(point),
        }
    }

    /// Checks an HMAC secret.
    ///
    /// # Errors
    ///
    /// Returns the reason if the secret is shorter than 32 bytes, or a PEM text.
    pub(super) fn from_secret(secret: &[u8]) -> Result<Self, &'static str> {
        if secret.trim_ascii_start().starts_with(b"-----BEGIN") {
            return Err("is a PEM text, which is no secret; use `JwtKey::from_pem`");
        }
        let algorithms = Algorithms::for_secret_of(secret.len());
        if algorithms.is_empty() {
            return Err("is a secret of fewer than 32 bytes (RFC 7518 §3.2)");
        }
        let key = DecodingKey::from_secret(secret);
        Ok(Self { key, algorithms })
    }

    fn rsa(n: &[u8], e: &[u8]) -> Result<Self, &'static str> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let bits = n
            .first()
            .map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
        if bits < *RSA_BITS.start() {
            return Err("is an RSA key of fewer than 2048 bits (RFC 7518 §3.3)");
        }
        if bits > *RSA_BITS.end() {
            return Err("is an RSA key of more than 4096 bits");
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        if !is_odd(n) {
            return Err("is an RSA key with an even modulus");
        }
        if !is_odd(e) || e == [1] || e.len() > MAX_EXPONENT {
            return Err("is an RSA key with a bad exponent; expected an odd number, 3 to 2^32");
        }
        Ok(Self {
            key: DecodingKey::from_rsa_raw_components(n, e),
            algorithms: Algorithms::RSA,
        })
    }

    fn ec(point: &[u8], width: usize, algorithms: Algorithms) -> Result<Self, &'static str> {
        if point.len() != 1 + 2 * width || point[0] != 4 {
            return Err("is an EC key that is not an uncompressed point of its curve");
        }
        let key = DecodingKey::from_ec_der(point);
        let key = Self { key, algorithms };
        // A back end may check the point now or with each signature.
        match algorithms
            .iter()
            .all(|algorithm| key.verifier(algorithm).is_some())
        {
            true => Ok(key),
            false => Err("is an EC key that is not a point of its curve"),
        }
    }

    fn ed25519(point: &[u8]) -> Result<Self, &'static str> {
        let Ok(point) = <[u8; 32]>::try_from(point) else {
            return Err("is an Ed25519 key that has not 32 bytes");
        };
        if is_small_order(point) {
            return Err("is an Ed25519 key of small order, for which anyone can sign");
        }
        let key = DecodingKey::from_ed_der(&point);
        let algorithms = Algorithms::ED25519;
        let key = Self { key, algorithms };
        match key.verifier(Algorithm::EdDSA) {
            Some(_) => Ok(key),
            None => Err("is an Ed25519 key that is not a point of its curve"),
        }
    }

    /// Returns the algorithms that fit the type of the key.
    pub(super) fn algorithms(&self) -> Algorithms {
        self.algorithms
    }

    /// Returns whether the signature is one of this key.
    ///
    /// The caller has checked that the algorithm fits the key. The back end checks it
    /// again by the family.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &Vec<u8>) -> bool {
        // RFC 8017 §8.1.2 and §8.2.2: a number that is not below the modulus is no
        // signature. The `rsa` crate leaves this out for PSS.
        if let DecodingKeyKind::RsaModulusExponent { n, .. } = self.key.kind()
            && (signature.len() != n.len() || signature >= n)
        {
            return false;
        }
        let verifier = self.verifier(algorithm);
        verifier.is_some_and(|verifier| verifier.verify(message, signature).is_ok())
    }

    fn verifier(&self, algorithm: Algorithm) -> Option<Box<dyn jsonwebtoken::crypto::JwtVerifier>> {
        (DEFAULT_PROVIDER.verifier_factory)(&jose(algorithm), &self.key).ok()
    }
}

fn jose(algorithm: Algorithm) -> Jose {
    match algorithm {
        Algorithm::ES256 => Jose::ES256,
        Algorithm::ES384 => Jose::ES384,
        Algorithm::EdDSA => Jose::EdDSA,
        Algorithm::HS256 => Jose::HS256,
        Algorithm::HS384 => Jose::HS384,
        Algorithm::HS512 => Jose::HS512,
        Algorithm::PS256 => Jose::PS256,
        Algorithm::PS384 => Jose::PS384,
        Algorithm::PS512 => Jose::PS512,
        Algorithm::RS256 => Jose::RS256,
        Algorithm::RS384 => Jose::RS384,
        Algorithm::RS512 => Jose::RS512,
    }
}

/// Returns a big-endian number without leading zeros.
fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// Returns whether a point of Curve25519 has an order of at most 8.
fn is_small_order(mut point: [u8; 32]) -> bool {
    // The highest bit is the sign of x.
    point[31] &= 0x7f;
    if SMALL_ORDER.contains(&point) {
        return true;
    }
    let (first, middle, last) = (point[0], &point[1..31], point[31]);
    // 0 and 1; p - 1, p and p + 1 for p = 2^255 - 19.
    let is_zero_or_one = first <= 1 && last == 0 && middle.iter().all(|byte| *byte == 0);
    let is_near_p = matches!(first, 0xec..=0xee) && last == 0x7f;
    is_zero_or_one || is_near_p && middle.iter().all(|byte| *byte == 0xff)
}
