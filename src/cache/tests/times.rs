//! When a verdict ends, and when it is refreshed.

use super::*;

fn cached(
    wall: &Wall,
    set: impl Fn(CachedBuilder<Issuer>) -> CachedBuilder<Issuer>,
) -> (Issuer, Cached<Issuer>) {
    let issuer = Issuer::default();
    let wall = wall.clone();
    let builder = Cached::builder(issuer.clone()).clock(move || wall.now());
    (issuer, set(builder).build())
}

async fn advance(by: Duration) {
    tokio::time::advance(by).await;
}

const STEP: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn j03_a_principal_ends_with_its_ttl_or_its_expiry_however_often_it_is_used() {
    let wall = Wall::new();
    // The TTL, the expiry, how long the load takes, and the end after the load's begin.
    let rows = [
        (60, None, 0, 60),
        (60, Some(20), 0, 20),
        (60, Some(3_600), 0, 60),
        (60, None, 5, 60),
        (60, Some(20), 5, 20),
        (3_600, Some(20), 5, 20),
    ];
    for (ttl, expiry, loading, end) in rows {
        let (issuer, cached) = cached(&wall, |builder| builder.ttl(ttl * SECOND));
        let principal = Principal::new("alice");
        issuer.good(
            "a",
            match expiry {
                Some(expiry) => principal.with_expires_at(wall.now() + expiry * SECOND),
                None => principal,
            },
        );
        let mut request = Request::begin(&cached, "a");
        settle().await;
        advance(loading * SECOND).await;
        issuer.release().await;
        assert!(request.poll().is_some());
        for _ in 0..(end - loading - 1) {
            assert_eq!(remembered(&cached, "a"), ok("alice"));
            advance(SECOND).await;
        }
        advance(SECOND - STEP).await;
        assert_eq!(remembered(&cached, "a"), ok("alice"));
        advance(STEP).await;
        assert_eq!(remembered(&cached, "a"), None, "{ttl} {expiry:?} {loading}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_principal_that_is_over_already_is_not_remembered() {
    let wall = Wall::new();
    let expired = Principal::new("alice").with_expires_at(wall.now());
    for (name, ttl, principal) in [
        ("no TTL", Duration::ZERO, Principal::new("alice")),
        ("expired", SECOND, expired),
    ] {
        let (issuer, cached) = cached(&wall, |builder| builder.ttl(ttl));
        issuer.good("a", principal);
        load(&issuer, &cached, "a").await;
        assert_eq!(remembered(&cached, "a"), None, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn j03_no_step_of_the_systems_clock_keeps_a_principal_past_its_expiry() {
    let wall = Wall::new();
    let (issuer, cached) = cached(&wall, |builder| builder.ttl(3_600 * SECOND));
    issuer.good(
        "a",
        Principal::new("alice").with_expires_at(wall.now() + 60 * SECOND),
    );
    load(&issuer, &cached, "a").await;
    wall.step(|now| now - 900 * SECOND);
    advance(60 * SECOND - STEP).await;
    assert_eq!(remembered(&cached, "a"), ok("alice"));
    advance(STEP).await;
    assert_eq!(remembered(&cached, "a"), None, "by the monotonic clock");

    issuer.good(
        "a",
        Principal::new("alice").with_expires_at(wall.now() + 60 * SECOND),
    );
    load(&issuer, &cached, "a").await;
    wall.step(|now| now + 59 * SECOND);
    assert_eq!(remembered(&cached, "a"), ok("alice"));
    wall.step(|now| now + SECOND);
    assert_eq!(remembered(&cached, "a"), None, "by the system's clock");
}

#[tokio::test(start_paused = true)]
async fn j03_a_refusal_ends_with_its_own_ttl() {
    let wall = Wall::new();
    let (issuer, cached) = cached(&wall, |builder| builder.refusal_ttl(2 * SECOND));
    load(&issuer, &cached, "a").await;
    issuer.good("a", Principal::new("alice"));
    advance(2 * SECOND - STEP).await;
    assert_eq!(remembered(&cached, "a"), Some(Err(RejectionKind::Invalid)));
    advance(STEP).await;
    assert_eq!(remembered(&cached, "a"), None);
    load(&issuer, &cached, "a").await;
    assert_eq!(remembered(&cached, "a"), ok("alice"));
}

#[tokio::test(start_paused = true)]
async fn settings_at_their_limits_are_taken() {
    let wall = Wall::new();
    for capacity in [0, 1, usize::MAX] {
        let (issuer, cached) = cached(&wall, |builder| {
            builder
                .ttl(Duration::MAX)
                .refusal_ttl(Duration::MAX)
                .refresh_ahead(Duration::MAX)
                .capacity(capacity)
                .refusal_capacity(capacity)
        });
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::MAX >> 1);
        issuer.good("a", Principal::new("alice").with_expires_at(far));
        load(&issuer, &cached, "a").await;
        load(&issuer, &cached, "b").await;
        let expected = (capacity > 0).then(|| Ok("alice".to_owned()));
        assert_eq!(remembered(&cached, "a"), expected, "{capacity}");
        assert_eq!(remembered(&cached, "b").is_some(), capacity > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn one_refresh_runs_ahead_of_the_end_while_the_principal_is_used() {
    let wall = Wall::new();
    let (issuer, cached) = cached(&wall, |builder| {
        builder.ttl(60 * SECOND).refresh_ahead(20 * SECOND)
    });
    issuer.good("a", Principal::new("old"));
    load(&issuer, &cached, "a").await;
    issuer.good("a", Principal::new("new"));
    advance(40 * SECOND - STEP).await;
    assert_eq!(remembered(&cached, "a"), ok("old"));
    settle().await;
    assert_eq!(issuer.counts(), (1, 0), "it is not due");
    advance(STEP).await;
    for _ in 0..10 {
        assert_eq!(remembered(&cached, "a"), ok("old"));
        settle().await;
        assert_eq!(issuer.counts(), (2, 1));
    }
    issuer.release().await;
    for _ in 0..10 {
        assert_eq!(remembered(&cached, "a"), ok("new"));
        settle().await;
    }
    assert_eq!(issuer.counts(), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_under_way_at_the_end_is_joined_and_the_principal_is_not_used() {
    let wall = Wall::new();
    let (issuer, cached) = cached(&wall, |builder| {
        builder.ttl(60 * SECOND).refresh_ahead(20 * SECOND)
    });
    issuer.good("a", Principal::new("old"));
    load(&issuer, &cached, "a").await;
    issuer.good("a", Principal::new("new"));
    advance(50 * SECOND).await;
    assert_eq!(remembered(&cached, "a"), ok("old"));
    settle().await;
    advance(10 * SECOND).await;
    assert_eq!(remembered(&cached, "a"), None);
    let mut request = Request::begin(&cached, "a");
    settle().await;
    assert_eq!(issuer.counts(), (2, 1));
    issuer.release().await;
    assert_eq!(request.result(), ok("new"));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_keeps_the_principal_and_one_that_is_refused_does_not() {
    use RejectionKind::{RateLimited, Revoked, Unavailable};
    let rows = [
        (Answer::Bad(Unavailable), true),
        (Answer::Bad(RateLimited), true),
        (Answer::Panic, true),
        (Answer::Bad(Revoked), false),
    ];
    for (answer, keeps) in rows {
        let wall = Wall::new();
        let (issuer, cached) = cached(&wall, |builder| {
            builder.ttl(60 * SECOND).refresh_ahead(20 * SECOND)
        });
        issuer.good("a", Principal::new("alice"));
        load(&issuer, &cached, "a").await;
        issuer.set("a", answer.clone());
        advance(45 * SECOND).await;
        assert_eq!(remembered(&cached, "a"), ok("alice"));
        settle().await;
        issuer.release().await;
        if !keeps {
            assert_eq!(remembered(&cached, "a"), Some(Err(Revoked)));
            continue;
        }
        // The next one begins a second later, and none lengthens the TTL.
        for calls in 2..5 {
            for _ in 0..10 {
                assert_eq!(remembered(&cached, "a"), ok("alice"), "{answer:?}");
                settle().await;
            }
            assert_eq!(issuer.counts(), (calls, 0), "{answer:?}");
            advance(SECOND).await;
            assert_eq!(remembered(&cached, "a"), ok("alice"));
            settle().await;
            assert_eq!(issuer.counts(), (calls + 1, 1), "{answer:?}");
            issuer.release().await;
        }
        advance(12 * SECOND).await;
        assert_eq!(remembered(&cached, "a"), None, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_no_refresh_before_the_principals_own_expiry() {
    let wall = Wall::new();
    for (expiry, expected) in [(59, 1), (61, 2)] {
        let (issuer, cached) = cached(&wall, |builder| {
            builder.ttl(60 * SECOND).refresh_ahead(20 * SECOND)
        });
        let expires_at = wall.now() + expiry * SECOND;
        issuer.good("a", Principal::new("alice").with_expires_at(expires_at));
        load(&issuer, &cached, "a").await;
        advance(58 * SECOND).await;
        assert_eq!(remembered(&cached, "a"), ok("alice"));
        settle().await;
        assert_eq!(issuer.counts().0, expected, "{expiry}");
    }
}

#[tokio::test(start_paused = true)]
async fn j03_an_invalidation_during_a_refresh_ends_the_old_and_the_new_principal() {
    let wall = Wall::new();
    let (issuer, cached) = cached(&wall, |builder| {
        builder.ttl(60 * SECOND).refresh_ahead(20 * SECOND)
    });
    issuer.good("a", Principal::new("alice"));
    load(&issuer, &cached, "a").await;
    advance(45 * SECOND).await;
    assert_eq!(remembered(&cached, "a"), ok("alice"));
    settle().await;
    cached.invalidate_subject("alice");
    assert_eq!(remembered(&cached, "a"), None);
    issuer.release().await;
    assert_eq!(remembered(&cached, "a"), None);
}
