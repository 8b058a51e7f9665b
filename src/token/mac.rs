//! A key for tags of other texts than tokens.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    key::MasterKey,
    random::{RandomError, fill},
    sha256::Hmac,
};

/// A key of HMAC-SHA-256.
#[derive(Clone)]
pub(crate) struct MacKey(Hmac);

impl MacKey {
    /// Generates a key.
    pub(crate) fn generate() -> Result<Self, RandomError> {
        let mut key = Zeroizing::new([0; 32]);
        fill(key.as_mut())?;
        Ok(Self(Hmac::new(&key)))
    }

    /// Derives a key for one purpose from the master key.
    pub(crate) fn derive(master: &MasterKey, purpose: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, master.bytes())
            .expand(purpose, key.as_mut())
            .expect("HKDF derives 32 bytes");
        Self(Hmac::new(&key))
    }

    /// Computes the tag of a text.
    pub(crate) fn tag(&self, text: &[u8]) -> [u8; 32] {
        let words = self.0.tag(text).map(u32::to_be_bytes);
        let mut tag = [0; 32];
        tag.copy_from_slice(words.as_flattened());
        tag
    }
}
