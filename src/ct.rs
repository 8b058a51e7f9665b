//! Comparison of secrets in constant time: the only file that uses `subtle`.
//!
//! The work depends on the length of the presented bytes, which the client knows,
//! and on the number of entries. It never depends on a stored secret: neither on its
//! bytes, nor on its length, nor on the position of a mismatch.

use std::hint::black_box;

use subtle::ConstantTimeEq;

/// The longest secret that a [`SecretTable`] holds, in bytes.
pub(crate) const MAX_SECRET: usize = 512;

/// The most secrets that a [`SecretTable`] holds.
pub(crate) const MAX_SECRETS: usize = u64::BITS as usize;

/// Returns whether the presented bytes equal a secret.
///
/// An empty secret equals nothing, not even empty bytes.
pub(crate) fn eq(presented: &[u8], secret: &[u8]) -> bool {
    if secret.is_empty() {
        return false;
    }
    // The secret is read cyclically, so that its length decides neither how much
    // is read nor where the loop ends.
    let last = secret.len() as u64 - 1;
    let mut index = 0_u64;
    let mut difference = presented.len() as u64 ^ secret.len() as u64;
    for byte in presented {
        difference |= u64::from(byte ^ secret[index as usize]);
        index = (index + 1) & is_zero(index ^ last).wrapping_sub(1);
    }
    difference.ct_eq(&0).into()
}

/// Returns whether two digests are equal.
#[cfg(feature = "tokens")]
pub(crate) fn words_eq(a: &[u64; 4], b: &[u64; 4]) -> bool {
    let difference = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    difference.ct_eq(&0).into()
}

/// Returns whether two tags are equal.
#[cfg(feature = "tokens")]
pub(crate) fn word_eq(a: u64, b: u64) -> bool {
    a.ct_eq(&b).into()
}

/// Secrets of at most [`MAX_SECRET`] bytes. A look-up compares all of them.
pub(crate) struct SecretTable {
    secrets: Box<[PaddedSecret]>,
}

/// A secret, padded with zeros, so that it can be read up to the length of the
/// presented bytes without a branch on its own length.
struct PaddedSecret {
    bytes: [u8; MAX_SECRET],
    len: u64,
}

impl PaddedSecret {
    fn new(secret: &[u8]) -> Self {
        let mut bytes = [0; MAX_SECRET];
        for (byte, secret) in bytes.iter_mut().zip(secret) {
            *byte = *secret;
        }
        let len = secret.len() as u64;
        Self { bytes, len }
    }

    /// Returns zero if the secret equals the presented bytes, of which there are at
    /// most [`MAX_SECRET`].
    #[inline]
    fn difference(&self, presented: &[u8]) -> u64 {
        const LANES: usize = 16;
        let secret = &self.bytes[..presented.len()];
        let mut lanes = [0; LANES];
        let mut compare = |a: &[u8], b: &[u8]| {
            for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                *lane |= a ^ b;
            }
        };
        match (
            presented.last_chunk::<LANES>(),
            secret.last_chunk::<LANES>(),
        ) {
            (Some(last), Some(last_secret)) => {
                // The last lanes may overlap the preceding ones.
                let leading = presented[..presented.len() - 1].as_chunks::<LANES>().0;
                for (a, b) in leading.iter().zip(secret.as_chunks::<LANES>().0) {
                    compare(a, b);
                }
                compare(last, last_secret);
            }
            _ => compare(presented, secret),
        }
        let (halves, _) = lanes.as_chunks::<8>();
        let difference = self.len ^ presented.len() as u64;
        halves
            .iter()
            .fold(difference, |all, half| all | u64::from_ne_bytes(*half))
    }
}

impl SecretTable {
    /// Copies the secrets.
    ///
    /// Ignores those after the first [`MAX_SECRETS`] and truncates those longer than
    /// [`MAX_SECRET`]: the caller has refused both already.
    pub(crate) fn new<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> Self {
        Self {
            secrets: secrets.take(MAX_SECRETS).map(PaddedSecret::new).collect(),
        }
    }

