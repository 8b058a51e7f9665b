//! Documents in the PostgreSQL database of the tokens.

use std::time::Duration;

use deadpool_postgres::{Manager, Object, Pool};
use tokio::time::timeout;
use tokio_postgres::{
    Config, NoTls,
    types::{ToSql, Type},
};

use super::{
    StoreError,
    operation::{Operation, Row, Values},
};

/// The longest wait for a connection, and for an answer.
const LIMIT: Duration = Duration::from_secs(5);

/// The lock serializes two processes that create the table at once.
const TABLE: &str = "BEGIN; SELECT pg_advisory_xact_lock(hashtext('bentocloud'));
    CREATE TABLE IF NOT EXISTS bentocloud (
        kind TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, content BYTEA,
        PRIMARY KEY (kind, name));
    COMMIT";

#[derive(Clone)]
pub(crate) struct Postgres(Pool);

impl Postgres {
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        let mut config: Config = url.parse().map_err(StoreError::new)?;
        config
            .application_name("bentocloud")
            .tcp_user_timeout(LIMIT);
        let manager = Manager::new(config, NoTls);
        let pool = Pool::builder(manager).build().map_err(StoreError::new)?;
        let postgres = Self(pool);
        postgres
            .with(async |client| client.batch_execute(TABLE).await)
            .await?;
        Ok(postgres)
    }

    pub(super) async fn run(
        &self,
        operation: Operation,
        values: Values,
    ) -> Result<Vec<Row>, StoreError> {
        let kind = values.kind.as_str();
        let all: [(&(dyn ToSql + Sync), Type); 4] = [
            (&kind, Type::TEXT),
            (&values.name, Type::TEXT),
            (&values.document, Type::TEXT),
            (&values.content, Type::BYTEA),
        ];
        let needed = &all[..operation.parameters()];
        let rows =
            self.with(async |client| client.query_typed(operation.statement(), needed).await);
        rows.await?
            .iter()
            .map(|row| {
                let content = match operation.has_content() {
                    true => row.try_get(1)?,
                    false => None,
                };
                Ok((row.try_get(0)?, content))
            })
            .collect::<Result<_, tokio_postgres::Error>>()
            .map_err(StoreError::new)
    }

    /// Runs a task within the limit. If the task fails, its connection is in an unknown
    /// state and is closed.
    async fn with<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: AsyncFnOnce(&Object) -> Result<T, tokio_postgres::Error>,
    {
        let client = timeout(LIMIT, self.0.get()).await;
        let client = client.map_err(StoreError::new)?.map_err(StoreError::new)?;
        let done = match timeout(LIMIT, work(&client)).await {
            Ok(done) => done.map_err(StoreError::new),
            Err(late) => Err(StoreError::new(late)),
        };
        if done.is_err() {
            drop(Object::take(client));
        }
        done
    }
}
