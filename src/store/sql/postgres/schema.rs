//! The tables: found, created, and brought to the current version.

use deadpool_postgres::Pool;
use tokio_postgres::{Client, error::SqlState};

use super::{
    failure::sqlstate,
    rows::rows,
    transaction::{Mode, Session, quoted, run},
};
use crate::store::{
    contract::Position,
    error::StoreError,
    sql::{Value, columns, single},
};

/// What brings the tables from one version of their form to the next.
const MIGRATIONS: &[&str] = &[include_str!("1.sql")];

/// The advisory lock that is held while tables are created: `tAut`.
const LOCK: i64 = 0x7441_7574;

/// Names the history: the tables that were created, the database that holds
/// them, and the start of its server. A restore starts a server, and a fail-over
/// leads to one that was started at another time.
const HEAD: &str = "SELECT m.epoch || ' in ' || d.oid || ' since ' || \
        (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::BIGINT, m.rev \
    FROM tower_authn_meta m, pg_database d WHERE d.datname = current_database()";

/// The same, for a role that may not ask when the server started.
const HEAD_WITHOUT_START: &str = "SELECT m.epoch || ' in ' || d.oid, m.rev \
    FROM tower_authn_meta m, pg_database d WHERE d.datname = current_database()";

/// Reads the epoch and the revision, in a way that the role is permitted.
#[derive(Clone, Copy)]
pub(super) struct ReadHead(&'static str);

impl ReadHead {
    pub(super) async fn read(self, client: &Client) -> Result<Position, StoreError> {
        single(rows(client, self.0, &[], columns::head).await?)
    }
}

/// Creates the tables if they are missing, and finds out how to read the head.
pub(super) async fn prepare(pool: &Pool, session: &Session) -> Result<ReadHead, StoreError> {
    let read = session.transaction(pool, Mode::Read).await?;
    let known = version(&read, session).await?;
    let allowed = "SELECT has_function_privilege(\
        'pg_catalog.pg_postmaster_start_time()', 'EXECUTE')::INT::BIGINT";
    let allowed = rows(&read, allowed, &[], columns::one_number).await?;
    read.commit().await?;
    if known < MIGRATIONS.len() {
        migrate(pool, session).await?;
    }
    Ok(ReadHead(match allowed.first() {
        Some(1) => HEAD,
        _ => HEAD_WITHOUT_START,
    }))
}

async fn migrate(pool: &Pool, session: &Session) -> Result<(), StoreError> {
    let write = session.transaction(pool, Mode::Write).await?;
    run(&write, &format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    // Without `pg_temp`, where the tables would be created if the schema is missing.
    let schema = quoted(session.schema());
    run(&write, &format!("SET LOCAL search_path = {schema}")).await?;
    // Another process may have been first.
    for migration in MIGRATIONS.iter().skip(version(&write, session).await?) {
        let done = run(&write, migration).await;
        done.map_err(|error| cant_create(session, error))?;
    }
    write.commit().await
}

fn cant_create(session: &Session, error: StoreError) -> StoreError {
    let missing_right = [
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::INVALID_SCHEMA_NAME,
    ];
    if !sqlstate(&error).is_some_and(|code| missing_right.contains(code)) {
        return error;
    }
    let schema = quoted(session.schema());
    StoreError::unavailable(format!(
        "the tables tower_authn_* are missing from schema {schema} and can't be created: {error}; \
         create the schema, grant CREATE on it, or name another one with PostgresOptions::schema"
    ))
}

/// Returns the version of the tables; 0 if there are none.
async fn version(client: &Client, session: &Session) -> Result<usize, StoreError> {
    // Not `to_regclass`: a connection remembers for a whole transaction that a
    // table was missing, and the lock is waited for within one.
    let tables = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relname = 'tower_authn_meta' AND n.nspname = $1";
    let schema = [Value::Text(Some(session.schema().to_owned()))];
    let tables = rows(client, tables, &schema, columns::one_number).await?;
    if tables.first() == Some(&0) {
        return Ok(0);
    }
    let version = "SELECT version FROM tower_authn_meta";
    let version = single(rows(client, version, &[], columns::one_number).await?)?;
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(StoreError::corrupt(
            "the tables were written by a later version of this crate",
        )),
    }
}
