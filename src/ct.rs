//! Comparison of secrets in constant time: the only file that names `subtle`.
//!
//! What the work depends on is the length of what was presented, which its
//! sender knows, and how many entries there are. It never depends on a stored
//! secret: not on its bytes, not on its length, not on where a mismatch stands.

use std::hint::black_box;

use subtle::ConstantTimeEq;

/// The longest secret that a [`SecretTable`] holds, in bytes.
pub(crate) const MAX_SECRET: usize = 512;

/// The most secrets that a [`SecretTable`] holds.
pub(crate) const MAX_SECRETS: usize = u64::BITS as usize;

/// Compares what was presented with one secret.
///
/// An empty secret equals nothing.
pub(crate) fn eq(presented: &[u8], secret: &[u8]) -> bool {
    if secret.is_empty() {
        return false;
    }
    // The secret is read round and round, so that its length decides neither
    // how much is read nor where the loop ends.
    let last = secret.len() as u64 - 1;
    let mut at = 0_u64;
    let mut difference = presented.len() as u64 ^ secret.len() as u64;
    for byte in presented {
        difference |= u64::from(byte ^ secret[at as usize]);
        at = (at + 1) & is_zero(at ^ last).wrapping_sub(1);
    }
    difference.ct_eq(&0).into()
}

/// Compares two digests.
#[cfg(feature = "tokens")]
pub(crate) fn words_eq(a: &[u64; 4], b: &[u64; 4]) -> bool {
    let difference = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    difference.ct_eq(&0).into()
}

/// Compares two tags.
#[cfg(feature = "tokens")]
pub(crate) fn word_eq(a: u64, b: u64) -> bool {
    a.ct_eq(&b).into()
}

/// Secrets of at most [`MAX_SECRET`] bytes, each compared whatever comes.
pub(crate) struct SecretTable {
    rows: Box<[Row]>,
}

/// A secret, zero-padded: it is read as far as what was presented goes, and no
/// branch knows its length.
struct Row {
    bytes: [u8; MAX_SECRET],
    len: u64,
}

impl Row {
    fn new(secret: &[u8]) -> Self {
        let mut bytes = [0; MAX_SECRET];
        for (byte, secret) in bytes.iter_mut().zip(secret) {
            *byte = *secret;
        }
        let len = secret.len() as u64;
        Self { bytes, len }
    }

    /// Zero where it is what was presented, of at most [`MAX_SECRET`] bytes.
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
                // The last lanes may overlap the ones before them.
                let before = presented[..presented.len() - 1].as_chunks::<LANES>().0;
                for (a, b) in before.iter().zip(secret.as_chunks::<LANES>().0) {
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
    /// More than [`MAX_SECRETS`] are left out, and longer ones than
    /// [`MAX_SECRET`] are cut: the caller has refused them.
    pub(crate) fn new<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> Self {
        Self {
            rows: secrets.take(MAX_SECRETS).map(Row::new).collect(),
        }
    }

    /// The index of the secret that was presented.
    #[inline(never)]
    pub(crate) fn find(&self, presented: &[u8]) -> Option<usize> {
        if presented.len() > MAX_SECRET {
            return None;
        }
        // A bit for each secret, so that the first look at any of them is one
        // at all of them.
        let mut found = 0_u64;
        for (row, index) in self.rows.iter().zip(0..) {
            found |= is_zero(row.difference(presented)) << index;
        }
        let found = black_box(found);
        (found != 0).then(|| found.trailing_zeros() as usize)
    }
}

/// 1 for 0, and 0 for everything else, without a branch: as `subtle` does it,
/// less what its `Choice` costs for each of many.
fn is_zero(word: u64) -> u64 {
    let word = black_box(word);
    (word | word.wrapping_neg()) >> 63 ^ 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_only_where_every_byte_and_the_length_are() {
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
            for place in 0..secret.len() {
                let mut other = secret.clone();
                other[place] ^= 1;
                assert_eq!(table.find(&other), None);
            }
        }
        for len in [0, 2, 10, 49, 513, 4096] {
            assert_eq!(table.find(&vec![b'x'; len]), None, "{len}");
        }
        assert_eq!(table.find(b"\0"), None, "padding is not part of a secret");
    }
}
