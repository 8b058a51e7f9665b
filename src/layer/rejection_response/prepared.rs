//! Responses that are rendered before they are needed.

use std::collections::HashMap;

use ::http::Response;

use super::{grpc, http};
use crate::{challenge::Challenge, rejection::RejectionKind, scope::ScopeRule};

/// A response without a body for each kind that clients can tell apart.
pub(super) struct ByKind {
    ambiguous: Response<()>,
    denied: Response<()>,
    forbidden: Response<()>,
    invalid: Response<()>,
    missing: Response<()>,
    not_found: Response<()>,
    rate_limited: Response<()>,
    unavailable: Response<()>,
}

impl ByKind {
    pub(super) fn new(render: impl Fn(RejectionKind) -> Response<()>) -> Self {
        Self {
            ambiguous: render(RejectionKind::Ambiguous),
            denied: render(RejectionKind::Denied),
            forbidden: render(RejectionKind::Forbidden),
            invalid: render(RejectionKind::Invalid),
            missing: render(RejectionKind::Missing),
            not_found: render(RejectionKind::NotFound),
            rate_limited: render(RejectionKind::RateLimited),
            unavailable: render(RejectionKind::Unavailable),
        }
    }

    pub(super) fn get(&self, kind: RejectionKind) -> Response<()> {
        let prepared = match kind {
            RejectionKind::Ambiguous => &self.ambiguous,
            RejectionKind::Denied => &self.denied,
            RejectionKind::Forbidden => &self.forbidden,
            RejectionKind::Missing => &self.missing,
            RejectionKind::NotFound => &self.not_found,
            RejectionKind::RateLimited => &self.rate_limited,
            RejectionKind::Unavailable => &self.unavailable,
            RejectionKind::Expired
            | RejectionKind::Invalid
            | RejectionKind::Malformed
            | RejectionKind::Revoked => &self.invalid,
        };
        prepared.clone()
    }
}

/// The responses that name the scopes of a rule, for each rule of a policy.
pub(super) struct ByRule(HashMap<ScopeRule, [Scoped; 3]>);

/// The responses for one kind of rejection.
pub(super) struct Scoped {
    kind: RejectionKind,
    pub(super) http: Response<()>,
    pub(super) grpc: Response<()>,
}

impl ByRule {
    pub(super) fn new(challenges: &[Challenge], rules: &[ScopeRule]) -> Self {
        const KINDS: [RejectionKind; 3] = [
            RejectionKind::Forbidden,
            RejectionKind::Invalid,
            RejectionKind::Missing,
        ];
        let render = |rule: &ScopeRule| {
            KINDS.map(|kind| Scoped {
                kind,
                http: http::render(challenges, kind, Some(rule)),
                grpc: grpc::render_with_challenges(challenges, kind, Some(rule)),
            })
        };
        let mut responses = HashMap::new();
        for rule in rules {
            if !responses.contains_key(rule) {
                responses.insert(rule.clone(), render(rule));
            }
        }
        Self(responses)
    }

    pub(super) fn find(&self, rule: &ScopeRule, kind: RejectionKind) -> Option<&Scoped> {
        let mut responses = self.0.get(rule)?.iter();
        responses.find(|scoped| scoped.kind == kind.public())
    }
}
