//! The digits of a token: `0-9A-Za-z`.

pub(super) const ALPHABET: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Encodes a number with a fixed width. Digits that do not fit are cut off.
pub(super) fn encode<const WIDTH: usize>(mut number: u64) -> [u8; WIDTH] {
    let mut text = [b'0'; WIDTH];
    for digit in text.iter_mut().rev() {
        *digit = ALPHABET[(number % 62) as usize];
        number /= 62;
    }
    text
}

/// The value of a byte that is no digit: a bit that no digit's value has.
const NO_DIGIT: u8 = 64;

/// The value of every byte as a digit.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

pub(super) fn digit_value(digit: u8) -> Option<u8> {
    let value = VALUES[usize::from(digit)];
    (value != NO_DIGIT).then_some(value)
}

pub(super) fn value_digit(value: u8) -> u8 {
    ALPHABET[usize::from(value % 62)]
}

/// Decodes a number of at most 11 digits. Returns `None` if a byte is no digit
/// or the number exceeds 64 bits.
pub(super) fn decode<const WIDTH: usize>(text: &[u8; WIDTH]) -> Option<u64> {
    let values = text.map(|digit| VALUES[usize::from(digit)]);
    let all = values.iter().fold(0, |all, value| all | value);
    let (last, first) = values.split_last()?;
    // Ten digits always fit.
    let number = first.iter().fold(0, |n, value| n * 62 + u64::from(*value));
    let number = number.checked_mul(62)?.checked_add(u64::from(*last))?;
    (all < NO_DIGIT).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_fixed_widths_and_do_not_overflow() {
        for number in [0, 1, 61, 62, u64::MAX] {
            assert_eq!(decode(&encode::<11>(number)), Some(number));
        }
        assert_eq!(decode(b"zzzzzzzzzzz"), None);
        assert_eq!(&encode::<6>(u64::from(u32::MAX)), b"4gfFC3");
    }
}
