//! Verifiers as the docs advise to write them. Their verdict is public.

use tower_authn::{Credential, Rejection};

use super::valgrind;

pub fn token_is(credential: &Credential<'_>, secret: &str) -> Result<(), Rejection> {
    read(credential.matches(secret))
}

pub fn password_is(credential: &Credential<'_>, secret: &str) -> Result<(), Rejection> {
    read(credential.user_password()?.password_matches(secret))
}

pub fn read(matches: bool) -> Result<(), Rejection> {
    match valgrind::publish(matches) {
        true => Ok(()),
        false => Err(Rejection::invalid()),
    }
}
