//! Counts the allocations of a request, for each thread, with a global allocator.
//!
//! The numbers are exact: one more allocation on any path is a failure.

use std::{
    convert::Infallible,
    future::{Future, Ready, poll_fn, ready},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use allocation_counter::measure;
use bytes::Bytes;
use http::{Extensions, HeaderValue, Request, Response, StatusCode};
use http_body_util::Empty;
use tower::{Layer, Service};
use tower_authn::{
    Access, AccessTable, AuthnLayer, Challenge, Credential, Principal, Rejection, Sources,
    Verifier,
    layer::{Admission, Authn, EmptyBody},
    verifier::{FixedTokens, FixedUsers},
    verify_fn,
};

use crate::support::TOKEN;

/// The body of a request, already at its end.
type NoBytes = Empty<Bytes>;

/// A service that answers 202, which no refusal does, and allocates nothing.
#[derive(Clone, Copy)]
struct Bare;

impl Service<Request<NoBytes>> for Bare {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<NoBytes>) -> Self::Future {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::ACCEPTED;
        ready(Ok(response))
    }
}

/// The allocations of one request, and the status of its response.
#[derive(Debug, PartialEq)]
struct Cost {
    call: u64,
    poll: u64,
    status: u16,
}

const fn admitted(call: u64) -> Cost {
    Cost {
        call,
        poll: 0,
        status: 202,
    }
}

const fn refused(call: u64) -> Cost {
    Cost {
        call,
        poll: 0,
        status: 401,
    }
}

fn cost<V, A>(layer: AuthnLayer<V, A>, request: Request<NoBytes>) -> Cost
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    let mut service: Authn<Bare, V, A, EmptyBody> = layer.layer(Bare);
    let mut cx = Context::from_waker(Waker::noop());
    let mut future = None;
    let call = measure(|| {
        assert!(Service::<Request<NoBytes>>::poll_ready(&mut service, &mut cx).is_ready());
        future = Some(service.call(request));
    });
    let mut future = pin!(future.unwrap());
    let mut polls = 0;
    // A verifier waits once at most.
    for _ in 0..2 {
        let mut answer = None;
        let poll = measure(|| answer = Some(future.as_mut().poll(&mut cx)));
        polls += poll.count_total;
        if let Some(Poll::Ready(Ok(response))) = answer {
            return Cost {
                call: call.count_total,
                poll: polls,
                status: response.status().as_u16(),
            };
        }
    }
    panic!("the service waits twice");
}

fn request(credential: &str) -> Request<NoBytes> {
    let request = Request::post("/generate").header("content-type", "application/json");
    let request = match credential {
        "" => request,
        credential => request.header("authorization", shared(credential)),
    };
    request.body(NoBytes::new()).unwrap()
}

/// A value that shares its bytes, as a value that hyper has read from a connection.
fn shared(value: &str) -> HeaderValue {
    let bytes = Bytes::from(value.to_owned());
    let other = bytes.clone();
    drop(other);
    HeaderValue::from_maybe_shared(bytes).unwrap()
}

fn good() -> Request<NoBytes> {
    request(&format!("Bearer {TOKEN}"))
}

/// A good request with extensions that hold something and have room for another entry.
fn good_with_extensions() -> Request<NoBytes> {
    let mut request = good();
    *request.extensions_mut() = populated();
    request
}

fn populated() -> Extensions {
    let mut extensions = Extensions::new();
    extensions.insert(1_u8);
    extensions
}

fn tokens() -> FixedTokens {
    FixedTokens::new([("0123456789abcdef", caller()), (TOKEN, caller())]).unwrap()
}

fn users() -> FixedUsers {
    FixedUsers::new([("alice", "correct horse", caller())]).unwrap()
}

fn caller() -> Principal {
    let caller = Principal::new("ci");
    caller.with_scopes(["deployment"]).unwrap()
}

fn table() -> AccessTable {
    let table = AccessTable::builder().any("/generate", Access::scope("deployment"));
    table.build().unwrap()
}

