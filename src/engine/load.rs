//! Loading everything from the store.
//!
//! The rows of the store become entries on a thread for blocking work, so that the runtime
//! only hands them over, and verdicts go on. The same is true of the old entries: a thread
//! looks which tokens the load has ended, and drops them.

use std::{
    future::Future,
    mem,
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
};

use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::{
    Engine,
    follower::{CatchUp, Followed},
    mirror::Mirror,
    options::LoadProgress,
    schedule,
};
use crate::{
    error::ConfigError,
    store::{Position, Row, StoreError},
};

/// How many rows are handed over at once.
const BATCH: usize = 1_000;

/// How many batches may wait for the thread. If there are more, it can't keep up with the
/// store, and the runtime does a part of its work.
const WAITING: usize = 16;

impl Engine {
    /// Loads everything into another mirror, replaces the memory by it, and merges the
    /// changes that were made meanwhile.
    pub(super) async fn load_all(
        self: &Arc<Self>,
        followed: &mut Option<Followed>,
    ) -> Result<(), StoreError> {
        self.freshness.begin_generation();
        schedule::point();
        let complete_at = self.now();
        let loaded = Arc::new(self.mirror.to_empty());
        let position = self.read_all(&loaded).await?;
        schedule::point();
        self.mirror.replace_with(&loaded, position.rev);
        // No `await` since then: the memory and its position belong together.
        let followed = followed.insert(Followed {
            position,
            complete_at,
        });
        let released = self.release(loaded);
        // Rows that this process wrote during the load may be missing from it. They are in
        // the store by now, so the changes bring them back.
        let caught_up = self.catch_up(followed).await?;
        released.await?;
        match caught_up {
            CatchUp::Done => Ok(()),
            CatchUp::OtherHistory => Err(StoreError::unavailable("replaced during the load")),
        }
    }

    /// Ends the replacement of a mirror, of which `replaced` has the entries. What takes long
    /// begins at once, on a thread.
    fn release(
        self: &Arc<Self>,
        replaced: Arc<Mirror>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let engine = Arc::clone(self);
        let is_small = replaced.len() <= BATCH && engine.mirror.len() <= BATCH;
        let release = move || engine.mirror.release(&replaced);
        let thread = match is_small {
            true => {
                release();
                None
            }
            false => Some(spawn_blocking(release)),
        };
        async {
            match thread {
                Some(thread) => thread.await.map_err(thread_failed),
                None => Ok(()),
            }
        }
    }

    /// Reads every row into a mirror.
    async fn read_all(self: &Arc<Self>, loaded: &Arc<Mirror>) -> Result<Position, StoreError> {
        let mut loader = Loader::new(self, loaded);
        let position = self.store.load_all(&mut |row| loader.add(row)).await?;
        loader.finish().await?;
        Ok(position)
    }
}

/// Merges rows on a thread.
struct Loader<F> {
    merge: F,
    batch: Vec<Row>,
    rows: u64,
    progress: Option<LoadProgress>,
    /// Started with the first whole batch. It ends when this value is dropped.
    thread: Option<(SyncSender<Vec<Row>>, JoinHandle<Merged>)>,
    /// The result of the batches for which the thread had no time.
    merged: Merged,
}

type Merged = Result<(), ConfigError>;

impl Loader<()> {
    fn new(
        engine: &Arc<Engine>,
        loaded: &Arc<Mirror>,
    ) -> Loader<impl Fn(Vec<Row>) -> Merged + Clone + Send + use<>> {
        let progress = engine.options.load_progress.clone();
        let (engine, loaded) = (Arc::clone(engine), Arc::clone(loaded));
        let merge = move |rows: Vec<Row>| {
            let merge = |row| loaded.merge_loaded(row, &engine.mirror);
            rows.iter().try_for_each(merge)
        };
        Loader {
            merge,
            batch: Vec::new(),
            rows: 0,
            progress,
            thread: None,
            merged: Ok(()),
        }
    }
}

