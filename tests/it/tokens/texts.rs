//! Texts that people read: names, descriptions, reasons.

use std::{collections::BTreeSet, time::Duration};

use tower_authn::{
    Principal,
    tokens::{NewToken, TokenError, TokenErrorKind, TokenSelector, TokenUpdate, Tokens},
};

use super::{alice, open};

/// Stores a text in a field, by creating, changing, rotating or revoking a token, and
/// returns what the record holds then.
async fn stored(tokens: &Tokens, field: &'static str, text: &str) -> Result<String, TokenError> {
    let revoked = async |by: &str, reason: &str| {
        let id = tokens.create(alice()).await?.record.id;
        tokens.revoke(TokenSelector::Id(id), by, reason).await?;
        tokens.get(id).await
    };
    let created = async |token: NewToken| tokens.create(token).await.map(|made| made.record);
    let changed = async |change: TokenUpdate| {
        let id = tokens.create(alice()).await?.record.id;
        tokens.update(id, change).await
    };
    let caller = Principal::new(text).with_scopes(["deployment"]).unwrap();
    Ok(match field {
        "subject" => created(NewToken::new(text)).await?.subject,
        "subject_kind" => created(alice().subject_kind(text)).await?.subject_kind,
        "organization" => {
            let record = created(alice().organization(text)).await?;
            record.organization.unwrap()
        }
        "name" => created(alice().name(text)).await?.name,
        "description" => created(alice().description(text)).await?.description,
        "created_by" => created(alice().created_by(text)).await?.created_by,
        "created_by, by its caller" => created(alice().within_rights_of(&caller)).await?.created_by,
        "created_by, by a rotation" => {
            let id = tokens.create(alice()).await?.record.id;
            let made = tokens.rotate_as(id, Duration::ZERO, &caller).await?;
            made.record.created_by
        }
        "name, changed" => changed(TokenUpdate::default().name(text)).await?.name,
        "description, changed" => {
            let change = TokenUpdate::default().description(text);
            changed(change).await?.description
        }
        "by" => revoked(text, "lost").await?.record.revoked_by.unwrap(),
        "reason" => revoked("ops", text).await?.record.revoked_reason.unwrap(),
        _ => panic!("no such field: {field}"),
    })
}

const FIELDS: [&str; 12] = [
    "subject",
    "subject_kind",
    "organization",
    "name",
    "description",
    "created_by",
    "created_by, by its caller",
    "created_by, by a rotation",
    "name, changed",
    "description, changed",
    "by",
    "reason",
];

#[tokio::test]
async fn s13_a_text_that_would_not_show_as_it_is_is_refused_in_every_field() {
    let tokens = open().await;
    let rows = [
        ("a\u{202E}nimda", "contains U+202E, a bidirectional control"),
        (
            "a\u{2066}b\u{2069}",
            "contains U+2066, a bidirectional control",
        ),
        ("a\u{2028}b", "contains U+2028, a line separator"),
        ("a\u{2029}b", "contains U+2029, a paragraph separator"),
        ("a\rb", "contains U+000D, a control character"),
        ("a\0b", "contains U+0000, a control character"),
        ("a\u{9B}b", "contains U+009B, a control character"),
        ("   ", "has no visible character; it begins with U+0020"),
        (
            "\u{200B}",
            "has no visible character; it begins with U+200B",
        ),
        (
            "\u{3164}\u{A0}",
            "has no visible character; it begins with U+3164",
        ),
    ];
    for field in FIELDS {
        let (named, _) = field.split_once(',').unwrap_or((field, ""));
        for (text, expected) in rows {
            let error = stored(&tokens, field, text).await.unwrap_err();
            assert_eq!(error.kind(), TokenErrorKind::Invalid, "{field}");
            assert_eq!(error.field(), Some(named));
            assert_eq!(error.to_string(), format!("{named}: {expected}"));
        }
        for text in ["Zoë’s laptop", "笔记本", "مفتاح", "👩‍💻 ❤️", "می‌خواهم"]
        {
            let kept = stored(&tokens, field, text).await.unwrap();
            assert_eq!(kept, text, "{field}");
        }
    }
    // Only a description may have several lines.
    for field in FIELDS {
        let taken = stored(&tokens, field, "one\ntwo").await;
        assert_eq!(taken.is_ok(), field.starts_with("description"), "{field}");
    }
}

