//! Sources of keys: fixed, in a file, and one that waits.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tower_authn::{
    Rejection, RejectionKind,
    jwt::{Algorithm, JwksFile, JwtVerifier, KeySet, KeySource},
};

use super::{Signer, answer, claims, issuer, key_file, subject, verifier};
use crate::support::Calls;

fn jwks(ids: &[&str]) -> String {
    let set: Value = serde_json::from_str(key_file!("jwks.json")).unwrap();
    let keys = set["keys"].as_array().unwrap().iter();
    let keys: Vec<_> = keys
        .filter(|key| ids.contains(&key["kid"].as_str().unwrap()))
        .collect();
    json!({ "keys": keys }).to_string()
}

fn token(id: &str) -> String {
    let name = match id {
        "p256" => "ES256",
        "ed25519" => "EdDSA",
        _ => "RS256",
    };
    Signer::named(name).token_with(&json!({ "alg": name, "kid": id }), &claims(json!({})))
}

/// A source with no keys at first, which finds some when it is refreshed.
#[derive(Clone, Default)]
struct Remote {
    current: Arc<Mutex<Option<Arc<KeySet>>>>,
    next: Arc<Mutex<Option<Arc<KeySet>>>>,
    is_fresh: Arc<AtomicBool>,
    refreshes: Calls,
}

impl Remote {
    fn publish(&self, ids: &[&str]) {
        *self.next.lock().unwrap() = Some(Arc::new(KeySet::parse(jwks(ids)).unwrap()));
    }

    fn fail(&self) {
        *self.next.lock().unwrap() = None;
    }
}

impl KeySource for Remote {
    fn keys(&self, _: Option<&str>) -> Result<Arc<KeySet>, Rejection> {
        let current = self.current.lock().unwrap().clone();
        current.ok_or_else(|| Rejection::unavailable("no keys yet").with_reason("no keys yet"))
    }

    fn can_refresh(&self) -> bool {
        !self.is_fresh.load(Ordering::Relaxed)
    }

    async fn refresh(&self, _: Option<&str>) -> Result<(), Rejection> {
        self.refreshes.add();
        tokio::task::yield_now().await;
        let next = self.next.lock().unwrap().clone();
        let next = next.ok_or_else(|| Rejection::unavailable("down").with_reason("down"))?;
        *self.current.lock().unwrap() = Some(next);
        Ok(())
    }
}

fn both() -> [Algorithm; 2] {
    [Algorithm::ES256, Algorithm::EdDSA]
}

const NO_KEY: (RejectionKind, &str) = (
    RejectionKind::Invalid,
    "no key fits the token (`kid`, `alg`)",
);

#[tokio::test]
async fn j01_only_an_unknown_key_waits_and_an_outage_is_no_refusal() {
    let remote = Remote::default();
    let verifier = verifier(issuer(&both()).key_source(remote.clone()));
    let unavailable = |reason| Err((RejectionKind::Unavailable, reason));
    let ask = async |id: &str| subject(&verifier, &token(id)).await.map(drop);

    remote.fail();
    assert_eq!(ask("p256").await, unavailable("down"));
    remote.is_fresh.store(true, Ordering::Relaxed);
    assert_eq!(ask("p256").await, unavailable("no keys yet"));
    assert_eq!(
        remote.refreshes.count(),
        1,
        "a fresh source is not refreshed"
    );
    remote.is_fresh.store(false, Ordering::Relaxed);

    remote.publish(&["p256"]);
    assert_eq!(ask("p256").await, Ok(()));
    assert_eq!(remote.refreshes.count(), 2);
    assert_eq!(ask("p256").await, Ok(()));
    assert_eq!(remote.refreshes.count(), 2, "a known key does not wait");

    assert_eq!(ask("ed25519").await, Err(NO_KEY), "it is not published yet");
    assert_eq!(remote.refreshes.count(), 3);
    remote.publish(&["ed25519"]);
    assert_eq!(ask("ed25519").await, Ok(()));
    assert_eq!(ask("p256").await, Err(NO_KEY), "the old key is gone");

    let before = remote.refreshes.count();
    remote.fail();
    assert_eq!(ask("p256").await, unavailable("down"), "the key may exist");
    assert_eq!(
        ask("ed25519").await,
        Ok(()),
        "known keys serve through an outage"
    );
    remote.is_fresh.store(true, Ordering::Relaxed);
    assert_eq!(ask("p256").await, Err(NO_KEY));
    assert_eq!(remote.refreshes.count(), before + 1);
}