impl<F: Fn(Vec<Row>) -> Merged + Clone + Send + 'static> Loader<F> {
    fn add(&mut self, row: Row) {
        if self.batch.capacity() == 0 {
            self.batch.reserve(BATCH);
        }
        self.batch.push(row);
        if self.batch.len() == BATCH {
            self.report();
            self.hand_over();
        }
    }

    fn report(&mut self) {
        self.rows += self.batch.len() as u64;
        if let Some(progress) = &self.progress {
            progress(self.rows);
        }
    }

    fn hand_over(&mut self) {
        let (batches, _) = self.thread.get_or_insert_with(|| {
            let (batches, received) = sync_channel(WAITING);
            let merge = self.merge.clone();
            let thread = spawn_blocking(move || received.into_iter().try_for_each(merge));
            (batches, thread)
        });
        match batches.try_send(mem::take(&mut self.batch)) {
            Ok(()) => {}
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                self.merge_here(batch);
            }
        }
    }

    fn merge_here(&mut self, batch: Vec<Row>) {
        let merged = (self.merge)(batch);
        self.merged = mem::replace(&mut self.merged, Ok(())).and(merged);
    }

    /// Waits until every row is merged.
    async fn finish(mut self) -> Result<(), StoreError> {
        self.report();
        let rest = mem::take(&mut self.batch);
        self.merge_here(rest);
        if let Some((batches, thread)) = self.thread {
            drop(batches);
            let merged = thread.await.map_err(thread_failed)?;
            self.merged = self.merged.and(merged);
        }
        self.merged.map_err(StoreError::corrupt)
    }
}

fn thread_failed(error: JoinError) -> StoreError {
    StoreError::unavailable(error)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use allocation_counter::measure;

    use super::*;
    use crate::{
        store::MemoryStore,
        token::{Digest, Record, Timestamp},
        tokens::TokensOptions,
    };

    fn row(n: u64) -> Row {
        let id = format!("{n:012}").parse().unwrap();
        let digest = Digest::sha256(n.to_string());
        let mut record = Record::new(id, digest, "alice".to_owned(), Timestamp::default());
        record.rev = n + 1;
        Row::Token(Box::new(record))
    }

    /// Returns an engine, and the numbers of rows that it reports.
    fn engine() -> (Arc<Engine>, Arc<Mutex<Vec<u64>>>) {
        let reported: Arc<Mutex<Vec<u64>>> = Arc::default();
        let reports = Arc::clone(&reported);
        let options = TokensOptions::new("acme").unwrap();
        let options = options.load_progress(move |rows| reports.lock().unwrap().push(rows));
        (Arc::new(Engine::new(MemoryStore::new(), options)), reported)
    }

    #[tokio::test]
    async fn f07_the_entries_of_a_load_are_made_off_the_runtime() {
        const MANY: u64 = (WAITING * BATCH) as u64;
        let (engine, _) = engine();
        let loaded = Arc::new(engine.mirror.to_empty());
        let rows: Vec<Row> = (0..MANY).map(row).collect();
        let mut loader = Loader::new(&engine, &loaded);
        let here = measure(|| rows.into_iter().for_each(|row| loader.add(row)));
        loader.finish().await.unwrap();
        assert_eq!(loaded.len() as u64, MANY);
        assert!(here.count_total < 100, "{} allocations", here.count_total);
    }

    #[tokio::test]
    async fn a_load_reports_each_thousand_rows_and_the_end() {
        let expected: [(u64, &[u64]); 4] = [
            (0, &[0]),
            (1, &[1]),
            (1_000, &[1_000, 1_000]),
            (2_500, &[1_000, 2_000, 2_500]),
        ];
        for (count, expected) in expected {
            let (engine, reported) = engine();
            let loaded = Arc::new(engine.mirror.to_empty());
            let mut loader = Loader::new(&engine, &loaded);
            (0..count).for_each(|n| loader.add(row(n)));
            loader.finish().await.unwrap();
            assert_eq!(*reported.lock().unwrap(), expected);
            assert_eq!(loaded.len() as u64, count);
        }
    }
}
