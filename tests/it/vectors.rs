//! All vectors that concern headers, challenges, paths and messages.

use std::{collections::BTreeMap, iter};

use http::{HeaderValue, Request, StatusCode};
use serde_json::Value;
use tower::Layer;
use tower_authn::{
    Access, AccessTable, AuthnLayer, Challenge, ConfigError, Credential, Head, Policy, Principal,
    Rejection, RejectionKind, Scheme, ScopeRule, Sources, Verifier, verify_fn,
};

use crate::support::{Calls, Spy, Strict, TOKEN, ask, get, grpc, values};

/// What a verifier saw of a credential; it is the principal too, so that the
/// inner service can be asked for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub scheme: Option<Scheme>,
    pub token: String,
    pub login: Option<(Vec<u8>, Vec<u8>)>,
}

/// Admits everything that parses, and keeps what it saw.
#[derive(Clone, Default)]
struct Recorder(Calls);

impl Verifier for Recorder {
    type Principal = Seen;

    const IMMEDIATE: bool = true;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Seen, Rejection> {
        self.0.add();
        let login = credential.user_password().ok();
        Ok(Seen {
            scheme: credential.scheme(),
            token: credential.token().to_owned(),
            login: login.map(|login| (login.user().to_vec(), login.password().to_vec())),
        })
    }
}

/// Sends one `Authorization` field; none where http or the layer refuses it.
pub async fn read(sources: Sources, value: &[u8]) -> Option<Seen> {
    let value = HeaderValue::from_bytes(value).ok()?;
    let (recorder, inner) = (Recorder::default(), Strict::default());
    let layer = AuthnLayer::new(recorder.clone())
        .sources(sources)
        .expose_rejection();
    let mut request = get("/", &[]);
    request.headers_mut().insert("authorization", value);
    let response = ask(&layer.layer(inner.clone()), request).await;
    let calls = (recorder.0.count(), inner.called.count());
    if response.status() == StatusCode::OK {
        assert_eq!(calls, (1, 1));
        return Some(inner.last().extensions.get::<Seen>().unwrap().clone());
    }
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(calls, (0, 0));
    // A field that is there is never a missing one.
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.kind(), RejectionKind::Malformed);
    None
}

fn load(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn rows<'a>(file: &'a Value, key: &str) -> &'a [Value] {
    file[key].as_array().unwrap()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key}: {row}"))
}

