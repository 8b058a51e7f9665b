//! SHA-256 and HMAC-SHA-256 of short texts.
//!
//! The `sha2` and `hmac` crates buffer a text that comes in pieces. A token comes
//! whole and its digest and tag end within two blocks, so this module pads the blocks
//! and compresses them in one call.

use sha2::block_api::compress256;
use zeroize::Zeroizing;

/// The eight words of a digest, or the state of an unfinished one.
pub(super) type State = [u32; 8];

pub(super) const BLOCK: usize = 64;

/// The least length of the padding: a bit, then the length of the text.
const PADDING: usize = 1 + 8;

/// Two empty blocks, for the end of a text and its padding.
const LAST: [[u8; BLOCK]; 2] = [[0; BLOCK]; 2];

/// The initial state
/// ([FIPS 180-4 §5.3.3](https://doi.org/10.6028/NIST.FIPS.180-4)).
const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Computes the digest of a text.
pub(super) fn digest(text: &[u8]) -> State {
    finish(INITIAL, 0, text)
}

/// The state after a first block that many texts share. It is compressed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FirstBlock(State);

impl FirstBlock {
    pub(super) fn new(block: [u8; BLOCK]) -> Self {
        let mut state = INITIAL;
        compress256(&mut state, &[block]);
        Self(state)
    }

    /// Computes the digest of the first block and a text, which fills no more than one
    /// block with its padding.
    #[inline]
    pub(super) fn digest<const LEN: usize>(&self, text: &[u8; LEN]) -> State {
        const { assert!(LEN + PADDING <= BLOCK, "one block") };
        let mut block = [0; BLOCK];
        block[..LEN].copy_from_slice(text);
        block[LEN] = 0x80;
        if let Some(end) = block.last_chunk_mut() {
            *end = (8 * (BLOCK + LEN) as u64).to_be_bytes();
        }
        let mut state = self.0;
        compress256(&mut state, &[block]);
        state
    }
}

/// HMAC-SHA-256 ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)) with a key
/// of one block at most. The padded keys are compressed once, on creation, which
/// leaves two blocks for a token.
#[derive(Clone)]
pub(super) struct Hmac {
    inner: Zeroizing<State>,
    outer: Zeroizing<State>,
}

impl Hmac {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let padded = |pad| {
            let mut blocks = Zeroizing::new([[pad; BLOCK]]);
            let block = blocks.iter_mut().flatten();
            block.zip(key).for_each(|(to, key)| *to ^= key);
            let mut state = Zeroizing::new(INITIAL);
            compress256(&mut state, &*blocks);
            state
        };
        Self {
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }

    /// Computes the tag of a text.
    pub(super) fn tag(&self, text: &[u8]) -> State {
        let inner = finish(*self.inner, 1, text).map(u32::to_be_bytes);
        finish(*self.outer, 1, inner.as_flattened())
    }
}

/// Finishes a digest. `blocks` is the number of blocks that `state` already
/// contains, `text` the rest.
fn finish(mut state: State, blocks: usize, text: &[u8]) -> State {
    let mut rest = text;
    while rest.len() > LAST.len() * BLOCK - PADDING
        && let Some((block, after)) = rest.split_first_chunk()
    {
        compress256(&mut state, &[*block]);
        rest = after;
    }
    let mut last = LAST;
    let used = 1 + usize::from(rest.len() + PADDING > BLOCK);
    // Copies a whole block with a constant length. The overlapping stores of a
    // `memcpy` of variable length delay the loads after it, by 20 ns a digest.
    let (at, tail) = match rest.split_first_chunk() {
        Some((block, tail)) => {
            last[0] = *block;
            (BLOCK, tail)
        }
        None => (0, rest),
    };
    let padded = last[..used].as_flattened_mut();
    padded[at..rest.len()].copy_from_slice(tail);
    padded[rest.len()] = 0x80;
    let bits = 8 * (blocks * BLOCK + text.len()) as u64;
    if let Some(end) = padded.last_chunk_mut() {
        *end = bits.to_be_bytes();
    }
    compress256(&mut state, &last[..used]);
    state
}

#[cfg(test)]
mod tests {
    use hkdf::hmac::{self, KeyInit, Mac};
    use sha2::{Digest, Sha256};

    use super::*;

    /// One text of every length below 400.
    fn texts() -> Vec<Vec<u8>> {
        let bytes = (0..=255).cycle();
        (0..400)
            .map(|len| bytes.clone().take(len).collect())
            .collect()
    }

    fn bytes(state: State) -> Vec<u8> {
        state.map(u32::to_be_bytes).concat()
    }

    #[test]
    fn digests_equal_those_of_sha2() {
        for text in texts() {
            assert_eq!(
                bytes(digest(&text)),
                *Sha256::digest(&text),
                "{}",
                text.len()
            );
        }
    }

    #[test]
    fn digests_after_a_first_block_equal_those_of_sha2() {
        fn check<const LEN: usize>() {
            let first = std::array::from_fn(|index| 3 * index as u8);
            let text: [u8; LEN] = std::array::from_fn(|index| index as u8 + 1);
            let expected = Sha256::new().chain_update(first).chain_update(text);
            let own = FirstBlock::new(first).digest(&text);
            assert_eq!(bytes(own), *expected.finalize(), "{LEN}");
        }
        check::<0>();
        check::<1>();
        check::<50>();
        check::<55>();
    }

    #[test]
    fn tags_equal_those_of_hmac() {
        let key = std::array::from_fn(|index| index as u8 + 1);
        let own = Hmac::new(&key);
        for text in texts() {
            let mac = hmac::Hmac::<Sha256>::new_from_slice(&key).unwrap();
            let theirs = mac.chain_update(&text).finalize();
            assert_eq!(
                bytes(own.tag(&text)),
                theirs.as_bytes().to_vec(),
                "{}",
                text.len()
            );
        }
    }
}
