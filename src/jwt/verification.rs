//! The verification of one token, in the order of its checks.

use std::time::SystemTime;

use super::{
    algorithm::Algorithm,
    claims::Claims,
    compact::{Compact, JoseHeader},
    issuer::IssuerRules,
    json::{JsonError, Members},
    rules::invalid,
    source::DynKeySource,
};
use crate::rejection::Rejection;

/// Makes a principal of the claims.
pub(super) type Convert<P> = dyn Fn(&Claims<'_>) -> Result<P, Rejection> + Send + Sync;

pub(super) type Clock = dyn Fn() -> SystemTime + Send + Sync;

/// The issuers and the clock of a verifier.
pub(super) struct Shared {
    pub(super) issuers: Box<[IssuerRules]>,
    pub(super) clock: Option<Box<Clock>>,
}

/// Why a token is not accepted.
pub(super) enum Refused<'a> {
    NeedsKey(MissingKey<'a>),
    Rejected(Rejection),
}

/// A key that its source may find.
pub(super) struct MissingKey<'a> {
    pub(super) source: &'a dyn DynKeySource,
    pub(super) id: Option<String>,
    /// The verdict without the key.
    pub(super) rejection: Rejection,
}

impl From<Rejection> for Refused<'_> {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl Shared {
    /// Verifies a token and makes its principal.
    pub(super) fn verify<P>(&self, token: &[u8], convert: &Convert<P>) -> Result<P, Refused<'_>> {
        let token = Compact::parse(token).map_err(invalid)?;
        let header = JoseHeader::parse(&token.header).map_err(invalid)?;
        let claims = Members::parse(&token.payload).map_err(|reason| {
            invalid(match reason {
                JsonError::RepeatedName => "the claims repeat a name",
                JsonError::TooDeep => "the claims are nested too deep",
                JsonError::NotAnObject | JsonError::NotJson => "the payload is not a JSON object",
            })
        })?;
        let issuer = match claims.get_str("iss") {
            Ok(Some(name)) => self.issuers.iter().find(|issuer| issuer.issuer == name),
            _ => None,
        };
        let issuer = issuer.ok_or_else(|| invalid("the token has an unknown issuer (`iss`)"))?;
        issuer.verify_signature(&header, &token)?;
        let now = self
            .clock
            .as_ref()
            .map_or_else(SystemTime::now, |clock| clock());
        let expires_at = issuer.check(&header, &claims, now)?;
        let claims = Claims::new(&token.payload, claims, &issuer.names, expires_at);
        Ok(convert(&claims)?)
    }
}

impl IssuerRules {
    fn verify_signature(
        &self,
        header: &JoseHeader<'_>,
        token: &Compact<'_>,
    ) -> Result<(), Refused<'_>> {
        let algorithm = Algorithm::from_name(header.algorithm());
        let algorithm = algorithm.filter(|algorithm| self.algorithms.contains(*algorithm));
        let algorithm = algorithm.ok_or_else(|| invalid("the algorithm (`alg`) is not allowed"))?;
        let id = header.key_id();
        let keys = self
            .source
            .keys(id)
            .map_err(|rejection| self.missing_key(id, rejection))?;
        let mut candidates = keys.candidates(algorithm, id).peekable();
        if candidates.peek().is_none() {
            let reason = "no key fits the token (`kid`, `alg`)";
            return Err(self.missing_key(id, invalid(reason)));
        }
        match candidates.any(|key| key.verify(algorithm, token.signed, &token.signature)) {
            true => Ok(()),
            false => Err(invalid("the signature is not valid").into()),
        }
    }

    fn missing_key(&self, id: Option<&str>, rejection: Rejection) -> Refused<'_> {
        match self.source.can_refresh() {
            true => Refused::NeedsKey(MissingKey {
                source: &*self.source,
                id: id.map(str::to_owned),
                rejection,
            }),
            false => Refused::Rejected(rejection),
        }
    }
}