/// A verifier that the layer must await, although it never waits.
struct MayWait<V>(V);

impl<V: Verifier> Verifier for MayWait<V> {
    type Principal = V::Principal;

    async fn verify(&self, credential: &Credential<'_>) -> Result<V::Principal, Rejection> {
        self.0.verify(credential).await
    }
}

/// A verifier that waits once.
struct Yields<V>(V);

impl<V: Verifier> Verifier for Yields<V> {
    type Principal = V::Principal;

    async fn verify(&self, credential: &Credential<'_>) -> Result<V::Principal, Rejection> {
        let mut is_ready = false;
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            match std::mem::replace(&mut is_ready, true) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        self.0.verify(credential).await
    }
}

/// Counts the allocations of inserting a principal.
fn insert(mut extensions: Extensions) -> u64 {
    let caller = caller();
    let insert = measure(|| drop(extensions.insert(caller)));
    insert.count_total
}

#[test]
fn inserting_a_principal_costs_three_into_empty_extensions_and_one_if_there_is_room() {
    assert_eq!(insert(Extensions::new()), 3);
    assert_eq!(insert(populated()), 1);
}

#[test]
fn an_immediate_verdict_allocates_nothing() {
    let rows: [(&str, Cost); 5] = [
        (
            "tokens",
            cost(AuthnLayer::new(tokens()).without_principal(), good()),
        ),
        (
            "boxed",
            cost(
                AuthnLayer::new(tokens().boxed()).without_principal(),
                good(),
            ),
        ),
        (
            "the second of or",
            cost(
                AuthnLayer::new(users().or(tokens())).without_principal(),
                good(),
            ),
        ),
        (
            "a table",
            cost(
                AuthnLayer::new(tokens())
                    .access(table())
                    .without_principal(),
                good(),
            ),
        ),
        (
            "a closure",
            cost(
                AuthnLayer::new(verify_fn(|credential| match credential.matches(TOKEN) {
                    true => Ok(()),
                    false => Err(Rejection::invalid()),
                }))
                .without_principal(),
                good(),
            ),
        ),
    ];
    for (name, cost) in rows {
        assert_eq!(cost, admitted(0), "{name}");
    }
}

#[test]
fn a_principal_costs_no_more_than_inserting_it() {
    type Costs = fn(Request<NoBytes>) -> Cost;
    let rows: [(&str, Costs); 4] = [
        ("tokens", |request| cost(AuthnLayer::new(tokens()), request)),
        ("boxed", |request| {
            cost(AuthnLayer::new(tokens().boxed()), request)
        }),
        ("the second of or", |request| {
            cost(AuthnLayer::new(users().or(tokens())), request)
        }),
        ("a table", |request| {
            cost(AuthnLayer::new(tokens()).access(table()), request)
        }),
    ];
    for (name, cost) in rows {
        let empty = insert(Extensions::new());
        assert_eq!(cost(good()), admitted(empty), "{name}, empty extensions");
        let room = insert(populated());
        assert_eq!(
            cost(good_with_extensions()),
            admitted(room),
            "{name}, with room"
        );
    }
}

#[test]
fn a_verdict_that_waits_costs_one_box_and_a_boxed_verifier_costs_another() {
    let waits = AuthnLayer::new(MayWait(tokens())).without_principal();
    let one_box = Cost {
        call: 1,
        ..admitted(0)
    };
    assert_eq!(cost(waits, good()), one_box);
    let yields = AuthnLayer::new(Yields(tokens())).without_principal();
    assert_eq!(cost(yields, good()), one_box);
    let by_policy = AuthnLayer::new(Yields(tokens())).access(table());
    assert_eq!(cost(by_policy.without_principal(), good()), one_box);

    // `BoxVerifier` makes its box when it is called.
    let boxed = AuthnLayer::new(MayWait(tokens()).boxed()).without_principal();
    assert_eq!(cost(boxed, good()), Cost { poll: 1, ..one_box });

    let inserts = AuthnLayer::new(MayWait(tokens()));
    let insert = insert(Extensions::new());
    assert_eq!(
        cost(inserts, good()),
        Cost {
            poll: insert,
            ..one_box
        }
    );
}

