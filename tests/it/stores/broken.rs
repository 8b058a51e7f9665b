//! Stores that break a rule, which the conformance suite must find.

use std::{collections::HashSet, time::Duration};

use tokio::{sync::Mutex, time::sleep};
use tower_authn::{
    store::{
        Changes, MemoryStore, Position, Query, Row, StoreError, StoredToken, TokenPage, TokenStore,
        TokenUse, Write, conformance,
    },
    token::{Timestamp, TokenId},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// No fault.
    None,
    /// Revisions are taken before the commit, so that a later one may appear first.
    RevisionBeforeCommit,
    /// A conflict leaves the rows before it written.
    HalfWritten,
    /// A change of a token loses its uses.
    ForgetsUses,
    /// The limit is ignored.
    NoLimit,
    /// The newest changes come first.
    Unordered,
    /// A list begins with the oldest token.
    OldestFirst,
    /// The position is that of the page, not of the store.
    PositionOfThePage,
    /// Tokens that ended a second too late are pruned too.
    PrunesTooMuch,
    /// The position does not have the time of prunes.
    HidesPrunes,
}

struct Broken {
    store: MemoryStore,
    fault: Fault,
    /// Revisions that were taken and not yet committed.
    hidden: Mutex<HashSet<u64>>,
}

impl TokenStore for Broken {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        match self.fault {
            Fault::RevisionBeforeCommit => {
                let count = writes.len() as u64;
                let mut hidden = self.hidden.lock().await;
                let last = self.store.apply(writes).await?;
                let revisions = last + 1 - count..=last;
                hidden.extend(revisions.clone());
                drop(hidden);
                // The commit, which some writes make after their successors.
                sleep(Duration::from_millis(last % 3 * 2)).await;
                let mut hidden = self.hidden.lock().await;
                hidden.retain(|rev| !revisions.contains(rev));
                Ok(last)
            }
            Fault::HalfWritten => {
                let mut last = 0;
                for write in writes {
                    last = self.store.apply(vec![write]).await?;
                }
                Ok(last)
            }
            _ => self.store.apply(writes).await,
        }
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        let mut found = self.store.get(id).await?;
        if let (Fault::ForgetsUses, Some(stored)) = (self.fault, &mut found)
            && !stored.record.name.is_empty()
        {
            stored.usage = Default::default();
        }
        Ok(found)
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        let mut page = self.store.list(query).await?;
        if let Fault::OldestFirst = self.fault {
            page.tokens.reverse();
        }
        Ok(page)
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let limit = match self.fault {
            Fault::NoLimit => usize::MAX,
            _ => limit,
        };
        let hidden = self.hidden.lock().await;
        let mut changes = self.store.changes(since, limit).await?;
        changes.rows.retain(|row| !hidden.contains(&row.rev()));
        match self.fault {
            Fault::Unordered => changes.rows.reverse(),
            Fault::HidesPrunes => changes.head.pruned_before = Timestamp::default(),
            Fault::PositionOfThePage => {
                changes.head.rev = changes.rows.last().map_or(since, Row::rev);
            }
            _ => {}
        }
        Ok(changes)
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        self.store.load_all(each).await
    }

    async fn watch(&self, since: u64) {
        self.store.watch(since).await;
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        self.store.record_uses(uses).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        let before = match self.fault {
            Fault::PrunesTooMuch => ended_before + Duration::from_secs(1),
            _ => ended_before,
        };
        self.store.prune(before).await
    }
}

async fn conforms(fault: Fault) -> bool {
    let make = move || async move {
        let (store, hidden) = (MemoryStore::new(), Mutex::default());
        Broken {
            store,
            fault,
            hidden,
        }
    };
    let checked = tokio::spawn(async move { conformance::check(make).await });
    checked.await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_finds_each_broken_rule() {
    assert!(
        conforms(Fault::None).await,
        "a store without a fault conforms"
    );
    for fault in [
        Fault::RevisionBeforeCommit,
        Fault::HalfWritten,
        Fault::ForgetsUses,
        Fault::NoLimit,
        Fault::Unordered,
        Fault::OldestFirst,
        Fault::PositionOfThePage,
        Fault::PrunesTooMuch,
        Fault::HidesPrunes,
    ] {
        assert!(!conforms(fault).await, "{fault:?} was not found");
    }
}
