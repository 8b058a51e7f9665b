//! Public keys in DER and PEM: SubjectPublicKeyInfo
//! ([RFC 5280 §4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)) and the RSA form
//! of PKCS #1 ([RFC 8017 §A.1.1](https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.1)).

use base64::{Engine, engine::general_purpose::STANDARD};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: &[u8] = &[0x05, 0x00];
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.132.0.34
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// 1.3.101.112
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A public key, as it was encoded. Its numbers are not checked.
pub(super) enum Encoded<'a> {
    Rsa { n: &'a [u8], e: &'a [u8] },
    EcP256(&'a [u8]),
    EcP384(&'a [u8]),
    Ed25519(&'a [u8]),
}

impl<'a> Encoded<'a> {
    /// Reads a key in DER, in either form.
    ///
    /// # Errors
    ///
    /// Returns the reason if the bytes are not such a key, or are one of another kind.
    pub(super) fn from_der(der: &'a [u8]) -> Result<Self, &'static str> {
        const NOT_DER: &str = "is not a public key in DER; expected SubjectPublicKeyInfo or an \
                               RSAPublicKey of PKCS #1";
        let mut outer = Der(der);
        let fields = outer.take(SEQUENCE).filter(|_| outer.is_empty());
        let mut fields = Der(fields.ok_or(NOT_DER)?);
        if fields.0.first() == Some(&INTEGER) {
            return rsa(&mut fields).ok_or(NOT_DER);
        }
        let (algorithm, bits) = fields
            .take(SEQUENCE)
            .zip(fields.take(BIT_STRING))
            .filter(|_| fields.is_empty())
            .ok_or(NOT_DER)?;
        // No bit of the last byte is unused.
        let key = bits.strip_prefix(&[0]).ok_or(NOT_DER)?;
        let mut algorithm = Der(algorithm);
        let id = algorithm.take(OBJECT_ID).ok_or(NOT_DER)?;
        match (id, algorithm.0) {
            (RSA_ENCRYPTION, NULL) => {
                let mut outer = Der(key);
                let fields = outer.take(SEQUENCE).filter(|_| outer.is_empty());
                rsa(&mut Der(fields.ok_or(NOT_DER)?)).ok_or(NOT_DER)
            }
            (EC_PUBLIC_KEY, _) => {
                let curve = algorithm.take(OBJECT_ID).filter(|_| algorithm.is_empty());
                match curve.ok_or(NOT_DER)? {
                    P256 => Ok(Self::EcP256(key)),
                    P384 => Ok(Self::EcP384(key)),
                    _ => Err("is a key on an unknown curve; expected P-256, P-384 or Ed25519"),
                }
            }
            (ED25519, []) => Ok(Self::Ed25519(key)),
            _ => Err("is a key of an unknown kind; expected RSA, EC or Ed25519"),
        }
    }
}

fn rsa<'a>(fields: &mut Der<'a>) -> Option<Encoded<'a>> {
    let (n, e) = (fields.take(INTEGER)?, fields.take(INTEGER)?);
    fields.is_empty().then_some(Encoded::Rsa { n, e })
}

/// The rest of some DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the content of the next element if it has this tag.
    fn take(&mut self, expected: u8) -> Option<&'a [u8]> {
        let (tag, rest) = self.0.split_first()?;
        let (len, rest) = rest.split_first()?;
        let (len, rest) = match len {
            0..=0x7f => (usize::from(*len), rest),
            // The length is in one or two more bytes: no key is larger.
            0x81 | 0x82 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(len & 0x7f))?;
                let value = |all, byte: &u8| all << 8 | usize::from(*byte);
                (bytes.iter().fold(0, value), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        (*tag == expected).then_some(content)
    }
}

/// Decodes the PEM text of one public key
/// ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)).
///
/// # Errors
///
/// Returns the reason if the text is not one such block.
pub(super) fn decode_pem(text: &str) -> Result<Vec<u8>, &'static str> {
    const NOT_PEM: &str = "is not PEM; expected one block that begins with \
                           `-----BEGIN PUBLIC KEY-----`";
    let block = text.trim().strip_prefix("-----BEGIN ").ok_or(NOT_PEM)?;
    let (label, body) = block.split_once("-----").ok_or(NOT_PEM)?;
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
        "CERTIFICATE" => {
            return Err("is a certificate; print its key with `openssl x509 -pubkey -noout`");
        }
        _ if label.ends_with("PRIVATE KEY") => {
            return Err("is a private key; a verifier needs the public key alone");
        }
        _ => return Err(NOT_PEM),
    }
    let end = format!("-----END {label}-----");
    let body = body.strip_suffix(&end).ok_or(NOT_PEM)?;
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let body: String = body.split(is_space).collect();
    STANDARD.decode(body).map_err(|_| NOT_PEM)
}
