//! Measures lists, changes, uses and a revocation of many tokens in a database.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tower_authn::{
    store::{Query, TokenStore, TokenUse},
    token::{KeyId, Timestamp, TokenState},
    tokens::{NewToken, TokenSelector, Tokens},
};

use super::{
    Scale,
    filled::{options, record},
};

/// How often each page is read.
const PAGES: usize = 100;

/// How many times changes are asked for.
const POLLS: u32 = 1_000;

/// How many uses are written at once.
const BATCH: u64 = 1_000;

/// The most batches of uses.
const BATCHES: u64 = 50;

pub async fn report<S: TokenStore>(name: &str, scale: Scale, open: impl AsyncFn() -> S) {
    let store = open().await;
    println!("\n| {name}, {} tokens | median | 99 % | most |", scale.all);
    println!("|---|---|---|---|");
    pages(&store).await;
    changes(&store).await;
    uses(&store, scale).await;
    drop(store);
    let (one, other) = (follow(open().await).await, follow(open().await).await);
    revoke(&one, &other).await;
}

async fn follow(store: impl TokenStore) -> Tokens {
    Tokens::open(store, options()).await.expect("a good store")
}

async fn pages(store: &impl TokenStore) {
    let text = |text: &str| Some(text.to_owned());
    let now = Timestamp::from_secs(1_800_000_000);
    let mut queries: Vec<(&str, Query)> = Vec::new();
    let mut add = |what, set: &dyn Fn(&mut Query)| {
        let mut query = Query::default();
        set(&mut query);
        queries.push((what, query));
    };
    add("all", &|_| ());
    add("an organization", &|query| {
        query.organization = text("acme")
    });
    add("an unknown organization", &|query| {
        query.organization = text("none")
    });
    add("a subject", &|query| query.subject = text("user-7"));
    add("a creator", &|query| query.created_by = text("bulk"));
    add("a search without a hit", &|query| {
        query.search = text("nothing")
    });
    add("a state without a token", &|query| {
        query.state = Some((TokenState::Suspended, now));
    });
    add("expired tokens of an organization", &|query| {
        query.organization = text("acme");
        query.state = Some((TokenState::Expired, now));
    });
    add("a key without a token", &|query| {
        query.kid = KeyId::from_number(60)
    });
    add("expiring tokens", &|query| query.expires_before = Some(now));
    add("unused tokens", &|query| {
        query.unused_since = Some(Timestamp::from_secs(1))
    });
    for (what, query) in queries {
        let mut times = Vec::new();
        let mut query = query.clone();
        for _ in 0..PAGES {
            let begin = Instant::now();
            let page = store.list(query.clone()).await.expect("a good store");
            times.push(begin.elapsed());
            query.after = page.next;
        }
        row(what, times);
    }
}

async fn changes(store: &impl TokenStore) {
    let rev = store.load_all(&mut |_| ()).await.expect("a good store").rev;
    let begin = Instant::now();
    for _ in 0..POLLS {
        let changes = store.changes(rev, 1_000).await.expect("a good store");
        assert!(changes.rows.is_empty(), "nothing changed");
    }
    rate("reads of the changes", POLLS.into(), begin.elapsed());
}

async fn uses(store: &impl TokenStore, scale: Scale) {
    let batches = BATCHES.min(scale.all / BATCH).max(1);
    let begin = Instant::now();
    for batch in 0..batches {
        // Ids far apart, as a flush has them.
        let number = |n: u64| (n * batches + batch) * (scale.all / batches / BATCH).max(1);
        let used = |n| TokenUse::new(record(number(n)).id, Timestamp::from_secs(1), 1);
        let uses = (0..BATCH).map(used).collect();
        store.record_uses(uses).await.expect("a good store");
    }
    rate("uses written", batches * BATCH, begin.elapsed());
}

/// Revokes a tenth of the tokens, while another instance creates tokens.
async fn revoke(one: &Tokens, other: &Tokens) {
    let done = AtomicBool::new(false);
    let revoke = async {
        let begin = Instant::now();
        let which = TokenSelector::CreatedBy("bulk");
        let count = one.revoke(which, "admin", "leaked").await;
        done.store(true, Ordering::Relaxed);
        (count.expect("a good store"), begin.elapsed())
    };
    let create = async {
        let mut times = Vec::new();
        while !done.load(Ordering::Relaxed) {
            let begin = Instant::now();
            other
                .create(NewToken::new("alice"))
                .await
                .expect("a good store");
            times.push(begin.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        times
    };
    let ((count, took), times) = tokio::join!(revoke, create);
    row("a create during a revocation", times);
    println!("\n{count} tokens were revoked in {took:.2?}");
}

fn row(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "| {what} | {:.1?} | {:.1?} | {:.1?} |",
        at(50),
        at(99),
        at(100)
    );
}

fn rate(what: &str, count: u64, took: Duration) {
    println!(
        "| {what} | {:.0} a second | | |",
        count as f64 / took.as_secs_f64()
    );
}
