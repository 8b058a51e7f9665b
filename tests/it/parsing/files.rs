//! Token and user files as editors write them.

#![cfg(feature = "full")]

use std::fs;

use tower::Layer;
use tower_authn::{
    AuthnLayer, Verifier,
    token::MasterKey,
    verifier::{FixedTokens, FixedUsers},
};

use crate::{
    stores::Directory,
    support::{Strict, ask, get},
};

/// `0123456789abcdef` after Bearer, and `alice:correct-horse` after Basic.
const CREDENTIALS: [&str; 2] = [
    "Bearer 0123456789abcdef",
    "Basic YWxpY2U6Y29ycmVjdC1ob3JzZQ==",
];

/// Reads both kinds of file.
fn read(directory: &Directory, tokens: &[u8], users: &[u8]) -> [Result<(), String>; 2] {
    let paths = ["tokens.txt", "users.txt"].map(|name| directory.path().join(name));
    fs::write(&paths[0], tokens).unwrap();
    fs::write(&paths[1], users).unwrap();
    let tokens = FixedTokens::from_file(&paths[0]);
    let users = FixedUsers::from_file(&paths[1]);
    [
        tokens.map(drop).map_err(|error| error.to_string()),
        users.map(drop).map_err(|error| error.to_string()),
    ]
}

/// The status that a caller with this credential is answered with.
async fn status(verifier: impl Verifier, authorization: &str) -> u16 {
    let service = AuthnLayer::new(verifier).layer(Strict::default());
    let request = get("/", &[("authorization", authorization)]);
    ask(&service, request).await.status().as_u16()
}

#[tokio::test]
async fn s15_a_file_is_read_whatever_its_editor_adds() {
    type Form = fn(&str) -> String;
    let forms: [(&str, Form); 10] = [
        ("as it is", |line| format!("{line}\n")),
        ("no final newline", str::to_owned),
        ("byte order mark", |line| format!("\u{FEFF}{line}\n")),
        ("byte order mark and comment", |line| {
            format!("\u{FEFF}# ours\n{line}\n")
        }),
        ("CRLF", |line| format!("# ours\r\n{line}\r\n\r\n")),
        ("byte order mark and CRLF", |line| {
            format!("\u{FEFF}\r\n{line}\r\n")
        }),
        ("empty lines", |line| format!("\n\n  \n\t\n{line}\n\n")),
        ("white space around", |line| format!("  {line} \t \n")),
        ("tabs between", |line| {
            format!("{}\n", line.replace(' ', "\t \t"))
        }),
        ("comments of any script", |line| {
            format!("# für Zoë, \u{200F}שלום\u{A0}!\n{line}")
        }),
    ];
    let directory = Directory::new();
    for (name, form) in forms {
        let texts = ["0123456789abcdef ci a:b", "alice:correct-horse a:b"].map(form);
        let [tokens, users] = &texts;
        let expected = [Ok(()), Ok(())];
        assert_eq!(
            read(&directory, tokens.as_bytes(), users.as_bytes()),
            expected,
            "{name}"
        );
        // The text of a file may also be read by the program.
        let tokens = FixedTokens::parse(tokens).unwrap();
        let users = FixedUsers::parse(users).unwrap();
        assert_eq!(status(tokens, CREDENTIALS[0]).await, 200, "{name}");
        assert_eq!(status(users, CREDENTIALS[1]).await, 200, "{name}");
    }
}

