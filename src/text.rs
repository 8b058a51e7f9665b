//! Checks of texts that one person writes and another reads: names, descriptions,
//! reasons.

use std::fmt;

/// Checks a text of one line. It has at most `max` characters, none that changes how
/// others are displayed, and at least one visible character unless it is empty.
///
/// A character is a Unicode scalar value, as for JSON Schema's `maxLength` and
/// for `[...text].length` in JavaScript.
pub(crate) fn check_line(text: &str, max: usize) -> Result<(), TextError> {
    check(text, max, |_| false)
}

/// Checks a text of several lines, separated by `\n`, by the same rules.
#[cfg(feature = "tokens")]
pub(crate) fn check_lines(text: &str, max: usize) -> Result<(), TextError> {
    check(text, max, |char| char == '\n')
}

fn check(text: &str, max: usize, is_allowed: fn(char) -> bool) -> Result<(), TextError> {
    if text.chars().count() > max {
        return Err(TextError::TooLong { max });
    }
    for char in text.chars().filter(|char| !is_allowed(*char)) {
        if let Some(kind) = forbidden_kind(char) {
            return Err(TextError::Character { char, kind });
        }
    }
    match text.chars().next() {
        Some(first) if text.chars().all(is_invisible) => Err(TextError::Invisible { first }),
        _ => Ok(()),
    }
}

/// The error of a text. It names one character and quotes no more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TextError {
    Character { char: char, kind: &'static str },
    Invisible { first: char },
    TooLong { max: usize },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character { char, kind } => {
                write!(f, "contains U+{:04X}, {kind}", u32::from(*char))
            }
            Self::Invisible { first } => write!(
                f,
                "has no visible character; it begins with U+{:04X}",
                u32::from(*first)
            ),
            Self::TooLong { max } => write!(f, "is longer than {max} characters"),
        }
    }
}

/// Returns the kind of a character that no text may contain, because it changes how
/// the text around it is displayed, or ends the line.
pub(crate) fn forbidden_kind(char: char) -> Option<&'static str> {
    Some(match char {
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            "a bidirectional control"
        }
        '\u{2028}' => "a line separator",
        '\u{2029}' => "a paragraph separator",
        '\u{206A}'..='\u{206F}' | '\u{FFF9}'..='\u{FFFB}' => "a format control",
        _ if char.is_control() => "a control character",
        _ if is_noncharacter(char) => "which is not a character",
        _ => return None,
    })
}

/// Unicode reserves these for a program's own use (Unicode 16, §23.7).
fn is_noncharacter(char: char) -> bool {
    matches!(char, '\u{FDD0}'..='\u{FDEF}') || u32::from(char) & 0xFFFE == 0xFFFE
}

/// White space, the empty braille pattern, and the characters with Unicode's
/// `Default_Ignorable_Code_Point` property: zero-width characters, fillers, selectors.
///
/// Emoji and several scripts need some of these between visible characters, so
/// a text may contain them but may not consist of them.
fn is_invisible(char: char) -> bool {
    char.is_whitespace()
        || matches!(
            char,
            '\u{AD}'
                | '\u{34F}'
                | '\u{61C}'
                | '\u{115F}'..='\u{1160}'
                | '\u{17B4}'..='\u{17B5}'
                | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{FE00}'..='\u{FE0F}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF0}'..='\u{FFF8}'
                | '\u{1BCA0}'..='\u{1BCA3}'
                | '\u{1D173}'..='\u{1D17A}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> String {
        check_line(text, 8).unwrap_err().to_string()
    }

    #[test]
    fn a_text_of_any_script_is_accepted() {
        // Some contain joiners and selectors between visible characters.
        for text in [
            "",
            "laptop",
            "Zoë’s",
            "笔记本",
            "مفتاح",
            "می‌خواهم",
            "👩‍💻 ❤️",
            "e\u{301}",
        ] {
            assert_eq!(check_line(text, 8), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_error_names_the_character_and_quotes_no_more() {
        let rows = [
            ("a\u{202E}b", "contains U+202E, a bidirectional control"),
            ("a\u{2028}", "contains U+2028, a line separator"),
            ("a\u{2029}", "contains U+2029, a paragraph separator"),
            ("a\nb", "contains U+000A, a control character"),
            ("\u{0}", "contains U+0000, a control character"),
            ("a\u{85}", "contains U+0085, a control character"),
            ("a\u{FFF9}", "contains U+FFF9, a format control"),
            ("a\u{1FFFF}", "contains U+1FFFF, which is not a character"),
            ("  ", "has no visible character; it begins with U+0020"),
            ("\u{A0}", "has no visible character; it begins with U+00A0"),
            (
                "\u{200B} ",
                "has no visible character; it begins with U+200B",
            ),
            (
                "\u{FEFF}",
                "has no visible character; it begins with U+FEFF",
            ),
            (
                "\u{3164}",
                "has no visible character; it begins with U+3164",
            ),
            ("123456789", "is longer than 8 characters"),
        ];
        for (text, expected) in rows {
            assert_eq!(error(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_accepted_by_its_length_and_its_characters_alone(text: String, max in 0..40_usize) {
            let long = text.chars().count() > max;
            let bad = text.chars().any(|char| forbidden_kind(char).is_some());
            let unseen = !text.is_empty() && text.chars().all(is_invisible);
            prop_assert_eq!(check_line(&text, max).is_ok(), !long && !bad && !unseen);
            #[cfg(feature = "tokens")]
            {
                let joined = text.replace('\n', "");
                let bad = joined.chars().any(|char| forbidden_kind(char).is_some());
                prop_assert_eq!(check_lines(&text, max).is_ok(), !long && !bad && !unseen);
            }
        }

        /// A forbidden character is found at every position.
        #[test]
        fn one_forbidden_character_is_enough(
            before in "[a-z ]{0,8}",
            bad in prop::sample::select(vec!['\0', '\r', '\u{7F}', '\u{9F}', '\u{61C}', '\u{200F}', '\u{202A}', '\u{2029}', '\u{2069}']),
            after in "[a-z ]{0,8}",
        ) {
            let text = format!("{before}{bad}{after}");
            let kind = forbidden_kind(bad).unwrap();
            prop_assert_eq!(check_line(&text, 99), Err(TextError::Character { char: bad, kind }));
        }
    }
}
