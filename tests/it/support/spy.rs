//! A verifier that counts.

use tower_authn::{Credential, Principal, Rejection, Verifier};

use super::{Calls, TOKEN};

/// A verifier that counts its calls and accepts only [`TOKEN`]. It does not read the
/// head, so a layer without a policy uses its fast path.
#[derive(Clone, Debug, Default)]
pub struct Spy {
    pub calls: Calls,
}

impl Verifier for Spy {
    type Principal = Principal;

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        self.calls.add();
        match credential.matches(TOKEN) {
            true => Ok(Principal::new("ci").with_scopes(["deployment"]).unwrap()),
            false => Err(Rejection::invalid()),
        }
    }
}