#[test]
fn s15_a_file_that_is_no_utf_8_text_is_refused_with_its_line() {
    let utf16 = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    };
    let with_bom = |text: &str| format!("\u{FEFF}{text}");
    let bytes = |text: &str| text.as_bytes().to_vec();
    let nul = "contains a NUL byte; a file in UTF-16 must be saved as UTF-8";
    let is_utf16 = "the file is UTF-16; save it as UTF-8";
    type Form<'a> = Box<dyn Fn(&str) -> Vec<u8> + 'a>;
    let rows: [(&str, Form<'_>, String); 11] = [
        (
            "UTF-16, little end first",
            Box::new(|line| utf16(&with_bom(line), u16::to_le_bytes)),
            is_utf16.to_owned(),
        ),
        (
            "UTF-16, big end first",
            Box::new(|line| utf16(&with_bom(line), u16::to_be_bytes)),
            is_utf16.to_owned(),
        ),
        (
            "UTF-16 without a mark",
            Box::new(|line| utf16(line, u16::to_le_bytes)),
            format!("line 1: {nul}"),
        ),
        (
            "NUL",
            Box::new(|line| bytes(&format!("#\n{line}\0\n"))),
            format!("line 2: {nul}"),
        ),
        (
            "Latin-1",
            Box::new(|line| [line.as_bytes(), b"\n# Zo\xEB\n"].concat()),
            "line 2: is not UTF-8".to_owned(),
        ),
        (
            "two files, joined",
            Box::new(|line| bytes(&format!("\u{FEFF}{line}\n\u{FEFF}{line}\n"))),
            "line 2: contains U+FEFF, a byte order mark after the start of the file".to_owned(),
        ),
        (
            "CR alone",
            Box::new(|line| bytes(&format!("{line}\r{line}\r"))),
            "line 1: contains U+000D, a carriage return; lines end with a line feed, or both"
                .to_owned(),
        ),
        (
            "CR alone, after a comment",
            Box::new(|line| bytes(&format!("# ours\r{line}\r"))),
            "line 1: contains U+000D, a carriage return; lines end with a line feed, or both"
                .to_owned(),
        ),
        (
            "a no-break space",
            Box::new(|line| bytes(&line.replace(' ', "\u{A0}"))),
            "line 1: contains U+00A0, which is not a space or tab".to_owned(),
        ),
        (
            "a line separator",
            Box::new(|line| bytes(&format!("{line}\u{2028}{line}"))),
            "line 1: contains U+2028, which is not a space or tab".to_owned(),
        ),
        (
            "a bidirectional control",
            Box::new(|line| bytes(&format!("#\n\n{line}\u{202E}"))),
            "line 3: contains U+202E, a bidirectional control".to_owned(),
        ),
    ];
    let directory = Directory::new();
    for (name, form, expected) in rows {
        let tokens = form("0123456789abcdef ci a:b");
        let users = form("alice:correct-horse a:b");
        let expected = [Err(expected.clone()), Err(expected)];
        assert_eq!(read(&directory, &tokens, &users), expected, "{name}");
    }
}

#[test]
fn s15_a_name_that_shows_nothing_is_refused() {
    let error = FixedTokens::parse("#\n0123456789abcdef \u{200B}").unwrap_err();
    let expected = "line 2: the subject has no visible character; it begins with U+200B";
    assert_eq!(error.to_string(), expected);
    for (user, expected) in [
        (
            "\u{3164}",
            "user 1 has no visible character; it begins with U+3164",
        ),
        (
            "a\u{202E}",
            "user 1 contains U+202E, a bidirectional control",
        ),
    ] {
        let error = FixedUsers::new([(user, "correct horse", ())]).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    assert!(FixedUsers::new([("jörg 👩‍💻", "correct horse", ())]).is_ok());
}

#[test]
fn s15_a_master_is_read_whatever_its_editor_adds() {
    let directory = Directory::new();
    let path = directory.path().join("master");
    let hex = "0f".repeat(32);
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        MasterKey::from_file(&path)
            .map(drop)
            .map_err(|error| error.to_string())
    };
    for text in [
        hex.clone(),
        format!("{hex}\n"),
        format!("\u{FEFF}{hex}\r\n"),
        format!(" \t{hex}\n\n"),
    ] {
        assert_eq!(read(text.as_bytes()), Ok(()), "{text:?}");
    }
    let utf16: Vec<u8> = format!("\u{FEFF}{hex}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let expected = "the file is UTF-16; save it as UTF-8";
    assert_eq!(read(&utf16), Err(expected.to_owned()));
    for bytes in [format!("{hex}\u{FEFF}"), format!("{hex}0")] {
        assert!(read(bytes.as_bytes()).is_err(), "{bytes:?}");
    }
    assert!(read(b"\xFF").unwrap_err().contains("line 1: is not UTF-8"));
}
