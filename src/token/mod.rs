//! API tokens: their form, their keys, their records.
//!
//! ```text
//! acme_4kQ0x9TbYzVv_ZyXHnkV0rXyRzNnMm3f7qJ2LpQwErTyUi0FA1b2C3d4E5f6GhI
//! └──┘ └──────────┘ └──────────────────────────────┘│└─────────┘└────┘
//! prefix    id                     secret           kid    tag    crc
//! ```
//!
//! `prefix` is a lower-case letter, then 1 to 14 of `[a-z0-9]`; the rest is
//! base62 (`0-9A-Za-z`) of fixed widths: `id` 12 (public, safe to log, the
//! primary key), `secret` 32 (190 bits of the operating system's randomness),
//! `kid` 1 (which key of the ring), `tag` 11 (64 bits of HMAC-SHA-256 over all
//! that stands before it), `crc` 6 (CRC-32 of all that stands before it). So a
//! token is `prefix` + 64 characters, a legal token68
//! ([RFC 9110 §11.2](https://www.rfc-editor.org/rfc/rfc9110#section-11.2)), and
//! holds `_`, which base64 does not.
//!
//! # Scanning
//!
//! This finds tokens in text; [`check_offline`] then tells a token from a
//! string that looks like one, without a store or a key:
//!
//! ```text
//! \b[a-z][a-z0-9]{1,14}_[0-9A-Za-z]{12}_[0-9A-Za-z]{50}\b
//! ```
//!
//! # What the parts are for
//!
//! The digest of the whole token is what is stored, and what decides. The tag
//! decides nothing alone: it lets a flood of made-up tokens be refused without
//! a store being asked. The CRC tells a typing error from a foreign token.

mod base62;
mod digest;
mod format;
mod random;
mod record;
mod ring;
mod secret;
mod sha256;
mod time;

pub use self::{
    digest::Digest,
    format::{Prefix, TokenId, check_offline},
    record::{Record, SessionHolder, TokenState},
    ring::{KeyId, MasterKey, TagKey},
    secret::Secret,
    time::{Clock, SystemClock, Timestamp},
};
pub(crate) use self::{
    format::{Shape, compose},
    random::{Random, RandomError},
    record::Validity,
    ring::{KeyRing, generate},
};
