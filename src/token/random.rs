//! Random bytes and characters, from the operating system.

use zeroize::Zeroizing;

use super::base62::ALPHABET;

/// How many random bytes are read at once.
const BLOCK: usize = 32;

/// The operating system returned no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RandomError;

/// Fills a buffer with random bytes.
pub(super) fn fill(buffer: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(buffer).map_err(|_| RandomError)
}

/// Fills a buffer with random base62 digits.
pub(super) fn fill_base62(mut buffer: &mut [u8]) -> Result<(), RandomError> {
    while !buffer.is_empty() {
        let mut block = Zeroizing::new([0; BLOCK]);
        fill(block.as_mut())?;
        // 248 is the last multiple of 62: bytes past it would make some digits
        // likelier than others.
        let unbiased = block.iter().filter(|byte| **byte < 248);
        let mut filled = 0;
        for (digit, byte) in buffer.iter_mut().zip(unbiased) {
            *digit = ALPHABET[usize::from(*byte % 62)];
            filled += 1;
        }
        buffer = &mut buffer[filled..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_equally_likely() {
        let mut text = vec![0; 62 * 2_000];
        fill_base62(&mut text).unwrap();
        for digit in ALPHABET {
            let count = text.iter().filter(|byte| *byte == digit).count();
            assert!((1_700..2_300).contains(&count), "{digit}: {count}");
        }
    }
}
