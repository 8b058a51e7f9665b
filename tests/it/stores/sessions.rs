//! PostgreSQL with unusual defaults of the database or the role.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::time::timeout;
use tower_authn::{
    RejectionKind,
    store::{PostgresOptions, PostgresStore, Query, Row, StoreErrorKind, TokenStore, Write},
    tokens::{NewToken, TokenErrorKind, TokenSelector, Tokens, TokensOptions},
};

use super::{
    becomes, make,
    server::{self, Server},
    verdict,
};

/// Defaults of a database. Each broke a store that does not set its own.
const DEFAULTS: [&str; 10] = [
    "default_transaction_isolation = 'read committed'",
    "default_transaction_isolation = 'repeatable read'",
    "default_transaction_isolation = serializable",
    "default_transaction_read_only = on",
    "statement_timeout = '50ms'",
    "lock_timeout = '1ms'",
    "idle_in_transaction_session_timeout = '50ms'",
    "search_path = '$user', 'a schema; that isn''t there'",
    "standard_conforming_strings = off",
    "synchronous_commit = off",
];

/// Creates a database with defaults.
fn database(server: &Server, defaults: &[&str]) -> String {
    let url = server.database();
    set_defaults(server, &url, defaults);
    url
}

/// Sets defaults for new sessions.
fn set_defaults(server: &Server, url: &str, defaults: &[&str]) {
    let name = url.rsplit('/').next().unwrap();
    for default in defaults {
        server.psql("postgres", &format!("ALTER DATABASE {name} SET {default}"));
    }
}

fn options() -> TokensOptions {
    TokensOptions::new("acme").unwrap()
}

async fn open(options: PostgresOptions) -> Tokens {
    let store = options.connect().await.unwrap();
    Tokens::open(store, self::options()).await.unwrap()
}

