//! The command line.

use std::{env, path::PathBuf};

pub(crate) const USAGE: &str =
    "usage: quickstart [--listen ADDR] [--token TOKEN] [--user NAME:PASSWORD] [--tls DIR]";

pub(crate) struct Flags {
    pub(crate) listen: String,
    pub(crate) token: Option<String>,
    pub(crate) user: Option<(String, String)>,
    pub(crate) tls: Option<PathBuf>,
}

impl Flags {
    /// Reads the command line; the error is one line for its writer.
    pub(crate) fn read() -> Result<Self, String> {
        let mut flags = Self {
            listen: "127.0.0.1:3000".to_owned(),
            token: None,
            user: None,
            tls: None,
        };
        let mut args = env::args().skip(1);
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--listen" => flags.listen = value()?,
                "--token" => flags.token = Some(token68(value()?)?),
                "--user" => flags.user = Some(user_password(&value()?)?),
                "--tls" => flags.tls = Some(value()?.into()),
                _ => {
                    // What stands behind a `=` may be a secret.
                    let name = flag.split('=').next().unwrap_or_default();
                    return Err(format!("unknown flag {name:?}; {USAGE}"));
                }
            }
        }
        Ok(flags)
    }
}

/// What may stand after `Basic` and `Bearer` (RFC 9110 §11.2); nothing in it is
/// special to a shell.
fn token68(token: String) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    match token.trim_end_matches('=') {
        body if !body.is_empty() && body.bytes().all(allowed) => Ok(token),
        _ => Err("--token takes letters, digits and -._~+/ alone".to_owned()),
    }
}

fn user_password(value: &str) -> Result<(String, String), String> {
    let (user, password) = value.split_once(':').ok_or("--user takes NAME:PASSWORD")?;
    Ok((user.to_owned(), password.to_owned()))
}
