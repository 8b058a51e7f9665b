//! SQLite files that another process locks, or that this one can't write.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::time::sleep;
use tower_authn::{
    RejectionKind,
    store::{SqliteStore, StoreErrorKind, TokenStore},
    token::Timestamp,
    tokens::{NewToken, TokenErrorKind, TokenSelector, Tokens, TokensOptions},
};

use super::{Directory, becomes, make, sqlite, verdict};
use crate::tokens::answer;

async fn open(store: SqliteStore) -> Tokens {
    let options = TokensOptions::new("acme").unwrap();
    Tokens::open(store, options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_a_file_of_the_current_version_is_opened_beside_a_writer() {
    let directory = Directory::new();
    let file = directory.file();
    let made = make(&open(sqlite(&file).await).await).await;
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let tokens = open(sqlite(&file).await).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "it waited");
    assert_eq!(verdict(&tokens, &made).await, None);
    other.execute_batch("ROLLBACK").unwrap();
    make(&tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_names_that_mean_memory_to_sqlite_are_refused() {
    for name in [
        "",
        ":memory:",
        "file::memory:",
        "file:tokens?mode=memory&cache=shared",
        "file:tokens.db",
    ] {
        for opened in [
            SqliteStore::open(name).await,
            SqliteStore::open_read_only(name).await,
        ] {
            let error = opened.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{name}");
            assert!(error.to_string().contains("MemoryStore"), "{error}");
        }
        assert!(name.is_empty() || !Path::new(name).exists(), "{name}");
    }
    let directory = Directory::new();
    for name in ["memory", "memory:", "a file:b?mode=memory", "100%25 #1.db"] {
        let file = directory.path().join(name);
        let made = make(&open(sqlite(&file).await).await).await;
        let read = SqliteStore::open_read_only(&file).await.unwrap();
        assert_eq!(verdict(&open(read).await, &made).await, None, "{name}");
    }
}

/// The environment of the child process: the file, a token, and how to open it.
const CHILD: [&str; 3] = [
    "TOWER_AUTHN_TEST_READ_ONLY",
    "TOWER_AUTHN_TEST_TOKEN",
    "TOWER_AUTHN_TEST_OPTION",
];

/// Runs in a child process that may not write.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_may_not_write() {
    let [Some(file), Some(token), Some(option)] = CHILD.map(env::var_os) else {
        return;
    };
    let store = match option == "asked" {
        true => SqliteStore::open_read_only(&file).await.unwrap(),
        false => SqliteStore::open(&file).await.unwrap(),
    };
    assert!(store.is_read_only());
    let refused = store.prune(Timestamp::MAX).await.unwrap_err();
    assert!(refused.to_string().contains("read-only"), "{refused}");
    let tokens = open(store).await;
    let token = token.to_str().unwrap();
    assert!(answer(&tokens, token).await.is_ok());
    let refused = tokens.create(NewToken::new("bob")).await.unwrap_err();
    assert_eq!(refused.kind(), TokenErrorKind::Unavailable);
    assert!(refused.to_string().contains("read-only"), "{refused}");
    let revoked = tokens
        .revoke(TokenSelector::Presented(token), "test", "")
        .await;
    assert!(revoked.is_err(), "nothing was revoked");
    sleep(Duration::from_millis(1_500)).await;
    assert!(tokens.staleness() < Duration::from_millis(1_400), "fresh");
    assert!(answer(&tokens, token).await.is_ok());
    tokens.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_a_file_that_can_not_be_written_is_opened_for_verifying_alone() {
    for (file_mode, directory_mode) in [(0o444, 0o755), (0o644, 0o555), (0o444, 0o555)] {
        for option in ["asked", "found"] {
            let directory = Directory::new();
            let file = directory.file();
            let made = make(&open(sqlite(&file).await).await).await;
            wait_until_closed(&file);
            let set = |path: &Path, mode| {
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            };
            let before = fs::read(&file).unwrap();
            set(&file, file_mode);
            set(directory.path(), directory_mode);
            let output = without_privileges("stores::read_only::child_that_may_not_write")
                .env(CHILD[0], &file)
                .env(CHILD[1], made.secret.expose())
                .env(CHILD[2], option)
                .output()
                .unwrap();
            set(directory.path(), 0o755);
            let printed = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{file_mode:o} in {directory_mode:o}, {option}: {printed}{errors}"
            );
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
            assert_eq!(fs::read(&file).unwrap(), before, "it was changed");
            // A process that may write the file again is not hindered.
            set(&file, 0o644);
            let store = sqlite(&file).await;
            assert!(!store.is_read_only());
            make(&open(store).await).await;
        }
    }
}

/// Returns a command for one test of this binary, without the right to ignore file
/// modes.
fn without_privileges(test: &str) -> Command {
    let this = env::current_exe().unwrap();
    let id = Command::new("id").arg("-u").output().unwrap();
    let mut command = if id.stdout == b"0\n" {
        let mut command = Command::new("setpriv");
        command
            .args(["--bounding-set=-all", "--inh-caps=-all"])
            .arg(this);
        command
    } else {
        Command::new(this)
    };
    command.args(["--exact", test, "--nocapture"]);
    command
}

/// Waits until no process has the file open, and the log is merged into it.
fn wait_until_closed(file: &Path) {
    let begun = Instant::now();
    let log = file.with_extension("db-wal");
    while log.exists() {
        Connection::open(file)
            .and_then(|db| db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
            .unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10), "it stays open");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_a_read_only_store_follows_writers_that_come_and_go() {
    let directory = Directory::new();
    let file = directory.file();
    make(&open(sqlite(&file).await).await).await;
    wait_until_closed(&file);
    let reader = open(SqliteStore::open_read_only(&file).await.unwrap()).await;
    for _ in 0..3 {
        let writer = open(sqlite(&file).await).await;
        let (kept, revoked) = (make(&writer).await, make(&writer).await);
        becomes(&reader, &kept, None).await;
        becomes(&reader, &revoked, None).await;
        let id = TokenSelector::Id(revoked.record.id);
        writer.revoke(id, "test", "").await.unwrap();
        becomes(&reader, &revoked, Some(RejectionKind::Revoked)).await;
        writer.shutdown().await.unwrap();
        drop(writer);
        sleep(Duration::from_millis(300)).await;
        assert_eq!(verdict(&reader, &kept).await, None);
        assert_eq!(
            verdict(&reader, &revoked).await,
            Some(RejectionKind::Revoked)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_a_file_that_needs_a_writer_first_is_not_opened_for_reading_alone() {
    let directory = Directory::new();
    let missing = SqliteStore::open_read_only(directory.file()).await;
    assert_eq!(missing.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert!(!directory.file().exists(), "it is not created");
    fs::write(directory.file(), "").unwrap();
    let empty = SqliteStore::open_read_only(directory.file()).await;
    let error = empty.unwrap_err();
    assert!(error.to_string().contains("current version"), "{error}");
    let made = make(&open(sqlite(&directory.file()).await).await).await;
    let store = SqliteStore::open_read_only(directory.file()).await.unwrap();
    assert_eq!(verdict(&open(store).await, &made).await, None);
}
