//! Checks of lists.

use super::rows::{at, bare, full, id, new, put, session, token};
use crate::{
    store::{Cursor, Query, StoredToken, TokenPage, TokenStore, TokenUse},
    token::{KeyId, Record, SessionHolder, TokenState},
};

const STATES: [TokenState; 5] = [
    TokenState::Active,
    TokenState::Expired,
    TokenState::NotYet,
    TokenState::Revoked,
    TokenState::Suspended,
];

/// Writes tokens that differ in every field of a query.
async fn fill(store: &impl TokenStore) {
    let mut records: Vec<Record> = (0..24).map(bare).collect();
    for (n, record) in (0_u64..).zip(&mut records) {
        let time = |every: u64| (n % every == 0).then(|| at(2_000 + n % 5));
        // Three tokens each are created at the same time.
        record.created_at = at(1_000 + n / 3);
        record.organization = ["acme", "Acme", ""]
            .get((n % 4) as usize)
            .map(|o| (*o).to_owned());
        record.subject = ["alice", "bob"][(n % 2) as usize].to_owned();
        record.created_by = ["admin", "alice"][(n / 2 % 2) as usize].to_owned();
        record.kid = KeyId::from_number((n % 3) as u8);
        record.name = ["Nightly", "100%", "a_b", "ÄRGER"][(n % 4) as usize].to_owned();
        record.description = ["", "night\\ly"][(n / 4 % 2) as usize].to_owned();
        record.expires_at = time(2);
        record.not_before = time(7);
        record.suspended_at = time(11);
        record.revoked_at = time(5);
        record.grace_until = time(3);
    }
    records.push(full(30));
    let holders = [SessionHolder::User, SessionHolder::Token(id(1))];
    let sessions = (40..).zip(holders).map(|(n, holder)| session(n, holder));
    records.extend(sessions);
    put(store, records.iter().map(token).map(new).collect()).await;
    let uses = (0..24)
        .step_by(2)
        .map(|n| TokenUse::new(id(n), at(1_000 + n), n + 1));
    store
        .record_uses(uses.collect())
        .await
        .expect("uses are written");
}

/// Returns the tokens of all pages, each up to the query's limit.
async fn list(store: &impl TokenStore, query: &Query) -> Vec<StoredToken> {
    let mut query = query.clone();
    let mut all = Vec::new();
    loop {
        let page = store.list(query.clone()).await;
        let TokenPage { tokens, next } = page.expect("the store can be reached");
        let limit = query.page_size();
        assert!(tokens.len() <= limit, "no page is longer than the limit");
        let last = tokens.last().map(|s| Cursor::from_record(&s.record));
        all.extend(tokens);
        let Some(next) = next else { return all };
        assert!(
            query.after.is_none_or(|after| next < after) && last.is_none_or(|last| next <= last),
            "the next page begins after this one"
        );
        query.after = Some(next);
    }
}

pub(super) async fn filters(store: impl TokenStore) {
    fill(&store).await;
    let everything = list(&store, &Query::default()).await;
    assert_eq!(
        everything.len(),
        25,
        "a query without conditions matches every token"
    );
    for (n, holder) in [(40, SessionHolder::User), (41, SessionHolder::Token(id(1)))] {
        let query = Query {
            session_of: Some(holder),
            ..Query::default()
        };
        let sessions = list(&store, &query).await.into_iter();
        let sessions: Vec<Record> = sessions
            .map(|stored| Record {
                rev: 0,
                ..stored.record
            })
            .collect();
        assert_eq!(
            sessions,
            [session(n, holder)],
            "only the sessions of {holder}"
        );
        let got = store.get(id(n)).await.expect("the store can be reached");
        assert!(got.is_some(), "a session is found by its id");
    }
    for query in queries() {
        let expected: Vec<&StoredToken> = everything.iter().filter(|s| query.matches(s)).collect();
        let page = list(&store, &query).await;
        let found: Vec<&StoredToken> = page.iter().collect();
        assert_eq!(found, expected, "{query:?}");
    }
}

