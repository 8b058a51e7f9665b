//! The documents of the cloud, some with content.
//!
//! They are in the same database as the tokens, in a table of their own. Every request
//! reads them there, so it sees the writes of other processes at once. An acknowledged
//! write is committed.

mod memory;
mod operation;
mod postgres;
mod sqlite;

use std::{error::Error, fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use tower_authn::{
    store::{MemoryStore, PostgresStore, SqliteStore},
    tokens::{Tokens, TokensOptions},
};

pub(crate) use self::operation::Kind;
use self::{
    memory::Memory,
    operation::{Operation, Row, Values},
    postgres::Postgres,
    sqlite::Sqlite,
};

/// The documents of a store.
#[derive(Clone)]
pub(crate) enum Documents {
    Memory(Arc<Memory>),
    Postgres(Postgres),
    Sqlite(Sqlite),
}

/// Opens the tokens and the documents of a store.
pub(crate) async fn open(
    store: &str,
    options: TokensOptions,
) -> Result<(Tokens, Documents), Box<dyn Error>> {
    if store == "memory:" {
        let tokens = Tokens::open(MemoryStore::new(), options).await?;
        return Ok((tokens, Documents::Memory(Arc::default())));
    }
    if let Some(path) = store.strip_prefix("sqlite:") {
        // It creates the file, and sets the mode of its journal.
        let tokens = Tokens::open(SqliteStore::open(path).await?, options).await?;
        return Ok((tokens, Documents::Sqlite(Sqlite::open(path).await?)));
    }
    if store.starts_with("postgres://") || store.starts_with("postgresql://") {
        let tokens = Tokens::open(PostgresStore::connect(store).await?, options).await?;
        return Ok((tokens, Documents::Postgres(Postgres::connect(store).await?)));
    }
    Err("a store is memory:, sqlite:PATH or postgres://…".into())
}

impl Documents {
    /// Creates a document, and returns whether its name was free.
    pub(crate) async fn create(
        &self,
        kind: Kind,
        name: &str,
        document: &impl Serialize,
    ) -> Result<bool, StoreError> {
        let values = Values::new(kind, name).document(document)?;
        self.wrote(Operation::Create, values).await
    }

    /// Writes a document and its content, and replaces one of the same name.
    pub(crate) async fn put(
        &self,
        kind: Kind,
        name: &str,
        document: &impl Serialize,
        content: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let mut values = Values::new(kind, name).document(document)?;
        values.content = content;
        self.run(Operation::Put, values).await.map(drop)
    }

    /// Replaces a document, and returns whether it exists. One that was deleted in the
    /// meantime is not created again.
    pub(crate) async fn replace(
        &self,
        kind: Kind,
        name: &str,
        document: &impl Serialize,
    ) -> Result<bool, StoreError> {
        let values = Values::new(kind, name).document(document)?;
        self.wrote(Operation::Replace, values).await
    }

    /// Deletes a document, and returns it.
    pub(crate) async fn delete<T: DeserializeOwned>(
        &self,
        kind: Kind,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        self.first(Operation::Delete, Values::new(kind, name)).await
    }

    /// Returns one document.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        kind: Kind,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        self.first(Operation::Get, Values::new(kind, name)).await
    }

    /// Returns the content of one document.
    pub(crate) async fn content(
        &self,
        kind: Kind,
        name: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self
            .run(Operation::Content, Values::new(kind, name))
            .await?;
        Ok(rows.into_iter().find_map(|(_, content)| content))
    }

    /// Lists the documents of a kind, sorted by name.
    pub(crate) async fn list<T: DeserializeOwned>(&self, kind: Kind) -> Result<Vec<T>, StoreError> {
        let rows = self.run(Operation::List, Values::new(kind, "")).await?;
        rows.iter().map(read).collect()
    }

    async fn wrote(&self, operation: Operation, values: Values) -> Result<bool, StoreError> {
        Ok(!self.run(operation, values).await?.is_empty())
    }

    async fn first<T: DeserializeOwned>(
        &self,
        operation: Operation,
        values: Values,
    ) -> Result<Option<T>, StoreError> {
        let rows = self.run(operation, values).await?;
        rows.first().map(read).transpose()
    }

    async fn run(&self, operation: Operation, values: Values) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Memory(memory) => Ok(memory.run(operation, values)),
            Self::Postgres(postgres) => postgres.run(operation, values).await,
            Self::Sqlite(sqlite) => sqlite.run(operation, values).await,
        }
    }
}

fn read<T: DeserializeOwned>((document, _): &Row) -> Result<T, StoreError> {
    serde_json::from_str(document).map_err(StoreError::new)
}

/// The store is unreachable, or a document is malformed.
#[derive(Debug)]
pub(crate) struct StoreError(Box<dyn Error + Send + Sync>);

impl StoreError {
    fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store: {}", self.0)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
