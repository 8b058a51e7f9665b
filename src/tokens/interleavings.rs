//! A model check of verdicts, reloads and revocations. It runs the real code in every
//! order of the steps that its threads take on shared memory.
//!
//! A verdict may accept a token only if there is a moment, between its first and its last
//! step, at which the memory is fresh and the token in it is valid. Therefore, once the
//! memory holds a revocation, no verdict that begins later accepts the token; and no
//! verdict combines reads of two generations of the memory, or reads from before and after
//! a confirmation.
//!
//! Each model runs twice: with a verdict that looks the token up, and with one on a thread
//! that remembers it.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use tokio::runtime::{Builder, Runtime};

use super::{NewToken, TokenSelector, Tokens, TokensOptions};
use crate::{
    engine::{
        Decision, Engine,
        schedule::{
            explore::{Choices, every_order},
            point,
        },
        thread_cache_testing::{UNTIL_REMEMBERED, install, take, verify_unvalidated},
    },
    store::{MemoryStore, Row, TokenStore, Write},
    token::{Clock, Record, Secret, SystemClock, Timestamp},
};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(1).enable_time().build().unwrap()
});

/// Tokens without a follower: only the threads of the model follow the store.
struct Scene {
    store: Arc<MemoryStore>,
    tokens: Tokens,
    record: Record,
    secret: Secret,
}

/// Creates a token, in memory and in the store.
fn scene() -> Scene {
    RUNTIME.block_on(async {
        let store = Arc::new(MemoryStore::new());
        let options = TokensOptions::new("acme").unwrap();
        let engine = Arc::new(Engine::new(Arc::clone(&store), options));
        let tokens = Tokens { engine };
        tokens.engine.follow().await.unwrap();
        tokens.ensure_key().await.unwrap();
        let created = tokens.create(NewToken::new("alice")).await.unwrap();
        Scene {
            store,
            tokens,
            record: created.record,
            secret: created.secret,
        }
    })
}

impl Scene {
    /// Whether the memory is fresh and the token in it is valid, at one moment.
    fn is_good(&self) -> bool {
        let engine = &self.tokens.engine;
        let now = SystemClock.now();
        let entry = engine.mirror.get(self.record.id);
        entry.is_some_and(|entry| entry.check(now).is_ok())
            && !engine.mirror.is_retired(self.record.kid)
            && engine.freshness.vouches_for(engine.freshness.see(), now)
    }

    /// Revokes the token in the store alone, as another process would.
    fn revoke_elsewhere(&self) {
        let mut record = self.record.clone();
        let expected_rev = Some(record.rev);
        record.revoked_at = Some(Timestamp::from_secs(1));
        let row = Row::Token(Box::new(record));
        let written = self.store.apply(vec![Write { row, expected_rev }]);
        RUNTIME.block_on(written).unwrap();
    }

    fn follow(&self) {
        RUNTIME.block_on(self.tokens.engine.follow()).unwrap();
    }

    /// Makes this thread remember the token.
    fn remember(&self) {
        drop(take());
        for _ in 0..UNTIL_REMEMBERED {
            assert!(verify(self));
        }
        assert_eq!(self.verify_unvalidated(), Some(true));
    }

    fn verify_unvalidated(&self) -> Option<bool> {
        verify_unvalidated(&self.tokens.engine, &self.record)
    }

    /// Makes the next `follow` load everything.
    fn force_load(&self) {
        *self.tokens.engine.followed.try_lock().unwrap() = None;
    }
}

/// Decides whether the token is accepted.
type Verify = fn(&Scene) -> bool;

/// Prepares a scene, or runs as one of its threads.
type Act = fn(&Scene);

/// The code of the verifiers.
fn verify(scene: &Scene) -> bool {
    let decision = scene.tokens.engine.decide(scene.secret.expose().as_bytes());
    matches!(decision, Decision::Final(Ok(_)))
}