    /// Returns the index of the secret that equals the presented bytes.
    #[inline(never)]
    pub(crate) fn find(&self, presented: &[u8]) -> Option<usize> {
        if presented.len() > MAX_SECRET {
            return None;
        }
        // One bit for each secret, so that no branch depends on the result of a
        // single comparison.
        let mut found = 0_u64;
        for (secret, index) in self.secrets.iter().zip(0..) {
            found |= is_zero(secret.difference(presented)) << index;
        }
        let found = black_box(found);
        (found != 0).then(|| found.trailing_zeros() as usize)
    }
}

/// Returns 1 for 0, and 0 for every other word, without a branch. It computes the
/// same as `subtle` without the cost of a `Choice` for each of many secrets.
///
/// Neither `black_box` nor the volatile read in `subtle` guarantees that the compiler
/// adds no branch, and the language has no stronger mechanism. `tests/ctgrind`
/// therefore checks the compiled code at three optimization levels.
fn is_zero(word: u64) -> u64 {
    let word = black_box(word);
    (word | word.wrapping_neg()) >> 63 ^ 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_equal_only_if_every_byte_and_the_length_are() {
        let rows: [(&str, &str, bool); 8] = [
            ("abc", "abc", true),
            ("abc", "abd", false),
            ("abc", "ab", false),
            ("abcabc", "abc", false),
            ("aaa", "a", false),
            ("", "a", false),
            ("", "", false),
            ("a", "", false),
        ];
        for (presented, secret, expected) in rows {
            assert_eq!(
                eq(presented.as_bytes(), secret.as_bytes()),
                expected,
                "{presented} {secret}"
            );
        }
    }

    #[test]
    fn a_table_finds_each_secret_and_nothing_else() {
        let secrets: Vec<Vec<u8>> = [1, 7, 8, 9, 16, 48, 511, 512]
            .iter()
            .map(|len| vec![b'x'; *len])
            .collect();
        let table = SecretTable::new(secrets.iter().map(Vec::as_slice));
        for (index, secret) in secrets.iter().enumerate() {
            assert_eq!(table.find(secret), Some(index));
            for position in 0..secret.len() {
                let mut other = secret.clone();
                other[position] ^= 1;
                assert_eq!(table.find(&other), None);
            }
        }
        for len in [0, 2, 10, 49, 513, 4096] {
            assert_eq!(table.find(&vec![b'x'; len]), None, "{len}");
        }
        assert_eq!(table.find(b"\0"), None, "padding is not part of a secret");
    }

    #[test]
    fn every_length_is_compared_with_every_other() {
        let text: Vec<u8> = (0..=255).cycle().take(MAX_SECRET + 1).collect();
        let lens = || (1..70).chain(510..=MAX_SECRET);
        for len in lens() {
            let secret = &text[..len];
            let table = SecretTable::new([secret].into_iter());
            for other in (0..72).chain(509..=MAX_SECRET + 1) {
                // At every alignment of the presented bytes.
                let mut presented = vec![0; len % 9];
                presented.extend_from_slice(&text[..other]);
                let presented = &presented[len % 9..];
                let same = len == other;
                assert_eq!(eq(presented, secret), same, "{other} and {len}");
                assert_eq!(table.find(presented).is_some(), same, "{other} and {len}");
            }
            for position in 0..len {
                for bit in 0..8 {
                    let mut presented = secret.to_vec();
                    presented[position] ^= 1 << bit;
                    let same = eq(&presented, secret) || table.find(&presented).is_some();
                    assert!(!same, "{len} {position} {bit}");
                }
            }
        }
    }

    #[test]
    fn a_full_table_finds_the_last_and_no_more_than_it_holds() {
        let secrets: Vec<String> = (0..=MAX_SECRETS).map(|n| format!("secret {n}")).collect();
        let table = SecretTable::new(secrets.iter().map(String::as_bytes));
        for (index, secret) in secrets.iter().enumerate() {
            let expected = (index < MAX_SECRETS).then_some(index);
            assert_eq!(table.find(secret.as_bytes()), expected);
        }
    }
}
