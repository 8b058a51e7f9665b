//! Checks of writes, uses and pruning.

use super::{
    all,
    following::all_changes,
    rows::{at, bare, full, id, key, new, over, put, token},
};
use crate::{
    store::{Changes, Row, StoreErrorKind, TokenStore, TokenUse, Usage},
    token::{Record, Timestamp},
};

const REACHED: &str = "the store can be reached";

pub(super) async fn empty(store: impl TokenStore) {
    let (head, rows) = all(&store).await;
    assert_eq!(head.rev, 0, "an empty store is at revision 0");
    assert_eq!(rows, [], "an empty store has no rows");
    let read = all_changes(&store, 0, 10).await;
    assert_eq!(read.head, head, "every read returns the same position");
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
    assert_eq!(
        rows, expected,
        "`load_all` returns rows as they were written"
    );
    let read = all_changes(&store, 0, 10).await;
    assert_eq!(read.rows, expected, "so does `changes`");
    let stored = store
        .get(id(2))
        .await
        .expect(REACHED)
        .expect("the token exists");
    assert_eq!(token(&stored.record), expected[3], "and so does `get`");
    assert_eq!(stored.usage, Usage::default(), "a new token has no uses");
}

pub(super) async fn revisions(store: impl TokenStore) {
    let last = put(&store, (1..=5).map(|n| new(token(&bare(n)))).collect()).await;
    assert_eq!(
        last, 5,
        "each row takes a revision, and the last one is returned"
    );
    let mut changed = bare(2);
    changed.name = "changed".to_owned();
    let last = put(&store, vec![over(token(&changed), 2), new(key(0))]).await;
    assert_eq!(last, 7, "revisions continue");

    let revs = |read: &Changes| read.rows.iter().map(Row::rev).collect::<Vec<_>>();
    let read = all_changes(&store, 0, 10).await;
    assert_eq!(
        revs(&read),
        [1, 3, 4, 5, 6, 7],
        "each row at its last revision"
    );
    assert_eq!(read.head.rev, 7);
    let read = all_changes(&store, 1, 3).await;
    assert_eq!(revs(&read), [3, 4, 5], "the first rows, up to the limit");
    assert_eq!(
        read.head.rev, 7,
        "the position is that of the store, not of the page"
    );
    let read = all_changes(&store, 7, 10).await;
    assert_eq!(revs(&read), [0; 0], "nothing after the last");
}

pub(super) async fn conflicts(store: impl TokenStore) {
    let record = bare(1);
    put(&store, vec![new(token(&record)), new(key(0))]).await;
    let mut same_digest = bare(2);
    same_digest.digest = record.digest;
    let valid = || new(token(&bare(9)));
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
            vec![valid(), write.clone()],
            vec![write.clone(), valid()],
        ] {
            let refused = store.apply(writes).await.map_err(|error| error.kind());
            assert_eq!(refused, Err(expected), "{what}");
            assert_eq!(all(&store).await, before, "{what}: nothing is written");
        }
    }
    let last = put(&store, vec![over(token(&record), 1)]).await;
    assert_eq!(last, 3, "a conflict takes no revision");
}

pub(super) async fn repeated_rows(store: impl TokenStore) {
    let record = bare(1);
    put(&store, vec![new(token(&record)), new(key(0))]).await;
    let mut same_digest = bare(3);
    same_digest.digest = bare(2).digest;
    let exists = StoreErrorKind::AlreadyExists;
    let conflict = StoreErrorKind::Conflict;
    let new_token = |record: &Record| new(token(record));
    let change = || over(token(&record), 1);
    let rows = [
        (
            "a new token twice",
            [new_token(&bare(2)), new_token(&bare(2))],
            exists,
        ),
        ("a new key twice", [new(key(1)), new(key(1))], exists),
        (
            "a digest twice",
            [new_token(&bare(2)), new_token(&same_digest)],
            exists,
        ),
        ("two changes of a token", [change(), change()], conflict),
        (
            "two changes of a key",
            [over(key(0), 2), over(key(0), 2)],
            conflict,
        ),
    ];
    let before = all(&store).await;
    for (what, writes, expected) in rows {
        let refused = store
            .apply(writes.to_vec())
            .await
            .map_err(|error| error.kind());
        assert_eq!(refused, Err(expected), "{what} in one batch");
        assert_eq!(
            all(&store).await,
            before,
            "{what} in one batch: nothing is written"
        );
    }
}

pub(super) async fn uses(store: impl TokenStore) {
    put(&store, vec![new(token(&bare(1))), new(token(&bare(2)))]).await;
    let used = |number, secs, count| TokenUse::new(id(number), at(secs), count);
    let uses = vec![used(2, 50, 3), used(99, 60, 1), used(1, 60, 1)];
    store
        .record_uses(uses)
        .await
        .expect("unknown ids are dropped");
    store
        .record_uses(vec![used(2, 40, 1), used(2, 30, 1)])
        .await
        .expect(REACHED);
    let mut changed = bare(2);
    changed.name = "changed".to_owned();
    let last = put(&store, vec![over(token(&changed), 2)]).await;
    assert_eq!(last, 3, "uses take no revision");
    let stored = store
        .get(id(2))
        .await
        .expect(REACHED)
        .expect("the token exists");
    let expected = Usage {
        last_used_at: Some(at(50)),
        uses: 5,
    };
    assert_eq!(
        stored.usage, expected,
        "counts add up, and the latest time is kept"
    );
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
    let used = TokenUse::new(id(2), at(1), 1);
    store.record_uses(vec![used]).await.expect(REACHED);
    let pruned_before = async || all(&store).await.0.pruned_before;
    assert_eq!(pruned_before().await, at(0), "nothing was pruned yet");
    let pruned = store.prune(at(100)).await.expect(REACHED);
    assert_eq!(pruned, 3, "the tokens that are removed are counted");
    for ended_before in [at(50), at(100)] {
        let pruned = store.prune(ended_before).await.expect(REACHED);
        assert_eq!(pruned, 0, "every token is removed and counted once");
        assert_eq!(
            pruned_before().await,
            at(100),
            "the position has the latest time of all prunes"
        );
    }
    let read = store.changes(last, 1).await.expect(REACHED);
    let (position, rows) = all(&store).await;
    assert_eq!(read.head, position, "each read returns the whole position");
    let left: Vec<u64> = rows.iter().map(Row::rev).collect();
    assert_eq!(
        left,
        [1, 3, 6, 7],
        "exactly the tokens that ended before the time are removed"
    );
    assert_eq!(position.rev, last, "pruning takes no revision");
}
