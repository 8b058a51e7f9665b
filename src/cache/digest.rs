//! The key of a cached verdict: a keyed digest of its credential.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use crate::credential::{Credential, Scheme};

/// A keyed digest of all that a verifier sees of a credential: the scheme and the token.
///
/// Without the key, a client can't compute one, so `==` may stop at a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct CredentialDigest([u64; 2]);

/// Computes digests under a random key of its own.
#[derive(Clone, Copy)]
pub(super) struct Digester([u64; 2]);

impl Digester {
    /// Creates a digester with a new key, from the system's source of randomness.
    pub(super) fn random() -> Self {
        let random = RandomState::new();
        Self([random.hash_one(0), random.hash_one(1)])
    }

    #[inline]
    pub(super) fn digest(self, credential: &Credential<'_>) -> CredentialDigest {
        let scheme = match credential.scheme() {
            None => 0,
            Some(Scheme::Basic) => 1,
            Some(Scheme::Bearer) => 2,
        };
        CredentialDigest(siphash(self.0, scheme, credential.token_bytes()))
    }
}

/// SipHash-1-3 with 128 bits ([Aumasson and Bernstein](https://www.aumasson.jp/siphash/siphash.pdf))
/// of a word and a text.
fn siphash([k0, k1]: [u64; 2], word: u64, text: &[u8]) -> [u64; 2] {
    let mut state = SipState([
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ]);
    state.absorb(word);
    let (words, tail) = text.as_chunks();
    for word in words {
        state.absorb(u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (byte, tail) in last.iter_mut().zip(tail) {
        *byte = *tail;
    }
    let len = size_of::<u64>() as u64 + text.len() as u64;
    state.absorb(len << 56 | u64::from_le_bytes(last));
    state.0[2] ^= 0xee;
    let first = state.finish();
    state.0[1] ^= 0xdd;
    [first, state.finish()]
}

struct SipState([u64; 4]);

impl SipState {
    #[inline]
    fn absorb(&mut self, word: u64) {
        self.0[3] ^= word;
        self.round();
        self.0[0] ^= word;
    }

    fn finish(&mut self) -> u64 {
        for _ in 0..3 {
            self.round();
        }
        self.0.into_iter().fold(0, |all, word| all ^ word)
    }

    #[inline]
    fn round(&mut self) {
        let [mut v0, mut v1, mut v2, mut v3] = self.0;
        v0 = v0.wrapping_add(v1);
        v1 = v1.rotate_left(13) ^ v0;
        v0 = v0.rotate_left(32);
        v2 = v2.wrapping_add(v3);
        v3 = v3.rotate_left(16) ^ v2;
        v0 = v0.wrapping_add(v3);
        v3 = v3.rotate_left(21) ^ v0;
        v2 = v2.wrapping_add(v1);
        v1 = v1.rotate_left(17) ^ v2;
        v2 = v2.rotate_left(32);
        self.0 = [v0, v1, v2, v3];
    }
}

/// A digest is as random as a hash, so a table uses a half of it.
impl Hash for CredentialDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

/// The hasher of the tables by [`CredentialDigest`].
#[derive(Clone, Copy, Default)]
pub(super) struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

impl BuildHasher for DigestHasher {
    type Hasher = Self;

    #[inline]
    fn build_hasher(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use siphasher::sip128::{Hasher128, SipHasher13};

    use super::*;

    #[test]
    fn digests_equal_those_of_siphasher() {
        let text: Vec<u8> = (0..=255).cycle().take(300).collect();
        for len in 0..=text.len() {
            let mut theirs = SipHasher13::new_with_keys(7, !9);
            theirs.write(&5_u64.to_le_bytes());
            theirs.write(&text[..len]);
            let theirs = theirs.finish128();
            let ours = siphash([7, !9], 5, &text[..len]);
            assert_eq!(ours, [theirs.h1, theirs.h2], "{len}");
        }
    }

    fn digest(digester: Digester, scheme: Option<Scheme>, token: &str) -> [u64; 2] {
        digester
            .digest(&Credential::from_parts(scheme, token.as_bytes()))
            .0
    }

    #[test]
    fn j03_credentials_that_differ_anywhere_have_different_digests() {
        let digester = Digester::random();
        let mut seen = HashSet::new();
        let schemes = [None, Some(Scheme::Basic), Some(Scheme::Bearer)];
        // Short and long tokens, those that are parts of others, and those that differ in
        // one bit at one place.
        let mut tokens: HashSet<String> = (1..200).map(|len| "x".repeat(len)).collect();
        for place in 0..199 {
            let mut token = "x".repeat(199).into_bytes();
            token[place] ^= 1;
            tokens.insert(String::from_utf8(token).unwrap());
        }
        for scheme in schemes {
            for token in &tokens {
                assert!(
                    seen.insert(digest(digester, scheme, token)),
                    "{scheme:?} {token}"
                );
                assert_eq!(
                    digest(digester, scheme, token),
                    digest(digester, scheme, token)
                );
            }
        }
    }

    #[test]
    fn each_digester_has_a_key_of_its_own() {
        let digests: HashSet<_> = (0..100)
            .map(|_| digest(Digester::random(), None, "x"))
            .collect();
        assert_eq!(digests.len(), 100);
    }
}
