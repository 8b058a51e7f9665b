//! The guide: each file of `docs/` is a chapter, and shows whole programs.

use std::{fs, path::Path};

/// The chapters, by the names of their files.
fn chapters() -> Vec<(String, String)> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let files = fs::read_dir(docs).unwrap().map(|entry| entry.unwrap());
    let named = files.map(|file| (file.file_name().into_string().unwrap(), file.path()));
    let chapters = named.filter(|(name, _)| name.ends_with(".md"));
    chapters
        .map(|(name, path)| (name, fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn each_file_of_docs_is_a_chapter_of_the_guide() {
    let guide = include_str!("../../src/guide.rs");
    let chapters = chapters();
    assert!(!chapters.is_empty());
    for (name, _) in chapters {
        let line = format!(" = \"{name}\";");
        assert!(guide.contains(&line), "src/guide.rs has no {name}");
    }
}

#[test]
fn no_program_of_the_guide_hides_a_line_or_is_left_out() {
    for (name, text) in chapters() {
        let mut programs = 0;
        for block in text.split("```rust").skip(1) {
            let (program, _) = block.split_once("```").unwrap();
            let (attributes, code) = program.split_once('\n').unwrap();
            assert!(
                ["", ",no_run"].contains(&attributes),
                "{name}: {attributes}"
            );
            let hidden = code
                .lines()
                .find(|line| line.trim_start().starts_with("# "));
            assert_eq!(hidden, None, "{name}");
            assert!(code.contains("fn main()"), "{name}: a program is not whole");
            programs += 1;
        }
        assert!(programs > 0 || name == "architecture.md", "{name}");
    }
}
