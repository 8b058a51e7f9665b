//! Where a token falls in a table.

use std::hash::{BuildHasher, RandomState};

use crate::token::{Digest, TokenId};

/// Spreads tokens over the tables, by secrets of this process: whoever chooses
/// ids to ask for, or digests to be imported, can't choose where they fall.
#[derive(Clone, Copy)]
pub(crate) struct Spread([u64; 4]);

impl Spread {
    pub(crate) fn by_chance() -> Self {
        let random = RandomState::new();
        Self(std::array::from_fn(|index| random.hash_one(index)))
    }

    pub(crate) fn id(&self, id: TokenId) -> u64 {
        let (first, last) = id.halves();
        fold(first ^ self.0[0], last ^ self.0[1])
    }

    /// Every word counts, and each under a secret of its own, since a digest
    /// that is imported may be any four words.
    pub(crate) fn digest(&self, digest: &Digest) -> u64 {
        let [a, b, c, d] = digest.words();
        fold(a ^ self.0[0], b ^ self.0[1]) ^ fold(c ^ self.0[2], d ^ self.0[3])
    }
}

/// Both halves of a product, in which every bit counts.
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

    /// How many fall into the fullest of 1,024 buckets.
    fn fullest(hashes: impl Iterator<Item = u64>) -> usize {
        let mut buckets = vec![0; 1_024];
        hashes.for_each(|hash| buckets[hash as usize % 1_024] += 1);
        buckets.into_iter().max().unwrap()
    }

    #[test]
    fn f14_whoever_chooses_ids_or_digests_does_not_choose_where_they_fall() {
        const COUNT: u64 = 4_096;
        type Words = fn(u64) -> [u64; 4];
        type Text = fn(u64) -> String;
        let spread = Spread::by_chance();
        // Each of these falls into one place under a hash that leaves out a
        // word, or has no secret, or the same one for every word.
        let chosen: [(&str, Words); 6] = [
            ("first word", |n| [7, n, n * 3, n * 5]),
            ("last word", |n| [n, n * 3, n * 5, 7]),
            ("low bits", |n| [n << 40, n << 40, n << 40, n << 40]),
            ("high bits", |n| [n, n, n, n]),
            ("the same halves", |n| [n, 7, n, 7]),
            ("zeros", |n| [0, n, 0, 0]),
        ];
        for (name, words) in chosen {
            let fullest = fullest((0..COUNT).map(|n| spread.digest(&digest(words(n)))));
            assert!(fullest < 32, "{name}: {fullest} in one bucket");
        }
        let ids: [(&str, Text); 3] = [
            ("counted", |n| format!("{n:012}")),
            ("the middle", |n| format!("0000{n:04}0000")),
            ("both ends", |n| format!("{n:04}0000{n:04}")),
        ];
        for (name, text) in ids {
            let id = |n| text(n).parse().unwrap();
            let fullest = fullest((0..COUNT).map(|n| spread.id(id(n))));
            assert!(fullest < 32, "{name}: {fullest} in one bucket");
        }
        let other = Spread::by_chance();
        let same = |id: TokenId| spread.id(id) == other.id(id);
        assert!(
            !same("000000000001".parse().unwrap()),
            "each process has secrets of its own"
        );
    }
}
