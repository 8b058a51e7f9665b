//! A token that is made at the start.

use std::error::Error;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio_rustls::rustls::crypto::ring;

/// Prints a token of 192 random bits, and returns it.
pub(crate) fn print_random() -> Result<String, Box<dyn Error>> {
    let mut bytes = [0; 24];
    let filled = ring::default_provider().secure_random.fill(&mut bytes);
    filled.map_err(|_| "the operating system gives no random bytes")?;
    let token = URL_SAFE_NO_PAD.encode(bytes);
    println!("token {token}");
    Ok(token)
}
