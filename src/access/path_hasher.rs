//! The hash of a path.

use std::hash::Hasher;

/// Hashes a path, eight bytes at a time.
///
/// It has no random key: the program chooses the paths in a table, and a request
/// only looks one up, so a caller who knows the hash can't make the table slower
/// than its rows make it.
#[derive(Default)]
pub(super) struct PathHasher(u64);

impl PathHasher {
    fn mix(&mut self, word: u64) {
        // An odd number with about as many ones as zeros: the fraction of π.
        const FACTOR: u128 = 0x243f_6a88_85a3_08d3;
        let product = u128::from(self.0 ^ word) * FACTOR;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

impl Hasher for PathHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        // The last eight bytes may overlap the chunk before them.
        match (bytes.as_chunks(), bytes.last_chunk()) {
            ((chunks, _), Some(last)) => {
                for chunk in chunks {
                    self.mix(u64::from_le_bytes(*chunk));
                }
                self.mix(u64::from_le_bytes(*last));
            }
            (_, None) => {
                for byte in bytes {
                    self.mix(u64::from(*byte));
                }
            }
        }
    }

    /// Ignores the byte with which `str` ends its hash: the length is part of it.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        hash::{BuildHasher, BuildHasherDefault},
    };

    use super::*;

    fn hash(path: &str) -> u64 {
        BuildHasherDefault::<PathHasher>::default().hash_one(path)
    }

    #[test]
    fn every_byte_and_the_length_change_the_hash() {
        for len in 1..40 {
            let path = "a".repeat(len);
            assert_ne!(hash(&path), hash(&"a".repeat(len + 1)), "{len}");
            for place in 0..len {
                let mut other = path.clone();
                other.replace_range(place..=place, "b");
                assert_ne!(hash(&path), hash(&other), "{other}");
            }
        }
    }

    #[test]
    fn paths_that_are_alike_spread_over_the_table() {
        // A hash map takes the place from the low bits and a tag from the high ones.
        let parts: [fn(u64) -> u64; 2] = [|hash| hash & 1023, |hash| hash >> 54];
        for part in parts {
            let mut places: HashMap<u64, u32> = HashMap::new();
            for n in 0..1024 {
                let path = format!("/api/v1/deployments/{n}/status");
                *places.entry(part(hash(&path))).or_default() += 1;
            }
            // Chance alone leaves 63 % of the places in use.
            assert!(places.len() > 550, "{} of 1024", places.len());
            assert!(places.values().all(|paths| *paths < 12));
        }
    }
}
