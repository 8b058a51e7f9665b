//! Checks of reads that follow writes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::{join, join_all};
use tokio::{task::yield_now, time::timeout};

use super::{
    all,
    rows::{bare, new, over, put, token},
};
use crate::store::{Changes, Row, StoreErrorKind, TokenStore, Write};

async fn changes(store: &impl TokenStore, since: u64, limit: usize) -> Changes {
    let page = store
        .changes(since, limit)
        .await
        .expect("the store can be reached");
    assert!(page.rows.len() <= limit, "no page is longer than the limit");
    let last = page.rows.last().map_or(since, Row::rev);
    assert!(
        last <= page.head.rev.max(since),
        "no row is past the position"
    );
    page
}

/// Returns the changes of as many pages as it takes, up to a limit.
pub(super) async fn all_changes(store: &impl TokenStore, since: u64, limit: usize) -> Changes {
    let mut all = changes(store, since, limit).await;
    while let Some(last) = all.rows.last() {
        let page = changes(store, last.rev(), limit - all.rows.len()).await;
        if page.rows.is_empty() {
            break;
        }
        all.rows.extend(page.rows);
    }
    all
}

/// Many tasks write at once. A reader that has read up to a revision must have missed
/// none before it.
pub(super) async fn concurrent_writes<S: TokenStore>(writer: Arc<S>, reader: Arc<S>) {
    const TASKS: u64 = 8;
    const WRITES: u64 = 20;
    let write = |task: u64| {
        let store = Arc::clone(&writer);
        async move {
            let mut expected_rev = None;
            for n in 0..WRITES {
                let mut record = bare(task);
                record.name = format!("write {n}");
                let mut writes = vec![new(token(&bare(100 + task * WRITES + n)))];
                let row = token(&record);
                writes.push(Write { row, expected_rev });
                expected_rev = Some(put(&*store, writes).await);
            }
        }
    };
    let tasks = (0..TASKS).map(|task| tokio::spawn(write(task)));
    let written = join_all(tasks);
    let follow = async {
        let mut known = BTreeMap::new();
        let mut since = 0;
        while since < TASKS * WRITES * 2 {
            // A store in memory may never wait, and the writers may run on this
            // thread.
            yield_now().await;
            let read = changes(&*reader, since, 7).await;
            let last = read.rows.last().map_or(since, Row::rev);
            assert!(last >= since, "rows are in the order of their revisions");
            for row in read.rows {
                assert!(row.rev() > since, "no row is returned twice");
                if let Row::Token(record) = row {
                    known.insert(record.id, record.rev);
                }
            }
            since = last;
        }
        known
    };
    let followed = timeout(Duration::from_secs(60), follow);
    let (written, known) = join(written, followed).await;
    assert!(written.iter().all(Result::is_ok), "every write succeeds");
    let known = known.expect("a reader sees the last write");
    let (_, rows) = all(&*reader).await;
    let is_known = |row: &Row| match row {
        Row::Token(record) => known.get(&record.id) == Some(&record.rev),
        Row::Key(_) => true,
    };
    assert!(rows.iter().all(is_known), "no change was missed");
    assert_eq!(rows.len() as u64, TASKS * (WRITES + 1));
}

pub(super) async fn two_instances<S: TokenStore>(one: S, two: S) {
    let record = bare(1);
    put(&one, vec![new(token(&record))]).await;
    let read = changes(&two, 0, 10).await;
    assert_eq!(read.head.rev, 1, "the other instance sees the write");
    assert_eq!(
        all(&one).await,
        all(&two).await,
        "both instances return the same position and rows"
    );
    put(&two, vec![over(token(&record), 1)]).await;
    let late = one.apply(vec![over(token(&record), 1)]).await;
    let late = late.map_err(|error| error.kind());
    assert_eq!(
        late,
        Err(StoreErrorKind::Conflict),
        "the other instance wrote first"
    );
}
