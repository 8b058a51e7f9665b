//! The credential of a request, before a verifier sees it.

use std::ops::Range;

use http::HeaderValue;

use super::Credential;
use crate::{head::Head, scheme::Scheme};

/// A credential that [`Sources`](super::Sources) found, borrowed from its header.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(super) scheme: Option<Scheme>,
    pub(super) token: &'a [u8],
}

impl<'a> Found<'a> {
    /// Returns the credential for a verifier that does not read the head.
    #[inline]
    pub(crate) fn credential(&self) -> Credential<'a> {
        Credential {
            scheme: self.scheme,
            token: self.token,
            head: None,
        }
    }
}

/// A credential that shares the bytes of its header, and does not borrow it.
pub(crate) struct SharedFound {
    value: HeaderValue,
    scheme: Option<Scheme>,
    /// The place of the token in the value.
    token: Range<usize>,
}

impl SharedFound {
    /// Shares the value in which a credential was found.
    #[inline]
    pub(super) fn new(value: &HeaderValue, found: Found<'_>) -> Self {
        let start = found.token.as_ptr().addr() - value.as_bytes().as_ptr().addr();
        Self {
            value: value.clone(),
            scheme: found.scheme,
            token: start..start + found.token.len(),
        }
    }

    #[inline]
    pub(crate) fn credential<'a>(&'a self, head: Head<'a>) -> Credential<'a> {
        let token = self.value.as_bytes().get(self.token.clone());
        Credential {
            scheme: self.scheme,
            // The range was taken from this value.
            token: token.unwrap_or_default(),
            head: Some(head),
        }
    }
}
