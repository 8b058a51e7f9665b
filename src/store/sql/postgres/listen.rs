//! Notifications of changes by other instances.

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
    failure::postgres_error,
    limit_error,
    schema::PositionQuery,
    transaction::{Settings, run},
};
use crate::store::error::StoreError;

/// The channel of notifications. A channel belongs to a database and a counter to
/// a schema, so the payload is the revision and the schema.
const CHANNEL: &str = "tower_authn";

/// How long to wait before connecting again.
const RETRY: Duration = Duration::from_secs(1);

/// Returns the statement that notifies other instances of a revision.
pub(super) fn notify_statement(settings: &Settings, rev: u64) -> String {
    let payload = format!("{rev} {}", settings.schema()).replace('\'', "''");
    format!("NOTIFY {CHANNEL}, '{payload}'")
}

/// A task that listens on a connection of its own.
pub(super) struct Listener {
    pub(super) config: Config,
    pub(super) settings: Arc<Settings>,
    pub(super) position: PositionQuery,
    /// The revision of the last notification.
    pub(super) notified: watch::Sender<u64>,
    pub(super) limit: Duration,
}

impl Listener {
    pub(super) async fn run(self, tls: Option<MakeRustlsConnect>) {
        loop {
            // The error is dropped: meanwhile polling finds the changes, and reports
            // errors of its own.
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
        let (client, connection) = self.config.connect(tls).await.map_err(postgres_error)?;
        let begin = async {
            timeout(self.limit, self.begin(&client))
                .await
                .map_err(|_| limit_error(self.limit))?
        };
        try_join(self.receive(connection), begin).await?;
        Ok(())
    }

    async fn begin(&self, client: &Client) -> Result<(), StoreError> {
        // Set for the session, since no other task uses this connection, and it is
        // idle most of the time.
        let never_idle = "SELECT set_config('idle_session_timeout', '0', FALSE) \
            WHERE current_setting('idle_session_timeout', TRUE) <> '0'";
        run(client, never_idle).await?;
        run(client, &format!("LISTEN {CHANNEL}")).await?;
        // Changes before LISTEN were not notified on this connection.
        let read = self.settings.read(client, || self.position.run(client));
        self.notified.send_replace(read.await?.rev);
        Ok(())
    }

    /// Receives notifications until the connection is closed.
    async fn receive<S>(&self, mut connection: Connection<Socket, S>) -> Result<(), StoreError>
    where
        S: TlsStream + Unpin,
    {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notification) = message.map_err(postgres_error)?
                && let Some((rev, schema)) = notification.payload().split_once(' ')
                && schema == self.settings.schema()
                && let Ok(rev) = rev.parse()
            {
                self.notified.send_replace(rev);
            }
        }
        Err(StoreError::unavailable("the connection was closed"))
    }
}