#[tokio::test]
async fn j01_a_refused_token_does_not_refresh_the_keys() {
    let remote = Remote::default();
    remote.publish(&["p256"]);
    let verifier = verifier(issuer(&both()).key_source(remote.clone()));
    subject(&verifier, &token("p256")).await.unwrap();
    assert_eq!(remote.refreshes.count(), 1);
    let signer = Signer::named("ES256");
    let header = json!({ "alg": "ES256", "kid": "p256" });
    let forged = {
        let token = signer.token_with(&header, &claims(json!({})));
        let other = signer.token_with(&header, &claims(json!({ "sub": "bob" })));
        format!(
            "{}.{}",
            token.rsplit_once('.').unwrap().0,
            other.rsplit_once('.').unwrap().1
        )
    };
    let unknown = json!({ "alg": "ES256", "kid": "unknown" });
    for (token, refreshes) in [
        (forged, 0),
        (signer.token_with(&header, &claims(json!({ "exp": 1 }))), 0),
        (
            signer.token_with(
                &unknown,
                &claims(json!({ "iss": "https://other.example.com" })),
            ),
            0,
        ),
        (
            Signer::named("RS256").token_with(
                &json!({ "alg": "RS256", "kid": "unknown" }),
                &claims(json!({})),
            ),
            0,
        ),
        ("a.b.c".to_owned(), 0),
        ("opaque".to_owned(), 0),
        (signer.token_with(&unknown, &claims(json!({}))), 1),
    ] {
        let before = remote.refreshes.count();
        subject(&verifier, &token).await.unwrap_err();
        assert_eq!(remote.refreshes.count() - before, refreshes, "{token}");
    }
}

#[tokio::test]
async fn a_verifier_that_never_waits_says_that_it_cant_decide() {
    let remote = Remote::default();
    remote.publish(&["p256"]);
    let verifier = verifier(issuer(&both()).key_source(remote.clone()));
    let immediate = verifier.clone().immediate();
    let reason = "the key (`kid`) is unknown, and this verifier can't wait for it";
    let refused = (RejectionKind::Unavailable, reason);
    let ask = async |id: &str| answer(immediate.clone(), &token(id)).await.map(drop);
    assert_eq!(ask("p256").await, Err(refused));
    subject(&verifier, &token("p256")).await.unwrap();
    assert_eq!(ask("p256").await, Ok(()));
    assert_eq!(remote.refreshes.count(), 1);
    remote.is_fresh.store(true, Ordering::Relaxed);
    assert_eq!(ask("ed25519").await, Err(NO_KEY));
}

