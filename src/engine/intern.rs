//! Texts and lists that many tokens have in common, kept once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::scope::Scope;

/// The most values of each kind that are kept. Beyond that, values are rarely shared.
const INTERNED_MAX: usize = 10_000;

/// Returns shared copies of texts and lists.
pub(super) trait Intern {
    fn text(&mut self, text: &str) -> Arc<str>;
    fn scopes(&mut self, scopes: &[Scope]) -> Arc<[Scope]>;
}

#[derive(Default)]
pub(super) struct Interner {
    texts: HashSet<Arc<str>>,
    scopes: HashMap<Vec<Scope>, Arc<[Scope]>>,
}

impl Intern for Interner {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        if self.texts.len() < INTERNED_MAX {
            self.texts.insert(Arc::clone(&new));
        }
        new
    }

    fn scopes(&mut self, scopes: &[Scope]) -> Arc<[Scope]> {
        if let Some(known) = self.scopes.get(scopes) {
            return Arc::clone(known);
        }
        let new: Arc<[Scope]> = scopes.into();
        if self.scopes.len() < INTERNED_MAX {
            self.scopes.insert(scopes.to_vec(), Arc::clone(&new));
        }
        new
    }
}
