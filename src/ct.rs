//! Comparison of secrets in constant time: the only file that names `subtle`.
//!
//! What the work depends on is the length of what was presented, which its
//! sender knows, and how many entries there are. It never depends on a stored
//! secret: not on its bytes, not on its length, not on where a mismatch stands.

use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The longest secret that a [`SecretTable`] holds, in bytes.
pub(crate) const MAX_SECRET: usize = 512;

const WORDS: usize = MAX_SECRET / 8;

/// How many secrets a [`Block`] holds.
const LANES: usize = 4;

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
        at = u64::conditional_select(&(at + 1), &0, at.ct_eq(&last));
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
    blocks: Box<[Block]>,
}

/// Some secrets side by side, so that one vector instruction compares a word
/// of each. They are zero-padded: they are read as far as what was presented
/// goes, and no branch knows their length.
struct Block {
    words: [[u64; LANES]; WORDS],
    lens: [u64; LANES],
}

impl Block {
    /// Nothing that can be presented is as long.
    const VACANT: Self = Self {
        words: [[0; LANES]; WORDS],
        lens: [u64::MAX; LANES],
    };

    fn set(&mut self, lane: usize, secret: &[u8]) {
        for (word, bytes) in self.words.iter_mut().zip(secret.chunks(8)) {
            word[lane] = padded_word(bytes);
        }
        self.lens[lane] = secret.len() as u64;
    }

    /// Of each secret, whether anything differs from what was presented: zero
    /// where nothing does.
    fn differences(&self, presented: &[u8]) -> [u64; LANES] {
        let (whole, tail) = presented.as_chunks::<8>();
        let mut differences = self.lens.map(|len| len ^ presented.len() as u64);
        let mut compare = |words: &[u64; LANES], presented: u64| {
            for (difference, word) in differences.iter_mut().zip(words) {
                *difference |= word ^ presented;
            }
        };
        for (words, bytes) in self.words.iter().zip(whole) {
            compare(words, u64::from_le_bytes(*bytes));
        }
        if !tail.is_empty() {
            compare(&self.words[whole.len()], padded_word(tail));
        }
        differences
    }
}

impl SecretTable {
    /// Copies the secrets.
    ///
    /// Longer ones than [`MAX_SECRET`] are cut: the caller has refused them.
    pub(crate) fn new<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut blocks = Vec::new();
        for (index, secret) in secrets.enumerate() {
            let lane = index % LANES;
            if lane == 0 {
                blocks.push(Block::VACANT);
            }
            if let Some(block) = blocks.last_mut() {
                block.set(lane, secret);
            }
        }
        Self {
            blocks: blocks.into(),
        }
    }

    /// The index of the secret that was presented.
    pub(crate) fn find(&self, presented: &[u8]) -> Option<usize> {
        if presented.len() > MAX_SECRET {
            return None;
        }
        // Counted from 1.
        let mut found = 0_u64;
        for (block, first) in self.blocks.iter().zip((1..).step_by(LANES)) {
            for (difference, row) in block.differences(presented).iter().zip(first..) {
                found.conditional_assign(&row, difference.ct_eq(&0));
            }
        }
        (found as usize).checked_sub(1)
    }
}

fn padded_word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
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
