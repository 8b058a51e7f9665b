//! PostgreSQL roles with few permissions, and the errors that name the missing ones.

use tower_authn::{
    RejectionKind,
    store::{PostgresOptions, PostgresStore, StoreErrorKind, TokenStore},
    tokens::{NewToken, TokenSelector, Tokens, TokensOptions},
};

use super::{
    becomes, make,
    server::{self, Server},
    verdict,
};

/// Creates a database and a role that owns nothing, and returns the database's name,
/// the role and its options.
fn database(server: &Server) -> (String, String, PostgresOptions) {
    let url = server.database();
    let name = url.rsplit('/').next().unwrap().to_owned();
    let role = format!("role_{name}");
    server.psql("postgres", &format!("CREATE ROLE {role} LOGIN"));
    let own = url.replace("postgres@", &format!("{role}@"));
    (name, role, PostgresOptions::new(&own).unwrap())
}

fn grant(server: &Server, name: &str, role: &str) {
    server.psql(
        name,
        &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"),
    );
}

async fn open(options: PostgresOptions) -> Tokens {
    let store = options.connect().await.unwrap();
    let options = TokensOptions::new("acme").unwrap();
    Tokens::open(store, options).await.unwrap()
}

async fn works(options: PostgresOptions) {
    let (one, two) = tokio::join!(open(options.clone()), open(options));
    let (kept, revoked) = (make(&one).await, make(&one).await);
    becomes(&two, &revoked, None).await;
    let which = TokenSelector::Id(revoked.record.id);
    assert_eq!(one.revoke(which, "security", "leaked").await.unwrap(), 1);
    becomes(&two, &revoked, Some(RejectionKind::Revoked)).await;
    assert_eq!(verdict(&two, &kept).await, None);
    two.shutdown().await.unwrap();
}

async fn refusal(options: PostgresOptions) -> String {
    let error = options.connect().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_a_role_needs_no_right_to_create_where_the_tables_are() {
    let Some(server) = server::shared() else {
        return;
    };
    let (name, role, options) = database(server);
    server.psql(&name, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let refused = refusal(options.clone()).await;
    for part in ["schema \"public\"", "42501", "PostgresOptions::schema"] {
        assert!(refused.contains(part), "{refused}");
    }
    PostgresStore::connect(&server.url(&name)).await.unwrap();
    let refused = refusal(options.clone()).await;
    assert!(refused.contains("tower_authn_meta"), "{refused}");
    assert!(refused.contains("42501"), "{refused}");
    grant(server, &name, &role);
    works(options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_the_tables_may_be_in_a_schema_of_their_own() {
    let Some(server) = server::shared() else {
        return;
    };
    let (name, role, options) = database(server);
    for schema in ["authn", "it's \"own\"; -- schema", "$User"] {
        let options = options.clone().schema(schema).unwrap();
        let refused = refusal(options.clone()).await;
        assert!(refused.contains("3F000"), "{refused}");
        let quoted = schema.replace('"', "\"\"");
        server.psql(
            &name,
            &format!("CREATE SCHEMA \"{quoted}\" AUTHORIZATION {role}"),
        );
        works(options).await;
    }
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'tower_authn_tokens'";
    assert_eq!(server.psql(&name, tables).trim(), "3");
    for refused in ["", "a\0b", "$user", "pg_temp", &"a".repeat(64)] {
        assert!(options.clone().schema(refused).is_err(), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_an_error_names_what_the_database_refused() {
    let Some(server) = server::shared() else {
        return;
    };
    let (name, role, options) = database(server);
    PostgresStore::connect(&server.url(&name)).await.unwrap();
    grant(server, &name, &role);
    let tokens = open(options).await;
    make(&tokens).await;
    server.psql(
        &name,
        &format!("REVOKE INSERT ON tower_authn_tokens FROM {role}"),
    );
    let refused = tokens.create(NewToken::new("bob")).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("tower_authn_tokens"), "{text}");
    assert!(text.contains("42501"), "{text}");
    grant(server, &name, &role);
    make(&tokens).await;

    let unknown = server.url(&name).replace("postgres@", "no_such_role@");
    let refused = refusal(PostgresOptions::new(&unknown).unwrap()).await;
    assert!(refused.contains("no_such_role"), "{refused}");
    assert!(refused.contains("28000"), "{refused}");
}

/// Functions that return facts about the server's log, control file and start.
const FUNCTIONS: [&str; 5] = [
    "pg_walfile_name(pg_lsn)",
    "pg_current_wal_lsn()",
    "pg_control_checkpoint()",
    "pg_control_system()",
    "pg_postmaster_start_time()",
];

#[tokio::test(flavor = "multi_thread")]
async fn s10_freshness_needs_no_function_that_a_cloud_refuses() {
    let Some(server) = server::shared() else {
        return;
    };
    for refused in [&FUNCTIONS[..4], &FUNCTIONS[..]] {
        let (name, role, options) = database(server);
        PostgresStore::connect(&server.url(&name)).await.unwrap();
        grant(server, &name, &role);
        for function in refused {
            server.psql(
                &name,
                &format!("REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC"),
            );
        }
        works(options).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_a_restart_of_the_server_is_another_history_if_the_role_can_see_it() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let (name, role, options) = database(&server);
    PostgresStore::connect(&server.url(&name)).await.unwrap();
    grant(&server, &name, &role);
    for seen in [true, false] {
        if !seen {
            let revoke = "REVOKE EXECUTE ON FUNCTION pg_postmaster_start_time() FROM PUBLIC";
            server.psql(&name, revoke);
        }
        let store = options.clone().connect().await.unwrap();
        let epoch = async || store.load_all(&mut |_| ()).await.map(|head| head.epoch);
        let before = epoch().await.unwrap();
        assert_eq!(epoch().await.unwrap(), before, "one history");
        server.down();
        server.up();
        let after = loop {
            // The pool may try a connection to the stopped server first.
            if let Ok(after) = epoch().await {
                break after;
            }
        };
        assert_eq!(after != before, seen, "{before}, {after}");
    }
}
