//! Reads the paths that a source file names.

use syn::{
    Attribute, ItemMod, ItemUse, Macro, UseTree, VisRestricted, braced, bracketed, parenthesized,
    parse::{ParseStream, discouraged::Speculative},
    parse_quote,
    token::{Brace, Bracket, Paren},
    visit::{Visit, visit_item_mod, visit_path},
};

/// A path that a file names, and the name that it has in that file.
pub type Named = (Vec<String>, String);

/// Collects the paths of a file that do not begin in its own scope.
pub struct Paths {
    /// The module that is being read.
    module: Vec<String>,
    found: Vec<Named>,
}

impl Paths {
    pub fn read(file: &str, source: &str) -> Vec<Named> {
        let syntax = syn::parse_file(source).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut paths = Self {
            module: module(file).into_iter().map(str::to_owned).collect(),
            found: Vec::new(),
        };
        paths.visit_file(&syntax);
        paths.found
    }

    /// Adds a path from the crate's root, after resolving `self` and `super`.
    fn push(&mut self, path: Vec<String>, name: String) {
        let mut module = self.module.clone();
        let is_relative = |part: &&String| ["self", "super"].contains(&part.as_str());
        let relative = path.iter().take_while(is_relative).count();
        for part in &path[..relative] {
            if part == "super" {
                module.pop();
            }
        }
        let path = match relative {
            0 => path,
            _ => [vec!["crate".to_owned()], module, path[relative..].to_vec()].concat(),
        };
        self.found.push((path, name));
    }

    fn push_tree(&mut self, tree: &UseTree, mut path: Vec<String>) {
        match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                self.push_tree(&tree.tree, path);
            }
            UseTree::Name(tree) => {
                path.push(tree.ident.to_string());
                self.push(path, tree.ident.to_string());
            }
            UseTree::Rename(tree) => {
                path.push(tree.ident.to_string());
                self.push(path, tree.rename.to_string());
            }
            UseTree::Glob(_) => {
                path.push("*".to_owned());
                self.push(path, "*".to_owned());
            }
            UseTree::Group(group) => {
                let trees = group.items.iter();
                trees.for_each(|tree| self.push_tree(tree, path.clone()));
            }
        }
    }

    /// Reads the tokens of a macro, which need not be Rust's syntax.
    fn visit_tokens(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        while !input.is_empty() {
            let ahead = input.fork();
            let content;
            if let Ok(path) = ahead.call(syn::Path::parse_mod_style) {
                input.advance_to(&ahead);
                self.visit_path(&path);
            } else if input.peek(Paren) {
                parenthesized!(content in input);
                self.visit_tokens(&content)?;
            } else if input.peek(Brace) {
                braced!(content in input);
                self.visit_tokens(&content)?;
            } else if input.peek(Bracket) {
                bracketed!(content in input);
                self.visit_tokens(&content)?;
            } else {
                input.step(|cursor| cursor.token_tree().ok_or_else(|| cursor.error("the end")))?;
            }
        }
        Ok(())
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let is_test = |attribute: &Attribute| *attribute == parse_quote!(#[cfg(test)]);
        if !item.attrs.iter().any(is_test) {
            self.module.push(item.ident.to_string());
            visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.push_tree(&item.tree, Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if names.len() > 1 {
            self.push(names.clone(), names[names.len() - 1].clone());
        }
        visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        call.parse_body_with(|input: ParseStream<'_>| self.visit_tokens(input))
            .unwrap();
    }

    /// `pub(crate)` and `pub(super)` import nothing.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}
}

/// The module of a file: `layer/gate.rs` is `layer::gate`.
pub fn module(file: &str) -> Vec<&str> {
    let path = file.trim_end_matches(".rs");
    path.split('/')
        .filter(|part| !["lib", "mod"].contains(part))
        .collect()
}
