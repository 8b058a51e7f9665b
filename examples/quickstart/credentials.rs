//! The token and the user that the server accepts.

use std::error::Error;

use tower_authn::{
    ConfigError, Principal, Verifier,
    verifier::{BoxVerifier, FixedTokens, FixedUsers},
};

/// Returns the given token, or a random one.
pub(crate) fn token(given: Option<&str>) -> Result<String, Box<dyn Error>> {
    match given {
        None => random(),
        Some(token) if is_token68(token) => Ok(token.to_owned()),
        Some(_) => Err("--token takes letters, digits and -._~+/ alone".into()),
    }
}

/// Returns a verifier that accepts the token and the user, if there is one, given as
/// `NAME:PASSWORD`.
pub(crate) fn verifier(
    token: &str,
    user: Option<&str>,
) -> Result<BoxVerifier<Principal>, Box<dyn Error>> {
    let tokens = FixedTokens::new([(token, principal("token")?)])?;
    let Some(user) = user else {
        return Ok(tokens.boxed());
    };
    let (name, password) = user.split_once(':').ok_or("--user takes NAME:PASSWORD")?;
    let users = FixedUsers::new([(name, password, principal(name)?)])?;
    Ok(tokens.or(users).boxed())
}

fn principal(name: &str) -> Result<Principal, ConfigError> {
    Principal::new(name).with_scopes(["deployment"])
}

/// Whether a token may follow `Basic` and `Bearer` (RFC 9110 §11.2). None of its
/// characters has a meaning to a shell.
fn is_token68(token: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    let body = token.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(allowed)
}

/// Returns a token of 192 random bits.
fn random() -> Result<String, Box<dyn Error>> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use tokio_rustls::rustls::crypto::ring;

    let mut bytes = [0; 24];
    let provider = ring::default_provider();
    let filled = provider.secure_random.fill(&mut bytes);
    filled.map_err(|_| "the operating system gives no random bytes")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
