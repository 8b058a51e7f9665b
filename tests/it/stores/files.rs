//! SQLite files that are locked, full, foreign, damaged, replaced or missing.

use std::{
    env, fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::time::sleep;
use tower_authn::{
    RejectionKind,
    store::{SqliteStore, StoreErrorKind},
    tokens::{NewToken, TokenErrorKind, TokenSelector, Tokens, TokensOptions},
};

use super::{Directory, becomes, make, sqlite, verdict};
use crate::tokens::answer;

async fn open(file: &Path) -> Tokens {
    let options = TokensOptions::new("acme").unwrap();
    Tokens::open(sqlite(file).await, options).await.unwrap()
}

async fn refused(file: &Path) -> StoreErrorKind {
    SqliteStore::open(file).await.unwrap_err().kind()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_writer_that_holds_the_lock_stops_no_verdict() {
    let directory = Directory::new();
    let tokens = open(&directory.file()).await;
    let made = make(&tokens).await;
    let other = Connection::open(directory.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let writing = tokens.create(NewToken::new("bob"));
    let reading = async {
        sleep(Duration::from_millis(200)).await;
        assert_eq!(verdict(&tokens, &made).await, None);
        assert!(tokens.get(made.record.id).await.is_ok());
    };
    let (written, ()) = futures::future::join(writing, reading).await;
    assert_eq!(written.unwrap_err().kind(), TokenErrorKind::Unavailable);
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "it waits for a limited time"
    );
    assert!(tokens.staleness() < Duration::from_secs(2), "reads go on");
    other.execute_batch("ROLLBACK").unwrap();
    make(&tokens).await;
}

/// The environment variable with the file of a child process.
const CHILD: &str = "TOWER_AUTHN_TEST_FILE";

/// Runs in a child process with a limit on the size of files.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_may_write_little() {
    let Some(file) = env::var_os(CHILD) else {
        return;
    };
    let tokens = open(Path::new(&file)).await;
    let made = make(&tokens).await;
    let full = loop {
        if let Err(error) = tokens.create(NewToken::new("bob")).await {
            break error;
        }
    };
    assert_eq!(full.kind(), TokenErrorKind::Unavailable);
    assert_eq!(verdict(&tokens, &made).await, None, "verdicts go on");
    let revoked = tokens
        .revoke(TokenSelector::Id(made.record.id), "test", "")
        .await;
    assert!(
        revoked.is_err(),
        "a revocation that was not written is an error"
    );
    println!("kept {}", made.secret.expose());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_error_and_loses_nothing() {
    let directory = Directory::new();
    let test = env::current_exe().unwrap();
    let name = "stores::files::child_that_may_write_little";
    // Limits files to 400 blocks of 512 bytes, with an error in place of a signal.
    let limited = r#"trap "" XFSZ; ulimit -f 400; exec "$0" --exact "$1" --nocapture"#;
    let output = Command::new("sh")
        .args(["-c", limited])
        .args([test.as_os_str(), name.as_ref()])
        .env(CHILD, directory.file())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    let token = printed.lines().find_map(|line| line.strip_prefix("kept "));
    let tokens = open(&directory.file()).await;
    assert!(answer(&tokens, token.unwrap()).await.is_ok());
    make(&tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_program_is_refused_and_left_unchanged() {
    let directory = Directory::new();
    let file = directory.file();
    let tokens = open(&file).await;
    make(&tokens).await;
    tokens.shutdown().await.unwrap();
    drop(tokens);
    // Merges the log into the file.
    Connection::open(&file)
        .and_then(|db| db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
        .unwrap();
    let whole = fs::read(&file).unwrap();
    assert!(whole.len() > 16_384, "{}", whole.len());

    let altered = |sql: &str| {
        let path = directory.path().join("altered.db");
        fs::write(&path, &whole).unwrap();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let altered = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        altered
    };
    let foreign = {
        let path = directory.path().join("foreign.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("CREATE TABLE users (name TEXT)").unwrap();
        drop(db);
        fs::read(path).unwrap()
    };
    let mut scribbled = whole.clone();
    scribbled[100..4_000].fill(0x5a);
    let rows = [
        ("another database", foreign),
        ("text", b"alice:secret\n".repeat(1_000)),
        ("cut off in its head", whole[..50].to_vec()),
        ("cut off in its first page", whole[..3_000].to_vec()),
        ("scribbled over", scribbled),
        (
            "a later version",
            altered("PRAGMA journal_mode=DELETE; PRAGMA user_version = 99"),
        ),
    ];
    for (what, content) in rows {
        let path = directory.path().join("bad.db");
        fs::write(&path, &content).unwrap();
        assert_eq!(refused(&path).await, StoreErrorKind::Corrupt, "{what}");
        assert_eq!(fs::read(&path).unwrap(), content, "{what} was changed");
        fs::remove_file(path).unwrap();
    }

    // Damage past the first page is found when the rows are read.
    for length in [8_192, whole.len() / 2, whole.len() - 4_096] {
        let path = directory.path().join("cut.db");
        fs::write(&path, &whole[..length]).unwrap();
        let opened = match SqliteStore::open(&path).await {
            Ok(store) => {
                let options = TokensOptions::new("acme").unwrap();
                Tokens::open(store, options).await.map(drop).map_err(|_| ())
            }
            Err(_) => Err(()),
        };
        assert!(opened.is_err(), "cut off at {length}");
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(path.with_extension(format!("db{end}")));
        }
    }
    fs::write(directory.path().join("good.db"), whole).unwrap();
    open(&directory.path().join("good.db")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_can_not_hold_a_file_is_unavailable() {
    let directory = Directory::new();
    let nowhere = directory.path().join("nowhere/tokens.db");
    assert_eq!(refused(&nowhere).await, StoreErrorKind::Unavailable);
    assert_eq!(refused(directory.path()).await, StoreErrorKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_replaced_by_an_older_copy_is_read_again() {
    let directory = Directory::new();
    let file = directory.file();
    let tokens = open(&file).await;
    let old = make(&tokens).await;
    let copy = directory.path().join("copy.db");
    let db = Connection::open(&file).unwrap();
    db.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    drop(db);
    let newer = make(&tokens).await;
    tokens
        .revoke(TokenSelector::Id(old.record.id), "test", "")
        .await
        .unwrap();
    assert_eq!(verdict(&tokens, &newer).await, None);

    for end in ["-wal", "-shm"] {
        fs::remove_file(directory.path().join(format!("tokens.db{end}"))).unwrap();
    }
    fs::rename(&copy, &file).unwrap();
    becomes(&tokens, &newer, Some(RejectionKind::Invalid)).await;
    becomes(&tokens, &old, None).await;
    let fresh = make(&tokens).await;
    assert_eq!(
        verdict(&open(&file).await, &fresh).await,
        None,
        "the token is in the new file"
    );

    fs::remove_file(&file).unwrap();
    let refused = tokens.create(NewToken::new("bob")).await.unwrap_err();
    assert_eq!(refused.kind(), TokenErrorKind::Unavailable);
    assert!(!file.exists(), "a removed file is not created again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_may_be_opened_by_many_at_once() {
    let directory = Directory::new();
    for round in 0..20 {
        let file = directory.path().join(format!("{round}.db"));
        let opened = (0..8).map(|_| tokio::spawn(SqliteStore::open(file.clone())));
        for opened in futures::future::join_all(opened).await {
            opened.unwrap().unwrap();
        }
        let (one, other) = (open(&file).await, open(&file).await);
        let made = make(&one).await;
        becomes(&other, &made, None).await;
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_can_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let tokens = open(&directory.file()).await;
    make(&tokens).await;
    for end in ["", "-wal", "-shm"] {
        let file = directory.path().join(format!("tokens.db{end}"));
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", file.display());
    }
}
