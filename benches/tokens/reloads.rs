//! Measures a load of everything under another epoch, while verdicts continue.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use http::StatusCode;
use tokio::{runtime::Builder, task::yield_now, time::sleep};
use tower_authn::{
    store::{
        Changes, MemoryStore, Position, Query, Row, StoreError, StoredToken, TokenPage, TokenStore,
        TokenUse, Write,
    },
    token::{Timestamp, TokenId},
    tokens::{Tokens, TokensOptions},
};

use super::{
    Scale,
    filled::{PREFIX, header, record, token},
    loads::resident_bytes,
    sender::sender_to,
};

/// A store in memory with an epoch that changes.
#[derive(Clone, Default)]
struct Epochs {
    store: Arc<MemoryStore>,
    epoch: Arc<AtomicU64>,
}

impl Epochs {
    fn position(&self, mut position: Position) -> Position {
        position.epoch = self.epoch.load(Relaxed).to_string();
        position
    }
}

impl TokenStore for Epochs {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.store.apply(writes).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        self.store.get(id).await
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        self.store.list(query).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let Changes { head, rows } = self.store.changes(since, limit).await?;
        let head = self.position(head);
        Ok(Changes { head, rows })
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        let read = self.store.load_all(each).await;
        Ok(self.position(read?))
    }

    async fn watch(&self, since: u64) {
        self.store.watch(since).await;
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        self.store.record_uses(uses).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        self.store.prune(ended_before).await
    }
}

/// The longest time between two turns of a task, and the times of verdicts.
#[derive(Default)]
struct Watched {
    pieces: Vec<Duration>,
    verdicts: Vec<Duration>,
    unavailable: Duration,
}

pub fn report(scale: Scale) {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let store = Epochs::default();
    runtime.block_on(async {
        for first in (0..scale.all).step_by(10_000) {
            let numbers = first..scale.all.min(first + 10_000);
            let write = |number| Write::insert(Row::Token(Box::new(record(number))));
            let written = store.apply(numbers.map(write).collect()).await;
            written.expect("room for them");
        }
    });
    let options = TokensOptions::new(PREFIX).expect("a prefix");
    let before = resident_bytes().unwrap_or_default();
    let opening = Instant::now();
    let tokens = Tokens::open(store.clone(), options);
    let tokens = runtime.block_on(tokens).expect("a store in memory");
    println!("\nopened from memory in {:.2?}", opening.elapsed());
    let size = resident_bytes().unwrap_or_default() - before;
    let stop = AtomicBool::new(false);
    let peak = AtomicU64::new(0);
    let (quiet, loading) = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                peak.fetch_max(resident_bytes().unwrap_or_default(), Relaxed);
                thread::sleep(Duration::from_millis(5));
            }
        });
        let watched = runtime.block_on(async {
            let quiet = watch(&tokens, scale, || false).await;
            store.epoch.fetch_add(1, Relaxed);
            let loading = watch(&tokens, scale, || true).await;
            (quiet, loading)
        });
        stop.store(true, Relaxed);
        watched
    });
    println!("\n| {} tokens | quiet | another epoch |", scale.all);
    println!("|---|---|---|");
    let longest = |watched: &Watched| watched.pieces.iter().max().copied().unwrap_or_default();
    let row = |name: &str, value: &dyn Fn(&Watched) -> Duration| {
        println!(
            "| {name} | {:.2?} | {:.2?} |",
            value(&quiet),
            value(&loading)
        );
    };
    row("longest time without a turn of the runtime", &longest);
    row("verdict, p99.9, after its turn", &|watched| {
        let mut times = watched.verdicts.clone();
        times.sort();
        times
            .get(times.len() * 999 / 1_000)
            .copied()
            .unwrap_or_default()
    });
    row("503 for", &|watched| watched.unavailable);
    let ratio = |bytes: u64| bytes.saturating_sub(before) as f64 / size.max(1) as f64;
    let peak = ratio(peak.into_inner());
    let after = ratio(resident_bytes().unwrap_or_default());
    println!("resident memory: {size} bytes; peak {peak:.2}, afterwards {after:.2}");
}

/// Sends requests in turns of the runtime, for two seconds, or until a load is over.
async fn watch(tokens: &Tokens, scale: Scale, awaits_load: impl Fn() -> bool) -> Watched {
    let mut sender = sender_to(tokens.verifier());
    let mut watched = Watched::default();
    let begun = Instant::now();
    let least = Duration::from_secs(if scale.count { 2 } else { 0 });
    let (mut unavailable, mut was_unavailable) = (None, false);
    let mut number = 0;
    loop {
        let before = Instant::now();
        yield_now().await;
        let turn = Instant::now();
        watched.pieces.push(turn - before);
        number = (number * 1_103 + 7_919) % scale.all;
        let status = sender.send(&header(&token(number)));
        watched.verdicts.push(turn.elapsed());
        match status {
            StatusCode::ACCEPTED => {
                if let Some(since) = unavailable.take() {
                    watched.unavailable = turn.duration_since(since);
                    was_unavailable = true;
                }
            }
            _ => {
                unavailable.get_or_insert(turn);
            }
        }
        let is_over = was_unavailable || !awaits_load();
        if is_over && begun.elapsed() > least {
            // The rest of the load.
            sleep(Duration::from_millis(300)).await;
            return watched;
        }
    }
}
