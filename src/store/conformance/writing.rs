//! What writes do, and how they are followed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::future::{join, join_all};
use tokio::{task::yield_now, time::timeout};

use super::{
    all,
    rows::{at, bare, full, id, key, new, over, token},
};
use crate::{
    store::{Changes, Row, StoreErrorKind, TokenStore, TokenUse, Usage, Write},
    token::{Record, Timestamp},
};

const REACHED: &str = "the store can be reached";

/// Writes what must fit.
async fn put(store: &impl TokenStore, writes: Vec<Write>) -> u64 {
    store.apply(writes).await.expect("what fits is written")
}

async fn changes(store: &impl TokenStore, since: u64, limit: usize) -> Changes {
    let page = store.changes(since, limit).await.expect(REACHED);
    assert!(page.rows.len() <= limit, "no page is longer than asked for");
    let last = page.rows.last().map_or(since, Row::rev);
    assert!(last <= page.head.rev.max(since), "no row is past the head");
    page
}

/// As many pages as it takes, up to a limit.
async fn all_changes(store: &impl TokenStore, since: u64, limit: usize) -> Changes {
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

pub(super) async fn empty(store: impl TokenStore) {
    let (head, rows) = all(&store).await;
    assert_eq!(head.rev, 0, "an empty store is at revision 0");
    assert_eq!(rows, [], "an empty store has no rows");
    let read = changes(&store, 0, 10).await;
    assert_eq!(read.head, head, "every read tells the same head");
    assert_eq!(store.get(id(1)).await.expect(REACHED), None);
}

pub(super) async fn whole_rows(store: impl TokenStore) {
    let written = [key(0), key(60), token(&bare(1)), token(&full(2)), key(59)];
    put(&store, written.clone().map(new).to_vec()).await;
    let (_, rows) = all(&store).await;
    let mut expected = written.to_vec();
    for (row, rev) in expected.iter_mut().zip(1..) {
        row.set_rev(rev);
    }
    assert_eq!(rows, expected, "`load_all` gives rows as they were written");
    let read = all_changes(&store, 0, 10).await;
    assert_eq!(read.rows, expected, "`changes` gives them as well");
    let stored = store.get(id(2)).await.expect(REACHED).expect("it is there");
    assert_eq!(token(&stored.record), expected[3], "and so does `get`");
    assert_eq!(stored.usage, Usage::default(), "nobody has used it");
}

pub(super) async fn revisions(store: impl TokenStore) {
    let last = put(&store, (1..=5).map(|n| new(token(&bare(n)))).collect()).await;
    assert_eq!(last, 5, "each row takes a revision, and the last is told");
    let mut changed = bare(2);
    changed.name = "changed".to_owned();
    let last = put(&store, vec![over(token(&changed), 2), new(key(0))]).await;
    assert_eq!(last, 7, "revisions go on");

    let revs = |read: &Changes| read.rows.iter().map(Row::rev).collect::<Vec<_>>();
    let read = all_changes(&store, 0, 10).await;
    assert_eq!(revs(&read), [1, 3, 4, 5, 6, 7], "each row at its last");
    assert_eq!(read.head.rev, 7);
    let read = all_changes(&store, 1, 3).await;
    assert_eq!(revs(&read), [3, 4, 5], "the first of them, where cut off");
    assert_eq!(read.head.rev, 7, "the head is the store's, not the read's");
    let read = all_changes(&store, 7, 10).await;
    assert_eq!(revs(&read), [0; 0], "nothing after the last");
}

pub(super) async fn conflicts(store: impl TokenStore) {
    let record = bare(1);
    put(&store, vec![new(token(&record)), new(key(0))]).await;
    let mut same_digest = bare(2);
    same_digest.digest = record.digest;
    let fits = || new(token(&bare(9)));
    let exists = StoreErrorKind::AlreadyExists;
    let conflict = StoreErrorKind::Conflict;
    let rows = [
        ("an id that is taken", new(token(&record)), exists),
        ("a key that is taken", new(key(0)), exists),
        ("a digest that is taken", new(token(&same_digest)), exists),
        ("an older revision", over(token(&record), 0), conflict),
        ("a later revision", over(token(&record), 3), conflict),
        ("a missing token", over(token(&bare(3)), 1), conflict),
        ("a missing key", over(key(5), 1), conflict),
    ];
    let before = all(&store).await;
    for (what, write, expected) in rows {
        for writes in [
            vec![write.clone()],
            vec![fits(), write.clone()],
            vec![write.clone(), fits()],
        ] {
            let refused = store.apply(writes).await.map_err(|error| error.kind());
            assert_eq!(refused, Err(expected), "{what}");
            assert_eq!(all(&store).await, before, "{what}: nothing is written");
        }
    }
    let last = put(&store, vec![over(token(&record), 1)]).await;
    assert_eq!(last, 3, "a conflict takes no revision");
}

pub(super) async fn uses(store: impl TokenStore) {
    put(&store, vec![new(token(&bare(1))), new(token(&bare(2)))]).await;
    let used = |number, secs, count| TokenUse {
        id: id(number),
        at: at(secs),
        count,
    };
    let told = vec![used(2, 50, 3), used(99, 60, 1), used(1, 60, 1)];
    store
        .record_uses(told)
        .await
        .expect("unknown ids are dropped");
    store
        .record_uses(vec![used(2, 40, 2)])
        .await
        .expect(REACHED);
    let mut changed = bare(2);
    changed.name = "changed".to_owned();
    let last = put(&store, vec![over(token(&changed), 2)]).await;
    assert_eq!(last, 3, "uses take no revision");
    let stored = store.get(id(2)).await.expect(REACHED).expect("it is there");
    let expected = Usage {
        last_used_at: Some(at(50)),
        uses: 5,
    };
    assert_eq!(stored.usage, expected, "uses add up, the latest is kept");
    assert_eq!(store.get(id(99)).await.expect(REACHED), None);
}

pub(super) async fn pruning(store: impl TokenStore) {
    let end = |number, set: fn(&mut Record, Option<Timestamp>), secs| {
        let mut record = bare(number);
        set(&mut record, Some(at(secs)));
        new(token(&record))
    };
    let expires: fn(&mut Record, _) = |record, end| record.expires_at = end;
    let revoked: fn(&mut Record, _) = |record, end| record.revoked_at = end;
    let rotated: fn(&mut Record, _) = |record, end| record.grace_until = end;
    let suspended: fn(&mut Record, _) = |record, end| record.suspended_at = end;
    let writes = vec![
        new(token(&bare(1))),
        end(2, expires, 99),
        end(3, expires, 100),
        end(4, revoked, 99),
        end(5, rotated, 99),
        end(6, suspended, 99),
        new(key(1)),
    ];
    let last = put(&store, writes).await;
    let told = TokenUse {
        id: id(2),
        at: at(1),
        count: 1,
    };
    store.record_uses(vec![told]).await.expect(REACHED);
    let pruned = store.prune(at(100)).await.expect(REACHED);
    let pruned: BTreeSet<_> = pruned.into_iter().collect();
    let ended = BTreeSet::from([2, 4, 5].map(id));
    assert_eq!(pruned, ended, "those that ended before the time");
    let (head, rows) = all(&store).await;
    let left: Vec<u64> = rows.iter().map(Row::rev).collect();
    assert_eq!(left, [1, 3, 6, 7], "and no others");
    assert_eq!(head.rev, last, "it takes no revision");
}

/// Many write at once while somebody follows: whoever has read up to a
/// revision has missed nothing before it.
pub(super) async fn feed<S: TokenStore>(writer: Arc<S>, reader: Arc<S>) {
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
            // A store in memory may never wait, and the writers may share our
            // thread.
            yield_now().await;
            let read = changes(&*reader, since, 7).await;
            let last = read.rows.last().map_or(since, Row::rev);
            assert!(last >= since, "rows come in the order of their revisions");
            for row in read.rows {
                assert!(row.rev() > since, "no row comes twice");
                if let Row::Token(record) = row {
                    known.insert(record.id, record.rev);
                }
            }
            since = last;
        }
        known
    };
    let followed = timeout(Duration::from_secs(60), follow);
    let (done, known) = join(written, followed).await;
    assert!(done.iter().all(Result::is_ok), "every write was done");
    let known = known.expect("who follows sees the last write");
    let (_, rows) = all(&*reader).await;
    let is_known = |row: &Row| match row {
        Row::Token(record) => known.get(&record.id) == Some(&record.rev),
        Row::Key(_) => true,
    };
    assert!(rows.iter().all(is_known), "no change was missed");
    assert_eq!(rows.len() as u64, TASKS * (WRITES + 1));
}

pub(super) async fn seen_by_the_other<S: TokenStore>(one: S, two: S) {
    let record = bare(1);
    put(&one, vec![new(token(&record))]).await;
    let read = changes(&two, 0, 10).await;
    assert_eq!(read.head.rev, 1, "the other sees what was written");
    assert_eq!(all(&one).await, all(&two).await, "one store, one history");
    put(&two, vec![over(token(&record), 1)]).await;
    let late = one.apply(vec![over(token(&record), 1)]).await;
    let late = late.map_err(|error| error.kind());
    assert_eq!(late, Err(StoreErrorKind::Conflict), "the other was faster");
}
