//! Recognizes password hashes, which are not passwords.

/// Returns whether a text has the form of a password hash: `$id$…` (crypt, Argon2),
/// `{SCHEME}…` (LDAP) or `algorithm$…` (Django). If the hash of an htpasswd line were
/// used as a password, every reader of that file could log in with it.
pub(super) fn is_password_hash(text: &str) -> bool {
    let is_id = |id: &str| {
        !id.is_empty()
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    if let Some(crypt) = text.strip_prefix('$') {
        return crypt.split_once('$').is_some_and(|(id, _)| is_id(id));
    }
    if let Some(ldap) = text.strip_prefix('{') {
        return ldap.split_once('}').is_some_and(|(id, _)| is_id(id));
    }
    let django = ["argon2$", "bcrypt", "md5$", "pbkdf2", "scrypt", "sha1$"];
    django.iter().any(|name| text.starts_with(name)) && text.contains('$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_hashes_are_recognized() {
        for hash in [
            "$2y$05$abcdefghijklmnopqrstuv",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
            "$1$salt$hash",
            "$5$salt$hash",
            "$6$rounds=5000$salt$hash",
            "$apr1$salt$hash",
            "$pbkdf2-sha256$i=1000$salt$hash",
            "$scrypt$ln=17$salt$hash",
            "$y$j9T$salt$hash",
            "{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=",
            "{SSHA}abcdefgh",
            "{PLAIN-MD5}abcdefgh",
            "{CRYPT}$6$salt$hash",
            "pbkdf2_sha256$600000$salt$hash",
            "bcrypt_sha256$$2b$12$salt",
            "argon2$argon2id$v=19",
        ] {
            assert!(is_password_hash(hash), "{hash}");
        }
        for password in ["$5 for a coffee", "{not a} scheme", "cost$100", "$$$$$$$$"] {
            assert!(!is_password_hash(password), "{password}");
        }
    }
}
