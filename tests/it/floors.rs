//! The code keeps to its floors: an item imports from floors below its own and
//! from its own folder, so that each part can be read without those above it.

use std::{collections::BTreeMap, fs, path::Path};

/// Sources by their path below `src/`.
type Files = BTreeMap<String, String>;

/// Where a name of the crate's root comes from: `AuthnLayer` from `layer`.
type Root = BTreeMap<String, String>;

fn floor(unit: &str) -> Option<u8> {
    Some(match unit {
        "challenge" | "credential" | "ct" | "error" | "file" | "head" | "principal"
        | "rejection" | "scheme" | "scope" | "target" | "text" => 0,
        "access" | "token" | "verifier" => 1,
        "layer" | "store" => 2,
        "engine" => 3,
        "tokens" => 4,
        "axum" | "client" | "grpc" => 5,
        "guide" | "manage" => 6,
        _ => return None,
    })
}

fn may_import(from: &str, to: &str) -> bool {
    match (floor(from), floor(to)) {
        _ if from == to => true,
        _ if from == "layer" && to == "token" => false,
        (Some(0), Some(0)) => true,
        (Some(from), Some(to)) => to < from,
        (None, _) | (_, None) => false,
    }
}

/// Crates of others that a floor knows nothing of.
fn may_name(unit: &str, path: &[&str]) -> bool {
    let floor = floor(unit);
    match path {
        ["axum_core" | "tonic", ..] => floor >= Some(5),
        ["http", name, ..] => unit != "token" || !name.to_lowercase().starts_with("header"),
        ["tower", ..] => floor >= Some(2),
        _ => true,
    }
}

/// The module of a file: `layer/gate.rs` is `layer::gate`.
fn module(file: &str) -> Vec<&str> {
    let path = file.trim_end_matches(".rs");
    path.split('/')
        .filter(|part| !["lib", "mod"].contains(part))
        .collect()
}

/// The tokens of a source that can be part of a path: no comment, no literal.
fn tokens(mut rest: &str) -> Vec<&str> {
    const IDENT: fn(char) -> bool = |c| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let end = |from: usize, end: &str| match rest[from..].find(end) {
            Some(at) => from + at + end.len(),
            None => rest.len(),
        };
        let word = rest.find(|c| !IDENT(c)).unwrap_or(rest.len());
        let behind = rest[word..].trim_start_matches('#');
        let (len, kept) = if rest.starts_with("//") {
            (end(0, "\n"), false)
        } else if rest.starts_with("/*") {
            (end(2, "*/"), false)
        } else if ["r", "br", "cr"].contains(&&rest[..word]) && behind.starts_with('"') {
            let hashes = rest.len() - word - behind.len();
            let close = format!("\"{}", "#".repeat(hashes));
            (end(word + hashes + 1, &close), false)
        } else if word > 0 {
            (word, true)
        } else if first == '"' {
            let mut escaped = false;
            let close = rest[1..].find(|c| {
                let closes = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                closes
            });
            (close.unwrap() + 2, false)
        } else if rest.starts_with("'\\") {
            (end(3, "'"), false)
        } else if first == '\'' && rest.chars().nth(2) == Some('\'') {
            (2 + rest[1..].chars().next().unwrap().len_utf8(), false)
        } else if rest.starts_with("::") {
            (2, true)
        } else {
            (first.len_utf8(), !first.is_whitespace())
        };
        let (token, behind) = rest.split_at(len);
        if kept {
            tokens.push(token);
        }
        rest = behind;
    }
    tokens
}

