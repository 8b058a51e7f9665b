//! Finds, marks and removes the credential among the headers of a request.

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

use super::{Found, SharedFound, Sources, parse};
use crate::{rejection::RejectionKind, scheme::Scheme};

impl Sources {
    /// Marks every header that may hold a credential as sensitive, which keeps it out
    /// of logs and of HPACK tables.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        if is_repeated(headers) {
            let credentials = headers.iter_mut().filter(|(name, _)| self.reads(name));
            return credentials.for_each(|(_, value)| value.set_sensitive(true));
        }
        let authorization = self.reads_authorization().then_some(&AUTHORIZATION);
        for name in authorization.into_iter().chain(&self.headers) {
            if let Some(value) = headers.get_mut(name) {
                value.set_sensitive(true);
            }
        }
    }

    /// Returns the credential of a request, if it has one, and its header's value.
    fn find<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<(&'a HeaderValue, Found<'a>)>, RejectionKind> {
        if is_repeated(headers) && self.count(headers) > 1 {
            return Err(RejectionKind::Ambiguous);
        }
        let mut found = match headers.get(AUTHORIZATION) {
            Some(value) if self.reads_authorization() => {
                Some((value, self.parse_authorization(value)))
            }
            _ => None,
        };
        for name in &self.headers {
            if let Some(value) = headers.get(name) {
                if found.is_some() {
                    return Err(RejectionKind::Ambiguous);
                }
                let bytes = self.bounded_bytes(value);
                found = Some((value, bytes.and_then(parse::parse_token_header)));
            }
        }
        match found {
            Some((value, Some(found))) => Ok(Some((value, found))),
            Some((_, None)) => Err(RejectionKind::Malformed),
            None => Ok(None),
        }
    }

    /// Marks and returns the credential of a request, in one look-up if
    /// `Authorization` is the only source.
    #[inline]
    pub(crate) fn mark_and_find<'a>(
        &self,
        headers: &'a mut HeaderMap,
    ) -> Result<Option<Found<'a>>, RejectionKind> {
        if !self.headers.is_empty() || is_repeated(headers) {
            self.mark(headers);
            return Ok(self.find(headers)?.map(|(_, found)| found));
        }
        match headers.get_mut(AUTHORIZATION) {
            Some(value) if self.reads_authorization() => {
                value.set_sensitive(true);
                let found = self.parse_authorization(value);
                found.map(Some).ok_or(RejectionKind::Malformed)
            }
            _ => Ok(None),
        }
    }

    /// Marks and returns the credential of a request, without a borrow of its headers.
    #[inline]
    pub(crate) fn mark_and_share(
        &self,
        headers: &mut HeaderMap,
    ) -> Result<Option<SharedFound>, RejectionKind> {
        if !self.headers.is_empty() || is_repeated(headers) {
            self.mark(headers);
            let found = self.find(headers)?;
            return Ok(found.map(|(value, found)| SharedFound::new(value, found)));
        }
        match headers.get_mut(&AUTHORIZATION) {
            Some(value) if self.reads_authorization() => {
                value.set_sensitive(true);
                let found = self.parse_authorization(value);
                let found = found.ok_or(RejectionKind::Malformed)?;
                Ok(Some(SharedFound::new(value, found)))
            }
            _ => Ok(None),
        }
    }

    #[inline]
    fn parse_authorization<'a>(&self, value: &'a HeaderValue) -> Option<Found<'a>> {
        parse::parse_authorization(self.bounded_bytes(value)?).filter(|found| match found.scheme {
            Some(Scheme::Basic) => self.basic,
            Some(Scheme::Bearer) | None => self.bearer,
        })
    }

    /// Returns the bytes of a value, unless it is longer than the limit.
    fn bounded_bytes<'a>(&self, value: &'a HeaderValue) -> Option<&'a [u8]> {
        let bytes = value.as_bytes();
        (bytes.len() <= self.max_len).then_some(bytes)
    }

    /// Removes every header that may hold a credential.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        if self.reads_authorization() {
            headers.remove(AUTHORIZATION);
        }
        for name in &self.headers {
            headers.remove(name);
        }
    }

    fn count(&self, headers: &HeaderMap) -> usize {
        headers.iter().filter(|(name, _)| self.reads(name)).count()
    }

    fn reads(&self, name: &HeaderName) -> bool {
        (self.reads_authorization() && name == AUTHORIZATION) || self.headers.contains(name)
    }

    fn reads_authorization(&self) -> bool {
        self.basic || self.bearer
    }
}

