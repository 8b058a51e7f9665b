//! The tags of session ids.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{ct, principal::Principal, token::MacKey};

/// The bytes of an HMAC that are the tag of an id.
const TAG: usize = 16;

/// The length of a tag in a header, in base64.
const TAG_LEN: usize = 22;

/// Appends tags to ids and removes them.
pub(super) struct Binder<P> {
    pub(super) header: HeaderName,
    pub(super) key: MacKey,
    pub(super) identify: Arc<Identify<P>>,
}

pub(super) type Identify<P> = dyn Fn(&P) -> String + Send + Sync;

impl<P> Clone for Binder<P> {
    fn clone(&self) -> Self {
        Self {
            header: self.header.clone(),
            key: self.key.clone(),
            identify: Arc::clone(&self.identify),
        }
    }
}

/// Returns a text that is different for each principal: every part begins with its
/// length.
pub(super) fn identify(principal: &Principal) -> String {
    let parts = [
        Some(principal.subject()),
        principal.issuer(),
        principal.organization(),
    ];
    let part = |part: Option<&str>| match part {
        Some(part) => format!("{}:{part}", part.len()),
        None => "-".to_owned(),
    };
    parts.map(part).concat()
}

impl<P> Binder<P> {
    /// Removes the tag from the id in a request. Returns `false` if the id is not one
    /// of this principal.
    pub(super) fn unbind(&self, headers: &mut HeaderMap, identity: &str) -> bool {
        let mut ids = headers.get_all(&self.header).iter();
        let (bound, None) = (ids.next(), ids.next()) else {
            return false;
        };
        let Some(bound) = bound else {
            return true;
        };
        let id = self.id(bound.as_bytes(), identity);
        let Some(id) = id.and_then(|id| HeaderValue::from_bytes(id).ok()) else {
            return false;
        };
        headers.insert(&self.header, id);
        true
    }

    /// Returns the id without its tag, if the tag is the principal's.
    fn id<'a>(&self, bound: &'a [u8], identity: &str) -> Option<&'a [u8]> {
        let at = bound.len().checked_sub(TAG_LEN)?;
        let (id, tag) = bound.split_at_checked(at)?;
        ct::eq(tag, self.tag(id, identity).as_bytes()).then_some(id)
    }

    /// Appends the tag to the ids in a response.
    pub(super) fn bind(&self, headers: &mut HeaderMap, identity: &str) {
        for (name, value) in headers.iter_mut() {
            if *name == self.header {
                let tag = self.tag(value.as_bytes(), identity);
                let bound = [value.as_bytes(), tag.as_bytes()].concat();
                // Both parts may be in a header. If not, the id must not be seen.
                *value = HeaderValue::from_bytes(&bound).unwrap_or(HeaderValue::from_static(""));
            }
        }
    }

    fn tag(&self, id: &[u8], identity: &str) -> String {
        let length = (identity.len() as u64).to_be_bytes();
        let text = [&length, identity.as_bytes(), id].concat();
        let mac = self.key.tag(&text);
        BASE64.encode(&mac[..TAG])
    }
}