#[test]
fn a_credential_that_no_server_has_read_is_shared_at_the_cost_of_one_allocation() {
    let by_policy = || AuthnLayer::new(tokens()).access(table());
    let own = || {
        let mut request = good();
        let value = HeaderValue::try_from(format!("Bearer {TOKEN}")).unwrap();
        request.headers_mut().insert("authorization", value);
        request
    };
    let cost_of = |request| cost(by_policy().without_principal(), request);
    assert_eq!(cost_of(own()), admitted(1));
    assert_eq!(cost_of(good()), admitted(0));
}

#[test]
fn a_refusal_allocates_its_header_map_and_one_more_for_a_second_challenge() {
    let two_lines = || {
        Sources::default()
            .challenge(Challenge::bearer())
            .challenge(Challenge::basic("api").unwrap())
    };
    for credential in ["", "Bearer a,b", "Bearer 0123456789abcdeX"] {
        let one = cost(AuthnLayer::new(tokens()), request(credential));
        assert_eq!(one, refused(2), "{credential:?}, one line");
        let two = AuthnLayer::new(tokens()).sources(two_lines());
        let two = cost(two, request(credential));
        assert_eq!(two, refused(3), "{credential:?}, two lines");
    }
}

#[test]
fn a_403_allocates_for_the_principal_only_if_the_rejection_is_exposed() {
    let denied = || AuthnLayer::new(tokens()).access(Access::Denied);
    let refused = |call| Cost {
        status: 403,
        ..refused(call)
    };
    let plain = cost(denied(), good());
    assert_eq!(plain, refused(2));
    // The details of the rejection, its principal, and the response's extensions.
    let exposed = cost(denied().expose_rejection(), good());
    assert!(exposed.call > plain.call + 2, "{exposed:?}");
}

#[test]
fn j06_a_challenge_that_names_scopes_is_rendered_once() {
    for credential in ["", "Bearer a,b", "Bearer 0123456789abcdeX"] {
        let plain = AuthnLayer::new(tokens()).access(table());
        let scoped = cost(plain.clone().challenge_scopes(), request(credential));
        // One more for the details of the rejection, and none for the rendering.
        assert_eq!(scoped, refused(3), "{credential:?}");
        assert_eq!(cost(plain, request(credential)), refused(2));
    }
    // Without the option, each 403 is rendered.
    let other = |caller: Principal| FixedTokens::new([(TOKEN, caller)]).unwrap();
    let layer = AuthnLayer::new(other(Principal::new("ci"))).access(table());
    let rendered = cost(layer.clone(), good());
    let prepared = cost(layer.challenge_scopes(), good());
    assert_eq!((prepared.status, rendered.status), (403, 403));
    assert_eq!(prepared.call, 3);
    assert!(rendered.call > prepared.call, "{rendered:?}");
}

#[test]
fn a_rejection_with_a_static_reason_allocates_nothing() {
    let cost = measure(|| {
        let rejection = Rejection::invalid().with_reason("unknown");
        drop((rejection.clone(), rejection));
    });
    assert_eq!(cost.count_total, 0);
    assert!(size_of::<Rejection>() <= 32);
}

#[test]
fn a_grpc_refusal_allocates_its_header_map() {
    for credential in ["", "Bearer a,b", "Bearer 0123456789abcdeX"] {
        let mut request = request(credential);
        let grpc = HeaderValue::from_static("application/grpc");
        request.headers_mut().insert("content-type", grpc);
        let cost = cost(AuthnLayer::new(tokens()), request);
        let expected = Cost {
            status: 200,
            ..refused(2)
        };
        assert_eq!(cost, expected, "{credential:?}");
    }
}

