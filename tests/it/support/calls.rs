//! A counter of calls.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The number of calls of something.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<AtomicUsize>);

impl Calls {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