/// A planted bug: freshness is read only after the memory.
fn verify_by_freshness_after(scene: &Scene) -> bool {
    let engine = &scene.tokens.engine;
    let entry = engine.mirror.get(scene.record.id).unwrap();
    point();
    let now = SystemClock.now();
    entry.check(now).is_ok() && engine.freshness.vouches_for(engine.freshness.see(), now)
}

/// A planted bug: freshness is read only before the memory.
fn verify_by_freshness_before(scene: &Scene) -> bool {
    let engine = &scene.tokens.engine;
    let now = SystemClock.now();
    if !engine.freshness.vouches_for(engine.freshness.see(), now) {
        return false;
    }
    point();
    let entry = engine.mirror.get(scene.record.id).unwrap();
    point();
    !engine.mirror.is_retired(scene.record.kid) && entry.check(now).is_ok()
}

/// A planted bug: what the thread remembers is not compared with the memory.
fn verify_by_thread_alone(scene: &Scene) -> bool {
    scene.verify_unvalidated().unwrap()
}

/// The results of all orders.
#[derive(Default)]
struct Outcome {
    orders: usize,
    accepted: usize,
    /// How many accepted the token, with no moment at which that was right.
    wrong: usize,
}

/// Whether the thread of the verdict remembers the token.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Thread {
    Fresh,
    Remembers,
}

/// Runs a verdict among other threads, in every order.
fn explore(verify: Verify, thread: Thread, prepare: Act, others: &[Act]) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.orders = every_order(|choices| {
        let scene = scene();
        if thread == Thread::Remembers {
            scene.remember();
        }
        prepare(&scene);
        let (accepted, wrong) = one_order(choices, &scene, verify, others);
        outcome.accepted += usize::from(accepted);
        outcome.wrong += usize::from(wrong);
    });
    outcome
}

fn one_order(choices: &mut Choices, scene: &Scene, verify: Verify, others: &[Act]) -> (bool, bool) {
    let [begun, ended, accepted] = [(); 3].map(|()| AtomicBool::new(false));
    let cache = take();
    let mut threads: Vec<Box<dyn FnOnce() + Send + '_>> = vec![Box::new(|| {
        install(cache);
        begun.store(true, SeqCst);
        accepted.store(verify(scene), SeqCst);
        ended.store(true, SeqCst);
    })];
    for other in others {
        threads.push(Box::new(|| other(scene)));
    }
    let (mut before, mut right, mut over) = (false, false, false);
    choices.run(threads, || {
        let good = scene.is_good();
        if !begun.load(SeqCst) {
            before = good;
        } else if !over {
            // The moment before its first step counts, and the one after its last.
            right |= before | good;
            over = ended.load(SeqCst);
        }
    });
    let accepted = accepted.into_inner();
    (accepted, accepted && !right)
}

fn nothing(_: &Scene) {}

fn freshness_is_over(scene: &Scene) {
    scene.tokens.engine.freshness.end();
}

/// In memory, the token's key is retired. The store was restored from an older copy, in
/// which the key is not retired and the token is revoked.
fn restored_from_an_older_copy(scene: &Scene) {
    let mut key = scene.tokens.keys().remove(0);
    key.retired_at = Some(Timestamp::from_secs(1));
    key.rev = 1_000;
    scene.tokens.engine.mirror.merge(&Row::Key(key)).unwrap();
    scene.revoke_elsewhere();
    scene.force_load();
}

