//! Stores on real files and real servers.

#![cfg(feature = "full")]

mod batches;
mod broken;
mod bulk;
mod conforming;
mod connections;
mod counter;
mod crash;
mod files;
mod memory;
mod model;
mod outages;
mod pages;
mod permissions;
mod racing;
mod reaching;
mod read_only;
mod revocation;
mod round_trips;
mod secrets;
pub mod server;
mod sessions;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::time::{sleep, timeout};
use tower_authn::{
    RejectionKind,
    store::SqliteStore,
    tokens::{CreatedToken, NewToken, Tokens},
};

use crate::tokens::answer;

/// A directory that is removed when this value is dropped.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "tower-authn-files-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("tokens.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub async fn make(tokens: &Tokens) -> CreatedToken {
    tokens.create(NewToken::new("alice")).await.unwrap()
}

/// Returns why a token is refused, if it is.
pub async fn verdict(tokens: &Tokens, made: &CreatedToken) -> Option<RejectionKind> {
    answer(tokens, made.secret.expose()).await.err()
}

/// Verifies a token until the verdict is the expected one.
pub async fn becomes(tokens: &Tokens, made: &CreatedToken, expected: Option<RejectionKind>) {
    let asked = async {
        while verdict(tokens, made).await != expected {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = timeout(Duration::from_secs(20), asked).await;
    assert!(waited.is_ok(), "the verdict never becomes {expected:?}");
}

pub async fn sqlite(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.unwrap()
}