/// A key file that is deleted at the end.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("tower-authn-{}-{name}.json", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        file.replace(text);
        file
    }

    fn replace(&self, text: &str) {
        let new = self.0.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &self.0).unwrap();
    }

    /// Makes the file look as if it was changed long ago.
    fn settle(&self) {
        let file = fs::File::options().write(true).open(&self.0).unwrap();
        let past = std::time::SystemTime::now() - Duration::from_secs(60);
        file.set_modified(past).unwrap();
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What was reported: the number of keys, or the error.
type Reports = Arc<Mutex<Vec<Result<usize, String>>>>;

fn open(file: &TempFile, period: Duration) -> (JwtVerifier, Reports) {
    let reports = Reports::default();
    let seen = Arc::clone(&reports);
    let source = JwksFile::open(&file.0)
        .unwrap()
        .check_every(period)
        .on_reload(move |result| {
            let result = result
                .map(|keys| keys.keys().len())
                .map_err(ToString::to_string);
            seen.lock().unwrap().push(result);
        });
    (verifier(issuer(&both()).key_source(source)), reports)
}

#[tokio::test]
async fn j01_a_bad_file_keeps_the_old_keys_and_is_reported() {
    let file = TempFile::new("bad", &jwks(&["p256"]));
    file.settle();
    let (verifier, reports) = open(&file, Duration::ZERO);
    let ask = async |id: &str| subject(&verifier, &token(id)).await.map(drop);
    let broken = "the token names an unknown key, and the key file can't be used";
    let broken = Err((RejectionKind::Unavailable, broken));
    assert_eq!(ask("p256").await, Ok(()));
    assert!(reports.lock().unwrap().is_empty(), "the file is unchanged");

    for text in ["{", "", r#"{"keys":[]}"#, &" ".repeat(300 * 1024)] {
        file.replace(text);
        assert_eq!(ask("p256").await, Ok(()), "the old keys stay");
        assert_eq!(ask("ed25519").await, broken, "the key may exist");
    }
    fs::remove_file(&file.0).unwrap();
    assert_eq!(ask("p256").await, Ok(()));
    file.replace(&jwks(&["ed25519"]));
    file.settle();
    assert_eq!(ask("ed25519").await, Ok(()));
    assert_eq!(ask("p256").await, Err(NO_KEY));
    let expected = [
        Err("the key set is not JSON".to_owned()),
        Err("the key set has no key that can verify tokens".to_owned()),
        Err("the key set is larger than 256 KiB".to_owned()),
        Err("the file can't be read: entity not found".to_owned()),
        Ok(1),
    ];
    assert_eq!(*reports.lock().unwrap(), expected, "each error once");
}

#[tokio::test]
async fn j01_a_new_key_is_found_at_once_and_a_removed_one_goes_in_time() {
    let file = TempFile::new("rotated", &jwks(&["p256"]));
    let (verifier, _) = open(&file, Duration::from_millis(400));
    let ask = async |id: &str| subject(&verifier, &token(id)).await.map(drop);
    assert_eq!(ask("p256").await, Ok(()));
    file.replace(&jwks(&["p256", "ed25519"]));
    // Two looks for unknown keys are 10 ms apart.
    tokio::time::sleep(Duration::from_millis(15)).await;
    assert_eq!(ask("ed25519").await, Ok(()));
    file.replace(&jwks(&["ed25519"]));
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(ask("p256").await, Err(NO_KEY));
    assert_eq!(ask("ed25519").await, Ok(()));
}

#[tokio::test]
async fn a_change_within_one_tick_of_the_file_system_is_seen() {
    let file = TempFile::new("tick", &jwks(&["p256"]));
    let time = fs::metadata(&file.0).unwrap().modified().unwrap();
    let (verifier, _) = open(&file, Duration::ZERO);
    assert!(subject(&verifier, &token("p256")).await.is_ok());
    // In place: the same inode, length and time, with another id.
    let changed = jwks(&["p256"]).replace("\"kid\":\"p256\"", "\"kid\":\"p257\"");
    fs::write(&file.0, changed).unwrap();
    fs::File::options()
        .write(true)
        .open(&file.0)
        .unwrap()
        .set_modified(time)
        .unwrap();
    assert_eq!(subject(&verifier, &token("p256")).await, Err(NO_KEY));
}

#[test]
fn a_file_that_cant_be_used_is_an_error_at_start() {
    let missing = JwksFile::open("/nonexistent/jwks.json").unwrap_err();
    assert_eq!(
        missing.to_string(),
        "the file can't be read: entity not found"
    );
    let file = TempFile::new("start", "[]");
    let error = JwksFile::open(&file.0).unwrap_err().to_string();
    assert_eq!(error, "the key set is not a JSON object");
    file.replace(&jwks(&["p256"]));
    JwksFile::open(&file.0).unwrap();
}
