//! The keys that tag tokens.

use std::{fmt, fs, path::Path};

use chacha20poly1305::{
    ChaCha20Poly1305, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    base62::{digit_value, value_digit},
    random::{Random, RandomError},
    sha256::Hmac,
    time::Timestamp,
};
use crate::{ct, error::ConfigError, file};

/// How many keys a ring holds at most.
pub(crate) const MAX_KEYS: u8 = 61;

const NONCE: usize = 12;
const SEED: usize = 32;

/// Names a key of the ring: one digit of base62, `z` excepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u8);

impl KeyId {
    /// The first key.
    pub(crate) const FIRST: Self = Self(0);

    pub(crate) fn from_digit(digit: u8) -> Option<Self> {
        digit_value(digit)
            .filter(|value| *value < MAX_KEYS)
            .map(Self)
    }

    pub(crate) fn digit(self) -> u8 {
        value_digit(self.0)
    }

    /// The key's number, from 0 to 60.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// The key of this number; none past 60.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        (number < MAX_KEYS).then_some(Self(number))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", char::from(self.digit()))
    }
}

/// A key as a store keeps it: sealed, where a [`MasterKey`] is given.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagKey {
    /// Which key of the ring it is.
    pub id: KeyId,
    /// The seed, sealed or in clear.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it mints. Until then it only verifies, so that every
    /// instance has seen it before the first token of it comes.
    pub mints_from: Timestamp,
    /// When it was retired, and every token of it with it.
    pub retired_at: Option<Timestamp>,
    /// Who retired it.
    pub retired_by: Option<String>,
    /// Why it was retired.
    pub retired_reason: Option<String>,
    /// The revision of its last change.
    pub rev: u64,
}

impl TagKey {
    /// A key as it was kept.
    #[must_use]
    pub fn new(id: KeyId, sealed: Vec<u8>, created_at: Timestamp, mints_from: Timestamp) -> Self {
        Self {
            id,
            sealed,
            created_at,
            mints_from,
            retired_at: None,
            retired_by: None,
            retired_reason: None,
            rev: 0,
        }
    }
}

impl fmt::Debug for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("mints_from", &self.mints_from)
            .field("retired_at", &self.retired_at)
            .field("rev", &self.rev)
            .finish_non_exhaustive()
    }
}

/// The secret that seals the keys of a ring in their store.
///
/// Without one they are kept in clear: whoever reads the store can then make
/// tags, though no token, since a token is known by its digest.
///
/// # Example
///
/// ```
/// use tower_authn::token::MasterKey;
///
/// let master = MasterKey::from_hex(&"0f".repeat(32))?;
/// assert!(MasterKey::from_hex("0f").is_err());
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// Reads 64 hexadecimal digits, such as `openssl rand -hex 32` gives.
    ///
    /// # Errors
    ///
    /// Where it is anything else.
    pub fn from_hex(hex: &str) -> Result<Self, ConfigError> {
        super::Digest::from_hex(hex.trim())
            .map(|digest| Self(Zeroizing::new(digest.to_bytes())))
            .map_err(|_| ConfigError::new("a master is 64 hexadecimal digits"))
    }

    /// Reads such digits from a file in UTF-8. A byte order mark at its start and
    /// white space around the digits are skipped.
    ///
    /// # Errors
    ///
    /// Where the file can't be read, or holds anything else.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let bytes = fs::read(path)
            .map(Zeroizing::new)
            .map_err(|error| ConfigError::new(format!("can't read {}: {error}", path.display())))?;
        Self::from_hex(file::decode(&bytes)?)
    }

    /// Reads such digits from a variable of the environment.
    ///
    /// # Errors
    ///
    /// Where the variable is not set, or holds anything else.
    pub fn from_env(name: &str) -> Result<Self, ConfigError> {
        let text = std::env::var(name)
            .map_err(|_| ConfigError::new(format!("{name} is not set in the environment")))?;
        Self::from_hex(&Zeroizing::new(text))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Master").finish_non_exhaustive()
    }
}

