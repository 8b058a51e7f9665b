//! The decision: what a layer, an interceptor and nothing else decide by.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use futures::FutureExt;
use http::{Extensions, HeaderMap};

use super::{admission::Admission, anonymous::Anonymous, answer::Refusals};
use crate::{
    access::Access,
    credential::{Credential, Place, Sources},
    head::Head,
    rejection::{Rejection, RejectionKind},
    verifier::Verifier,
};

/// What is done to a request that is let through.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) strip_credential: bool,
    pub(crate) skip_principal: bool,
    pub(crate) expose_rejection: bool,
    pub(crate) audit: Option<Audit>,
}

/// Is told of a request that the policy would have refused.
pub(crate) type Audit = Arc<dyn Fn(Head<'_>, &Rejection) + Send + Sync>;

/// Everything that a decision needs, shared by all clones of a service.
pub(crate) struct Gate<V, A, R> {
    pub(crate) verifier: Arc<V>,
    pub(crate) admission: Arc<A>,
    pub(crate) respond: Arc<R>,
    pub(crate) sources: Sources,
    pub(crate) refusals: Refusals,
    pub(crate) options: Options,
}

/// Whose the request is: somebody's, or nobody's where nobody need say.
pub(crate) type Verdict<P> = Result<Option<P>, Rejection>;

/// How far a request is decided without the verifier.
enum Step<'a> {
    Anonymous,
    Verify(Credential<'a>, Access),
}

impl<V, A, R> Gate<V, A, R>
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    /// Decides at once, or answers `None` where that would mean waiting.
    pub(crate) fn decide_now(&self, head: Head<'_>, place: Place) -> Option<Verdict<V::Principal>> {
        match self.before(head, place) {
            Ok(Step::Anonymous) => Some(Ok(None)),
            Ok(Step::Verify(credential, access)) => {
                let verify = AssertUnwindSafe(|| self.verifier.verify_now(&credential));
                let verdict = catch_unwind(verify).unwrap_or_else(|_| Some(Err(panicked())))?;
                Some(self.after(head, access, verdict))
            }
            Err(rejection) => Some(Err(rejection)),
        }
    }

    /// Decides, and waits for the verifier.
    pub(crate) async fn decide(&self, head: Head<'_>, place: Place) -> Verdict<V::Principal> {
        match self.before(head, place)? {
            Step::Anonymous => Ok(None),
            Step::Verify(credential, access) => {
                let verify = async { self.verifier.verify(&credential).await };
                let verdict = AssertUnwindSafe(verify).catch_unwind().await;
                self.after(head, access, verdict.unwrap_or_else(|_| Err(panicked())))
            }
        }
    }

    fn before<'a>(&self, head: Head<'a>, place: Place) -> Result<Step<'a>, Rejection> {
        let access = self.admission.access(head);
        match access {
            Access::Public => return Ok(Step::Anonymous),
            Access::Unavailable => {
                return Err(Rejection::unavailable("the policy could not tell"));
            }
            _ => {}
        }
        match self.sources.find(head.headers(), place)? {
            Some(found) => Ok(Step::Verify(Credential::new(found, head), access)),
            None if access == Access::Optional => Ok(Step::Anonymous),
            None => {
                self.refuse_unless_audited(head, RejectionKind::Missing.into())?;
                Ok(Step::Anonymous)
            }
        }
    }

    fn after<P>(&self, head: Head<'_>, access: Access, verdict: Result<P, Rejection>) -> Verdict<P>
    where
        A: Admission<P>,
    {
        let principal = verdict?;
        match access {
            Access::Denied => self.refuse_unless_audited(head, Rejection::forbidden())?,
            Access::Scopes(rule) if !self.admission.allows(&rule, &principal) => {
                self.refuse_unless_audited(head, Rejection::insufficient_scope(rule))?;
            }
            _ => {}
        }
        Ok(Some(principal))
    }

    fn refuse_unless_audited(&self, head: Head<'_>, rejection: Rejection) -> Result<(), Rejection> {
        match &self.options.audit {
            Some(audit) => {
                audit(head, &rejection);
                Ok(())
            }
            None => Err(rejection),
        }
    }

    /// Hides the credential from logs, whoever comes next: the verifier too.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) -> Place {
        self.sources.mark_sensitive(headers)
    }

    /// Removes the credential of a request that is let through, where told to.
    pub(crate) fn cover(&self, headers: &mut HeaderMap) {
        if self.options.strip_credential {
            self.sources.strip(headers);
        }
    }

    /// Says whose the request is, and removes what somebody else said of it.
    pub(crate) fn introduce(&self, extensions: &mut Extensions, whose: Option<V::Principal>) {
        match whose {
            Some(principal) if !self.options.skip_principal => {
                extensions.insert(principal);
            }
            Some(_) => {
                extensions.remove::<V::Principal>();
            }
            None => {
                extensions.remove::<V::Principal>();
                extensions.insert(Anonymous::<V::Principal>::new(self.refusals.clone()));
            }
        }
    }
}

fn panicked() -> Rejection {
    Rejection::unavailable("the verifier panicked")
}
