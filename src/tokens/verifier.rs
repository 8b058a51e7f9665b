//! The verifiers of [`Tokens`](super::Tokens).

use std::{fmt, sync::Arc};

use crate::{
    credential::{Credential, Scheme},
    engine::{Decision, Engine},
    principal::Principal,
    rejection::Rejection,
    verifier::Verifier,
};

/// A verifier that looks tokens up in memory. It reads the store only for a token that
/// memory does not know and that one of our keys made, which another instance may have
/// created a moment ago.
///
/// [`Tokens::verifier`](super::Tokens::verifier) returns it.
#[derive(Clone)]
pub struct TokenVerifier {
    engine: Arc<Engine>,
    accepts_basic: bool,
}

impl TokenVerifier {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            accepts_basic: false,
        }
    }

    /// Also accepts a token as the password of a Basic credential, or as its user if the
    /// password is empty: `curl -u :TOKEN`, `curl -u TOKEN:`.
    #[must_use]
    pub fn accept_basic_login(mut self) -> Self {
        self.accepts_basic = true;
        self
    }

    /// Returns a verifier that never waits, for a tonic interceptor.
    ///
    /// A token that another instance has just created is invalid until this process has
    /// read the change, and [`Unavailable`](crate::RejectionKind::Unavailable) while the
    /// store can't be read.
    #[must_use]
    pub fn immediate(self) -> ImmediateTokenVerifier {
        ImmediateTokenVerifier(self)
    }

    #[inline]
    fn decide(&self, credential: &Credential<'_>) -> Decision {
        if self.accepts_basic
            && credential.scheme() == Some(Scheme::Basic)
            && let Ok(login) = credential.user_password()
        {
            let token = if login.password().is_empty() {
                login.user()
            } else {
                login.password()
            };
            return self.engine.decide(token);
        }
        self.engine.decide(credential.token_bytes())
    }
}

impl Verifier for TokenVerifier {
    type Principal = Principal;

    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        match self.decide(credential) {
            Decision::Final(verdict) => verdict,
            Decision::ReadStore(id) => {
                self.engine.read_through(id).await?;
                match self.decide(credential) {
                    Decision::Final(verdict) => verdict,
                    Decision::ReadStore(_) => {
                        Err(Rejection::invalid().with_reason("not in the store"))
                    }
                }
            }
        }
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<Principal, Rejection>> {
        match self.decide(credential) {
            Decision::Final(verdict) => Some(verdict),
            Decision::ReadStore(_) => None,
        }
    }
}

/// A verifier that looks tokens up in memory and never reads the store.
///
/// [`TokenVerifier::immediate`] returns it.
#[derive(Clone)]
pub struct ImmediateTokenVerifier(TokenVerifier);

impl Verifier for ImmediateTokenVerifier {
    type Principal = Principal;

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        let seen = self.0.engine.freshness.see();
        match self.0.decide(credential) {
            Decision::Final(verdict) => verdict,
            Decision::ReadStore(_) => Err(self.0.engine.reject_unknown(seen)),
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