/// The keys of a service, opened and ready.
#[derive(Clone, Default)]
pub(crate) struct KeyRing {
    keys: Vec<Opened>,
}

#[derive(Clone)]
struct Opened {
    key: TagKey,
    /// With its pads computed.
    hmac: Hmac,
}

impl KeyRing {
    /// Takes a key over, or a newer revision of it.
    pub(crate) fn merge(
        &mut self,
        key: &TagKey,
        master: Option<&MasterKey>,
    ) -> Result<(), ConfigError> {
        let known = self.keys.iter_mut().find(|known| known.key.id == key.id);
        match known {
            Some(known) if known.key.rev >= key.rev => {}
            Some(known) => known.key = key.clone(),
            None => {
                let hmac = open(key, master)?;
                self.keys.push(Opened {
                    key: key.clone(),
                    hmac,
                });
            }
        }
        Ok(())
    }

    /// The tag of a text under a key, if there is such a key.
    pub(crate) fn tag(&self, id: KeyId, text: &[u8]) -> Option<u64> {
        let [high, low, ..] = self.find(id)?.hmac.tag(text).map(u64::from);
        Some(high << 32 | low)
    }

    /// Whether a text bears the tag that it should.
    pub(crate) fn verify(&self, id: KeyId, text: &[u8], tag: u64) -> bool {
        self.tag(id, text).is_some_and(|own| ct::word_eq(own, tag))
    }

    pub(crate) fn is_retired(&self, id: KeyId) -> bool {
        self.find(id)
            .is_some_and(|known| known.key.retired_at.is_some())
    }

