//! How long a token is accepted after another instance revoked it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::{join_all, try_join};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tower_authn::{
    store::{MemoryStore, PostgresOptions, TokenStore},
    tokens::{CreatedToken, TokenSelector, Tokens, TokensOptions},
};

use super::{Directory, make, server, sqlite, verdict};

const REVOCATIONS: usize = 200;

/// How far two loaded cores may exceed the bounds.
const SLACK: Duration = Duration::from_millis(250);

async fn open(store: impl TokenStore) -> Tokens {
    let options = TokensOptions::new("acme").unwrap();
    Tokens::open(store, options).await.unwrap()
}

async fn is_good(tokens: &Tokens, made: &CreatedToken) -> bool {
    verdict(tokens, made).await.is_none()
}

/// Revokes tokens on one instance, at times spread over more than a poll, and measures
/// how long the other accepts them. After that it must never accept them again.
async fn measure(what: &str, one: &Tokens, other: &Tokens, bound: Duration) -> Vec<Duration> {
    let mut made = Vec::new();
    for _ in 0..REVOCATIONS {
        made.push(make(one).await);
    }
    for made in &made {
        assert!(is_good(other, made).await, "{what}: accepted at first");
    }
    let each = made.iter().zip(0..).map(async |(made, number)| {
        tokio::time::sleep(Duration::from_millis(number * 7)).await;
        let id = TokenSelector::Id(made.record.id);
        assert_eq!(one.revoke(id, "test", "").await.unwrap(), 1);
        let revoked = Instant::now();
        assert!(
            !is_good(one, made).await,
            "{what}: refused at once where it was revoked"
        );
        while is_good(other, made).await {
            assert!(revoked.elapsed() < bound + SLACK, "{what}: past its bound");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let taken = revoked.elapsed();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(!is_good(other, made).await, "{what}: accepted again");
        }
        taken
    });
    let mut times = join_all(each).await;
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "{what}: {} revocations, median {:?}, 99 % {:?}, longest {:?}",
        times.len(),
        at(50),
        at(99),
        at(100)
    );
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_same_process_a_token_is_refused_before_revoke_returns() {
    let tokens = open(MemoryStore::new()).await;
    measure("same process", &tokens, &tokens, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_an_sqlite_file_a_revocation_is_seen_within_its_poll() {
    let directory = Directory::new();
    let file = directory.file();
    let (one, other) = (
        open(sqlite(&file).await).await,
        open(sqlite(&file).await).await,
    );
    measure("one SQLite file", &one, &other, Duration::from_millis(100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_postgres_a_revocation_is_notified() {
    let Some(server) = server::shared() else {
        return;
    };
    let options = PostgresOptions::new(&server.database()).unwrap();
    let connect = || options.clone().connect();
    let (one, other) = try_join(connect(), connect()).await.unwrap();
    let (one, other) = (open(one).await, open(other).await);
    let times = measure("PostgreSQL, LISTEN", &one, &other, Duration::from_secs(1)).await;
    let median = times[REVOCATIONS / 2];
    assert!(
        median < Duration::from_millis(100),
        "{median:?} is a poll's"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn through_postgres_without_listen_a_revocation_is_seen_within_a_poll() {
    let Some(server) = server::shared() else {
        return;
    };
    let options = PostgresOptions::new(&server.database()).unwrap();
    let connect = || options.clone().without_listen().connect();
    let (one, other) = try_join(connect(), connect()).await.unwrap();
    let (one, other) = (open(one).await, open(other).await);
    let bound = Duration::from_secs(1);
    measure("PostgreSQL, no LISTEN", &one, &other, bound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_postgres_without_notifications_a_revocation_is_seen_within_a_poll() {
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let direct = PostgresOptions::new(&url).unwrap();
    let (address, mute) = proxy(server.address()).await;
    let through = url.replace(&server.address().to_string(), &address.to_string());
    let through = PostgresOptions::new(&through).unwrap();
    let (one, other) = try_join(direct.connect(), through.connect()).await.unwrap();
    let (one, other) = (open(one).await, open(other).await);
    // Notifications pass until the proxy is muted.
    let bound = Duration::from_secs(1);
    let times = measure("PostgreSQL, LISTEN through a proxy", &one, &other, bound).await;
    assert!(times[REVOCATIONS / 2] < Duration::from_millis(100));
    mute.store(true, Ordering::SeqCst);
    let times = measure("PostgreSQL, a deaf LISTEN", &one, &other, bound).await;
    assert!(times[REVOCATIONS / 2] > Duration::from_millis(100), "muted");
}

/// Starts a proxy in front of a server. Once it is muted, it drops what the server
/// sends to a client that listens, and keeps the connection open.
async fn proxy(server: SocketAddr) -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mute = Arc::new(AtomicBool::new(false));
    let muted = Arc::clone(&mute);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (from, to) = TcpStream::connect(server).await.unwrap().into_split();
            let (ours, theirs) = client.into_split();
            let listens = Arc::new(AtomicBool::new(false));
            let never = Arc::new(AtomicBool::new(false));
            tokio::spawn(pass(ours, to, Arc::clone(&listens), never));
            tokio::spawn(pass(from, theirs, listens, Arc::clone(&muted)));
        }
    });
    (address, mute)
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    listens: Arc<AtomicBool>,
    mute: Arc<AtomicBool>,
) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let read = &buffer[..read];
        if read.windows(6).any(|word| word == b"LISTEN") {
            listens.store(true, Ordering::SeqCst);
        }
        let is_muted = listens.load(Ordering::SeqCst) && mute.load(Ordering::SeqCst);
        if !is_muted && to.write_all(read).await.is_err() {
            return;
        }
    }
}
