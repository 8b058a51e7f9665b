//! The compact serialization of a JWT
//! ([RFC 7515 §3.1](https://www.rfc-editor.org/rfc/rfc7515#section-3.1)).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

use super::json::{JsonError, Members};

/// The largest token, in bytes. It is checked before anything is parsed.
pub(super) const MAX_LEN: usize = 8 * 1024;

/// The three parts of a token.
pub(super) struct Compact<'a> {
    /// The header and the payload as they were sent, which the signature covers.
    pub(super) signed: &'a [u8],
    pub(super) header: String,
    pub(super) payload: String,
    pub(super) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Splits and decodes a token.
    ///
    /// Each part is base64url without padding, in its only canonical form.
    ///
    /// # Errors
    ///
    /// Returns the reason if the token is larger than 8 KiB, if it has not three parts
    /// that are not empty, or if a part is not base64url or, except for the signature,
    /// not UTF-8.
    pub(super) fn parse(token: &'a [u8]) -> Result<Self, &'static str> {
        if token.len() > MAX_LEN {
            return Err("the token is larger than 8 KiB");
        }
        let mut dots = (0..)
            .zip(token)
            .filter(|(_, b)| **b == b'.')
            .map(|(at, _)| at);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err("the credential is not a JWT: it has not three parts");
        };
        let (signed, signature) = (&token[..second], &token[second + 1..]);
        let (header, payload) = (&signed[..first], &signed[first + 1..]);
        if header.is_empty() || payload.is_empty() {
            return Err("the credential is not a JWT: a part is empty");
        }
        if signature.is_empty() {
            return Err("the token has no signature");
        }
        let decode = |part| BASE64.decode(part).map_err(|_| "a part is not base64url");
        let decode_text = |part| {
            String::from_utf8(decode(part)?).map_err(|_| "the header or the payload is not UTF-8")
        };
        Ok(Self {
            signed,
            header: decode_text(header)?,
            payload: decode_text(payload)?,
            signature: decode(signature)?,
        })
    }
}

/// The header fields that decide. All others, such as `jku`, `x5u` and `jwk`, are
/// ignored: a token never chooses its key.
pub(super) struct JoseHeader<'a>(Members<'a>);

impl<'a> JoseHeader<'a> {
    /// Reads the header of a token.
    ///
    /// # Errors
    ///
    /// Returns the reason if the header is not a JSON object or repeats a field, if it
    /// asks for an extension, a compression, an encryption or a nested token, or if `alg`
    /// is missing or `alg`, `kid` or `typ` is not a string.
    pub(super) fn parse(header: &'a str) -> Result<Self, &'static str> {
        let fields = Members::parse(header).map_err(|reason| match reason {
            JsonError::RepeatedName => "the header repeats a field",
            JsonError::TooDeep => "the header is nested too deep",
            JsonError::NotAnObject | JsonError::NotJson => "the header is not a JSON object",
        })?;
        if fields.get("crit").is_some() {
            return Err("the header has `crit`: no extension is supported");
        }
        if fields.get("zip").is_some() {
            return Err("the header has `zip`: the token is compressed");
        }
        if fields.get("enc").is_some() {
            return Err("the header has `enc`: the token is encrypted");
        }
        let not_a_string = |_| "`alg`, `kid`, `typ` or `cty` in the header is not a string";
        let kind = fields.get_str("cty").map_err(not_a_string)?;
        if kind.is_some_and(|kind| media_subtype(kind).eq_ignore_ascii_case("JWT")) {
            return Err("the header has `cty`: the token is nested");
        }
        for name in ["kid", "typ"] {
            fields.get_str(name).map_err(not_a_string)?;
        }
        match fields.get_str("alg").map_err(not_a_string)? {
            Some(_) => Ok(Self(fields)),
            None => Err("the header has no `alg`"),
        }
    }

    pub(super) fn algorithm(&self) -> &str {
        self.text("alg").unwrap_or_default()
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        self.text("kid")
    }

    /// Returns the media type of the token, without the prefix `application/`.
    pub(super) fn media_type(&self) -> Option<&str> {
        self.text("typ").map(media_subtype)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }
}

/// Returns a media type without the prefix `application/`, which a header may leave out
/// (RFC 7515 §4.1.9).
pub(super) fn media_subtype(media_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match media_type.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => media_type,
    }
}