/// Where the bracket that opens at `at` has been closed.
fn closed(tokens: &[&str], at: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match *token {
            "{" | "[" => depth += 1,
            "}" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

fn without_tests(mut tokens: Vec<&str>) -> Vec<&str> {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut from = 0;
    while let Some(found) = tokens[from..].windows(TEST.len()).position(|w| w == TEST) {
        let start = from + found;
        let mut item = start + TEST.len();
        while tokens[item] == "#" {
            item = closed(&tokens, item + 1);
        }
        if tokens[item] == "mod" && tokens[item + 2] == "{" {
            tokens.drain(start..closed(&tokens, item + 2));
        }
        from = (start + 1).min(tokens.len());
    }
    tokens
}

/// A path, and the name that it is given where it stands.
type Named<'a> = (Vec<&'a str>, &'a str);

/// Reads the path or the tree of a `use` at `at`; answers where it ends.
fn tree<'a>(
    t: &[&'a str],
    mut at: usize,
    mut path: Vec<&'a str>,
    out: &mut Vec<Named<'a>>,
) -> usize {
    loop {
        match t[at] {
            "{" => {
                let end = closed(t, at);
                at += 1;
                while at < end - 1 {
                    at = tree(t, at, path.clone(), out).max(at + 1);
                }
                return end;
            }
            "," => return at,
            part => path.push(part),
        }
        at += 1;
        if t.get(at) != Some(&"::") {
            break;
        }
        at += 1;
        if t[at] == "<" {
            break;
        }
    }
    let alias = t.get(at) == Some(&"as");
    let name = if alias {
        t[at + 1]
    } else {
        path[path.len() - 1]
    };
    out.push((path, name));
    if alias { at + 2 } else { at }
}

/// Whether a token is a path's first, and not what stands before a `::name`.
fn starts_path(token: &str) -> bool {
    let before = ["as", "dyn", "for", "impl", "in", "mut", "return", "use"];
    token.starts_with(|c: char| c.is_alphabetic() || c == '_') && !before.contains(&token)
}

/// Every path of a file that begins where the crate or a crate of others does.
fn paths<'a>(file: &'a str, source: &'a str) -> Vec<Named<'a>> {
    let tokens = without_tests(tokens(source));
    let (mut found, mut inline, mut depth, mut at) = (Vec::new(), Vec::new(), 0, 0);
    while at < tokens.len() {
        let (token, next) = (tokens[at], tokens.get(at + 1).copied());
        match token {
            "mod" if tokens.get(at + 2) == Some(&"{") => inline.push((depth, next.unwrap())),
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inline.pop_if(|(outside, _)| *outside == depth);
            }
            _ => {}
        }
        // A crate can be renamed or taken whole with no `::` behind it.
        let bare = token == "subtle" || (token == "crate" && next == Some("as"));
        if !bare && (next != Some("::") || !starts_path(token)) {
            at += 1;
            continue;
        }
        let mut trees = Vec::new();
        at = tree(&tokens, at, Vec::new(), &mut trees);
        for (path, name) in trees {
            let mut here = module(file);
            here.extend(inline.iter().map(|(_, name)| *name));
            let mut behind = path.as_slice();
            while let [first @ ("self" | "super"), tail @ ..] = behind {
                if *first == "super" {
                    here.pop();
                }
                behind = tail;
            }
            let relative = behind.len() < path.len();
            let whole = if relative {
                [&["crate"], &here[..], behind].concat()
            } else {
                path
            };
            found.push((whole, name));
        }
    }
    found
}

/// Whatever breaks the floors, as sentences, and every import that keeps them.
fn check(files: &Files) -> (Vec<String>, Vec<(String, String)>) {
    let (mut breaches, mut kept) = (Vec::new(), Vec::new());
    let lib = files.get("lib.rs").map_or("", String::as_str);
    let root: Root = paths("lib.rs", lib)
        .into_iter()
        .filter_map(|(path, name)| match path.as_slice() {
            ["crate", unit, _, ..] | [unit, _, ..] => Some((name.to_owned(), (*unit).to_owned())),
            _ => None,
        })
        .collect();
    for (file, source) in files {
        let unit = module(file).first().copied().unwrap_or("lib");
        if unit != "lib" && floor(unit).is_none() {
            breaches.push(format!("{file} has no floor"));
        }
        for (path, _) in paths(file, source) {
            let text = path.join("::");
            match path.as_slice() {
                ["subtle", ..] if file != "ct.rs" => breaches.push(format!("{file} names subtle")),
                ["crate", "*" | "self", ..] | ["crate"] => {
                    breaches.push(format!("{file} hides what it imports behind {text}"));
                }
                _ if unit == "lib" => {}
                ["crate", name, ..] => {
                    let to = root.get(*name).map_or(*name, String::as_str);
                    match may_import(unit, to) {
                        true => kept.push((file.clone(), to.to_owned())),
                        false => breaches.push(format!("{file} imports {text} of {to}")),
                    }
                }
                _ if !may_name(unit, &path) => breaches.push(format!("{file} names {text}")),
                _ => {}
            }
        }
    }
    (breaches, kept)
}

fn read(below: &Path, folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(below, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(below).unwrap().components();
            let name: Vec<_> = name
                .map(|part| part.as_os_str().to_str().unwrap())
                .collect();
            files.insert(name.join("/"), fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_import_is_from_a_floor_below() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Files::new();
    read(&src, &src, &mut files);
    let (breaches, kept) = check(&files);
    assert!(breaches.is_empty(), "{breaches:#?}");
    for (file, to) in [
        ("credential/sources.rs", "challenge"),
        ("layer/builder.rs", "verifier"),
        ("grpc.rs", "layer"),
        ("verifier/fixed/users.rs", "credential"),
    ] {
        let seen = kept
            .iter()
            .any(|(f, t)| (f.as_str(), t.as_str()) == (file, to));
        assert!(seen, "the check did not see that {file} imports {to}");
    }
}

#[test]
fn a_planted_breach_is_found() {
    const LIB: &str = "pub use crate::{layer::{AuthnLayer, protect as guard}, verifier::Verifier};";
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str)] = &[
        ("verifier/x.rs", "use crate::AuthnLayer;", "imports crate::AuthnLayer of layer"),
        ("verifier/x.rs", "fn f() { crate::guard(1) }", "imports crate::guard of layer"),
        ("verifier/x.rs", "use crate::{head::Head, access::{Access}};", "imports crate::access::Access of access"),
        ("access/deep/x.rs", "use super::super::super::verifier::Verifier;", "imports crate::verifier::Verifier of verifier"),
        ("head.rs", "mod a { mod b { use super::super::super::layer::Authn; } }", "imports crate::layer::Authn of layer"),
        ("scope.rs", "use super::Verifier as _;", "imports crate::Verifier of verifier"),
        ("layer/x.rs", "use crate::token::Digest;", "imports crate::token::Digest of token"),
        ("layer/x.rs", "use crate::tokens::Tokens;", "imports crate::tokens::Tokens of tokens"),
        ("store/x.rs", "use crate::layer::Authn;", "imports crate::layer::Authn of layer"),
        ("grpc.rs", "use crate::axum::Authenticated;", "imports crate::axum::Authenticated of axum"),
        ("grpc.rs", "use crate::manage;", "imports crate::manage of manage"),
        ("token/x.rs", "use http::{Method, header::AUTHORIZATION};", "names http::header::AUTHORIZATION"),
        ("token/x.rs", "use http::HeaderMap;", "names http::HeaderMap"),
        ("verifier/x.rs", "use {tower::Layer as L};", "names tower::Layer"),
        ("layer/x.rs", "use axum_core::body::Body;", "names axum_core::body::Body"),
        ("head.rs", "use ::subtle::Choice;", "names subtle"),
        ("head.rs", "use subtle as s;", "names subtle"),
        ("head.rs", "use crate as c;", "hides what it imports behind crate"),
        ("head.rs", "use crate::*;", "hides what it imports behind crate::*"),
        ("head.rs", "#[cfg(test)] mod tests { const A: char = '}'; } use crate::layer::X;", "imports crate::layer::X of layer"),
        ("unheard.rs", "", "has no floor"),
        ("lib.rs", "pub use crate::layer::Authn;", ""),
        ("head.rs", "/// crate::layer\n// crate::layer\n/* crate::layer */", ""),
        ("head.rs", "const A: &str = \"\\\"crate::layer\"; const B: &str = r#\"\"crate::layer\"#;", ""),
        ("head.rs", "#[cfg(test)] #[expect(x)] mod tests { use crate::layer::Authn; }", ""),
        ("head.rs", "use crate::credential::Scheme;", ""),
        ("store/x.rs", "use crate::{Verifier, token::Digest};", ""),
        ("layer/x.rs", "use super::gate::Gate; use tower::Layer;", ""),
        ("manage/x.rs", "use crate::{AuthnLayer, axum::Authenticated};", ""),
        ("ct.rs", "use subtle::Choice;", ""),
        ("token/x.rs", "use http::Method;", ""),
    ];
    for (file, source, expected) in cases {
        let lib = ("lib.rs".to_owned(), LIB.to_owned());
        let planted = ((*file).to_owned(), (*source).to_owned());
        let (breaches, _) = check(&Files::from([lib, planted]));
        let all = [format!("{file} {expected}")];
        let expected: &[String] = if expected.is_empty() { &[] } else { &all };
        assert_eq!(breaches, expected, "{file}: {source}");
    }
}
