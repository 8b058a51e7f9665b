//! The form, the keys and the records of API tokens.
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
//! `kid` 1 (the key of the ring), `tag` 11 (64 bits of HMAC-SHA-256 over all
//! characters before it), `crc` 6 (CRC-32 of all characters before it). A token
//! is thus 64 characters longer than its prefix, and a valid token68
//! ([RFC 9110 §11.2](https://www.rfc-editor.org/rfc/rfc9110#section-11.2)). Its
//! `_` never occurs in base64.
//!
//! # Scanning
//!
//! This pattern finds tokens in text. [`check_offline`] then rules out strings
//! that only look like tokens, without a store or a key:
//!
//! ```text
//! \b[a-z][a-z0-9]{1,14}_[0-9A-Za-z]{12}_[0-9A-Za-z]{50}\b
//! ```
//!
//! # Purpose of the parts
//!
//! A token is looked up by its id and accepted if its digest is the stored one. The
//! tag accepts nothing by itself: it lets a verifier refuse a flood of made-up
//! tokens without a read of the store. The CRC distinguishes typing errors from
//! tokens of another service.
//!
//! # The digest
//!
//! A store keeps the SHA-256 digest of 64 bytes (`prefix`, `_`, then zeros) and the
//! 50 characters after the id (`secret`, `kid`, `tag`, `crc`). The first 64 bytes are
//! one block, the same for all tokens of a service, so a verdict computes one further
//! block. The digest and the comparison of the id together cover every character.
//!
//! ```sh
//! (printf acme_; head -c 59 /dev/zero; printf %s "${token##*_}") | sha256sum
//! ```

mod base62;
mod digest;
mod error;
mod format;
mod id;
mod key;
mod mac;
mod prefix;
mod random;
mod record;
mod ring;
mod seal;
mod secret;
mod sha256;
mod time;

pub use self::{
    digest::Digest,
    error::ParseError,
    format::check_offline,
    id::TokenId,
    key::{KeyId, MasterKey, TagKey},
    prefix::Prefix,
    record::{Record, SessionHolder, TokenState},
    secret::Secret,
    time::{Clock, SystemClock, Timestamp},
};
pub(crate) use self::{
    format::{Shape, compose},
    mac::MacKey,
    random::RandomError,
    record::Lifecycle,
    ring::KeyRing,
    seal::generate_sealed,
};
