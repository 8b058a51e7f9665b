//! Reloads: what they keep, what they take, and the tasks that they wake.

use allocation_counter::measure;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};

use super::*;
use crate::{
    principal::PrincipalData,
    token::{Digest, Record, Timestamp, TokenId},
};

const MANY: u64 = 10_000;

fn id(n: u64) -> TokenId {
    format!("{n:012}").parse().unwrap()
}

fn record(n: u64) -> Record {
    let digest = Digest::sha256(n.to_string());
    let mut record = Record::new(id(n), digest, "alice".to_owned(), Timestamp::default());
    record.kid = crate::token::KeyId::from_number(0);
    record.rev = n + 1;
    record
}

fn row(record: Record) -> Row {
    Row::Token(Box::new(record))
}

fn reload(mirror: &Mirror, rows: impl IntoIterator<Item = Row>) {
    let loaded = mirror.to_empty();
    for row in rows {
        loaded.merge_loaded(&row, mirror).unwrap();
    }
    mirror.replace_with(&loaded, MANY);
    mirror.release(&loaded);
}

#[test]
fn f07_a_reload_of_equal_tokens_takes_little_memory_and_keeps_none_of_it() {
    let rows: Vec<Row> = (0..MANY).map(|n| row(record(n))).collect();
    let mirror = Mirror::new(None);
    let first = measure(|| rows.iter().for_each(|row| mirror.merge(row).unwrap()));
    let entry = mirror.get(id(7)).unwrap();
    let again = measure(|| reload(&mirror, rows.iter().cloned()));
    assert!(Arc::ptr_eq(&entry, &mirror.get(id(7)).unwrap()));
    let (size, peak) = (first.bytes_current, again.bytes_max as i64);
    println!(
        "{size} bytes, {peak} more at the peak, {} after",
        again.bytes_current
    );
    assert!(peak < size / 2);
    assert!(again.bytes_current < size / 10);
}

#[test]
fn tokens_that_end_take_no_memory_for_tasks_that_do_not_wait() {
    let mirror = Mirror::new(None);
    (0..MANY).for_each(|n| mirror.merge(&row(record(n))).unwrap());
    // Not the first call, which makes the signal that they share.
    mirror.get(id(0)).unwrap().notify_revoked();
    let ended = measure(|| mirror.notify_retired(1));
    assert_eq!(ended.count_total, 0);
    let gone = measure(|| reload(&mirror, []));
    assert!(gone.count_total < 100, "{} allocations", gone.count_total);
}

#[test]
fn a_task_that_waits_over_a_reload_is_woken_when_its_token_ends() {
    type Change = fn(&mut Record);
    const CHANGES: [(&str, Change, bool); 5] = [
        ("equal", |_| {}, false),
        ("changed", |record| record.scopes.clear(), false),
        ("of another revision", |record| record.rev += 100, false),
        (
            "suspended",
            |record| record.suspended_at = Some(Timestamp::MAX),
            true,
        ),
        (
            "revoked",
            |record| record.revoked_at = Some(Timestamp::MAX),
            true,
        ),
    ];
    for (name, change, is_ended) in CHANGES {
        let mirror = Mirror::new(None);
        let mut old = record(1);
        old.scopes = vec!["a".parse().unwrap()];
        mirror.merge(&row(old.clone())).unwrap();
        let held = mirror.get(id(1)).unwrap();
        let wait = || held.revoked().shared();
        let is_woken =
            |task: &Shared<BoxFuture<'static, ()>>| task.clone().now_or_never().is_some();
        let before = wait();
        assert!(!is_woken(&before));
        let mut new = old.clone();
        change(&mut new);
        reload(&mirror, [row(new.clone())]);
        let after = wait();
        assert_eq!(is_woken(&before), is_ended, "{name}");
        assert_eq!(is_woken(&after), is_ended, "{name}");
        // Over two reloads, and then by a change.
        new.rev += 100;
        reload(&mirror, [row(new.clone())]);
        assert_eq!(is_woken(&after), is_ended, "{name}");
        (new.rev, new.revoked_at) = (new.rev + 1, Some(Timestamp::default()));
        mirror.merge(&row(new)).unwrap();
        assert!(is_woken(&before) && is_woken(&after), "{name}");
        assert!(is_woken(&wait()), "{name}");
    }
    let mirror = Mirror::new(None);
    mirror.merge(&row(record(1))).unwrap();
    let task = mirror.get(id(1)).unwrap().revoked();
    reload(&mirror, [row(record(2))]);
    assert!(task.now_or_never().is_some(), "it is gone");
    assert!(
        mirror
            .get(id(2))
            .unwrap()
            .revoked()
            .now_or_never()
            .is_none()
    );
}

#[test]
fn a_token_that_is_resumed_can_be_waited_for_again() {
    let mirror = Mirror::new(None);
    let mut now = record(1);
    let mut change = |suspended_at| {
        now.rev += 1;
        now.suspended_at = suspended_at;
        mirror.merge(&row(now.clone())).unwrap();
        mirror.get(id(1)).unwrap()
    };
    let first = change(None);
    let mut before = first.revoked();
    assert!((&mut before).now_or_never().is_none());
    change(Some(Timestamp::default()));
    assert!(before.now_or_never().is_some());
    let resumed = change(None);
    let mut after = resumed.revoked();
    assert!((&mut after).now_or_never().is_none());
    change(Some(Timestamp::default()));
    assert!(after.now_or_never().is_some());
}
