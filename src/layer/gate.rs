//! The decision: what a layer, an interceptor and nothing else decide by.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use futures::FutureExt;
use http::{Extensions, HeaderMap, Request};

use super::{admission::Admission, anonymous::Anonymous, answer::Refusals, drain::Drain};
use crate::{
    access::Access,
    credential::{Credential, Sources},
    head::Head,
    rejection::{Rejection, RejectionKind},
    verifier::Verifier,
};

/// What is done to a request that is let through.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) strip_credential: bool,
    pub(crate) without_principal: bool,
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
    pub(crate) drain: Drain,
}

/// A request, whole or in parts.
pub(crate) trait Headed {
    fn head(&self) -> Head<'_>;

    fn headers_mut(&mut self) -> &mut HeaderMap;
}

impl<B> Headed for Request<B> {
    fn head(&self) -> Head<'_> {
        Head::from_request(self)
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }
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
    /// Marks the credential and decides at once, or answers `None` where that
    /// would mean waiting, or looking at the head after all.
    #[inline]
    pub(crate) fn decide_now(&self, request: &mut impl Headed) -> Option<Verdict<V::Principal>> {
        if A::ALWAYS_REQUIRED && !V::READS_HEAD {
            self.decide_without_head(request.headers_mut())
        } else {
            self.decide_with_head(request)
        }
    }

    /// Decides by the credential alone, which is read where it is marked: a
    /// look-up less.
    #[inline]
    fn decide_without_head(&self, headers: &mut HeaderMap) -> Option<Verdict<V::Principal>> {
        let rejection = match self.sources.mark_and_find(headers) {
            Ok(Some(found)) => {
                let verdict = self.ask(&Credential::new(found, None))?;
                return Some(verdict.map(Some));
            }
            // Who audits is shown the head.
            Ok(None) if self.options.audit.is_some() => return None,
            Ok(None) => RejectionKind::Missing,
            Err(kind) => kind,
        };
        Some(Err(rejection.into()))
    }

    #[inline]
    pub(crate) fn decide_with_head(
        &self,
        request: &mut impl Headed,
    ) -> Option<Verdict<V::Principal>> {
        self.sources.mark(request.headers_mut());
        let head = request.head();
        match self.before(head) {
            Ok(Step::Anonymous) => Some(Ok(None)),
            Ok(Step::Verify(credential, access)) => {
                let verdict = self.ask(&credential)?;
                Some(self.after(head, access, verdict))
            }
            Err(rejection) => Some(Err(rejection)),
        }
    }

    #[inline]
    fn ask(&self, credential: &Credential<'_>) -> Option<Result<V::Principal, Rejection>> {
        let verify = AssertUnwindSafe(|| self.verifier.verify_now(credential));
        catch_unwind(verify).unwrap_or_else(|_| Some(Err(panicked())))
    }

    /// Decides on a head that was marked, and waits for the verifier.
    pub(crate) async fn decide(&self, head: Head<'_>) -> Verdict<V::Principal> {
        match self.before(head)? {
            Step::Anonymous => Ok(None),
            Step::Verify(credential, access) => {
                let verify = async { self.verifier.verify(&credential).await };
                let verdict = AssertUnwindSafe(verify).catch_unwind().await;
                self.after(head, access, verdict.unwrap_or_else(|_| Err(panicked())))
            }
        }
    }

    #[inline]
    fn before<'a>(&self, head: Head<'a>) -> Result<Step<'a>, Rejection> {
        let access = self.admission.access(head);
        match access {
            Access::Public => return Ok(Step::Anonymous),
            Access::Unavailable => {
                return Err(Rejection::unavailable("the policy could not tell"));
            }
            Access::Authenticated
            | Access::Denied
            | Access::NotFound
            | Access::Optional
            | Access::Scopes(_) => {}
        }
        match self.sources.find(head.headers())? {
            Some(found) => Ok(Step::Verify(Credential::new(found, Some(head)), access)),
            None if access == Access::Optional => Ok(Step::Anonymous),
            None => {
                self.refuse_unless_audited(head, RejectionKind::Missing.into())?;
                Ok(Step::Anonymous)
            }
        }
    }

    #[inline]
    fn after<P>(&self, head: Head<'_>, access: Access, verdict: Result<P, Rejection>) -> Verdict<P>
    where
        A: Admission<P>,
    {
        let principal = verdict?;
        match access {
            Access::Denied => self.refuse_unless_audited(head, Rejection::forbidden())?,
            Access::NotFound => {
                self.refuse_unless_audited(head, RejectionKind::NotFound.into())?;
            }
            Access::Scopes(rule) => {
                if !self.admission.allows(&rule, &principal) {
                    self.refuse_unless_audited(head, Rejection::insufficient_scope(rule))?;
                }
            }
            // The last two were decided before.
            Access::Authenticated | Access::Optional | Access::Public | Access::Unavailable => {}
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

    /// Removes the credential of a request that is let through, where told to.
    #[inline]
    pub(crate) fn cover(&self, headers: &mut HeaderMap) {
        if self.options.strip_credential {
            self.sources.strip(headers);
        }
    }

    /// Says whose the request is, and removes what somebody else said of it.
    #[inline(always)]
    pub(crate) fn introduce(&self, extensions: &mut Extensions, whose: Option<V::Principal>) {
        match whose {
            Some(principal) if !self.options.without_principal => {
                extensions.insert(principal);
            }
            // Nobody has said anything in most requests.
            Some(_) if extensions.is_empty() => {}
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
