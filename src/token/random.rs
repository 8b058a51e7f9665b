//! Randomness to make tokens of.

use zeroize::Zeroizing;

use super::{base62::ALPHABET, digest::Digest};

/// How much randomness is asked for at once, in bytes.
const BLOCK: usize = 32;

/// Where randomness comes from: fills the whole buffer, or says that it can't.
pub(crate) type Source = dyn FnMut(&mut [u8]) -> Result<(), RandomError> + Send;

/// Randomness, held to account: what is broken makes no token.
pub(crate) struct Random {
    source: Box<Source>,
    /// The digest of the last block, to detect a source that repeats itself.
    /// The block itself is part of the newest secret.
    last: Option<Digest>,
}

/// There is no randomness to make a token of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RandomError {
    /// The source gave an error.
    Failed,
    /// The source repeats itself, or gives but one byte.
    Broken,
}

impl Random {
    /// The operating system's.
    pub(crate) fn system() -> Self {
        Self::new(Box::new(|to| {
            getrandom::fill(to).map_err(|_| RandomError::Failed)
        }))
    }

    pub(crate) fn new(source: Box<Source>) -> Self {
        Self { source, last: None }
    }

    /// By rejection: bytes that would make some characters likelier are thrown
    /// away.
    pub(crate) fn fill(&mut self, to: &mut [u8]) -> Result<(), RandomError> {
        let mut filled = 0;
        while filled < to.len() {
            let block = self.block()?;
            let fair = block.iter().filter(|byte| **byte < 248);
            for (to, byte) in to[filled..].iter_mut().zip(fair) {
                *to = ALPHABET[usize::from(*byte % 62)];
                filled += 1;
            }
        }
        Ok(())
    }

    /// Bytes as they come.
    pub(super) fn bytes(&mut self, to: &mut [u8]) -> Result<(), RandomError> {
        for chunk in to.chunks_mut(BLOCK) {
            chunk.copy_from_slice(&self.block()?[..chunk.len()]);
        }
        Ok(())
    }

    fn block(&mut self) -> Result<Zeroizing<[u8; BLOCK]>, RandomError> {
        let mut block = Zeroizing::new([0; BLOCK]);
        (self.source)(block.as_mut())?;
        let flat = block.iter().all(|byte| *byte == block[0]);
        let digest = Digest::sha256(block.as_slice());
        if flat || self.last.replace(digest) == Some(digest) {
            return Err(RandomError::Broken);
        }
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_randomness_makes_no_token() {
        let sources: [Box<Source>; 3] = [
            Box::new(|to| {
                to.fill(7);
                Ok(())
            }),
            Box::new(|to| {
                to.iter_mut().zip(0..).for_each(|(byte, n)| *byte = n);
                Ok(())
            }),
            Box::new(|_| Err(RandomError::Failed)),
        ];
        let expected = [
            RandomError::Broken,
            RandomError::Broken,
            RandomError::Failed,
        ];
        for (source, expected) in sources.into_iter().zip(expected) {
            let mut random = Random::new(source);
            let made = random
                .fill(&mut [0; 12])
                .and_then(|()| random.fill(&mut [0; 12]));
            assert_eq!(made, Err(expected));
        }
    }

    #[test]
    fn s09_nothing_of_a_secret_stays_with_its_source() {
        let mut random = Random::new(Box::new(|to| {
            to.iter_mut().zip(1..).for_each(|(byte, n)| *byte = n);
            Ok(())
        }));
        let mut secret = [0; BLOCK];
        random.bytes(&mut secret).unwrap();
        let last = random.last.unwrap();
        assert_eq!(
            last,
            Digest::sha256(secret),
            "a digest detects a repetition"
        );
        let kept = last.to_bytes();
        let shared = secret.windows(4).any(|w| kept.windows(4).any(|k| k == w));
        assert!(!shared, "and holds no part of the block");
        assert_eq!(random.bytes(&mut secret), Err(RandomError::Broken));
    }

    #[test]
    fn every_character_is_as_likely_as_every_other() {
        let mut text = vec![0; 62 * 2_000];
        Random::system().fill(&mut text).unwrap();
        for digit in ALPHABET {
            let count = text.iter().filter(|b| *b == digit).count();
            assert!((1_700..2_300).contains(&count), "{digit}: {count}");
        }
    }
}