fn queries() -> Vec<Query> {
    let text = |text: &str| Some(text.to_owned());
    let mut queries = Vec::new();
    let mut add = |set: &dyn Fn(&mut Query)| {
        let mut query = Query::default();
        set(&mut query);
        queries.push(query);
    };
    for name in ["acme", "ACME", "", "none"] {
        add(&|query| query.organization = text(name));
    }
    for name in ["bob", "bob\0"] {
        add(&|query| query.subject = text(name));
    }
    add(&|query| query.created_by = text("admin"));
    add(&|query| query.kid = KeyId::from_number(2));
    for wanted in [
        "night", "NIGHTLY", "%", "_", "\\", "ärger", "ÄRGER", "", "'", "\0",
    ] {
        add(&|query| query.search = text(wanted));
    }
    for state in STATES {
        for now in [1_999, 2_000, 2_001, 2_002, 2_009] {
            add(&|query| query.state = Some((state, at(now))));
        }
    }
    for secs in [1_000, 1_004, 2_002, 9_999] {
        add(&|query| query.expires_before = Some(at(secs)));
        add(&|query| query.unused_since = Some(at(secs)));
    }
    add(&|query| {
        query.subject = text("alice");
        query.search = text("a");
        query.state = Some((TokenState::Active, at(1_500)));
        query.unused_since = Some(at(1_006));
    });
    queries
}

/// Every combination of the fields that decide a state, at times around each bound.
pub(super) async fn states(store: impl TokenStore) {
    let mut records = Vec::new();
    for n in 0..1_u64 << 6 {
        let has = |bit: u64| n >> bit & 1 == 1;
        let mut record = bare(n);
        record.kid = has(0).then(|| KeyId::from_number(1)).flatten();
        record.revoked_at = has(1).then(|| at(1));
        record.suspended_at = has(2).then(|| at(1));
        record.not_before = has(3).then(|| at(2_003));
        record.expires_at = has(4).then(|| at(2_005));
        record.grace_until = has(5).then(|| at(2_004));
        records.push(record);
    }
    put(&store, records.iter().map(token).map(new).collect()).await;
    let everything = list(&store, &Query::default()).await;
    assert_eq!(everything.len(), records.len());
    for retired_keys in [Vec::new(), KeyId::from_number(1).into_iter().collect()] {
        for now in (2_002..=2_006).map(at) {
            let mut found = 0;
            for state in STATES {
                let query = Query {
                    state: Some((state, now)),
                    retired_keys: retired_keys.clone(),
                    ..Query::default()
                };
                let page = list(&store, &query).await;
                let expected = everything.iter().filter(|stored| {
                    let retired = !retired_keys.is_empty() && stored.record.kid.is_some();
                    match retired {
                        true => state == TokenState::Revoked,
                        false => stored.record.state(now) == state,
                    }
                });
                let expected: Vec<&StoredToken> = expected.collect();
                assert_eq!(page.iter().collect::<Vec<_>>(), expected, "{query:?}");
                found += page.len();
            }
            assert_eq!(found, records.len(), "each token is in exactly one state");
        }
    }
}

pub(super) async fn pages(store: impl TokenStore) {
    fill(&store).await;
    let everything = list(&store, &Query::default()).await;
    let cursors: Vec<Cursor> = everything
        .iter()
        .map(|s| Cursor::from_record(&s.record))
        .collect();
    let newest_first = cursors.windows(2).all(|pair| pair[0] > pair[1]);
    assert!(
        newest_first,
        "the newest token is first; of the same time, the greatest id"
    );
    for limit in [1, 4, 25, 26] {
        let query = Query {
            limit,
            ..Query::default()
        };
        assert_eq!(
            list(&store, &query).await,
            everything,
            "pages of {limit} contain every token once"
        );
    }
}
