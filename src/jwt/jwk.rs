//! One JSON Web Key ([RFC 7517 §4](https://www.rfc-editor.org/rfc/rfc7517#section-4),
//! [RFC 7518 §6](https://www.rfc-editor.org/rfc/rfc7518#section-6)).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

use super::{
    algorithm::Algorithm,
    crypto::KeyMaterial,
    der::Encoded,
    json::{Json, Members},
    key::JwtKey,
};

/// Reads a key.
///
/// # Errors
///
/// Returns the reason if the key can't be used to verify tokens.
pub(super) fn parse(members: &Members<'_>) -> Result<JwtKey, &'static str> {
    if members.get("d").is_some() {
        return Err("is a private key; a verifier needs the public key alone");
    }
    if text(members, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err("is not for signatures by its `use`");
    }
    match members.get("key_ops") {
        None => {}
        Some(Json::Array(operations))
            if operations.iter().any(|op| op.as_str() == Some("verify")) => {}
        Some(_) => return Err("is not for verifying by its `key_ops`"),
    }
    let material = material(members)?;
    let mut key = JwtKey::new(material);
    if let Some(name) = text(members, "alg")? {
        let algorithm = Algorithm::from_name(name).ok_or("has an unknown `alg`")?;
        let restricted = key.with_algorithm(algorithm);
        key = restricted.map_err(|_| "has an `alg` that does not fit its type")?;
    }
    if let Some(id) = text(members, "kid")? {
        key = key.with_id(id);
    }
    Ok(key)
}

fn material(members: &Members<'_>) -> Result<KeyMaterial, &'static str> {
    match (text(members, "kty")?, text(members, "crv")?) {
        (None, _) => Err("has no `kty`"),
        (Some("RSA"), _) => {
            let (n, e) = (bytes(members, "n")?, bytes(members, "e")?);
            KeyMaterial::from_encoded(&Encoded::Rsa { n: &n, e: &e })
        }
        (Some("EC"), Some("P-256")) => {
            KeyMaterial::from_encoded(&Encoded::EcP256(&point(members, 32)?))
        }
        (Some("EC"), Some("P-384")) => {
            KeyMaterial::from_encoded(&Encoded::EcP384(&point(members, 48)?))
        }
        (Some("OKP"), Some("Ed25519")) => {
            KeyMaterial::from_encoded(&Encoded::Ed25519(&bytes(members, "x")?))
        }
        (Some("EC" | "OKP"), _) => {
            Err("is a key on an unknown curve; expected P-256, P-384 or Ed25519")
        }
        (Some("oct"), _) => KeyMaterial::from_secret(&bytes(members, "k")?),
        (Some(_), _) => Err("has an unknown `kty`; expected RSA, EC, OKP or oct"),
    }
}

/// Returns an uncompressed point. Each coordinate has the width of the curve's field (RFC
/// 7518 §6.2.1.2).
fn point(members: &Members<'_>, width: usize) -> Result<Vec<u8>, &'static str> {
    let (x, y) = (bytes(members, "x")?, bytes(members, "y")?);
    match (x.len(), y.len()) {
        (a, b) if a == width && b == width => Ok([&[4], &x[..], &y].concat()),
        _ => Err("has a coordinate of the wrong length"),
    }
}

fn bytes(members: &Members<'_>, name: &str) -> Result<Vec<u8>, &'static str> {
    let text = text(members, name)?.ok_or("lacks a member that its type requires")?;
    BASE64
        .decode(text)
        .map_err(|_| "has a member that is not base64url without padding")
}

fn text<'a>(members: &'a Members<'_>, name: &str) -> Result<Option<&'a str>, &'static str> {
    members
        .get_str(name)
        .map_err(|_| "has a member that is not a string")
}
