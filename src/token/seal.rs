//! Seeds of keys: generated, sealed for the store, and opened again.

use chacha20poly1305::{
    ChaCha20Poly1305, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    key::{KeyId, MasterKey, TagKey},
    random::{RandomError, fill},
    sha256::Hmac,
};
use crate::error::ConfigError;

const NONCE: usize = 12;
const SEED: usize = 32;

/// The first byte of a seed in clear.
const CLEAR: u8 = 0;
/// The first byte of a sealed seed; a nonce follows.
const SEALED: u8 = 1;

/// Generates a seed, sealed under the master key if there is one.
pub(crate) fn generate_sealed(
    id: KeyId,
    master: Option<&MasterKey>,
) -> Result<Vec<u8>, RandomError> {
    let mut seed = Zeroizing::new([0; SEED]);
    fill(seed.as_mut())?;
    seal(id, &seed, master)
}

/// Seals a seed. The key's id is authenticated, so that the seed of one key
/// can't take the place of another's.
pub(super) fn seal(
    id: KeyId,
    seed: &[u8; SEED],
    master: Option<&MasterKey>,
) -> Result<Vec<u8>, RandomError> {
    let Some(master) = master else {
        return Ok([&[CLEAR], seed.as_slice()].concat());
    };
    let mut nonce = [0; NONCE];
    fill(&mut nonce)?;
    let payload = Payload {
        msg: seed,
        aad: &[id.number()],
    };
    let sealed = ChaCha20Poly1305::new(&(*master.bytes()).into())
        .encrypt(&Nonce::from(nonce), payload)
        .expect("32 bytes are within the limits of the cipher");
    Ok([&[SEALED], nonce.as_slice(), &sealed].concat())
}

/// Opens a key, and derives the HMAC key of its tags from its seed
/// ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)).
pub(super) fn open(key: &TagKey, master: Option<&MasterKey>) -> Result<Hmac, ConfigError> {
    let error = |message: &str| ConfigError::new(format!("key {}: {message}", key.id));
    let seed = match key.sealed.split_first() {
        Some((&CLEAR, seed)) => Zeroizing::new(seed.to_vec()),
        Some((&SEALED, rest)) => {
            let master = master.ok_or_else(|| {
                error("sealed, and there is no master key; expected the one that sealed it")
            })?;
            let (nonce, sealed) = rest
                .split_first_chunk::<NONCE>()
                .ok_or_else(|| error("cut off; expected a nonce and a sealed seed"))?;
            let payload = Payload {
                msg: sealed,
                aad: &[key.id.number()],
            };
            let cipher = ChaCha20Poly1305::new(&(*master.bytes()).into());
            let seed = cipher.decrypt(&Nonce::from(*nonce), payload);
            let wrong_master = |_| error("sealed under another master key, or damaged");
            Zeroizing::new(seed.map_err(wrong_master)?)
        }
        _ => return Err(error("unknown form; expected a seed in clear or sealed")),
    };
    if seed.len() != SEED {
        return Err(error("wrong length of the seed; expected 32 bytes"));
    }
    let mut derived = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, &seed)
        .expand(b"tower-authn token tag v1", derived.as_mut())
        .expect("HKDF derives 32 bytes");
    Ok(Hmac::new(&derived))
}
