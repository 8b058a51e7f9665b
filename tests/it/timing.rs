//! Comparison and timing: rows B, by counts of instructions.
//!
//! Time is noise; callgrind counts, and repeats exactly. One run of this very
//! binary under it counts every case, the planted leaks among them: these must
//! be found, or finding none in ours would say nothing.

use std::{
    convert::Infallible,
    env, fs,
    future::{Ready, ready},
    hint::black_box,
    io::ErrorKind,
    iter,
    path::Path,
    process::{self, Command, Output},
    sync::LazyLock,
};

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::Empty;
use tower::{Layer, Service, service_fn, util::ServiceFn};
use tower_authn::{
    AuthnLayer, Principal, Rejection, Verifier,
    layer::{AlwaysRequired, Authn, EmptyBody},
    verifier::FixedTokens,
    verify_fn,
};

/// What most cases present, or nearly.
const SECRET: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL";

/// Where it is wrong: at both ends, inside and on the edges of words and vectors.
const PLACES: [usize; 8] = [0, 1, 7, 8, 16, 31, 40, 47];

/// Requests that are counted together.
const REQUESTS: usize = 100;

type Guarded<V> = Authn<ServiceFn<Inner>, V, AlwaysRequired, EmptyBody>;
type Inner = fn(Request<Empty<Bytes>>) -> Ready<Result<Response<String>, Infallible>>;

/// It keeps nothing: what is kept over calls lets the allocator's work depend
/// on what was counted before.
fn inner(_: Request<Empty<Bytes>>) -> Ready<Result<Response<String>, Infallible>> {
    ready(Ok(Response::default()))
}

/// One guarded service and what is presented to it.
struct Case {
    group: &'static str,
    name: String,
    expected: StatusCode,
    run: Box<dyn FnOnce() -> StatusCode>,
}

impl Case {
    fn new<V: Verifier>(
        group: &'static str,
        name: impl ToString,
        verifier: V,
        presented: &str,
        expected: StatusCode,
    ) -> Self {
        let mut service = AuthnLayer::new(verifier).layer(service_fn(inner as Inner));
        let value = HeaderValue::try_from(format!("Bearer {presented}")).unwrap();
        let run = move || {
            // What is done but once, as the first allocation of a size, is not counted.
            for _ in 0..REQUESTS {
                ask(&mut service, &value);
            }
            dumped_by_callgrind(&mut service, &value)
        };
        Self {
            group,
            name: name.to_string(),
            expected,
            run: Box::new(run),
        }
    }
}

/// Callgrind dumps after this one what it counted in the other: of two orders
/// for one name it follows the first alone.
#[inline(never)]
fn dumped_by_callgrind<V: Verifier>(service: &mut Guarded<V>, value: &HeaderValue) -> StatusCode {
    black_box(counted_by_callgrind(service, value))
}

/// callgrind looks for this name. It must contain no closure, because the name of a
/// closure contains that of its function.
#[inline(never)]
fn counted_by_callgrind<V: Verifier>(service: &mut Guarded<V>, value: &HeaderValue) -> StatusCode {
    let mut status = StatusCode::default();
    for _ in 0..REQUESTS {
        status = black_box(ask(service, black_box(value)));
    }
    status
}

#[inline(never)]
fn ask<V: Verifier>(service: &mut Guarded<V>, value: &HeaderValue) -> StatusCode {
    let mut request = Request::new(Empty::new());
    request.headers_mut().insert(AUTHORIZATION, value.clone());
    let answer = service.call(request).now_or_never();
    answer.expect("it never waits").unwrap().status()
}

/// The secret with one byte changed.
fn wrong_at(place: usize) -> String {
    let mut bytes = SECRET.as_bytes().to_vec();
    bytes[place] = b'.';
    String::from_utf8(bytes).unwrap()
}

/// A secret of some length that begins as the presented one does.
fn of_length(len: usize) -> String {
    SECRET.chars().cycle().take(len).collect()
}

fn fixed(tokens: &[String]) -> FixedTokens {
    let principal = Principal::new("ci");
    FixedTokens::new(tokens.iter().map(|token| (token, principal.clone()))).unwrap()
}

/// A list of eight with the secret at one place, or nowhere.
fn list(place: Option<usize>) -> Vec<String> {
    let mut tokens: Vec<String> = PLACES.into_iter().map(wrong_at).collect();
    if let Some(place) = place {
        tokens[place] = SECRET.to_owned();
    }
    tokens
}

/// A leak: it stops at the first byte that differs.
fn planted_equals(secret: String) -> impl Verifier<Principal = ()> {
    verify_fn(move |credential| match credential.token() == secret {
        true => Ok(()),
        false => Err(Rejection::invalid()),
    })
}

/// A leak: it stops at the first entry that matches, each compared well.
fn planted_break(tokens: Vec<String>) -> impl Verifier<Principal = ()> {
    verify_fn(move |credential| {
        let found = tokens.iter().find(|token| credential.matches(token));
        found.map(|_| ()).ok_or_else(Rejection::invalid)
    })
}

