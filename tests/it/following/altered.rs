//! Tokens with one altered character.

use http::StatusCode;
use tower_authn::{token::check_offline, tokens::NewToken};

use super::{Net, open, status};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The other characters that a token68 may have.
const OTHERS: &[u8] = b"-._~+/=";

/// Replaces the checksum by that of the altered text, as anyone can.
fn repaired(token: &str) -> String {
    let body = &token[..token.len() - 6];
    let crc = body.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    });
    let digit = |place: u32| {
        let value = u64::from(!crc) / 62_u64.pow(place) % 62;
        char::from(BASE62[value as usize])
    };
    let digits: String = (0..6).rev().map(digit).collect();
    format!("{body}{digits}")
}

#[tokio::test(start_paused = true)]
async fn f03_a_token_with_any_altered_character_is_refused_without_a_read() {
    let net = Net::default();
    let (knows, other) = (open(&net).await, open(&net).await);
    let made = knows.create(NewToken::new("alice")).await.unwrap();
    let token = made.secret.expose();
    assert_eq!(repaired(token), token, "the checksum is that of scanners");
    let before = net.gets.count();
    let mut refused = 0;
    for index in 0..token.len() {
        for letter in BASE62.iter().chain(OTHERS) {
            let mut altered = token.to_owned();
            let letter = char::from(*letter).to_string();
            altered.replace_range(index..=index, &letter);
            if altered == token {
                continue;
            }
            for altered in [repaired(&altered), altered] {
                if altered == token {
                    // It was altered in the checksum, and that is repaired.
                    continue;
                }
                for tokens in [&knows, &other] {
                    let status = status(tokens, &altered).await;
                    assert_eq!(status, StatusCode::UNAUTHORIZED, "{index} {letter}");
                    refused += 1;
                }
            }
        }
    }
    // Two texts for every character and every other letter, one in the checksum.
    let letters = BASE62.len() + OTHERS.len() - 1;
    assert_eq!(refused, 2 * letters * (2 * token.len() - 6));
    assert_eq!(net.gets.count(), before, "the store was read");
    check_offline(token).unwrap();
    for (tokens, reads) in [(&knows, 0), (&other, 1)] {
        assert_eq!(status(tokens, token).await, StatusCode::OK);
        assert_eq!(net.gets.count(), before + reads);
    }
}
