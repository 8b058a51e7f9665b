//! How often a call waits for PostgreSQL.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tower_authn::{
    store::{PostgresOptions, PostgresStore, Query, Row, TokenStore, TokenUse, Write},
    token::{Digest, Record, Timestamp},
};

use super::server::{self, Server};

/// How long the proxy waits for more from the client before it passes an answer on.
const HOLD: Duration = Duration::from_millis(60);

/// What a client has sent, a text for each time that it waited for an answer.
type Sent = Arc<Mutex<Vec<String>>>;

/// A proxy for one client at a time.
struct Proxy {
    address: SocketAddr,
    sent: Sent,
}

impl Proxy {
    async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Sent::default();
        let note = Arc::clone(&sent);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.unwrap();
                forward(client, server, &note).await;
            }
        });
        Self { address, sent }
    }

    async fn connect(&self, server: &Server) -> PostgresStore {
        let url = server.database();
        let through = url.replace(&server.address().to_string(), &self.address.to_string());
        let options = PostgresOptions::new(&through).unwrap();
        let options = options.without_listen().pool_size(1);
        options.connect().await.unwrap()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, sent: &Sent) {
    let (mut request, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut has_waited = true;
    loop {
        tokio::select! {
            biased;
            count = client.read(&mut request) => {
                let Ok(count @ 1..) = count else { return };
                let text = String::from_utf8_lossy(&request[..count]).into_owned();
                {
                    let mut sent = sent.lock().unwrap();
                    match sent.last_mut() {
                        Some(last) if !has_waited => last.push_str(&text),
                        _ => sent.push(text),
                    }
                }
                has_waited = false;
                server.write_all(&request[..count]).await.unwrap();
            }
            // Until the client has sent all that it sends without an answer.
            _ = async { server.readable().await.unwrap(); sleep(HOLD).await } => {
                match timeout(HOLD, server.read(&mut answer)).await {
                    Ok(Ok(count @ 1..)) => {
                        has_waited = true;
                        client.write_all(&answer[..count]).await.unwrap();
                    }
                    Ok(_) => return,
                    Err(_) => {}
                }
            }
        }
    }
}

fn write(number: u64) -> Write {
    let id = format!("{number:012}").parse().unwrap();
    let digest = Digest::sha256(number.to_be_bytes());
    let record = Record::new(id, digest, "bob".to_owned(), Timestamp::default());
    Write::insert(Row::Token(Box::new(record)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_from_postgres_takes_one_round_trip() {
    let Some(server) = server::shared() else {
        return;
    };
    let proxy = Proxy::start(server.address()).await;
    let store = proxy.connect(server).await;
    let id = "000000000001".parse().unwrap();
    let mut searched = Query::default();
    searched.search = Some("a".to_owned());
    proxy.take();
    assert_eq!(store.get(id).await.unwrap(), None);
    assert_eq!(proxy.take().len(), 1, "get");
    for query in [Query::default(), searched] {
        assert_eq!(store.list(query).await.unwrap().tokens, []);
        assert_eq!(proxy.take().len(), 1, "list");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_where_nothing_changed_postgres_runs_one_statement() {
    let Some(server) = server::shared() else {
        return;
    };
    let proxy = Proxy::start(server.address()).await;
    let store = proxy.connect(server).await;
    proxy.take();
    assert_eq!(store.changes(0, 10).await.unwrap().rows, []);
    let sent = proxy.take();
    assert_eq!(sent.len(), 1);
    let is_one = sent[0].matches("SELECT").count() == 1 && !sent[0].contains("BEGIN");
    assert!(is_one, "{sent:?}");

    store.apply(vec![write(1)]).await.unwrap();
    proxy.take();
    assert_eq!(store.changes(0, 10).await.unwrap().rows.len(), 1);
    let sent = proxy.take();
    assert_eq!(sent.len(), 2, "the position, and then the rows: {sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_a_write_to_postgres_holds_the_counter_for_two_round_trips() {
    let Some(server) = server::shared() else {
        return;
    };
    let proxy = Proxy::start(server.address()).await;
    let store = proxy.connect(server).await;
    for rows in [1, 600] {
        proxy.take();
        let writes = (rows..2 * rows).map(write).collect();
        store.apply(writes).await.unwrap();
        let sent = proxy.take();
        let which = |word: &str| sent.iter().position(|sent| sent.contains(word)).unwrap();
        assert_eq!(which("BEGIN"), 0, "{rows}");
        assert_eq!(which("UPDATE tower_authn_meta"), 1, "{rows}");
        assert_eq!((which("NOTIFY"), which("; COMMIT")), (2, 2), "{rows}");
        assert_eq!(sent.len(), 3, "{rows}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_a_thousand_uses_are_one_statement_of_postgres() {
    let Some(server) = server::shared() else {
        return;
    };
    let proxy = Proxy::start(server.address()).await;
    let store = proxy.connect(server).await;
    store.apply((0..1_000).map(write).collect()).await.unwrap();
    proxy.take();
    let id = |number: u64| format!("{number:012}").parse().unwrap();
    let used = |number| TokenUse::new(id(number), Timestamp::from_secs(number), 2);
    store
        .record_uses((0..1_000).map(used).collect())
        .await
        .unwrap();
    let sent = proxy.take();
    let statements = sent.iter().map(|sent| sent.matches("INSERT").count());
    assert_eq!(statements.collect::<Vec<_>>(), [0, 1, 0]);
    let stored = store.get(id(999)).await.unwrap().unwrap();
    assert_eq!(stored.usage.uses, 2);
}
