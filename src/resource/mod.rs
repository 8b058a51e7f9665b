//! Protected resources of OAuth 2.0, such as MCP servers.
//!
//! - [`ResourceServer`] guards a service with an [`AuthnLayer`](crate::AuthnLayer),
//!   serves the metadata of the resource, and links them in each challenge.
//! - [`ResourceMetadata`] is that document
//!   ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)).
//! - `BoundSessions` (feature `tokens`) keeps the sessions of an MCP server to the
//!   principals that opened them.
//!
//! A client that is refused reads the address of the metadata in `WWW-Authenticate`,
//! the authorization servers in the metadata, and asks one of them for a token:
//!
//! ```text
//! client ──► POST /mcp                                         401, resource_metadata="…"
//!        ──► GET /.well-known/oauth-protected-resource/mcp     authorization_servers: […]
//!        ──► the authorization server                          a token for this resource
//!        ──► POST /mcp with the token                          200, or 403, scope="…"
//! ```

mod builder;
mod json;
mod metadata;
mod server;
#[cfg(feature = "tokens")]
mod session;

#[cfg(feature = "tokens")]
pub use self::session::{BoundSessions, BoundSessionsFuture, BoundSessionsService};
pub use self::{
    builder::ResourceMetadataBuilder,
    metadata::ResourceMetadata,
    server::{ResourceFuture, ResourceServer, ResourceService},
};
