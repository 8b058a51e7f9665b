//! The guide: each file of `docs/` is a chapter and shows whole programs.

use std::{fs, path::Path};

/// Chapters without a program.
const WITHOUT_PROGRAM: [&str; 2] = ["docs/architecture.md", "docs/bentocloud.md"];

/// Documents beside the chapters.
const DOCUMENTS: [&str; 6] = [
    "BENCHMARKS.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "DESIGN.md",
    "README.md",
    "SECURITY.md",
];

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The chapters in `docs/`, by path and text.
fn chapters() -> Vec<(String, String)> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let files = fs::read_dir(docs).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let chapters = names.filter(|name| name.ends_with(".md"));
    let paths = chapters.map(|name| format!("docs/{name}"));
    paths
        .map(|path| {
            let text = read(&path);
            (path, text)
        })
        .collect()
}

/// The attributes and the code of each Rust block.
fn programs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("```rust").skip(1).map(|block| {
        let (program, _) = block.split_once("```").unwrap();
        program.split_once('\n').unwrap()
    })
}

fn hidden_line(code: &str) -> Option<&str> {
    code.lines()
        .find(|line| *line == "#" || line.trim_start().starts_with("# "))
}

#[test]
fn each_file_of_docs_is_a_chapter_of_the_guide() {
    let guide = read("src/guide.rs");
    let chapters = chapters();
    assert!(!chapters.is_empty());
    for (path, _) in chapters {
        let line = format!(" = \"{path}\";");
        assert!(guide.contains(&line), "src/guide.rs has no {path}");
    }
}

#[test]
fn no_program_of_the_guide_hides_a_line_or_is_left_out() {
    for (path, text) in chapters() {
        let mut count = 0;
        for (attributes, code) in programs(&text) {
            assert!(
                ["", ",no_run"].contains(&attributes),
                "{path}: {attributes}"
            );
            assert_eq!(hidden_line(code), None, "{path}");
            assert!(code.contains("fn main()"), "{path}: a program is not whole");
            count += 1;
        }
        let expected = !WITHOUT_PROGRAM.contains(&path.as_str());
        assert_eq!(count > 0, expected, "{path} has {count} programs");
    }
}

#[test]
fn no_program_of_readme_hides_a_line_or_is_left_out() {
    let readme = read("README.md");
    let mut count = 0;
    for (attributes, code) in programs(&readme) {
        assert!(["", ",no_run"].contains(&attributes), "{attributes}");
        assert_eq!(hidden_line(code), None);
        count += 1;
    }
    assert!(count >= 6, "{count} programs");
}

#[test]
fn every_path_that_a_document_names_exists() {
    let documents = DOCUMENTS.map(|name| (name.to_owned(), read(name)));
    for (document, text) in documents.into_iter().chain(chapters()) {
        for name in text.split('`').skip(1).step_by(2) {
            let folders = ["src/", "tests/", "examples/", "benches/", "docs/", ".ci/"];
            let is_path = folders.iter().any(|folder| name.starts_with(folder));
            if is_path && !name.contains(['*', ' ']) {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
                assert!(path.exists(), "{document} names {name}");
            }
        }
    }
}
