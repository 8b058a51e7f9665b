//! Tasks that change the same tokens at once, on each store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use tower_authn::{
    RejectionKind,
    store::{MemoryStore, PostgresStore, TokenStore},
    token::TokenState,
    tokens::{CreatedToken, NewToken, TokenSelector, Tokens},
};

use super::{Directory, server, sqlite};
use crate::tokens::{ManualClock, answer};

const BEGIN: u64 = 1_000_000;

/// Tasks rotate, suspend, resume and revoke the same tokens while others verify them.
/// Once a revocation has returned, its token must be refused.
async fn races<S: TokenStore>(store: S) {
    const TOKENS: usize = 6;
    const ROUNDS: usize = 8;
    let store = Arc::new(store);
    let hands = ManualClock::at(BEGIN);
    let open = || Tokens::open(Arc::clone(&store), hands.options());
    let tokens = open().await.unwrap();
    for round in 0..ROUNDS {
        let made = (0..TOKENS).map(|_| tokens.create(NewToken::new("alice")));
        let made: Vec<CreatedToken> = join_all(made)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let revoked: Vec<AtomicBool> = made.iter().map(|_| AtomicBool::new(false)).collect();
        let each = (0..TOKENS).map(|number| {
            let (tokens, made, gone) = (&tokens, &made[number], &revoked[number]);
            async move {
                let id = made.record.id;
                let ask = async || {
                    for _ in 0..50 {
                        let was_gone = gone.load(Ordering::SeqCst);
                        let answer = answer(tokens, made.secret.expose()).await;
                        assert!(
                            !(was_gone && answer.is_ok()),
                            "accepted after its revocation"
                        );
                        tokio::task::yield_now().await;
                    }
                };
                let change = async || {
                    let (one, two) = futures::future::join(
                        tokens.rotate(id, Duration::from_secs(60)),
                        tokens.rotate(id, Duration::from_secs(60)),
                    )
                    .await;
                    let rotated = usize::from(one.is_ok()) + usize::from(two.is_ok());
                    assert!(rotated <= 1, "rotated twice");
                    let _ = tokens.suspend(id).await;
                    let _ = tokens.resume(id).await;
                };
                let revoke = async || {
                    // The other tasks have made some of their steps by then.
                    tokio::time::sleep(Duration::from_millis(round as u64)).await;
                    tokens
                        .revoke(TokenSelector::Id(id), "test", "")
                        .await
                        .unwrap();
                    gone.store(true, Ordering::SeqCst);
                };
                futures::future::join4(ask(), change(), revoke(), ask()).await;
            }
        });
        join_all(each).await;
        let reopened = open().await.unwrap();
        for made in &made {
            let state = tokens.get(made.record.id).await.unwrap().record;
            assert_eq!(state.state(state.created_at), TokenState::Revoked);
            let refused = answer(&reopened, made.secret.expose()).await.err();
            assert_eq!(refused, Some(RejectionKind::Revoked));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_refused_however_many_tasks_race() {
    races(MemoryStore::new()).await;
    let directory = Directory::new();
    races(sqlite(&directory.file()).await).await;
    if let Some(server) = server::shared() {
        let store = PostgresStore::connect(&server.database()).await;
        races(store.unwrap()).await;
    }
}
