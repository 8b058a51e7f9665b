//! What a decision reads and changes of a request.

use http::{Extensions, HeaderMap, Request, request::Parts};

use crate::head::Head;

/// A request, whole, in parts, or as tonic shows it to an interceptor.
pub(crate) trait RequestHead {
    fn head(&self) -> Head<'_>;

    fn headers_mut(&mut self) -> &mut HeaderMap;

    fn extensions_mut(&mut self) -> &mut Extensions;
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
