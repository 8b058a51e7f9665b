//! The hash function of the token tables.

use std::hash::{BuildHasher, RandomState};

use crate::token::{Digest, TokenId};

/// Hashes ids and digests under secrets of this process, which come from the system's
/// source of randomness through [`RandomState`]. A client that chooses the ids that it
/// sends, or an operator that imports chosen digests, can't choose where they fall in a
/// table.
///
/// The crate `foldhash` folds words in the same way, but takes its secrets from addresses
/// and the time.
#[derive(Clone, Copy)]
pub(crate) struct KeyedHasher([u64; 4]);

impl KeyedHasher {
    pub(crate) fn random() -> Self {
        let random = RandomState::new();
        Self(std::array::from_fn(|index| random.hash_one(index)))
    }

    #[inline]
    pub(crate) fn hash_id(&self, id: TokenId) -> u64 {
        let (first, last) = id.halves();
        fold(first ^ self.0[0], last ^ self.0[1])
    }

    /// Each word has its own secret, since an imported digest may be any four words.
    #[inline]
    pub(crate) fn hash_digest(&self, digest: &Digest) -> u64 {
        let [a, b, c, d] = digest.words();
        fold(a ^ self.0[0], b ^ self.0[1]) ^ fold(c ^ self.0[2], d ^ self.0[3])
    }
}

/// Folds the 128-bit product of two words, in which every bit counts, into 64 bits.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(words: [u64; 4]) -> Digest {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        Digest::from_bytes(bytes.try_into().unwrap())
    }

    /// Returns how many hashes fall into the fullest of 1,024 buckets.
    fn fullest(hashes: impl Iterator<Item = u64>) -> usize {
        let mut buckets = vec![0; 1_024];
        hashes.for_each(|hash| buckets[hash as usize % 1_024] += 1);
        buckets.into_iter().max().unwrap()
    }

    #[test]
    fn f14_chosen_ids_and_digests_do_not_collide() {
        const COUNT: u64 = 4_096;
        type Words = fn(u64) -> [u64; 4];
        type Text = fn(u64) -> String;
        let hasher = KeyedHasher::random();
        // Each of these would fall into one bucket under a hash that ignores a word, or
        // has no secret, or the same secret for every word.
        let chosen: [(&str, Words); 6] = [
            ("first word", |n| [7, n, n * 3, n * 5]),
            ("last word", |n| [n, n * 3, n * 5, 7]),
            ("low bits", |n| [n << 40, n << 40, n << 40, n << 40]),
            ("high bits", |n| [n, n, n, n]),
            ("the same halves", |n| [n, 7, n, 7]),
            ("zeros", |n| [0, n, 0, 0]),
        ];
        for (name, words) in chosen {
            let fullest = fullest((0..COUNT).map(|n| hasher.hash_digest(&digest(words(n)))));
            assert!(fullest < 32, "{name}: {fullest} in one bucket");
        }
        let ids: [(&str, Text); 3] = [
            ("counted", |n| format!("{n:012}")),
            ("the middle", |n| format!("0000{n:04}0000")),
            ("both ends", |n| format!("{n:04}0000{n:04}")),
        ];
        for (name, text) in ids {
            let id = |n| text(n).parse().unwrap();
            let fullest = fullest((0..COUNT).map(|n| hasher.hash_id(id(n))));
            assert!(fullest < 32, "{name}: {fullest} in one bucket");
        }
        let other = KeyedHasher::random();
        let same = |id: TokenId| hasher.hash_id(id) == other.hash_id(id);
        assert!(
            !same("000000000001".parse().unwrap()),
            "each process has its own secrets"
        );
    }
}