#[cfg(feature = "tonic")]
#[test]
fn f04_an_interceptor_s_refusal_allocates_no_more_than_a_closure_with_the_same_status() {
    use tonic::{
        Status,
        service::{Interceptor, InterceptorLayer},
    };
    use tower_authn::{AuthnInterceptor, RejectionKind};

    fn refusal(interceptor: impl Interceptor + Clone, credential: &str) -> (u64, Status) {
        let mut service = InterceptorLayer::new(interceptor).layer(Bare);
        let request = request(credential);
        let mut status = None;
        let cost = measure(|| {
            let call = pin!(service.call(request));
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(Ok(response)) = call.poll(&mut cx) {
                status = Status::from_header_map(response.headers());
            }
        });
        (cost.count_total, status.expect("a status"))
    }
    for (credential, kind) in [
        ("", RejectionKind::Missing),
        ("Bearer a,b", RejectionKind::Malformed),
        ("Bearer 0123456789abcdeX", RejectionKind::Invalid),
    ] {
        let closure = |_| Err(Status::unauthenticated(kind.message()));
        let (expected, status) = refusal(closure, credential);
        let (found, own) = refusal(AuthnInterceptor::new(tokens()), credential);
        assert_eq!(own.code(), status.code(), "{credential:?}");
        assert_eq!(own.message(), status.message(), "{credential:?}");
        assert_eq!(found, expected, "{credential:?}");
    }
}

#[cfg(feature = "tokens")]
#[tokio::test]
async fn a_verdict_on_a_stored_token_allocates_nothing_after_its_first_use() {
    use tower_authn::{
        store::MemoryStore,
        tokens::{NewToken, Tokens, TokensOptions},
    };

    let open = async || {
        let options = TokensOptions::new("acme").unwrap();
        Tokens::open(MemoryStore::new(), options).await.unwrap()
    };
    let (tokens, others) = (open().await, open().await);
    let created = tokens.create(NewToken::new("alice")).await.unwrap();
    let foreign = others.create(NewToken::new("mallory")).await.unwrap();
    let (own, foreign) = (created.secret.expose(), foreign.secret.expose());
    let verify = |token: &str| {
        let layer = AuthnLayer::new(tokens.verifier()).without_principal();
        cost(layer, request(&format!("Bearer {token}")))
    };
    assert_eq!(
        verify(own),
        admitted(3),
        "the list of used tokens, its first entry, and the slots of the thread"
    );
    let until_remembered: u64 = (0..20).map(|_| verify(own).call).sum();
    assert_eq!(
        until_remembered, 2,
        "the list of threads, and its first entry"
    );
    assert_eq!(verify(own), admitted(0));
    let inserts = cost(AuthnLayer::new(tokens.verifier()), {
        request(&format!("Bearer {own}"))
    });
    assert_eq!(inserts, admitted(insert(Extensions::new())));
    // A refusal allocates its header map and nothing else.
    let other = if own[20..].starts_with('x') { "y" } else { "x" };
    let altered = format!("{}{other}{}", &own[..20], &own[21..]);
    let typing_error = format!("{}x", &own.replace('_', "_0")[..67]);
    for bad in [
        &altered,
        foreign,
        &typing_error,
        "made-up-and-of-another-form",
    ] {
        assert_eq!(verify(bad), refused(2), "{bad}");
    }
}

#[test]
fn a_verifier_borrows_the_token_from_the_header() {
    let seen = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&seen);
    let request = good();
    let header = request.headers()["authorization"].as_bytes().as_ptr_range();
    let layer = AuthnLayer::new(verify_fn(move |credential: &Credential<'_>| {
        *kept.lock().unwrap() = Some(credential.token().as_bytes().as_ptr() as usize);
        Ok(())
    }));
    let mut service = layer.layer(Bare);
    drop(service.call(request));
    let token = seen.lock().unwrap().expect("a call of the verifier");
    assert!((header.start as usize..header.end as usize).contains(&token));
}
