//! Hearing of other instances' changes.

use std::{future::poll_fn, sync::Arc, time::Duration};

use futures::future::try_join;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, NoTls, Socket,
    tls::{MakeTlsConnect, TlsConnect, TlsStream},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    failure::failed,
    schema::ReadHead,
    too_slow,
    transaction::{Mode, Session, run},
};
use crate::store::error::StoreError;

/// The channel of changes. A channel belongs to a database and a counter to a
/// schema, so the payload is the revision and the schema.
const CHANNEL: &str = "tower_authn";

/// How long to wait before a lost connection is made again.
const RETRY: Duration = Duration::from_secs(1);

/// The statement that tells other instances of a revision.
pub(super) fn notify(session: &Session, rev: u64) -> String {
    let payload = format!("{rev} {}", session.schema()).replace('\'', "''");
    format!("NOTIFY {CHANNEL}, '{payload}'")
}

/// Listens on a connection of its own.
pub(super) struct Listener {
    pub(super) config: Config,
    pub(super) session: Arc<Session>,
    pub(super) head: ReadHead,
    /// The revision of the last notification.
    pub(super) notified: watch::Sender<u64>,
    pub(super) limit: Duration,
}

impl Listener {
    pub(super) async fn run(self, tls: Option<MakeRustlsConnect>) {
        loop {
            // However it ended, it begins again. Until then changes are found by
            // polling, which reports what does not work.
            let _ = match &tls {
                None => self.listen(NoTls).await,
                Some(tls) => self.listen(tls.clone()).await,
            };
            sleep(RETRY).await;
        }
    }

    async fn listen<T>(&self, tls: T) -> Result<(), StoreError>
    where
        T: MakeTlsConnect<Socket, Stream: Send, TlsConnect: Send> + Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let (client, connection) = self.config.connect(tls).await.map_err(failed)?;
        let begun = async {
            timeout(self.limit, self.begin(&client))
                .await
                .map_err(|_| too_slow(self.limit))?
        };
        try_join(self.hear(connection), begun).await?;
        Ok(())
    }

    async fn begin(&self, client: &Client) -> Result<(), StoreError> {
        // This connection is this task's alone, and idle most of the time.
        let never_idle = "SELECT set_config('idle_session_timeout', '0', FALSE) \
            WHERE current_setting('idle_session_timeout', TRUE) <> '0'";
        run(client, never_idle).await?;
        run(client, &format!("LISTEN {CHANNEL}")).await?;
        // Covers what was changed before this connection listened.
        self.session.begin_on(client, Mode::Read).await?;
        let head = self.head.read(client).await?;
        run(client, "COMMIT").await?;
        self.notified.send_replace(head.rev);
        Ok(())
    }

    /// Drives the connection until it ends.
    async fn hear<S>(&self, mut connection: Connection<Socket, S>) -> Result<(), StoreError>
    where
        S: TlsStream + Unpin,
    {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notification) = message.map_err(failed)?
                && let Some((rev, schema)) = notification.payload().split_once(' ')
                && schema == self.session.schema()
                && let Ok(rev) = rev.parse()
            {
                self.notified.send_replace(rev);
            }
        }
        Err(StoreError::unavailable("the connection ended"))
    }
}
