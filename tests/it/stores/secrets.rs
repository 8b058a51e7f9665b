//! No secret is stored or printed.

use std::{fmt::Debug, fs, time::Duration};

use tower_authn::{
    store::{PostgresStore, TokenStore},
    token::MasterKey,
    tokens::{CreatedToken, NewToken, Tokens, TokensOptions},
};

use super::{Directory, server, sqlite};

const MASTER: &str = "00c0ffee5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed";
const IMPORTED: &str = "imported-canary-9cLqJTbYzVvZyXHn";

/// Creates tokens in every way, and returns them with everything that can be printed.
async fn make(store: impl TokenStore) -> (Vec<CreatedToken>, String) {
    let master = MasterKey::from_hex(MASTER).unwrap();
    let options = TokensOptions::new("acme").unwrap().master(master);
    let mut printed = format!("{options:?} {options:#?}");
    let tokens = Tokens::open(store, options).await.unwrap();
    let first = tokens
        .create(NewToken::new("alice").name("laptop"))
        .await
        .unwrap();
    let second = tokens
        .rotate(first.record.id, Duration::ZERO)
        .await
        .unwrap();
    let import = NewToken::new("bob");
    let imported = tokens.import(IMPORTED, import).await.unwrap();
    let again = tokens
        .import(IMPORTED, NewToken::new("bob"))
        .await
        .unwrap_err();
    let mut print = |what: &dyn Debug| printed.push_str(&format!("{what:?} {what:#?}"));
    print(&first);
    print(&second.secret);
    print(&imported);
    print(&again);
    print(&tokens);
    print(&tokens.verifier());
    print(&tokens.keys());
    print(&tokens.list(Default::default()).await.unwrap().tokens);
    tokens.shutdown().await.unwrap();
    (vec![first, second], printed)
}

/// Checks that a text contains the ids, so that it is the right text, and no secret.
fn holds_no_secret(what: &str, text: &[u8], made: &[CreatedToken]) {
    let holds = |needle: &[u8]| text.windows(needle.len()).any(|part| part == needle);
    for made in made {
        let token = made.secret.expose();
        assert!(holds(made.record.id.as_str().as_bytes()), "{what}: no id");
        assert!(!holds(token.as_bytes()), "{what}: a token");
        // The secret, its tag and its checksum, without the id.
        assert!(!holds(&token.as_bytes()[18..]), "{what}: a secret");
        assert!(!holds(&token.as_bytes()[18..34]), "{what}: half a secret");
    }
    assert!(!holds(IMPORTED.as_bytes()), "{what}: an imported token");
    assert!(!holds(&MASTER.as_bytes()[8..40]), "{what}: the master");
    let bytes: Vec<u8> = (4..16)
        .map(|at| u8::from_str_radix(&MASTER[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    assert!(!holds(&bytes), "{what}: the master's bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_an_sqlite_file_or_printed() {
    let directory = Directory::new();
    let (made, printed) = make(sqlite(&directory.file()).await).await;
    let mut kept = Vec::new();
    for entry in fs::read_dir(directory.path()).unwrap() {
        kept.extend(fs::read(entry.unwrap().path()).unwrap());
    }
    holds_no_secret("the file", &kept, &made);
    holds_no_secret("what is printed", printed.as_bytes(), &made);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_dump_of_postgres() {
    let Some(server) = server::shared() else {
        return;
    };
    let url = server.database();
    let store = PostgresStore::connect(&url).await.unwrap();
    let (made, printed) = make(store).await;
    let dump = server.dump(url.rsplit('/').next().unwrap());
    holds_no_secret("the dump", dump.as_bytes(), &made);
    holds_no_secret("what is printed", printed.as_bytes(), &made);
}
