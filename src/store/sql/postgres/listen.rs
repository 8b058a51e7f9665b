//! Hearing of other instances' changes.

use std::{future::poll_fn, time::Duration};

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

use super::{head, rows::failed};
use crate::store::error::StoreError;

/// Where changes are told of; the payload is the revision.
pub(super) const CHANNEL: &str = "tower_authn";

/// How long to wait before a lost connection is made again.
const RETRY: Duration = Duration::from_secs(1);

/// Listens for as long as it is let.
pub(super) async fn task(
    config: Config,
    tls: Option<MakeRustlsConnect>,
    heard: watch::Sender<u64>,
    limit: Duration,
) {
    loop {
        // However it ended, it is begun again. Until then changes are found by
        // asking, and there it is said what does not work.
        let _ = match &tls {
            None => listen(&config, NoTls, &heard, limit).await,
            Some(tls) => listen(&config, tls.clone(), &heard, limit).await,
        };
        sleep(RETRY).await;
    }
}

async fn listen<T>(
    config: &Config,
    tls: T,
    heard: &watch::Sender<u64>,
    limit: Duration,
) -> Result<(), StoreError>
where
    T: MakeTlsConnect<Socket, Stream: Send, TlsConnect: Send> + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = config.connect(tls).await.map_err(failed)?;
    let begun = async {
        timeout(limit, begin(&client, heard))
            .await
            .map_err(StoreError::unavailable)?
    };
    try_join(hear(connection, heard), begun).await?;
    Ok(())
}

async fn begin(client: &Client, heard: &watch::Sender<u64>) -> Result<(), StoreError> {
    let listen = format!("LISTEN {CHANNEL}");
    client.batch_execute(&listen).await.map_err(failed)?;
    // What was changed before we listened is heard of in this way.
    heard.send_replace(head(client).await?.rev);
    Ok(())
}

/// Drives the connection, until it ends.
async fn hear<S>(
    mut connection: Connection<Socket, S>,
    heard: &watch::Sender<u64>,
) -> Result<(), StoreError>
where
    S: TlsStream + Unpin,
{
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notification(told) = message.map_err(failed)?
            && let Ok(rev) = told.payload().parse()
        {
            heard.send_replace(rev);
        }
    }
    Err(StoreError::unavailable("the connection ended"))
}
