//! Every test that SECURITY.md lists exists.

use std::{collections::BTreeSet, fs, path::Path};

/// Collects the names of all tests of the crate.
fn tests(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, names);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            for pair in lines.windows(2) {
                let name = pair[1].trim_start_matches("async ").strip_prefix("fn ");
                let test = pair[0].starts_with("#[test") || pair[0].starts_with("#[tokio::test");
                if let (true, Some(name)) = (test, name) {
                    names.insert(name.split('(').next().unwrap_or(name).to_owned());
                }
            }
        }
    }
}

/// The rows of the list: an id, and the test of that row.
fn listed(text: &str) -> Vec<(String, String)> {
    let (_, list) = text.split_once("## Rows and tests").unwrap();
    let rows = list
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | `"));
    let row = |(id, rest): (&str, &str)| {
        let test = rest.trim_end_matches("` |");
        (id.to_lowercase(), test.to_owned())
    };
    rows.map(row).collect()
}

#[test]
fn every_listed_test_is_there_and_every_numbered_test_is_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    tests(&root.join("tests/it"), &mut names);
    tests(&root.join("src"), &mut names);
    let listed = listed(&fs::read_to_string(root.join("SECURITY.md")).unwrap());
    assert!(listed.len() > 60, "{} rows were read", listed.len());
    for (id, test) in &listed {
        assert!(names.contains(test), "{id} names {test}, which is no test");
        assert!(
            test.starts_with(&format!("{id}_")),
            "{test} is no test of {id}"
        );
    }
    let numbered = |name: &&String| {
        let bytes = name.as_bytes();
        bytes.len() > 4 && bytes[1..3].iter().all(u8::is_ascii_digit) && bytes[3] == b'_'
    };
    for name in names.iter().filter(numbered) {
        assert!(
            listed.iter().any(|(_, test)| test == name),
            "{name} is not in SECURITY.md"
        );
    }
}