/// Every case, in the order in which they are counted.
fn cases() -> Vec<Case> {
    const NO: StatusCode = StatusCode::UNAUTHORIZED;
    const YES: StatusCode = StatusCode::OK;
    let mut cases = Vec::new();
    // The first case finds the allocator in another state, so it is in no group.
    let tokens = fixed(&[wrong_at(0)]);
    cases.push(Case::new("first", "", tokens, SECRET, NO));
    for place in PLACES {
        let secret = wrong_at(place);
        let tokens = fixed(std::slice::from_ref(&secret));
        cases.push(Case::new("place", place, tokens, SECRET, NO));
        let planted = planted_equals(secret);
        cases.push(Case::new("place, planted", place, planted, SECRET, NO));
    }
    for len in [16, 47, 49, 512] {
        let secret = of_length(len);
        let tokens = fixed(std::slice::from_ref(&secret));
        cases.push(Case::new("length", len, tokens, SECRET, NO));
    }
    for len in [16, 48] {
        let planted = planted_equals(of_length(len));
        let presented = wrong_at(47);
        cases.push(Case::new("length, planted", len, planted, &presented, NO));
    }
    for place in [7, 0, 3, 7] {
        let tokens = list(Some(place));
        cases.push(Case::new("hit", place, fixed(&tokens), SECRET, YES));
        let planted = planted_break(tokens);
        cases.push(Case::new("hit, planted", place, planted, SECRET, YES));
    }
    for place in PLACES {
        // Differs from the secret in one byte; the secret is first, last or missing.
        for at in [Some(0), Some(7), None] {
            let mut tokens = list(at);
            tokens.retain(|token| *token != wrong_at(place));
            tokens.extend(iter::repeat_with(|| of_length(64)).take(8 - tokens.len()));
            let name = format!("{place} {at:?}");
            cases.push(Case::new(
                "miss",
                name,
                fixed(&tokens),
                &wrong_at(place),
                NO,
            ));
        }
    }
    cases
}

/// Also what is counted: callgrind runs this test alone.
#[test]
fn the_counted_requests_are_decided_as_they_should_be() {
    for case in cases() {
        assert_eq!((case.run)(), case.expected, "{} {}", case.group, case.name);
    }
}

/// How many instructions each case took; none where there is no valgrind.
static COUNTS: LazyLock<Option<Vec<u64>>> = LazyLock::new(|| {
    let folder = env::temp_dir().join(format!("tower-authn-callgrind-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let counts = match callgrind(&folder.join("out")) {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            // One dump a case, and one at the end.
            let dumps = (1..=cases().len()).map(|part| folder.join(format!("out.{part}")));
            Some(dumps.map(|dump| summary(&dump)).collect())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("valgrind: {error}"),
    };
    fs::remove_dir_all(&folder).unwrap();
    counts
});

fn callgrind(out: &Path) -> std::io::Result<Output> {
    Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg("--toggle-collect=*counted_by_callgrind*")
        .arg("--dump-after=*dumped_by_callgrind*")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe()?)
        .args(["--exact", "--test-threads=1"])
        .arg("timing::the_counted_requests_are_decided_as_they_should_be")
        .output()
}

/// The instructions of one dump.
fn summary(dump: &Path) -> u64 {
    let text = fs::read_to_string(dump).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("summary: "));
    let count = line.and_then(|count| count.trim().parse().ok());
    count.unwrap_or_else(|| panic!("no summary in {text}"))
}

/// What the cases of a group took; nothing where it can't be counted.
fn group(group: &str) -> Vec<(String, u64)> {
    let Some(counts) = &*COUNTS else {
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "CI needs valgrind");
        eprintln!("not counted: valgrind is not installed");
        return Vec::new();
    };
    let counted = cases().into_iter().zip(counts);
    let of_group = counted.filter(|(case, _)| case.group == group);
    let rows: Vec<_> = of_group.map(|(case, count)| (case.name, *count)).collect();
    let plausible = |(_, count): &(_, u64)| *count > 100 * REQUESTS as u64;
    assert!(rows.len() > 1 && rows.iter().all(plausible), "{rows:?}");
    rows
}

fn assert_equal(name: &str) {
    let rows = group(name);
    let differs = rows.iter().any(|(_, count)| *count != rows[0].1);
    assert!(!differs, "{name}: {rows:?}");
}

/// Shows that the count sees such a leak.
fn assert_found(name: &str) {
    let rows = group(name);
    let differs = rows.iter().any(|(_, count)| *count != rows[0].1);
    assert!(differs || rows.is_empty(), "{name}: {rows:?}");
}

#[test]
fn b01_the_place_of_the_mismatch_does_not_show() {
    assert_equal("place");
    assert_found("place, planted");
}

#[test]
fn b02_the_length_of_the_secret_does_not_show() {
    assert_equal("length");
    assert_found("length, planted");
}

#[test]
fn b05_the_place_in_the_list_does_not_show() {
    assert_equal("hit");
    assert_found("hit, planted");
    assert_equal("miss");
}
