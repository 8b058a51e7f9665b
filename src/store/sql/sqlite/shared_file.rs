//! The connections of a store, shared with threads that may block.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task;

use super::{
    file::{self, FileAccess},
    identity::OpenFile,
};
use crate::store::error::StoreError;

/// A file that is opened when it is first used, and again after it was replaced.
#[derive(Default)]
pub(super) struct SharedFile(Arc<Mutex<Option<OpenFile>>>);

impl SharedFile {
    /// Calls a function with the file, on a thread that may block.
    pub(super) async fn with<T, F>(
        &self,
        path: &Path,
        access: FileAccess,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut OpenFile) -> Result<T, StoreError> + Send + 'static,
    {
        let file = Arc::clone(&self.0);
        let path = path.to_owned();
        blocking(move || {
            // After a panic the lock is poisoned, and the transaction was rolled back
            // by its guard.
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let opened = match file.take() {
                Some(opened) if opened.is_current(&path)? => file.insert(opened),
                // The file was replaced, or is immutable and has changed.
                _ => file.insert(file::open(&path, access)?),
            };
            let result = work(opened);
            if opened.stamp.is_some() && !opened.is_current(&path)? {
                *file = None;
                return Err(StoreError::unavailable(
                    "the file was changed while it was read",
                ));
            }
            result
        })
        .await
    }
}

/// Calls a function on a thread that may block.
pub(super) async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    task::spawn_blocking(work)
        .await
        .map_err(StoreError::unavailable)?
}
