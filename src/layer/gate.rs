//! The decision on a request, shared by the layer and the interceptor.

use std::sync::Arc;

use http::StatusCode;

use super::{
    admission::Admission,
    anonymous::Anonymous,
    caught::{Caught, verify_caught},
    drain::Drain,
    rejection_response::RejectionResponses,
    request_head::RequestHead,
};
use crate::{
    access::Access,
    credential::{Credential, SharedFound, Sources},
    head::Head,
    rejection::{Rejection, RejectionKind},
    verifier::Verifier,
};

/// The settings that need no type parameter.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) strip_credential: bool,
    pub(crate) without_principal: bool,
    pub(crate) expose_rejection: bool,
    pub(crate) challenge_scopes: bool,
    pub(crate) audit: Option<Audit>,
}

/// Receives each rejection that the policy would have caused.
pub(crate) type Audit = Arc<dyn Fn(Head<'_>, &Rejection) + Send + Sync>;

/// The state of a layer, shared by all clones of its services.
pub(crate) struct Gate<V, A, R> {
    pub(crate) verifier: Arc<V>,
    pub(crate) admission: Arc<A>,
    pub(crate) respond: Arc<R>,
    pub(crate) sources: Sources,
    pub(crate) responses: RejectionResponses,
    pub(crate) options: Options,
    pub(crate) drain: Drain,
}

/// The principal of an admitted request, `None` for an anonymous one.
pub(crate) type Decision<P> = Result<Option<P>, Rejection>;

/// A decision, unless the verifier has to wait.
pub(crate) enum Step<P> {
    Decided(Decision<P>),
    Waits(Unverified),
}

/// A credential that waits for its verifier, and what the policy requires.
pub(crate) struct Unverified {
    found: SharedFound,
    access: Access,
}

impl<V, A, R> Gate<V, A, R>
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    /// Marks the credential, and decides if the verifier can do so without waiting.
    #[inline]
    pub(crate) fn decide_now(&self, request: &mut impl RequestHead) -> Step<V::Principal> {
        if A::READS_HEAD || V::READS_HEAD {
            self.decide_by_head(request)
        } else if self.options.audit.is_some() {
            self.decide_audited(request)
        } else {
            self.decide_by_credential(request)
        }
    }

    /// Decides without a policy and without the head, so that nothing is shared.
    #[inline(always)]
    fn decide_by_credential(&self, request: &mut impl RequestHead) -> Step<V::Principal> {
        let found = match self.sources.mark_and_find(request.headers_mut()) {
            Ok(Some(found)) => found,
            Ok(None) => return Step::Decided(Err(RejectionKind::Missing.into())),
            Err(kind) => return Step::Decided(Err(kind.into())),
        };
        match self.verify_now(&found.credential()) {
            // A known principal is all that is required.
            Some(verdict) => Step::Decided(verdict.map(Some)),
            None => self.share_credential(request),
        }
    }

    #[cold]
    fn share_credential(&self, request: &mut impl RequestHead) -> Step<V::Principal> {
        match self.sources.mark_and_share(request.headers_mut()) {
            Ok(Some(found)) => Step::Waits(Unverified {
                found,
                access: Access::Authenticated,
            }),
            Ok(None) => Step::Decided(Err(RejectionKind::Missing.into())),
            Err(kind) => Step::Decided(Err(kind.into())),
        }
    }

    #[inline]
    fn decide_by_head(&self, request: &mut impl RequestHead) -> Step<V::Principal> {
        let found = self.sources.mark_and_share(request.headers_mut());
        let head = request.head();
        let access = self.admission.access(head);
        let found = match self.require_credential(head, &access, found) {
            Ok(Some(found)) => found,
            Ok(None) => return Step::Decided(Ok(None)),
            Err(rejection) => return Step::Decided(Err(rejection)),
        };
        match self.verify_now(&found.credential(head)) {
            Some(verdict) => Step::Decided(self.authorize(head, &access, verdict)),
            None => Step::Waits(Unverified { found, access }),
        }
    }

    /// Kept out of line, so that the usual path stays short enough to be inlined.
    #[cold]
    #[inline(never)]
    pub(crate) fn decide_audited(&self, request: &mut impl RequestHead) -> Step<V::Principal> {
        self.decide_by_head(request)
    }

    #[inline(always)]
    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<V::Principal, Rejection>> {
        verify_caught(|| self.verifier.verify_now(credential))
    }

    /// Waits for the verifier, and decides.
    pub(crate) async fn decide(
        &self,
        head: Head<'_>,
        unverified: &Unverified,
    ) -> Decision<V::Principal> {
        let credential = unverified.found.credential(head);
        // The call is inside, because it may panic, too.
        let verdict = Caught::new(async { self.verifier.verify(&credential).await }).await;
        self.authorize(head, &unverified.access, verdict)
    }

    /// Returns the credential to verify, or `None` to admit the request as
    /// anonymous.
    #[inline(always)]
    fn require_credential(
        &self,
        head: Head<'_>,
        access: &Access,
        found: Result<Option<SharedFound>, RejectionKind>,
    ) -> Result<Option<SharedFound>, Rejection> {
        match access {
            Access::Public => return Ok(None),
            Access::Unavailable => {
                return Err(Rejection::unavailable("the policy is unavailable"));
            }
            Access::Authenticated
            | Access::Denied
            | Access::NotFound
            | Access::Optional
            | Access::Scopes(_) => {}
        }
        match found? {
            Some(found) => Ok(Some(found)),
            None if *access == Access::Optional => Ok(None),
            None => {
                self.reject_unless_audited(head, RejectionKind::Missing.into())?;
                Ok(None)
            }
        }
    }

    /// Decides whether the principal has what the policy requires.
    #[inline(always)]
    fn authorize(
        &self,
        head: Head<'_>,
        access: &Access,
        verdict: Result<V::Principal, Rejection>,
    ) -> Decision<V::Principal> {
        let principal = verdict?;
        let rejection = match access {
            // The usual case: a known principal is all that is required.
            Access::Authenticated => return Ok(Some(principal)),
            Access::Denied => RejectionKind::Denied.into(),
            Access::NotFound => RejectionKind::NotFound.into(),
            Access::Scopes(rule) if !self.admission.allows(rule, &principal) => {
                Rejection::insufficient_scope(rule.clone())
            }
            // `Public` and `Unavailable` are decided without a principal.
            Access::Optional | Access::Public | Access::Scopes(_) | Access::Unavailable => {
                return Ok(Some(principal));
            }
        };
        // The principal costs an allocation, so only a rejection that someone
        // can read gets it.
        let rejection = if self.options.expose_rejection || self.options.audit.is_some() {
            rejection.with_principal(principal.clone())
        } else {
            rejection
        };
        self.reject_unless_audited(head, rejection)?;
        Ok(Some(principal))
    }

    /// Adds the scopes that the policy requires, for a layer that
    /// [challenges with them](Options::challenge_scopes), if the response is a 401.
    #[cold]
    #[inline(never)]
    pub(crate) fn add_scopes(&self, head: Head<'_>, rejection: &mut Rejection) {
        if rejection.kind().status() == StatusCode::UNAUTHORIZED
            && let Access::Scopes(rule) = self.admission.access(head)
        {
            rejection.set_scopes(rule);
        }
    }

    fn reject_unless_audited(&self, head: Head<'_>, rejection: Rejection) -> Result<(), Rejection> {
        match &self.options.audit {
            Some(audit) => {
                audit(head, &rejection);
                Ok(())
            }
            None => Err(rejection),
        }
    }

    /// Prepares an admitted request for the inner service: strips its credential
    /// if configured, and replaces any principal that it already carries.
    #[inline(always)]
    pub(crate) fn admit(&self, request: &mut impl RequestHead, principal: Option<V::Principal>) {
        if self.options.strip_credential {
            self.sources.strip(request.headers_mut());
        }
        let extensions = request.extensions_mut();
        match principal {
            Some(principal) if !self.options.without_principal => {
                extensions.insert(principal);
            }
            // Most requests arrive without extensions; `remove` is slower.
            Some(_) if extensions.is_empty() => {}
            Some(_) => {
                extensions.remove::<V::Principal>();
            }
            None => {
                extensions.remove::<V::Principal>();
                extensions.insert(Anonymous::<V::Principal>::new(self.responses.clone()));
            }
        }
    }
}
