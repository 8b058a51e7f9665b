//! A verifier that is replaced while requests are served.

use std::sync::Arc;

use http::StatusCode;
use tokio::sync::Notify;
use tower::Layer;
use tower_authn::{
    AuthnLayer, Credential, Principal, Rejection, Verifier,
    verifier::{FixedTokens, ReloadableVerifier},
};

use crate::support::{Strict, ask, get};

const OLD: &str = "old-0123456789abcdef";
const NEW: &str = "new-0123456789abcdef";
const BOTH: &str = "both-0123456789abcdef";
const NEITHER: &str = "neither-0123456789abcdef";

fn list(own: &str) -> FixedTokens {
    let rows = [(own, Principal::new(own)), (BOTH, Principal::new(BOTH))];
    FixedTokens::new(rows).unwrap()
}

async fn status<S>(service: &S, token: &str) -> StatusCode
where
    S: tower::Service<http::Request<String>, Response = http::Response<String>> + Clone,
    S::Error: std::fmt::Debug,
{
    let request = get("/", &[("authorization", &format!("Bearer {token}"))]);
    ask(service, request).await.status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replacing_under_load_admits_what_a_set_holds_and_nothing_else() {
    let swap = Arc::new(ReloadableVerifier::new(list(OLD)));
    let inner = Strict::default();
    let service = AuthnLayer::new(Arc::clone(&swap)).layer(inner.clone());

    let replacing = tokio::spawn({
        let swap = Arc::clone(&swap);
        async move {
            for turn in 0..2_000 {
                swap.replace(list(if turn % 2 == 0 { NEW } else { OLD }));
                tokio::task::yield_now().await;
            }
        }
    });
    let asking = (0..3).map(|_| {
        let service = service.clone();
        tokio::spawn(async move {
            let mut admitted = 0;
            for _ in 0..1_000 {
                assert_eq!(status(&service, NEITHER).await, 401);
                assert_eq!(status(&service, BOTH).await, 200);
                for token in [OLD, NEW] {
                    admitted += usize::from(status(&service, token).await == 200);
                }
            }
            admitted
        })
    });
    let asking: Vec<_> = asking.collect();
    let mut admitted = 3 * 1_000;
    for task in asking {
        admitted += task.await.unwrap();
    }
    replacing.await.unwrap();
    assert_eq!(inner.called.count(), admitted);

    assert_eq!(status(&service, OLD).await, 200, "the last set is in force");
    assert_eq!(status(&service, NEW).await, 401);
}

/// Answers after it was let go.
struct Held {
    answer: Result<Principal, Rejection>,
    entered: Arc<Notify>,
    go: Arc<Notify>,
}

impl Verifier for Held {
    type Principal = Principal;

    async fn verify(&self, _: &Credential<'_>) -> Result<Principal, Rejection> {
        self.entered.notify_one();
        self.go.notified().await;
        self.answer.clone()
    }
}

#[tokio::test]
async fn a_request_under_way_keeps_the_verifier_it_began_with() {
    for (first, second) in [
        (Ok(Principal::new("a")), Err(Rejection::revoked())),
        (Err(Rejection::revoked()), Ok(Principal::new("a"))),
    ] {
        let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let held = |answer| Held {
            answer,
            entered: Arc::clone(&entered),
            go: Arc::clone(&go),
        };
        let expected = |answer: &Result<_, _>| if answer.is_ok() { 200 } else { 401 };
        let (before, after) = (expected(&first), expected(&second));

        let swap = Arc::new(ReloadableVerifier::new(held(first)));
        let service = AuthnLayer::new(Arc::clone(&swap)).layer(Strict::default());
        let under_way = tokio::spawn({
            let service = service.clone();
            async move { status(&service, "x").await }
        });
        entered.notified().await;
        swap.replace(held(second));
        go.notify_one();
        assert_eq!(under_way.await.unwrap(), before);
        go.notify_one();
        assert_eq!(status(&service, "x").await, after);
    }
}
