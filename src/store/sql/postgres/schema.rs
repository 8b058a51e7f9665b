//! The tables: created, and migrated to the current version.

use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio_postgres::{Client, error::SqlState};

use super::{
    connection::Transaction,
    failure::sqlstate,
    rows::query_rows,
    transaction::{Mode, Settings, quoted, run},
};
use crate::store::{
    error::StoreError,
    rows::Position,
    sql::{
        Value,
        read::{read_number, read_position},
        statements::single_row,
    },
};

/// The statements that migrate the tables from one version to the next.
const MIGRATIONS: &[&str] = &[include_str!("1.sql")];

/// The id of the advisory lock that is held during a migration: `tAut`.
const LOCK: i64 = 0x7441_7574;

/// The query for the position. Its epoch names the creation of the tables, their database
/// and the start of the server, since a restore starts a server and a fail-over leads to one
/// that was started at another time.
///
/// It depends on no setting of a session, so that it can run outside of a transaction.
#[derive(Clone)]
pub(super) struct PositionQuery(Arc<str>);

impl PositionQuery {
    fn new(settings: &Settings, may_read_start: bool) -> Self {
        // A role that may not read the start of the server does without.
        let start = match may_read_start {
            true => {
                ", ' since ', (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) \
                    OPERATOR(pg_catalog.*) 1000000)::BIGINT"
            }
            false => "",
        };
        let schema = quoted(settings.schema());
        let query = format!(
            "SELECT pg_catalog.concat(m.epoch, ' in ', d.oid{start}), m.rev, m.pruned_before \
             FROM {schema}.tower_authn_meta m, pg_catalog.pg_database d \
             WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
        );
        Self(query.into())
    }

    pub(super) async fn run(&self, client: &Client) -> Result<Position, StoreError> {
        single_row(query_rows(client, &self.0, &[], read_position).await?)
    }
}

/// Migrates the tables, and returns the query for their position.
pub(super) async fn prepare(pool: &Pool, settings: &Settings) -> Result<PositionQuery, StoreError> {
    let transaction = Transaction::begin(pool, settings, Mode::Read).await?;
    let version = read_version(&transaction, settings).await?;
    let allowed = "SELECT has_function_privilege(\
        'pg_catalog.pg_postmaster_start_time()', 'EXECUTE')::INT::BIGINT";
    let allowed = query_rows(&transaction, allowed, &[], read_number).await?;
    transaction.commit().await?;
    if version < MIGRATIONS.len() {
        migrate(pool, settings).await?;
    }
    Ok(PositionQuery::new(settings, allowed.first() == Some(&1)))
}

async fn migrate(pool: &Pool, settings: &Settings) -> Result<(), StoreError> {
    let transaction = Transaction::begin(pool, settings, Mode::Write).await?;
    run(
        &transaction,
        &format!("SELECT pg_advisory_xact_lock({LOCK})"),
    )
    .await?;
    // Leaves out `pg_temp`, in which the tables would be created if the schema is
    // missing.
    let schema = quoted(settings.schema());
    run(&transaction, &format!("SET LOCAL search_path = {schema}")).await?;
    // Another process may have migrated them before this one had the lock.
    let version = read_version(&transaction, settings).await?;
    for migration in MIGRATIONS.iter().skip(version) {
        let migrated = run(&transaction, migration).await;
        migrated.map_err(|error| migration_error(settings, error))?;
    }
    transaction.commit().await
}

/// Explains the error of a role that may not create the tables.
fn migration_error(settings: &Settings, error: StoreError) -> StoreError {
    let missing_permission = [
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::INVALID_SCHEMA_NAME,
    ];
    if !sqlstate(&error).is_some_and(|code| missing_permission.contains(code)) {
        return error;
    }
    let schema = quoted(settings.schema());
    StoreError::unavailable(format!(
        "the tables tower_authn_* are missing from schema {schema} and can't be created: {error}; \
         create the schema, grant CREATE on it, or name another one with PostgresOptions::schema"
    ))
}

/// Returns the version of the tables; 0 if there are none.
async fn read_version(client: &Client, settings: &Settings) -> Result<usize, StoreError> {
    // Not `to_regclass`: its answer is cached for the whole transaction, and another
    // process may create the tables while this transaction waits for the lock.
    let tables = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relname = 'tower_authn_meta' AND n.nspname = $1";
    let schema = [Value::Text(Some(settings.schema().to_owned()))];
    let tables = query_rows(client, tables, &schema, read_number).await?;
    if tables.first() == Some(&0) {
        return Ok(0);
    }
    let version = "SELECT version FROM tower_authn_meta";
    let version = single_row(query_rows(client, version, &[], read_number).await?)?;
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(StoreError::corrupt(
            "the tables were written by a later version of this crate",
        )),
    }
}
