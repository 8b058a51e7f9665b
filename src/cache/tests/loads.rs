//! Loads: shared, left by those who wait for them, and ending in failure.

use super::*;

fn cached() -> (Issuer, Cached<Issuer>) {
    let issuer = Issuer::default();
    issuer.good("a", Principal::new("alice").with_token_id("k1"));
    (issuer.clone(), Cached::new(issuer))
}

#[tokio::test(start_paused = true)]
async fn j03_a_leader_that_is_dropped_leaves_no_request_waiting() {
    let (issuer, cached) = cached();
    // Dropped before its load has begun, and after.
    for settled in [false, true] {
        cached.invalidate_all();
        let (calls, _) = issuer.counts();
        let leader = Request::begin(&cached, "a");
        let mut follower = Request::begin(&cached, "a");
        if settled {
            settle().await;
        }
        drop(leader);
        settle().await;
        assert!(follower.poll().is_none());
        settle().await;
        assert_eq!(issuer.counts(), (calls + 1, 1));
        issuer.release().await;
        assert_eq!(follower.result(), ok("alice"));
    }
}

#[tokio::test(start_paused = true)]
async fn j03_a_leader_that_is_never_polled_again_leaves_no_request_waiting() {
    let (issuer, cached) = cached();
    let mut leader = Request::begin(&cached, "a");
    let mut follower = Request::begin(&cached, "a");
    settle().await;
    issuer.release().await;
    assert_eq!(follower.result(), ok("alice"));
    assert_eq!(leader.result(), ok("alice"));
    assert_eq!(issuer.counts(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_load_ends_with_its_last_waiter_and_the_next_request_begins_another() {
    let (issuer, cached) = cached();
    let requests = [(); 3].map(|()| Request::begin(&cached, "a"));
    settle().await;
    assert_eq!(issuer.counts(), (1, 1));
    drop(requests);
    settle().await;
    assert_eq!(issuer.counts(), (1, 0), "it was aborted");
    assert_eq!(cached.stats().loads, 0);
    // Also if it arrives before the aborted task is gone.
    drop(Request::begin(&cached, "a"));
    let mut next = Request::begin(&cached, "a");
    settle().await;
    assert_eq!(issuer.counts().1, 1);
    issuer.release().await;
    assert_eq!(next.result(), ok("alice"));
    assert_eq!(remembered(&cached, "a"), ok("alice"));
}

#[test]
fn outside_of_a_runtime_the_waiters_drive_the_load() {
    let (issuer, cached) = cached();
    let leader = Request::begin(&cached, "a");
    let mut follower = Request::begin(&cached, "a");
    assert_eq!(issuer.counts(), (1, 1));
    drop(leader);
    assert!(follower.poll().is_none());
    let asked = issuer.with(|state| state.asked.remove(0));
    asked.release.send(()).unwrap();
    assert_eq!(follower.result(), ok("alice"));
    assert_eq!(remembered(&cached, "a"), ok("alice"));
    issuer.set("b", Answer::Panic);
    let mut requests = [(); 3].map(|()| Request::begin(&cached, "b"));
    let asked = issuer.with(|state| state.asked.remove(0));
    asked.release.send(()).unwrap();
    for request in &mut requests {
        assert_eq!(request.result(), Some(Err(RejectionKind::Unavailable)));
    }
    drop(Request::begin(&cached, "b"));
    assert_eq!(cached.stats().loads, 0, "all waiters left");
}

#[test]
fn a_load_on_a_runtime_that_ends_is_an_outage_for_other_runtimes() {
    let (issuer, cached) = cached();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    };
    let (first, second) = (runtime(), runtime());
    let (_leader, mut follower) = first.block_on(async {
        let requests = (Request::begin(&cached, "a"), Request::begin(&cached, "a"));
        settle().await;
        requests
    });
    drop(first);
    assert_eq!(follower.result(), Some(Err(RejectionKind::Unavailable)));
    second.block_on(async {
        load(&issuer, &cached, "a").await;
        assert_eq!(remembered(&cached, "a"), ok("alice"));
    });
}

#[tokio::test(start_paused = true)]
async fn j03_a_panic_is_an_outage_for_all_its_waiters_and_is_not_remembered() {
    let (issuer, cached) = cached();
    issuer.set("a", Answer::Panic);
    let mut requests = [(); 100].map(|()| Request::begin(&cached, "a"));
    settle().await;
    issuer.release().await;
    for request in &mut requests {
        assert_eq!(request.result(), Some(Err(RejectionKind::Unavailable)));
    }
    assert_eq!(issuer.counts(), (1, 0));
    assert_eq!(remembered(&cached, "a"), None);
    issuer.good("a", Principal::new("alice"));
    load(&issuer, &cached, "a").await;
    assert_eq!(remembered(&cached, "a"), ok("alice"));
}

#[tokio::test(start_paused = true)]
async fn failures_are_shared_and_only_refusals_of_the_credential_are_remembered() {
    for kind in RejectionKind::ALL {
        use RejectionKind::{Ambiguous, Missing, NotFound, RateLimited, Unavailable};
        let of_the_moment = [Ambiguous, Missing, NotFound, RateLimited, Unavailable];
        let (issuer, cached) = cached();
        issuer.set("a", Answer::Bad(kind));
        let mut requests = [(); 100].map(|()| Request::begin(&cached, "a"));
        settle().await;
        issuer.release().await;
        for request in &mut requests {
            assert_eq!(request.result(), Some(Err(kind)));
        }
        assert_eq!(issuer.counts(), (1, 0), "{kind}");
        let expected = (!of_the_moment.contains(&kind)).then_some(Err(kind));
        assert_eq!(remembered(&cached, "a"), expected, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn j03_what_is_invalidated_while_it_loads_is_neither_remembered_nor_given_to_later_requests()
{
    type Invalidate = fn(&Cached<Issuer>);
    let rows: [(&str, Invalidate, bool); 8] = [
        ("nothing", |_| {}, false),
        ("its id", |c| c.invalidate_token_id("k1"), true),
        ("another id", |c| c.invalidate_token_id("k2"), false),
        ("its subject", |c| c.invalidate_subject("alice"), true),
        ("another subject", |c| c.invalidate_subject("bob"), false),
        ("all", Cached::invalidate_all, true),
        (
            "by a closure that panics",
            |c| c.invalidate_if(|_| panic!("planted")),
            true,
        ),
        (
            "more than is recorded",
            |c| (0..=64).for_each(|n| c.invalidate_subject(n.to_string())),
            true,
        ),
    ];
    for (name, invalidate, is_outdated) in rows {
        let (issuer, cached) = cached();
        let mut before = Request::begin(&cached, "a");
        settle().await;
        issuer.good("a", Principal::new("new"));
        invalidate(&cached);
        let mut after = Request::begin(&cached, "a");
        settle().await;
        issuer.release().await;
        assert_eq!(before.result(), ok("alice"), "{name}: it came before");
        if is_outdated {
            assert_eq!(remembered(&cached, "a"), None, "{name}");
            assert_eq!(after.result(), None, "{name}");
            settle().await;
            issuer.release().await;
            assert_eq!(after.result(), ok("new"), "{name}");
            assert_eq!(remembered(&cached, "a"), ok("new"), "{name}");
        } else {
            assert_eq!(after.result(), ok("alice"), "{name}");
            assert_eq!(remembered(&cached, "a"), ok("alice"), "{name}");
            assert_eq!(issuer.counts(), (1, 0), "{name}");
        }
    }
}

/// A verifier that decides at once, and during which something happens.
struct Immediate<F>(F);

impl<F: Fn() + Send + Sync + 'static> Verifier for Immediate<F> {
    type Principal = Principal;

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, _: &Credential<'_>) -> Verdict {
        (self.0)();
        Ok(Principal::new("alice"))
    }
}

#[test]
fn j03_what_is_invalidated_during_an_immediate_verdict_is_not_remembered() {
    type During = fn(&Cached<Immediate<Box<dyn Fn() + Send + Sync>>>);
    let rows: [(During, usize); 3] = [
        (|_| {}, 1),
        (|cached| cached.invalidate_all(), 0),
        (|cached| cached.invalidate_subject("alice"), 0),
    ];
    for (during, expected) in rows {
        let own: Arc<std::sync::OnceLock<Cached<_>>> = Arc::default();
        let inside = Arc::clone(&own);
        let verifier: Immediate<Box<dyn Fn() + Send + Sync>> = Immediate(Box::new(move || {
            during(inside.get().unwrap());
        }));
        let cached = own.get_or_init(|| Cached::new(verifier));
        let verdict = cached.verify_now(&bearer("a")).unwrap();
        assert_eq!(brief(verdict), Ok("alice".to_owned()));
        assert_eq!(cached.stats().principals, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_finds_the_verdict_of_a_load_that_just_ended_begins_no_other() {
    let (issuer, cached) = cached();
    load(&issuer, &cached, "a").await;
    let digest = cached.state.digester.digest(&bearer("a"));
    // The request looked before the load ended, and asks for a load after that.
    let step = cached.state.join_or_begin(digest, &bearer("a"));
    assert!(matches!(step, Step::Decided(Ok(_))));
    cached.invalidate_all();
    let step = cached.state.join_or_begin(digest, &bearer("a"));
    assert!(matches!(step, Step::Wait(_)));
}

#[tokio::test(start_paused = true)]
async fn j03_neither_schemes_nor_caches_share_a_verdict() {
    let (issuer, first) = cached();
    let second = Cached::new(issuer.clone());
    load(&issuer, &first, "a").await;
    assert_eq!(remembered(&first, "a"), ok("alice"));
    assert_eq!(remembered(&first.clone(), "a"), ok("alice"), "a clone does");
    assert_eq!(remembered(&second, "a"), None);
    for scheme in [None, Some(Scheme::Basic)] {
        let other = Credential::from_parts(scheme, b"a");
        assert!(first.verify_now(&other).is_none(), "{scheme:?}");
    }
    assert!(
        second.state.digester.digest(&bearer("a")) != first.state.digester.digest(&bearer("a"))
    );
}
