//! The keys of a service, opened.

use std::fmt;

use super::{
    key::{KeyId, MasterKey, TagKey},
    seal::open,
    sha256::Hmac,
    time::Timestamp,
};
use crate::{ct, error::ConfigError};

/// The keys of a service, opened and ready to tag.
#[derive(Clone, Default)]
pub(crate) struct KeyRing {
    keys: Vec<OpenKey>,
}

#[derive(Clone)]
struct OpenKey {
    key: TagKey,
    hmac: Hmac,
}

impl KeyRing {
    /// Adds a key, or replaces an older revision of it.
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
                let key = key.clone();
                self.keys.push(OpenKey { key, hmac });
            }
        }
        Ok(())
    }

    /// Computes the tag of a text: 64 bits of its HMAC. Returns `None` if the
    /// ring has no such key.
    pub(crate) fn tag(&self, id: KeyId, text: &[u8]) -> Option<u64> {
        let [high, low, ..] = self.find(id)?.hmac.tag(text).map(u64::from);
        Some(high << 32 | low)
    }

    /// Checks the tag of a text, in constant time.
    pub(crate) fn verify(&self, id: KeyId, text: &[u8], tag: u64) -> bool {
        self.tag(id, text)
            .is_some_and(|expected| ct::word_eq(expected, tag))
    }

    pub(crate) fn is_retired(&self, id: KeyId) -> bool {
        self.find(id)
            .is_some_and(|known| known.key.retired_at.is_some())
    }

    /// Returns the key that tags new tokens: the latest that may, by
    /// [`mints_from`](TagKey::mints_from), and is not retired.
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

    /// Returns the ids of the retired keys.
    pub(crate) fn retired(&self) -> impl Iterator<Item = KeyId> {
        let retired = self.keys().filter(|key| key.retired_at.is_some());
        retired.map(|key| key.id)
    }

    /// Returns an id that no key has had, or `None` if all were used.
    pub(crate) fn free_id(&self) -> Option<KeyId> {
        match self.keys().map(|key| key.id).max() {
            Some(last) => KeyId::from_number(last.number() + 1),
            None => Some(KeyId::FIRST),
        }
    }

    fn find(&self, id: KeyId) -> Option<&OpenKey> {
        self.keys.iter().find(|known| known.key.id == id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::seal::seal, *};

    fn key(id: u8, mints_from: u64, master: Option<&MasterKey>) -> TagKey {
        let id = KeyId::from_number(id).unwrap();
        let sealed = seal(id, &[7; 32], master).unwrap();
        let mints_from = Timestamp::from_secs(mints_from);
        TagKey::new(id, sealed, Timestamp::default(), mints_from)
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
    fn the_latest_key_that_may_mint_mints() {
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