/// Returns whether a header occurs more than once. A look-up finds only the first.
fn is_repeated(headers: &HeaderMap) -> bool {
    headers.len() != headers.keys_len()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{credential::sources::MAX_LEN, head::Head};

    type Outcome = Result<Option<(Option<Scheme>, Vec<u8>)>, RejectionKind>;

    fn outcome(found: Result<Option<Found<'_>>, RejectionKind>) -> Outcome {
        found.map(|found| found.map(|found| (found.scheme, found.token.to_vec())))
    }

    fn shared_outcome(
        found: Result<Option<SharedFound>, RejectionKind>,
        headers: &HeaderMap,
    ) -> Outcome {
        let mut request = http::Request::new(());
        *request.headers_mut() = headers.clone();
        let head = Head::from_request(&request);
        let credential = |found: SharedFound| {
            let credential = found.credential(head);
            (credential.scheme(), credential.token_bytes().to_vec())
        };
        found.map(|found| found.map(credential))
    }

    fn sensitive(headers: &HeaderMap) -> Vec<bool> {
        let values = headers.iter().map(|(_, value)| value);
        values.map(HeaderValue::is_sensitive).collect()
    }

    /// A reference implementation, which counts all headers.
    fn find_reference(sources: &Sources, headers: &HeaderMap) -> Outcome {
        let authorization = sources.basic || sources.bearer;
        let ours = headers.iter().filter(|(name, _)| {
            (*name == AUTHORIZATION && authorization) || sources.headers.contains(name)
        });
        let ours: Vec<_> = ours.collect();
        let (name, value) = match ours.as_slice() {
            [] => return Ok(None),
            [one] => *one,
            _ => return Err(RejectionKind::Ambiguous),
        };
        let value = value.as_bytes();
        let found = match name == AUTHORIZATION {
            true => parse::parse_authorization(value),
            false => parse::parse_token_header(value),
        };
        let allowed = |found: &Found<'_>| match found.scheme {
            Some(Scheme::Basic) => sources.basic,
            Some(Scheme::Bearer) => sources.bearer,
            None => true,
        };
        match found.filter(allowed) {
            Some(found) if value.len() <= sources.max_len => {
                Ok(Some((found.scheme, found.token.to_vec())))
            }
            _ => Err(RejectionKind::Malformed),
        }
    }

    fn name() -> impl Strategy<Value = String> {
        let ours = "authorization|x-api-key|x-token";
        let others = "cookie|accept|proxy-authorization|x-api-keys";
        prop_oneof![2 => ours, 2 => others, 1 => "x-[a-z]{1,8}"]
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "(Basic|bearer|Digest)[ ]{1,2}[A-Za-z0-9._~+/-]{1,24}={0,2}",
            2 => "[ -~]{0,24}",
            1 => "Bearer a{16}a{0,8}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4_096,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn every_look_up_finds_and_marks_the_same_credential(
            fields in proptest::collection::vec((name(), value()), 0..12),
            basic: bool,
            bearer: bool,
            keys in 0..4_usize,
            max_len in prop_oneof![Just(MAX_LEN), 20..32_usize],
        ) {
            let mut sources = Sources::new().max_len(max_len);
            (sources.basic, sources.bearer) = (basic, bearer);
            for key in ["x-api-key", "x-token", "x-api-key"].iter().take(keys) {
                sources = sources.header(key).unwrap();
            }
            let mut headers = HeaderMap::new();
            for (name, value) in &fields {
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, value.parse().unwrap());
            }
            let expected = find_reference(&sources, &headers);
            let ours: Vec<bool> = headers.iter().map(|(name, _)| sources.reads(name)).collect();
            let mut taken = headers.clone();
            prop_assert_eq!(&outcome(sources.mark_and_find(&mut taken)), &expected);
            prop_assert_eq!(&sensitive(&taken), &ours);
            let mut shared = headers.clone();
            let found = sources.mark_and_share(&mut shared);
            prop_assert_eq!(&shared_outcome(found, &shared), &expected);
            prop_assert_eq!(&sensitive(&shared), &ours);
            let mut marked = headers.clone();
            sources.mark(&mut marked);
            let found = sources.find(&marked).map(|found| found.map(|(_, found)| found));
            prop_assert_eq!(&outcome(found), &expected);
            prop_assert_eq!(&sensitive(&marked), &ours);
            sources.strip(&mut marked);
            let left: HashSet<_> = marked.keys().collect();
            prop_assert!(left.iter().all(|name| !sources.reads(name)));
        }
    }
}
