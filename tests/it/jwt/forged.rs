//! Arithmetic on signatures.

/// The order of P-256.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order of Curve25519's base point, little-endian.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Returns `(r, n - s)`, which is valid wherever `(r, s)` is.
pub fn negated(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(32);
    let mut borrow = 0;
    let mut rest: Vec<u8> = Vec::new();
    for (n, s) in P256_ORDER.iter().zip(s).rev() {
        let difference = i32::from(*n) - i32::from(*s) - borrow;
        borrow = i32::from(difference < 0);
        rest.push(difference.rem_euclid(256) as u8);
    }
    rest.reverse();
    [r, &rest].concat()
}

/// Returns signatures of P-256 with a number that is not in the range from 1 to n - 1.
pub fn out_of_range(signature: &[u8]) -> Vec<Vec<u8>> {
    let (r, s) = signature.split_at(32);
    let zero = [0; 32];
    let one = |last| [&[0; 31][..], &[last]].concat();
    let rows: [(&[u8], &[u8]); 8] = [
        (&zero, &zero),
        (r, &zero),
        (&zero, s),
        (&P256_ORDER, &P256_ORDER),
        (r, &P256_ORDER),
        (&P256_ORDER, s),
        (&[0xff; 32], s),
        (&one(1), &one(0)),
    ];
    rows.iter().map(|(r, s)| [*r, *s].concat()).collect()
}

/// Returns the DER form of a signature of P-256.
pub fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let mut number = number[zeros..].to_vec();
        if number[0] >= 0x80 {
            number.insert(0, 0);
        }
        [&[2, number.len() as u8][..], &number].concat()
    };
    let (r, s) = signature.split_at(32);
    let both = [integer(r), integer(s)].concat();
    [&[0x30, both.len() as u8][..], &both].concat()
}

/// Returns `(R, S + L)`, which a verifier that reduces S takes for `(R, S)`.
pub fn plus_order(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(32);
    let mut sum = add(s.iter().zip(&ED25519_ORDER));
    assert_eq!(sum.pop(), Some(0));
    [r, &sum].concat()
}

/// Returns `s + n` for a signature and a modulus of the same length, if it has that
/// length too.
pub fn plus_modulus(signature: &[u8], modulus: &[u8]) -> Option<Vec<u8>> {
    let mut sum = add(signature.iter().rev().zip(modulus.iter().rev()));
    let carry = sum.pop();
    sum.reverse();
    (carry == Some(0)).then_some(sum)
}

/// Adds numbers that come as pairs of bytes, least significant first. The last byte of the
/// sum is the carry.
fn add<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> Vec<u8> {
    let mut carry = 0;
    let mut sum = Vec::new();
    for (a, b) in pairs {
        let value = u16::from(*a) + u16::from(*b) + carry;
        sum.push(value as u8);
        carry = value >> 8;
    }
    sum.push(carry as u8);
    sum
}