fn header(row: &Value) -> Vec<u8> {
    let hex = text(row, "header_hex").as_bytes();
    hex.chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Counts rows by label, so that none is passed over.
fn count<'a>(labels: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for label in labels {
        *counts.entry(label).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn every_basic_header_is_read_as_its_label_says() {
    let file = load(include_str!("../vectors/authorization_basic.json"));
    let mut labels = Vec::new();
    for row in rows(&file, "vectors") {
        let seen = read(Sources::new().basic(), &header(row)).await;
        let login = seen.as_ref().and_then(|seen| seen.login.clone());
        let label = text(row, "rfc");
        labels.push(label);
        match label {
            "accept" => {
                let (user, password) = (text(row, "user"), text(row, "password"));
                assert_eq!(login, Some((user.into(), password.into())), "{row}");
                assert_eq!(seen.unwrap().scheme, Some(Scheme::Basic), "{row}");
            }
            "reject" => assert!(login.is_none(), "{row}"),
            "raw-token-or-reject" => {
                let token = text(row, "header").strip_prefix("Basic ");
                assert_eq!(seen.as_ref().map(|seen| &*seen.token), token, "{row}");
                assert!(login.is_none(), "{row}");
            }
            "reject-utf8" => {
                let (user, password) = login.unwrap();
                let decoded = [user, password].concat();
                assert!(String::from_utf8(decoded).is_err(), "{row}");
            }
            "other-scheme" | "absent-or-reject" => assert!(seen.is_none(), "{row}"),
            label => panic!("what is {label}?"),
        }
    }
    let expected = [
        ("accept", 37),
        ("reject", 17),
        ("raw-token-or-reject", 11),
        ("other-scheme", 3),
        ("reject-utf8", 3),
        ("absent-or-reject", 1),
    ];
    assert_eq!(count(labels), BTreeMap::from(expected));
}

#[tokio::test]
async fn every_bearer_header_is_read_as_its_label_says() {
    let file = load(include_str!("../vectors/authorization_bearer.json"));
    let mut labels = Vec::new();
    for row in rows(&file, "vectors") {
        let seen = read(Sources::new().bearer(), &header(row)).await;
        let label = text(row, "rfc");
        labels.push(label);
        match label {
            "accept" => {
                let seen = seen.unwrap_or_else(|| panic!("{row}"));
                assert_eq!(seen.token, text(row, "token"), "{row}");
                assert_eq!(seen.scheme, Some(Scheme::Bearer), "{row}");
                assert!(seen.login.is_none(), "{row}");
            }
            "reject" | "other-scheme" => assert!(seen.is_none(), "{row}"),
            label => panic!("what is {label}?"),
        }
    }
    let expected = [("accept", 22), ("reject", 22), ("other-scheme", 3)];
    assert_eq!(count(labels), BTreeMap::from(expected));
}

#[tokio::test]
async fn base64_is_decoded_as_rfc_4648_says_and_no_other_way() {
    // `YWI6` is `ab:`: three whole bytes, so that what follows stays as it is.
    let login = async |row: &Value| {
        let value = format!("Basic YWI6{}", text(row, "b64"));
        let seen = read(Sources::new().basic(), value.as_bytes()).await;
        seen.and_then(|seen| seen.login)
    };
    let file = load(include_str!("../vectors/base64.json"));
    for row in rows(&file, "vectors") {
        let expected = (b"ab".to_vec(), text(row, "text").into());
        assert_eq!(login(row).await, Some(expected), "{row}");
    }
    for row in rows(&file, "reject") {
        assert_eq!(login(row).await, None, "{row}");
    }
    let read = (rows(&file, "vectors").len(), rows(&file, "reject").len());
    assert_eq!(read, (7, 7));
}

/// The challenges that a row of `generate` describes.
fn challenges(args: &Value) -> Result<Vec<Challenge>, ConfigError> {
    let schemes = match args["schemes"].as_array() {
        Some(schemes) => schemes.iter().map(|s| s.as_str().unwrap()).collect(),
        None => vec![text(args, "scheme")],
    };
    let challenge = |scheme| {
        let challenge = match (scheme, args["realm"].as_str()) {
            ("Basic", realm) => Challenge::basic(realm.unwrap())?,
            (_, Some(realm)) => Challenge::bearer().realm(realm)?,
            (_, None) => Challenge::bearer(),
        };
        let challenge = match args["scope"].as_str() {
            Some(scope) => challenge.scope(ScopeRule::all_of(scope.split(' '))?),
            None => challenge,
        };
        Ok(match args["charset"].as_str() {
            Some("UTF-8") => challenge.charset_utf8(),
            _ => challenge,
        })
    };
    schemes.into_iter().map(challenge).collect()
}

#[tokio::test]
async fn every_challenge_is_printed_as_it_should_be() {
    let file = load(include_str!("../vectors/www_authenticate.json"));
    for row in rows(&file, "generate") {
        let args = &row["args"];
        let built = challenges(args);
        let expect = &row["expect"];
        if expect
            .as_str()
            .is_some_and(|e| e.starts_with("construction-error"))
        {
            assert!(built.is_err(), "{row}");
            continue;
        }
        let sources = Sources::default();
        let sources = built.unwrap().into_iter().fold(sources, Sources::challenge);
        let weak = verify_fn(|_| Err::<Principal, _>(Rejection::forbidden()));
        let service = AuthnLayer::new(weak)
            .sources(sources)
            .layer(Strict::default());
        let field = ("authorization", "Bearer a");
        let (sent, status): (&[_], _) = match args["error"].as_str() {
            None => (&[], StatusCode::UNAUTHORIZED),
            Some("insufficient_scope") => (&[field], StatusCode::FORBIDDEN),
            Some("invalid_request") => (&[field, field], StatusCode::BAD_REQUEST),
            Some(error) => panic!("what is {error}?"),
        };
        let response = ask(&service, get("/", sent)).await;
        assert_eq!(response.status(), status, "{row}");
        let lines = values(response.headers(), "www-authenticate");
        match expect {
            Value::Array(expected) => assert_eq!(lines, *expected, "{row}"),
            Value::String(expected) => {
                let line = expected.replace("400 + ", "Bearer ");
                assert_eq!(lines, [line], "{row}");
            }
            _ => panic!("{row}"),
        }
    }
    assert_eq!(rows(&file, "generate").len(), 7);
}

fn access(table: &AccessTable, request: &Request<String>) -> Access {
    table.access(&Head::from_request(request))
}

fn open(access: &Access) -> bool {
    matches!(access, Access::Public | Access::Optional)
}

#[test]
fn no_path_slips_past_a_table_with_two_public_entries() {
    let table = AccessTable::builder()
        .any("/public", Access::Public)
        .any("/health", Access::Public);
    let table = table.build().unwrap();
    let file = load(include_str!("../vectors/http_paths.json"));
    for path in ["/public", "/health"] {
        assert_eq!(access(&table, &get(path, &[])), Access::Public, "{path}");
    }
    for row in rows(&file, "must_stay_protected") {
        let request = get(text(row, "path"), &[]);
        assert!(!open(&access(&table, &request)), "{row}");
    }
    for row in rows(&file, "spoofed_headers") {
        let request = get("/admin", &[(text(row, "header"), text(row, "value"))]);
        assert!(!open(&access(&table, &request)), "{row}");
    }
    let read = ["must_stay_protected", "spoofed_headers"].map(|key| rows(&file, key).len());
    assert_eq!(read, [22, 3]);
}

#[test]
fn grpc_paths_match_by_name_alone() {
    let file = load(include_str!("../vectors/grpc_paths.json"));
    for row in rows(&file, "vectors") {
        let path = text(row, "path");
        let request = grpc(path, &[]);
        let bare = AccessTable::builder().build().unwrap();
        assert_eq!(access(&bare, &request), Access::NotFound, "{row}");
        let parts = path.trim_start_matches('/').split_once('/');
        let (service, method) = parts.unwrap_or(("package.service", "method"));
        let named = AccessTable::builder().grpc(service, method, Access::Authenticated);
        let presets = AccessTable::builder().grpc_health().grpc_reflection();
        let (table, expected) = match text(row, "expect") {
            "route" => (named, Access::Authenticated),
            "UNIMPLEMENTED" => (named, Access::NotFound),
            "protected unless allowed by name" => (presets, Access::Public),
            expect => panic!("what is {expect}?"),
        };
        let table = table.build().unwrap();
        assert_eq!(access(&table, &request), expected, "{row}");
    }
    assert_eq!(rows(&file, "vectors").len(), 5);
}

/// `encode_rule`: all but printable ASCII without `%` is escaped.
fn encode(message: &str) -> String {
    let escape = |byte: u8| match byte {
        b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    message.bytes().map(escape).collect()
}

#[tokio::test]
async fn grpc_messages_are_their_own_encoding() {
    let file = load(include_str!("../vectors/grpc_message.json"));
    for row in rows(&file, "encode") {
        assert_eq!(encode(text(row, "input")), text(row, "expect"), "{row}");
    }
    assert_eq!(rows(&file, "encode").len(), 6);
    let kinds = [
        RejectionKind::Ambiguous,
        RejectionKind::Expired,
        RejectionKind::Forbidden,
        RejectionKind::Invalid,
        RejectionKind::Malformed,
        RejectionKind::Missing,
        RejectionKind::NotFound,
        RejectionKind::RateLimited,
        RejectionKind::Revoked,
        RejectionKind::Unavailable,
    ];
    for kind in kinds {
        let message = kind.message();
        assert!(
            !message.is_empty() && encode(message) == message,
            "{kind:?}"
        );
        let refusing = verify_fn(move |_| Err::<Principal, _>(kind.into()));
        let service = AuthnLayer::new(refusing).layer(Strict::default());
        let request = grpc("/a.S/M", &[("authorization", "Bearer a")]);
        let response = ask(&service, request).await;
        let sent = values(response.headers(), "grpc-message");
        assert!(sent.into_iter().eq(iter::once(message)), "{kind:?}");
    }
}

#[tokio::test]
async fn identity_headers_are_neither_set_nor_believed() {
    let file = load(include_str!("../vectors/identity_headers.json"));
    let names = rows(&file, "must_be_removed").iter();
    let names: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names.len(), 2);
    for name in names {
        let (spy, inner) = (Spy::default(), Strict::default());
        let service = AuthnLayer::new(spy.clone()).layer(inner.clone());
        let refused = ask(&service, get("/", &[(name, "admin")])).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{name}");
        assert_eq!((spy.calls.count(), inner.called.count()), (0, 0), "{name}");
        let bearer = format!("Bearer {TOKEN}");
        let request = get("/", &[(name, "admin"), ("authorization", &bearer)]);
        let sent = request.headers().clone();
        ask(&service, request).await;
        let passed = inner.last();
        assert_eq!(passed.headers, sent, "{name}");
        let principal = passed.extensions.get::<Principal>().unwrap();
        assert_eq!(principal.subject(), "ci", "{name}");
    }
}
