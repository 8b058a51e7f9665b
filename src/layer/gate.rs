//! The decision on a request, shared by the layer and the interceptor.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use futures::FutureExt;
use http::{Extensions, HeaderMap, Request, StatusCode, request::Parts};

use super::{
    admission::Admission, anonymous::Anonymous, drain::Drain,
    rejection_response::RejectionResponses,
};
use crate::{
    access::Access,
    credential::{Credential, Found, Sources},
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

/// A request, whole, in parts, or as tonic shows it to an interceptor.
pub(crate) trait RequestHead {
    fn head(&self) -> Head<'_>;

    fn headers_mut(&mut self) -> &mut HeaderMap;

    fn extensions_mut(&mut self) -> &mut Extensions;
}

/// The principal of an admitted request, `None` for an anonymous one.
pub(crate) type Decision<P> = Result<Option<P>, Rejection>;

impl<V, A, R> Gate<V, A, R>
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    /// Marks the credential and decides, or returns `None` if the verifier has
    /// to wait.
    #[inline]
    pub(crate) fn decide_now(
        &self,
        request: &mut impl RequestHead,
    ) -> Option<Decision<V::Principal>> {
        if A::READS_HEAD || V::READS_HEAD {
            self.decide_by_head(request)
        } else if self.options.audit.is_some() {
            self.decide_audited(request)
        } else {
            let found = self.sources.mark_and_find(request.headers_mut());
            self.verify_now(None, Access::Authenticated, found)
        }
    }

    #[inline]
    fn decide_by_head(&self, request: &mut impl RequestHead) -> Option<Decision<V::Principal>> {
        self.sources.mark(request.headers_mut());
        let head = request.head();
        let access = self.admission.access(head);
        let found = self.sources.find(head.headers());
        self.verify_now(Some(head), access, found)
    }

    /// Kept out of line, so that the usual path stays short enough to be inlined.
    #[cold]
    #[inline(never)]
    fn decide_audited(&self, request: &mut impl RequestHead) -> Option<Decision<V::Principal>> {
        self.decide_by_head(request)
    }

    // Inlined, so that a constant `access` leaves nothing of the checks.
    #[inline(always)]
    fn verify_now(
        &self,
        head: Option<Head<'_>>,
        access: Access,
        found: Result<Option<Found<'_>>, RejectionKind>,
    ) -> Option<Decision<V::Principal>> {
        let credential = match self.require_credential(head, &access, found) {
            Ok(Some(credential)) => credential,
            Ok(None) => return Some(Ok(None)),
            Err(rejection) => return Some(Err(rejection)),
        };
        let verify = AssertUnwindSafe(|| self.verifier.verify_now(&credential));
        let verdict = catch_unwind(verify).unwrap_or_else(|_| Some(Err(panicked())))?;
        Some(match access {
            // The usual case: a known principal is all that is required.
            Access::Authenticated => verdict.map(Some),
            access => self.authorize(head, access, verdict),
        })
    }

    /// Decides on a request with a marked credential, and waits for the verifier.
    pub(crate) async fn decide(&self, head: Head<'_>) -> Decision<V::Principal> {
        let access = self.admission.access(head);
        let found = self.sources.find(head.headers());
        let Some(credential) = self.require_credential(Some(head), &access, found)? else {
            return Ok(None);
        };
        let verify = async { self.verifier.verify(&credential).await };
        let verdict = AssertUnwindSafe(verify).catch_unwind().await;
        let verdict = verdict.unwrap_or_else(|_| Err(panicked()));
        self.authorize(Some(head), access, verdict)
    }

    /// Returns the credential to verify, or `None` to admit the request as
    /// anonymous.
    #[inline(always)]
    fn require_credential<'a>(
        &self,
        head: Option<Head<'a>>,
        access: &Access,
        found: Result<Option<Found<'a>>, RejectionKind>,
    ) -> Result<Option<Credential<'a>>, Rejection> {
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
            Some(found) => Ok(Some(Credential::new(found, head))),
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
        head: Option<Head<'_>>,
        access: Access,
        verdict: Result<V::Principal, Rejection>,
    ) -> Decision<V::Principal> {
        let principal = verdict?;
        let rejection = match access {
            Access::Denied => RejectionKind::Denied.into(),
            Access::NotFound => RejectionKind::NotFound.into(),
            Access::Scopes(rule) if !self.admission.allows(&rule, &principal) => {
                Rejection::insufficient_scope(rule)
            }
            // `Public` and `Unavailable` are decided without a principal.
            Access::Authenticated
            | Access::Optional
            | Access::Public
            | Access::Scopes(_)
            | Access::Unavailable => return Ok(Some(principal)),
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

    fn reject_unless_audited(
        &self,
        head: Option<Head<'_>>,
        rejection: Rejection,
    ) -> Result<(), Rejection> {
        match (&self.options.audit, head) {
            (Some(audit), Some(head)) => {
                audit(head, &rejection);
                Ok(())
            }
            _ => Err(rejection),
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

fn panicked() -> Rejection {
    Rejection::unavailable("the verifier panicked")
}

impl<B> RequestHead for Request<B> {
    fn head(&self) -> Head<'_> {
        Head::from_request(self)
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    fn extensions_mut(&mut self) -> &mut Extensions {
        self.extensions_mut()
    }
}

impl RequestHead for Parts {
    fn head(&self) -> Head<'_> {
        Head::from_parts(self)
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }
}
