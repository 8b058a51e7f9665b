//! How often a read waits for PostgreSQL.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tower_authn::store::{PostgresOptions, Query, TokenStore};

use super::server;

/// A proxy that, once it is strict, keeps the answers to a transaction back
/// until the client has sent the end of it.
struct Proxy {
    address: SocketAddr,
    strict: watch::Sender<bool>,
}

impl Proxy {
    async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let strict = watch::Sender::new(false);
        let is_strict = strict.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.unwrap();
                tokio::spawn(forward(client, server, is_strict.clone()));
            }
        });
        Self { address, strict }
    }
}

async fn forward(client: TcpStream, server: TcpStream, strict: watch::Receiver<bool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (in_transaction, mut is_in_transaction) = watch::channel(false);
    let requests = async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            let bytes = &buffer[..count];
            let last = |word: &[u8]| bytes.windows(word.len()).rposition(|part| part == word);
            let (begin, commit) = (last(b"BEGIN"), last(b"COMMIT"));
            if begin.max(commit).is_some() && *strict.borrow() {
                in_transaction.send_replace(begin > commit);
            }
            to_server.write_all(bytes).await.unwrap();
        }
    };
    let responses = async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
            let _ = is_in_transaction.wait_for(|inside| !inside).await;
            if to_client.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    futures::future::join(requests, responses).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_from_postgres_takes_one_round_trip() {
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let proxy = Proxy::start(server.address()).await;
    let through = url.replace(&server.address().to_string(), &proxy.address.to_string());
    let options = PostgresOptions::new(&through).unwrap();
    let options = options.without_listen().pool_size(1);
    let limit = Duration::from_secs(10);
    let store = options.limit(limit).connect().await.unwrap();
    proxy.strict.send_replace(true);
    let id = "000000000001".parse().unwrap();
    let reads = async {
        for _ in 0..3 {
            assert_eq!(store.get(id).await.unwrap(), None);
            assert_eq!(store.list(Query::default()).await.unwrap().tokens, []);
            assert_eq!(store.changes(0, 10).await.unwrap().rows, []);
        }
    };
    let read = timeout(limit / 2, reads).await;
    assert!(read.is_ok(), "a read waited before it had sent everything");
}