#[tokio::test]
async fn s13_lengths_are_counted_in_characters() {
    let tokens = open().await;
    for field in FIELDS {
        let long = field.starts_with("description") || field == "reason";
        let max = if long { 1_024 } else { 128 };
        // One to four bytes of UTF-8, and one or two units of UTF-16.
        for char in ['x', 'é', '笔', '👩'] {
            let text: String = [char].repeat(max).iter().collect();
            assert_eq!(
                stored(&tokens, field, &text).await.unwrap(),
                text,
                "{field}"
            );
            let error = stored(&tokens, field, &format!("{text}{char}")).await;
            let error = error.unwrap_err().to_string();
            let expected = format!("is longer than {max} characters");
            assert!(error.ends_with(&expected), "{field}: {error}");
        }
        // A combining accent is a character of its own.
        let accents = "e\u{301}".repeat(max / 2);
        assert!(stored(&tokens, field, &accents).await.is_ok(), "{field}");
        let more = format!("{accents}\u{301}");
        assert!(stored(&tokens, field, &more).await.is_err(), "{field}");
    }
}

/// A refused reason revokes nothing; a valid one then does.
#[tokio::test]
async fn s13_a_refused_reason_revokes_nothing() {
    let tokens = open().await;
    let made = tokens.create(alice()).await.unwrap();
    let record = &made.record;
    for selector in [
        TokenSelector::Id(record.id),
        TokenSelector::Subject("alice"),
        TokenSelector::CreatedBy(""),
        TokenSelector::Presented(made.secret.expose()),
    ] {
        let refused = tokens.revoke(selector, "ops", "a\u{202E}b").await;
        assert_eq!(refused.unwrap_err().field(), Some("reason"), "{selector:?}");
        let stored = tokens.get(record.id).await.unwrap();
        assert_eq!(stored.record.revoked_at, None, "{selector:?}");
    }
    let key = record.kid.unwrap();
    let refused = tokens.retire_key(key, "ops", "a\u{202E}b").await;
    assert_eq!(refused.unwrap_err().field(), Some("reason"));
    let refused = tokens.retire_key(key, "\u{200B}", "lost").await;
    assert_eq!(refused.unwrap_err().field(), Some("by"));
    assert!(tokens.keys().iter().all(|key| key.retired_at.is_none()));
    let revoked = tokens
        .revoke(TokenSelector::Id(record.id), "ops", "lost")
        .await;
    assert_eq!(revoked.unwrap(), 1);
}

/// The refused characters are those of the Unicode properties, as Node knows them.
#[cfg(feature = "full")]
#[tokio::test]
async fn s13_the_refused_characters_are_those_that_unicode_names() {
    use std::process::Command;

    const ASK: &str = r"
        const bad = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Noncharacter_Code_Point}\u206A-\u206F\uFFF9-\uFFFB]/u;
        const unseen = /[\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800]/u;
        for (let code = 0; code < 0x110000; code++) {
            if (code >= 0xD800 && code < 0xE000) continue;
            if (code >= 0x20000 && code >> 12 !== 0xE0 && (code & 0xFFFF) < 0xFFF0) continue;
            const char = String.fromCodePoint(code);
            if (bad.test(char)) console.log('bad', code);
            else if (unseen.test(char)) console.log('unseen', code);
        }";
    let Ok(output) = Command::new("node").args(["-e", ASK]).output() else {
        crate::tools::left_out::<()>("node is not installed");
        return;
    };
    let listed = crate::tools::text(&output);
    let expected: BTreeSet<&str> = listed.lines().collect();
    assert!(expected.len() > 4_000, "{} were listed", expected.len());

    let tokens = open().await;
    let refuses = async |reason: String| {
        let asked = tokens
            .revoke(TokenSelector::Presented(""), "ops", &reason)
            .await;
        asked.is_err()
    };
    let mut seen = BTreeSet::new();
    // Most of the higher planes hold ideographs or nothing.
    let asked = |code: u32| code < 0x20000 || code >> 12 == 0xE0 || code & 0xFFFF >= 0xFFF0;
    for char in ('\0'..=char::MAX).filter(|char| asked(u32::from(*char))) {
        if refuses(format!("a{char}b")).await {
            seen.insert(format!("bad {}", u32::from(char)));
        } else if refuses(char.to_string()).await {
            seen.insert(format!("unseen {}", u32::from(char)));
        }
    }
    let seen: BTreeSet<&str> = seen.iter().map(String::as_str).collect();
    let differ: Vec<_> = seen.symmetric_difference(&expected).take(9).collect();
    assert!(differ.is_empty(), "{differ:?} and perhaps more");
}
