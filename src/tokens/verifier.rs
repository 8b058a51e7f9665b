//! The verifiers of a token store.

use std::{fmt, sync::Arc};

use crate::{
    credential::{Credential, Scheme},
    engine::{Engine, Verdict},
    principal::Principal,
    rejection::Rejection,
    verifier::Verifier,
};

/// Decides on tokens by what is in memory, and asks the store for one that it
/// must have made but does not know yet. Made by
/// [`Tokens::verifier`](super::Tokens::verifier).
#[derive(Clone)]
pub struct TokenVerifier {
    engine: Arc<Engine>,
    login: bool,
}

impl TokenVerifier {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            login: false,
        }
    }

    /// Takes a token as the password of a Basic credential too, or as its user
    /// where the password is empty: `curl -u :TOKEN`, `curl -u TOKEN:`.
    #[must_use]
    pub fn accept_basic_login(mut self) -> Self {
        self.login = true;
        self
    }

    /// A view that never waits, for a tonic interceptor: a token that this
    /// process has not heard of yet is invalid until the store's changes
    /// bring it, and `Unavailable` where they can't.
    #[must_use]
    pub fn immediate(self) -> ImmediateTokenVerifier {
        ImmediateTokenVerifier(self)
    }

    #[inline]
    fn judge(&self, credential: &Credential<'_>) -> Verdict {
        if self.login
            && credential.scheme() == Some(Scheme::Basic)
            && let Ok(login) = credential.user_password()
        {
            let by_password = !login.password().is_empty();
            let token = if by_password {
                login.password()
            } else {
                login.user()
            };
            return self.engine.judge(token);
        }
        self.engine.judge(credential.token_bytes())
    }
}

impl Verifier for TokenVerifier {
    type Principal = Principal;

    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        match self.judge(credential) {
            Verdict::Decided(verdict) => verdict,
            Verdict::Ask(id) => {
                self.engine.read_through(id).await?;
                match self.judge(credential) {
                    Verdict::Decided(verdict) => verdict,
                    Verdict::Ask(_) => {
                        Err(Rejection::invalid().with_reason("the store does not know it"))
                    }
                }
            }
        }
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<Principal, Rejection>> {
        match self.judge(credential) {
            Verdict::Decided(verdict) => Some(verdict),
            Verdict::Ask(_) => None,
        }
    }
}

/// Decides on tokens by what is in memory alone. Made by
/// [`TokenVerifier::immediate`].
#[derive(Clone)]
pub struct ImmediateTokenVerifier(TokenVerifier);

impl Verifier for ImmediateTokenVerifier {
    type Principal = Principal;

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        let seen = self.0.engine.freshness.see();
        match self.0.judge(credential) {
            Verdict::Decided(verdict) => verdict,
            Verdict::Ask(_) => self.0.engine.judge_unheard(seen),
        }
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").finish_non_exhaustive()
    }
}

impl fmt::Debug for ImmediateTokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImmediateTokenVerifier")
            .finish_non_exhaustive()
    }
}