#[test]
fn s06_no_order_of_steps_accepts_a_revoked_token() {
    let models: [(&str, Act, &[Act]); 4] = [
        (
            "another process revokes",
            nothing,
            &[Scene::follow, Scene::revoke_elsewhere],
        ),
        (
            "it revokes during an outage",
            freshness_is_over,
            &[Scene::follow, Scene::revoke_elsewhere],
        ),
        (
            "it revokes while everything is loaded",
            Scene::force_load,
            &[Scene::follow, Scene::revoke_elsewhere],
        ),
        (
            "an older copy is loaded",
            restored_from_an_older_copy,
            &[Scene::follow],
        ),
    ];
    for ((name, prepare, others), thread) in models
        .into_iter()
        .flat_map(|model| [Thread::Fresh, Thread::Remembers].map(|thread| (model, thread)))
    {
        let Outcome {
            orders,
            accepted,
            wrong,
        } = explore(verify, thread, prepare, others);
        println!("{name}, {thread:?}: {orders} orders, {accepted} accepted");
        assert_eq!(wrong, 0, "{name}, {thread:?}: of {orders} orders");
        let restored = name.contains("copy");
        assert!(orders > 100 && (accepted > 0) != restored, "{name}");
        assert!(accepted < orders, "{name}");
    }
}

#[test]
fn s06_the_model_finds_planted_bugs() {
    let others: &[Act] = &[Scene::follow, Scene::revoke_elsewhere];
    for prepare in [freshness_is_over, Scene::force_load] {
        let found = explore(verify_by_freshness_after, Thread::Fresh, prepare, others);
        assert!(found.wrong > 0, "a later confirmation vouched");
    }
    let restored = restored_from_an_older_copy;
    let found = explore(
        verify_by_freshness_before,
        Thread::Fresh,
        restored,
        &[Scene::follow],
    );
    assert!(found.wrong > 0, "two generations were combined");
}

#[test]
fn f06_the_model_finds_a_thread_that_trusts_what_it_remembers() {
    let others: &[Act] = &[Scene::follow, Scene::revoke_elsewhere];
    for prepare in [nothing, freshness_is_over] {
        let found = explore(verify_by_thread_alone, Thread::Remembers, prepare, others);
        assert!(found.wrong > 0, "of {} orders", found.orders);
    }
}

/// A read of the store that began before the token was revoked, and ends after it was
/// pruned and forgotten, brings no valid token back.
#[test]
fn s06_no_order_of_steps_brings_a_token_back_that_was_forgotten() {
    let (mut brought_back, mut forgotten) = (0, 0);
    let orders = every_order(|choices| {
        let scene = scene();
        let read = || {
            let read = scene.tokens.engine.read_one(scene.record.id);
            RUNTIME.block_on(read).unwrap();
        };
        let end = || {
            scene.revoke_elsewhere();
            scene.follow();
            let pruned = scene.store.prune(Timestamp::from_secs(2));
            assert_eq!(RUNTIME.block_on(pruned).unwrap(), 1);
            scene.follow();
        };
        choices.run(vec![Box::new(read), Box::new(end)], || ());
        brought_back += usize::from(verify(&scene));
        let entry = scene.tokens.engine.mirror.get(scene.record.id);
        forgotten += usize::from(entry.is_none());
    });
    println!("{orders} orders");
    assert_eq!(brought_back, 0, "of {orders} orders");
    assert!(orders > 20 && forgotten == orders, "{orders}, {forgotten}");
}

/// After `revoke` has returned, the token is never valid in memory, whatever the follower
/// does.
#[test]
fn s06_no_order_of_steps_loses_a_revocation_of_this_process() {
    for prepare in [nothing, Scene::force_load] {
        let orders = every_order(|choices| {
            let scene = scene();
            scene.remember();
            prepare(&scene);
            let revoked = AtomicBool::new(false);
            let revoke = || {
                let selector = TokenSelector::Id(scene.record.id);
                let revoke = scene.tokens.revoke(selector, "admin", "lost");
                assert_eq!(RUNTIME.block_on(revoke).unwrap(), 1);
                revoked.store(true, SeqCst);
            };
            choices.run(vec![Box::new(|| scene.follow()), Box::new(revoke)], || {
                assert!(!(revoked.load(SeqCst) && (scene.is_good() || verify(&scene))));
            });
            scene.follow();
            assert!(!verify(&scene));
        });
        println!("{orders} orders");
        assert!(orders > 5);
    }
}
