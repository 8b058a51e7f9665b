use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Json<'_>, JsonError> {
    Json::parse(text)
}

/// Compares a value with that of another reader.
fn same(own: &Json<'_>, other: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (own, other) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(own), Value::Bool(other)) => own == other,
        (Json::Number(own), Value::Number(other)) => {
            // The other reader rounds the last bit in another way.
            let (own, other): (f64, _) = (own.parse().unwrap(), other.as_f64().unwrap());
            own == other || (own - other).abs() <= own.abs() * 1e-15
        }
        (Json::String(own), Value::String(other)) => own == other,
        (Json::Array(own), Value::Array(other)) => {
            own.len() == other.len() && own.iter().zip(other).all(|(own, other)| same(own, other))
        }
        (Json::Object(own), Value::Object(other)) => {
            let is_same = |(name, value): &(Cow<'_, str>, Json<'_>)| {
                other.get(&**name).is_some_and(|other| same(value, other))
            };
            own.0.len() == other.len() && own.0.iter().all(is_same)
        }
        _ => false,
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "--1",
        "1 2",
        "[",
        "]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\" 1}",
        "{1:1}",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800x\"",
        "\"\\udc00\"",
        "\"\n\"",
        "\"\t\"",
        "\"\0\"",
        "\u{FEFF}1",
        "1\u{a0}",
        "// 1\n1",
        "1 // 1",
        "{\"a\":1}x",
        "\u{c}1",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err());
    }
}

#[test]
fn json_is_read() {
    for text in [
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "-1.5e-3",
        "1E+2",
        "1e400",
        "\"\"",
        "\"é\"",
        "\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "[]",
        " [ 1 , [ ] ] ",
        "{}",
        "{ \"a\" : { \"b\" : [ null ] } , \"\" : 1 }",
        "\"\u{7f}\u{FEFF}\"",
    ] {
        let own = parse(text).unwrap();
        // The other reader refuses a number that no `f64` holds.
        if let Ok(other) = serde_json::from_str(text) {
            assert!(same(&own, &other), "{text}");
        }
    }
    let text = parse("\"a\\u0000\\ud83d\\ude00b\"").unwrap();
    assert_eq!(text.as_str(), Some("a\0\u{1F600}b"));
    let plain = parse("\"plain\"").unwrap();
    assert!(matches!(plain, Json::String(Cow::Borrowed("plain"))));
}

#[test]
fn a_repeated_name_is_refused_at_any_depth() {
    let many = |last: &str| {
        let names: Vec<_> = (0..200).map(|n| format!("\"n{n}\":1")).collect();
        format!("{{{},\"{last}\":1}}", names.join(","))
    };
    for text in [
        r#"{"exp":1,"exp":2}"#,
        r#"{"exp":1,"a":0,"\u0065xp":1}"#,
        r#"{"a":[{"b":{"c":1,"c":1}}]}"#,
        &many("n0"),
        &many("n199"),
    ] {
        assert_eq!(parse(text), Err(JsonError::RepeatedName), "{text}");
    }
    for text in [
        r#"{"exp":1,"Exp":2}"#,
        r#"{"a":{"b":1},"b":{"a":1}}"#,
        &many("n200"),
    ] {
        assert!(parse(text).is_ok(), "{text}");
    }
}

#[test]
fn the_depth_is_bounded() {
    let arrays = |depth| "[".repeat(depth) + &"]".repeat(depth);
    let objects = |depth| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
    for text in [arrays(MAX_DEPTH), objects(MAX_DEPTH)] {
        assert!(parse(&text).is_ok(), "{text}");
    }
    for text in [
        arrays(MAX_DEPTH + 1),
        objects(MAX_DEPTH + 1),
        "[".repeat(100_000),
    ] {
        assert_eq!(parse(&text), Err(JsonError::TooDeep));
    }
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-1e9..1e9).prop_map(Into::into),
        "\\PC{0,8}".prop_map(Into::into),
        ".{0,4}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::hash_map(".{0,3}", inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn two_readers_agree_on_json(value in values()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert!(same(&parse(&text).unwrap(), &value), "{}", text);
        }
    }

    #[test]
    fn two_readers_agree_on_changed_json(
        value in values(),
        at in any::<prop::sample::Index>(),
        insert in "[\\[\\]{}:,\"\\\\0-9eE.+-]{0,2}",
        remove in 0..2_usize,
    ) {
        let mut text: Vec<char> = value.to_string().chars().collect();
        let at = at.index(text.len());
        text.splice(at..(at + remove).min(text.len()), insert.chars());
        let text: String = text.into_iter().collect();
        match (parse(&text), serde_json::from_str(&text)) {
            (Ok(own), Ok(other)) => prop_assert!(same(&own, &other), "{}", text),
            (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("out of range"), "{}", text),
            (Err(reason), Ok(_)) => prop_assert_eq!(reason, JsonError::RepeatedName),
            (Err(_), Err(_)) => {}
        }
    }
}
