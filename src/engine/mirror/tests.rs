//! Poisoned locks, the bits of keys, and the size of a token.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

fn id(n: u64) -> TokenId {
    format!("{n:012}").parse().unwrap()
}

fn record(n: u64, rev: u64) -> Record {
    let digest = Digest::sha256(n.to_string());
    let mut record = Record::new(id(n), digest, "alice".to_owned(), Timestamp::default());
    record.rev = rev;
    record
}

#[test]
fn f10_a_poisoned_lock_neither_stops_a_verdict_nor_passes_what_was_revoked() {
    let mirror = Mirror::new(None);
    let (good, bad) = (record(0, 1), record(1, 1));
    for record in [&good, &bad] {
        mirror.merge_token(record);
    }
    let panic = |hold: &dyn Fn()| {
        assert!(catch_unwind(AssertUnwindSafe(hold)).is_err());
    };
    for table in mirror.tokens.tables() {
        panic(&|| {
            let _held = table.write();
            panic!("planted");
        });
    }
    panic(&|| {
        let _held = (mirror.imported.write(), mirror.ring.write());
        let _interner = mirror.interner.lock();
        panic!("planted");
    });
    assert!(mirror.tokens.tables().all(RwLock::is_poisoned));
    assert!(mirror.imported.is_poisoned() && mirror.interner.is_poisoned());

    let now = Timestamp::default();
    let check = |record: &Record| mirror.get(record.id).map(|entry| entry.check(now).is_ok());
    assert_eq!((check(&good), check(&bad)), (Some(true), Some(true)));
    let mut revoked = bad.clone();
    (revoked.rev, revoked.revoked_at) = (2, Some(Timestamp::default()));
    mirror.merge_token(&revoked);
    assert_eq!((check(&good), check(&bad)), (Some(true), Some(false)));
    mirror.merge_token(&bad);
    assert_eq!(check(&bad), Some(false), "an older row changes nothing");
    assert!(mirror.get_imported(&good.digest).is_some());
    assert!(mirror.get_imported(&Digest::sha256("other")).is_none());
}

#[test]
fn every_key_has_its_own_bit() {
    let keys = (0..=u8::MAX).map_while(KeyId::from_number);
    let bits = keys.fold(0, |bits, kid| {
        assert_eq!(bits & key_bit(kid), 0);
        bits | key_bit(kid)
    });
    assert_eq!(bits.count_ones(), 61);
}

#[test]
fn a_token_takes_less_than_two_hundred_bytes() {
    // The number of tokens that leaves the tables emptiest.
    const COUNT: u64 = 60_000;
    let record = |n| {
        let mut record = record(n, n + 1);
        record.kid = KeyId::from_number(0);
        record.subject = format!("user-{}", n % 100);
        record.organization = Some("acme".to_owned());
        record.scopes = vec!["deployment".parse().unwrap()];
        record.expires_at = Some(Timestamp::from_secs(1));
        record
    };
    let mirror = Mirror::new(None);
    let load = allocation_counter::measure(|| {
        for record in (0..COUNT).map(record) {
            mirror.merge_token(&record);
        }
    });
    let bytes = load.bytes_current as f64 / COUNT as f64;
    assert!((150.0..200.0).contains(&bytes), "{bytes} bytes a token");
}
