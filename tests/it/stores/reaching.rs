//! PostgreSQL over TLS and through a pooler, and its keys and versions.

use std::{sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use tower_authn::{
    RejectionKind,
    store::{PostgresOptions, StoreErrorKind, conformance},
    tokens::{TokenSelector, Tokens, TokensOptions},
};

use super::{
    becomes, make,
    server::{self, Server},
    verdict,
};

/// Returns a configuration that trusts one CA.
fn trusting(ca: &CertifiedIssuer<'_, KeyPair>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn ca() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_certificate_of_the_server_must_be_trusted() {
    let Some(server) = Server::start() else {
        return;
    };
    let (own, other) = (ca(), ca());
    let key = KeyPair::generate().unwrap();
    let names = ["127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap();
    let certificate = certificate.signed_by(&key, &own).unwrap();
    server.serve_tls(&certificate.pem(), &key.serialize_pem());
    let url = format!("{}?sslmode=require", server.database());
    let options = PostgresOptions::new(&url).unwrap();

    let store = options.clone().tls(trusting(&own)).connect().await.unwrap();
    let tokens = Tokens::open(store, TokensOptions::new("acme").unwrap());
    let tokens = tokens.await.unwrap();
    let made = make(&tokens).await;
    assert_eq!(verdict(&tokens, &made).await, None);
    let encrypted = server.psql(
        "postgres",
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE ssl AND application_name = 'tower-authn'",
    );
    assert!(encrypted.trim().parse::<u32>().unwrap() >= 2, "{encrypted}");

    for refused in [options.clone().tls(trusting(&other)), options] {
        let refused = refused.connect().await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_pooler_everything_works_but_listening() {
    let Some(server) = server::shared() else {
        return;
    };
    let Some(pooler) = server.pooler() else {
        return;
    };
    let through = |url: &str| {
        let (direct, pooled) = (server.address(), pooler.address());
        let url = url.replace(&direct.to_string(), &pooled.to_string());
        PostgresOptions::new(&url).unwrap().without_listen()
    };
    conformance::check_shared(async || {
        let options = through(&server.database());
        let connect = || options.clone().connect();
        (connect().await.unwrap(), connect().await.unwrap())
    })
    .await;
    let options = through(&server.database());
    let open = async || {
        let store = options.clone().connect().await.unwrap();
        let tokens = Tokens::open(store, TokensOptions::new("acme").unwrap());
        tokens.await.unwrap()
    };
    let (one, other) = (open().await, open().await);
    let (kept, revoked) = (make(&one).await, make(&one).await);
    becomes(&other, &revoked, None).await;
    let id = TokenSelector::Id(revoked.record.id);
    one.revoke(id, "test", "").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_250)).await;
    assert_eq!(
        verdict(&other, &revoked).await,
        Some(RejectionKind::Revoked)
    );
    assert_eq!(verdict(&other, &kept).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_added_and_retired_while_two_instances_run() {
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let open = async || {
        // A new key mints once this time has passed.
        let options = TokensOptions::new("acme").unwrap();
        let options = options.max_stale(Duration::from_millis(1_500));
        let store = PostgresOptions::new(&url).unwrap().connect().await.unwrap();
        Tokens::open(store, options).await.unwrap()
    };
    let (one, other) = (open().await, open().await);
    let first = make(&other).await;
    let added = one.add_key().await.unwrap();
    let before = make(&other).await;
    assert_eq!(before.record.kid, first.record.kid, "it does not mint yet");
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    let (here, there) = (make(&one).await, make(&other).await);
    assert_eq!(here.record.kid, Some(added.id));
    assert_eq!(there.record.kid, Some(added.id), "it mints on both");
    for made in [&first, &before, &here, &there] {
        becomes(&one, made, None).await;
        becomes(&other, made, None).await;
    }
    let old = first.record.kid.unwrap();
    let ended = other.retire_key(old, "admin", "leaked").await.unwrap();
    assert_eq!(ended, 2);
    for made in [&first, &before] {
        assert_eq!(verdict(&other, made).await, Some(RejectionKind::Revoked));
        becomes(&one, made, Some(RejectionKind::Revoked)).await;
    }
    for made in [&here, &there] {
        assert_eq!(verdict(&one, made).await, None);
        assert_eq!(verdict(&other, made).await, None);
    }
    assert_eq!(make(&one).await.record.kid, Some(added.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_database_may_be_opened_by_many_at_once_and_a_later_version_by_none() {
    let Some(server) = server::shared() else {
        return;
    };
    for _ in 0..5 {
        let url = server.database();
        let options = PostgresOptions::new(&url).unwrap();
        let opened = (0..8).map(|_| tokio::spawn(options.clone().connect()));
        for opened in futures::future::join_all(opened).await {
            opened.unwrap().unwrap();
        }
        let database = url.rsplit('/').next().unwrap();
        let rows = server.psql(database, "SELECT count(*) FROM tower_authn_meta");
        assert_eq!(rows.trim(), "1", "the tables are created once");
        server.psql(database, "UPDATE tower_authn_meta SET version = 99");
        let refused = options.connect().await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Corrupt);
    }
}
