//! SHA-256 and HMAC of texts as short as tokens.

use sha2::block_api::compress256;
use zeroize::Zeroizing;

/// The eight words of a digest, or of one that is not at its end yet.
pub(super) type State = [u32; 8];

const BLOCK: usize = 64;

/// What stands behind a text at least: a bit, and how many bits it has.
const PADDING: usize = 1 + 8;

/// Room for the end of a text and what stands behind it.
const LAST: [[u8; BLOCK]; 2] = [[0; BLOCK]; 2];

/// What a digest begins with
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

/// The digest of a text.
///
/// `sha2`'s own `Sha256` takes texts in pieces, through a buffer. A token comes
/// whole and fits two blocks, so that both are padded here and compressed in
/// one call.
pub(super) fn digest(text: &[u8]) -> State {
    finish(INITIAL, 0, text)
}

/// HMAC-SHA-256 under a key of one block at most
/// ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)), whose pads went through
/// when it was made: two blocks are left for a token.
#[derive(Clone)]
pub(super) struct Hmac {
    inner: Zeroizing<State>,
    outer: Zeroizing<State>,
}

impl Hmac {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let padded = |pad| {
            let mut block = Zeroizing::new([pad; BLOCK]);
            block.iter_mut().zip(key).for_each(|(to, key)| *to ^= key);
            let mut state = Zeroizing::new(INITIAL);
            compress256(&mut state, &[*block]);
            state
        };
        Self {
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }

    /// The tag of a text.
    pub(super) fn tag(&self, text: &[u8]) -> State {
        let inner = finish(*self.inner, 1, text).map(u32::to_be_bytes);
        finish(*self.outer, 1, inner.as_flattened())
    }
}

/// Ends a digest into which some whole blocks went before the text.
fn finish(mut state: State, blocks: usize, text: &[u8]) -> State {
    let mut rest = text;
    while rest.len() > LAST.len() * BLOCK - PADDING
        && let Some((block, behind)) = rest.split_first_chunk()
    {
        compress256(&mut state, &[*block]);
        rest = behind;
    }
    let mut last = LAST;
    let used = 1 + usize::from(rest.len() + PADDING > BLOCK);
    // A whole block by its size, since what `memcpy` leaves behind is read late:
    // its stores overlap. It made a digest 20 ns slower.
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

    /// Texts of any length, each once.
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
    fn a_digest_is_what_sha2_makes_it() {
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
    fn a_tag_is_what_hmac_makes_it() {
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