/// Runs every operation with two instances on one database: they start at once,
/// create under contention, search, revoke in an emergency and follow each other.
async fn works(options: &PostgresOptions, creates: usize, what: &str) {
    let (one, two) = tokio::join!(open(options.clone()), open(options.clone()));
    let create = |n: usize| {
        let tokens = [&one, &two][n % 2].clone();
        async move {
            tokens
                .create(NewToken::new("mallory").name("100%_\\"))
                .await
        }
    };
    let created = join_all((0..creates).map(|n| tokio::spawn(create(n)))).await;
    let mut made = Vec::new();
    for created in created {
        made.push(created.unwrap().unwrap_or_else(|e| panic!("{what}: {e}")));
    }
    let kept = make(&two).await;
    let mut query = Query::default();
    query.search = Some("0%_\\".to_owned());
    query.limit = 1_000;
    assert_eq!(
        one.list(query).await.unwrap().tokens.len(),
        creates,
        "{what}"
    );

    // The emergency: a revocation while more tokens are created.
    let more = join_all((0..20).map(create));
    let which = TokenSelector::Subject("mallory");
    let revoked = one.revoke(which, "security", "leaked");
    let (more, revoked) = tokio::join!(more, revoked);
    assert!(revoked.unwrap() >= creates, "{what}");
    assert!(more.iter().all(Result::is_ok), "{what}");
    for made in &made {
        assert_eq!(verdict(&one, made).await, Some(RejectionKind::Revoked));
    }
    becomes(&two, &made[0], Some(RejectionKind::Revoked)).await;
    becomes(&one, &kept, None).await;
    for tokens in [&one, &two] {
        tokens.prune(Duration::ZERO).await.unwrap();
        // Writes the uses.
        tokens.shutdown().await.unwrap();
    }
    let used = open(options.clone()).await.get(kept.record.id).await;
    assert!(used.unwrap().usage.uses >= 1, "{what}: uses are counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_no_default_of_a_database_changes_what_the_store_does() {
    let Some(server) = server::shared() else {
        return;
    };
    for default in DEFAULTS {
        let options = PostgresOptions::new(&database(server, &[default])).unwrap();
        works(&options, 20, default).await;
    }
    let options = PostgresOptions::new(&database(server, &DEFAULTS)).unwrap();
    works(&options, 20, "all of them").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_no_default_changes_it_behind_a_pooler_by_transactions_either() {
    let Some(server) = server::shared() else {
        return;
    };
    let Some(pooler) = server.pooler() else {
        return;
    };
    let (direct, pooled) = (server.address(), pooler.address());
    let url = database(server, &DEFAULTS);
    let url = url.replace(&direct.to_string(), &pooled.to_string());
    let options = PostgresOptions::new(&url).unwrap().without_listen();
    works(&options, 20, "behind a pooler").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_two_hundred_creates_at_once_succeed_under_any_default_isolation() {
    let Some(server) = server::shared() else {
        return;
    };
    for isolation in &DEFAULTS[..3] {
        let options = PostgresOptions::new(&database(server, &[isolation])).unwrap();
        works(&options, 200, isolation).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_two_instances_may_start_at_once_on_an_empty_database() {
    let Some(server) = server::shared() else {
        return;
    };
    for n in 0..20 {
        let defaults = &DEFAULTS[n % 4..=n % 4];
        let options = PostgresOptions::new(&database(server, defaults)).unwrap();
        let (one, two) = tokio::join!(open(options.clone()), open(options));
        let made = make(&one).await;
        becomes(&two, &made, None).await;
    }
}

/// The settings of the transaction that writes a row, read by a trigger.
const SETTINGS: &str = "SELECT concat_ws(', ', \
    current_setting('transaction_isolation'), current_setting('transaction_read_only'), \
    current_setting('statement_timeout'), current_setting('lock_timeout'), \
    current_setting('idle_in_transaction_session_timeout'), current_setting('search_path'), \
    current_setting('standard_conforming_strings'), current_setting('synchronous_commit'))";

#[tokio::test(flavor = "multi_thread")]
async fn s10_each_transaction_that_writes_states_its_settings() {
    let Some(server) = server::shared() else {
        return;
    };
    let expected = |commit: &str| {
        format!("read committed, off, 10s, 1350ms, 10s, public, pg_temp, on, {commit}")
    };
    for (defaults, commit) in [
        (&DEFAULTS[..0], "on"),
        (&DEFAULTS[..], "on"),
        (&["synchronous_commit = remote_apply"][..], "remote_apply"),
    ] {
        let url = server.database();
        let name = url.rsplit('/').next().unwrap();
        PostgresStore::connect(&url).await.unwrap();
        server.psql(
            name,
            &format!(
                "CREATE TABLE seen (what TEXT); \
                 CREATE FUNCTION see() RETURNS TRIGGER LANGUAGE plpgsql AS \
                 $$ BEGIN INSERT INTO public.seen {SETTINGS}; RETURN NULL; END $$; \
                 CREATE TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON tower_authn_tokens \
                 FOR EACH ROW EXECUTE FUNCTION see(); \
                 CREATE TRIGGER see AFTER INSERT ON tower_authn_usage \
                 FOR EACH ROW EXECUTE FUNCTION see()"
            ),
        );
        set_defaults(server, &url, defaults);
        let options = PostgresOptions::new(&url).unwrap();
        let tokens = open(options.limit(Duration::from_millis(1_500))).await;
        let made = make(&tokens).await;
        assert_eq!(verdict(&tokens, &made).await, None);
        let id = TokenSelector::Id(made.record.id);
        tokens.revoke(id, "test", "").await.unwrap();
        tokens.shutdown().await.unwrap();
        let seen = server.psql(name, "SELECT * FROM public.seen");
        let seen: Vec<&str> = seen.lines().collect();
        assert_eq!(seen, vec![expected(commit); 3], "created, revoked, used");
    }
}

/// Adds a trigger that raises an error in the first transactions that write a token
/// or a use. It counts them with a sequence, which a rollback does not undo.
fn raise_errors(server: &Server, name: &str, code: &str, times: u64) {
    server.psql(
        name,
        &format!(
            "CREATE SEQUENCE tries; \
             CREATE FUNCTION give_up() RETURNS TRIGGER LANGUAGE plpgsql AS \
             $$ BEGIN IF nextval('tries') <= {times} \
             THEN RAISE EXCEPTION 'given up' USING ERRCODE = '{code}'; END IF; \
             RETURN NULL; END $$; \
             CREATE TRIGGER give_up AFTER INSERT OR UPDATE ON tower_authn_tokens \
             FOR EACH ROW EXECUTE FUNCTION give_up(); \
             CREATE TRIGGER give_up AFTER INSERT ON tower_authn_usage \
             FOR EACH ROW EXECUTE FUNCTION give_up()"
        ),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_a_transaction_that_postgres_gives_up_is_tried_again_within_a_bound() {
    let Some(server) = server::shared() else {
        return;
    };
    for code in ["40001", "40P01"] {
        let url = server.database();
        let name = url.rsplit('/').next().unwrap();
        let tokens = open(PostgresOptions::new(&url).unwrap()).await;
        raise_errors(server, name, code, 3);
        let restart = || server.psql(name, "ALTER SEQUENCE tries RESTART");
        let made = make(&tokens).await;
        assert_eq!(verdict(&tokens, &made).await, None);
        restart();
        let id = TokenSelector::Id(made.record.id);
        assert_eq!(tokens.revoke(id, "test", "").await.unwrap(), 1);
        restart();
        tokens.shutdown().await.unwrap();
        let rows = server.psql(name, "SELECT sum(uses) FROM tower_authn_usage");
        assert_eq!(rows.trim(), "1", "{code}: a use is counted once");
    }
    for (code, kind) in [
        ("40001", StoreErrorKind::Conflict),
        ("40P01", StoreErrorKind::Conflict),
        ("23514", StoreErrorKind::Unavailable),
    ] {
        let url = server.database();
        let name = url.rsplit('/').next().unwrap();
        let store = PostgresStore::connect(&url).await.unwrap();
        let tokens = open(PostgresOptions::new(&url).unwrap()).await;
        let made = make(&tokens).await;
        raise_errors(server, name, code, 1_000_000);
        let begun = Instant::now();
        let mut row = Row::Token(Box::new(made.record.clone()));
        let expected_rev = row.rev();
        row.set_rev(0);
        let write = Write::replace(row, expected_rev);
        let error = timeout(Duration::from_secs(20), store.apply(vec![write])).await;
        let error = error.unwrap().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(code), "{error}");
        assert!(error.to_string().contains("given up"), "{error}");
        if kind == StoreErrorKind::Unavailable {
            let id = TokenSelector::Id(made.record.id);
            let refused = tokens.revoke(id, "test", "").await.unwrap_err();
            assert_eq!(refused.kind(), TokenErrorKind::Unavailable);
            assert!(begun.elapsed() < Duration::from_secs(5), "not tried again");
        }
    }
}
