//! The code keeps to its floors: an item imports from floors below its own and
//! from its own folder, so that each part can be read without those above it.

mod paths;

use std::{collections::BTreeMap, fs, path::Path};

use self::paths::{Paths, module};

/// Sources by their path below `src/`.
type Files = BTreeMap<String, String>;

/// The module of each name at the crate's root: `layer` of `AuthnLayer`.
type Root = BTreeMap<String, String>;

fn floor(unit: &str) -> Option<u8> {
    Some(match unit {
        "challenge" | "credential" | "ct" | "error" | "file" | "head" | "principal"
        | "rejection" | "scheme" | "scope" | "target" | "text" | "url" => 0,
        "access" | "token" | "verifier" => 1,
        "cache" | "jwt" | "layer" | "store" => 2,
        "engine" | "resource" => 3,
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

/// Returns whether a unit may name an item of another crate.
fn may_name(unit: &str, path: &[&str]) -> bool {
    let floor = floor(unit);
    match path {
        ["axum_core" | "tonic", ..] => floor >= Some(5),
        ["http", name, ..] => unit != "token" || !name.to_lowercase().starts_with("header"),
        ["tower", ..] => floor >= Some(2),
        _ => true,
    }
}

/// The breaches of the floors, as sentences, and the imports that keep them.
fn check(files: &Files) -> (Vec<String>, Vec<(String, String)>) {
    let (mut breaches, mut kept) = (Vec::new(), Vec::new());
    let lib = files.get("lib.rs").map_or("", String::as_str);
    let root: Root = Paths::read("lib.rs", lib)
        .into_iter()
        .filter(|(path, _)| path.len() > 2 && path[0] == "crate")
        .map(|(path, name)| (name, path[1].clone()))
        .collect();
    for (file, source) in files {
        let unit = module(file).first().copied().unwrap_or("lib");
        if unit != "lib" && floor(unit).is_none() {
            breaches.push(format!("{file} has no floor"));
        }
        for (path, _) in Paths::read(file, source) {
            let text = path.join("::");
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
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
        ("unknown.rs", "", "has no floor"),
        ("lib.rs", "pub use crate::layer::Authn;", ""),
        ("head.rs", "fn f() { m!(a => [crate::layer::f(1)]) }", "imports crate::layer::f of layer"),
        ("head.rs", "pub(crate) struct A; impl A { pub(super) fn f() {} }", ""),
        ("head.rs", "/// crate::layer\n// crate::layer\n/* crate::layer */ struct A;", ""),
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
