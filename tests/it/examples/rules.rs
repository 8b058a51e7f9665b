//! The rules that every example keeps.

use std::{collections::BTreeSet, fs, path::Path};

/// Returns the names of all examples.
pub(super) fn names() -> BTreeSet<String> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let names: BTreeSet<String> = fs::read_dir(examples)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").exists()
        })
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(names.contains("quickstart"), "{names:?}");
    names
}

#[test]
fn every_example_is_declared_and_run_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let index = fs::read_to_string(root.join("examples/README.md")).unwrap();
    let tests: String = fs::read_dir(root.join("tests/it/examples"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    for name in names() {
        let entry = format!("[[example]]\nname = \"{name}\"\nrequired-features = ");
        assert!(
            manifest.contains(&entry),
            "Cargo.toml does not declare {name}"
        );
        let start = format!("Example::start(\"{name}\"");
        assert!(tests.contains(&start), "no test runs {name}");
        let listed = index.contains(&format!("| [{name}]("));
        assert!(listed, "examples/README.md does not list {name}");
    }
}

#[test]
fn an_example_begins_with_its_calls_and_has_under_80_lines_a_file() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for name in names() {
        // They show a whole system each, with TLS.
        if ["bentocloud", "quickstart"].contains(&name.as_str()) {
            continue;
        }
        let folder = examples.join(&name);
        let (main, files) = match fs::read_dir(&folder) {
            Ok(files) => {
                let files = files.map(|file| file.unwrap().path()).collect();
                (folder.join("main.rs"), files)
            }
            Err(_) => (examples.join(format!("{name}.rs")), Vec::new()),
        };
        let source = fs::read_to_string(&main).unwrap();
        let head: Vec<&str> = source.lines().take_while(|line| !line.is_empty()).collect();
        let run = format!("//! cargo run --example {name} --all-features");
        assert!(head.iter().any(|line| line.starts_with(&run)), "{name}");
        let is_call = |line: &&str| line.contains("curl ");
        assert!(head.iter().any(is_call), "{name} shows no call");
        for file in [main].iter().chain(&files) {
            let count = fs::read_to_string(file).unwrap().lines().count();
            assert!(count < 80, "{} has {count} lines", file.display());
        }
    }
}