    /// The key that mints now: the last one whose time to mint has come.
    pub(crate) fn minting(&self, now: Timestamp) -> Option<KeyId> {
        let minting = self
            .keys()
            .filter(|key| key.retired_at.is_none() && key.mints_from <= now);
        minting
            .max_by_key(|key| (key.mints_from, key.id))
            .map(|key| key.id)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &TagKey> {
        self.keys.iter().map(|known| &known.key)
    }

    /// The keys that are retired.
    pub(crate) fn retired(&self) -> impl Iterator<Item = KeyId> {
        let retired = self.keys().filter(|key| key.retired_at.is_some());
        retired.map(|key| key.id)
    }

    /// A number that no key has had.
    pub(crate) fn free_id(&self) -> Option<KeyId> {
        let next = self
            .keys()
            .map(|key| key.id.0 + 1)
            .max()
            .unwrap_or(KeyId::FIRST.0);
        KeyId::from_number(next)
    }

    fn find(&self, id: KeyId) -> Option<&Opened> {
        self.keys.iter().find(|known| known.key.id == id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}

/// A new seed, sealed.
pub(crate) fn generate(
    id: KeyId,
    master: Option<&MasterKey>,
    random: &mut Random,
) -> Result<Vec<u8>, RandomError> {
    let mut seed = Zeroizing::new([0; SEED]);
    random.bytes(seed.as_mut())?;
    let Some(master) = master else {
        return Ok([&[CLEAR], seed.as_ref()].concat());
    };
    let mut nonce = [0; NONCE];
    random.bytes(&mut nonce)?;
    let payload = Payload {
        msg: seed.as_ref(),
        aad: &[id.0],
    };
    let cipher = ChaCha20Poly1305::new(&(*master.0).into());
    let sealed = cipher
        .encrypt(&Nonce::from(nonce), payload)
        .map_err(|_| RandomError::Failed)?;
    Ok([&[SEALED], nonce.as_slice(), &sealed].concat())
}

const CLEAR: u8 = 0;
const SEALED: u8 = 1;

/// The key that tags: derived from the seed
/// ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)).
fn open(key: &TagKey, master: Option<&MasterKey>) -> Result<Hmac, ConfigError> {
    let fault = |what: &str| ConfigError::new(format!("key {}: {what}", key.id));
    let seed = match key.sealed.split_first() {
        Some((&CLEAR, seed)) => Zeroizing::new(seed.to_vec()),
        Some((&SEALED, rest)) => {
            let master = master.ok_or_else(|| fault("sealed, and no master is given"))?;
            let (nonce, sealed) = rest
                .split_first_chunk::<NONCE>()
                .ok_or_else(|| fault("cut off"))?;
            let payload = Payload {
                msg: sealed,
                aad: &[key.id.0],
            };
            let cipher = ChaCha20Poly1305::new(&(*master.0).into());
            let seed = cipher.decrypt(&Nonce::from(*nonce), payload);
            Zeroizing::new(seed.map_err(|_| fault("not sealed under this master"))?)
        }
        _ => return Err(fault("of a form that is not known")),
    };
    if seed.len() != SEED {
        return Err(fault("not of 32 bytes"));
    }
    let mut derived = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, &seed)
        .expand(b"tower-authn token tag v1", derived.as_mut())
        .map_err(|_| fault("can't be derived"))?;
    Ok(Hmac::new(&derived))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> Random {
        let mut next = 0_u8;
        Random::new(Box::new(move |to| {
            for byte in to {
                next = next.wrapping_add(1);
                *byte = next;
            }
            Ok(())
        }))
    }

    fn key(id: u8, mints_from: u64, master: Option<&MasterKey>) -> TagKey {
        let id = KeyId::from_number(id).unwrap();
        let sealed = generate(id, master, &mut counting()).unwrap();
        TagKey::new(
            id,
            sealed,
            Timestamp::default(),
            Timestamp::from_secs(mints_from),
        )
    }

    #[test]
    fn a_sealed_key_opens_under_its_master_alone() {
        let master = MasterKey::from_hex(&"0f".repeat(32)).unwrap();
        let other = MasterKey::from_hex(&"f0".repeat(32)).unwrap();
        let sealed = key(0, 0, Some(&master));
        let mut ring = KeyRing::default();
        assert!(ring.merge(&sealed, None).is_err());
        assert!(ring.merge(&sealed, Some(&other)).is_err());
        ring.merge(&sealed, Some(&master)).unwrap();
        let tag = ring.tag(sealed.id, b"text").unwrap();
        assert!(ring.verify(sealed.id, b"text", tag));
        assert!(!ring.verify(sealed.id, b"texu", tag));
        assert!(!ring.verify(sealed.id, b"text", tag ^ 1));

        let mut clear = KeyRing::default();
        clear.merge(&key(0, 0, None), None).unwrap();
        assert_eq!(clear.tag(sealed.id, b"text"), Some(tag), "the same seed");
        let mut swapped = sealed;
        swapped.id = KeyId::from_number(1).unwrap();
        assert!(KeyRing::default().merge(&swapped, Some(&master)).is_err());
    }

    #[test]
    fn the_last_key_whose_time_has_come_mints() {
        let mut ring = KeyRing::default();
        let at = |secs| Timestamp::from_secs(secs);
        assert_eq!(ring.minting(at(9)), None);
        ring.merge(&key(0, 0, None), None).unwrap();
        ring.merge(&key(1, 5, None), None).unwrap();
        assert_eq!(ring.minting(at(4)).map(KeyId::number), Some(0));
        assert_eq!(ring.minting(at(5)).map(KeyId::number), Some(1));
        assert_eq!(ring.free_id().map(KeyId::number), Some(2));
        let mut retired = key(1, 5, None);
        retired.rev = 1;
        retired.retired_at = Some(at(6));
        ring.merge(&retired, None).unwrap();
        assert_eq!(ring.minting(at(9)).map(KeyId::number), Some(0));
        assert!(ring.is_retired(retired.id));
    }

    #[test]
    fn an_older_revision_changes_nothing() {
        let mut ring = KeyRing::default();
        let mut retired = key(0, 0, None);
        retired.rev = 7;
        retired.retired_at = Some(Timestamp::from_secs(1));
        ring.merge(&retired, None).unwrap();
        ring.merge(&key(0, 0, None), None).unwrap();
        assert!(ring.is_retired(retired.id));
    }
}
