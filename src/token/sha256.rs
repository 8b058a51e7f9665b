//! SHA-256 of texts as short as tokens.

use sha2::block_api::compress256;

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
    let padded = last[..used].as_flattened_mut();
    padded[..rest.len()].copy_from_slice(rest);
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
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn texts_of_any_length_have_the_digest_that_sha2_gives_them() {
        let text: Vec<u8> = (0..=255).cycle().take(400).collect();
        for len in 0..text.len() {
            let own: Vec<u8> = digest(&text[..len])
                .iter()
                .flat_map(|word| word.to_be_bytes())
                .collect();
            assert_eq!(own, *Sha256::digest(&text[..len]), "{len}");
        }
    }
}
