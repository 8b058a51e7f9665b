//! An admin API and page for API tokens, for any axum app.
//!
//! [`TokenAdmin::routes`] is a JSON API for programs, authenticated by a token.
//! [`TokenAdmin::page`] is a page for people that does the same; they sign in with a
//! token, or with a user and password. Both authenticate their own requests, so no
//! layer of the app has to.
//!
//! ```
//! use axum::Router;
//! use tower_authn::{manage::TokenAdmin, tokens::Tokens};
//!
//! fn app(tokens: Tokens) -> Router {
//!     let admin = TokenAdmin::new(tokens);
//!     Router::new()
//!         .nest("/manage", admin.routes())
//!         .nest_service("/api_tokens", admin.page())
//! }
//! ```
//!
//! | route | purpose | caller |
//! |---|---|---|
//! | `GET /tokens` | lists tokens, newest first; `limit`, `cursor`, `search`, `state`, `subject`, `target` | manager |
//! | `POST /tokens` | creates a token; only this response contains its secret | manager, within their rights |
//! | `GET /tokens/{id}` | shows a token | manager |
//! | `PATCH /tokens/{id}` | renames a token or narrows its rights | manager |
//! | `POST /tokens/{id}/suspend` | suspends a token until it is resumed | manager |
//! | `POST /tokens/{id}/resume` | resumes a suspended token | manager, within their rights |
//! | `POST /tokens/{id}/rotate` | replaces a token; the old one stays valid for `grace_seconds` | manager, within their rights |
//! | `POST /tokens/{id}/revoke` | revokes a token permanently, with a `reason` | manager |
//! | `POST /introspect` | describes a token ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)) | manager |
//! | `POST /revoke` | revokes the token in the form ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)) | holder of the token |
//! | `GET /whoami` | describes the caller | any valid token |
//! | `GET /openapi.json` | describes these routes (OpenAPI 3.1) | public |
//!
//! A manager is a caller with the scope `resources:access`, or with
//! [another scope](TokenAdmin::scope). Errors are problem details
//! ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with the `field` at fault.
//! Times follow [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339).
//!
//! # Security
//!
//! - **Organizations.** A manager who belongs to an organization sees and changes
//!   only its tokens. Every other token is answered like a missing one. A manager
//!   without an organization sees all tokens.
//! - **Targets.** A manager with a token that is limited to targets sees and changes only
//!   tokens that are limited to the same targets or to some of them. Every other
//!   token is answered like a missing one.
//! - **Rights.** A token that a manager creates, rotates or resumes has no scope,
//!   target or expiry beyond those of the manager's own token. The response is 403
//!   with the field otherwise. Operations that only remove rights (narrow, suspend,
//!   revoke) are open to every manager of the organization, even for a token with
//!   more rights than their own.
//! - **Names give no rights.** Within their organization, managers choose the
//!   subject of the tokens that they create, and the metadata of all tokens. An app
//!   that decides by these trusts its managers.
//! - **Audit.** Records name the manager's subject: `created_by`, `revoked_by`. A
//!   token that was revoked through `/revoke` was revoked by `holder`.
//! - **Revocation by the holder.** `/revoke` needs no credential besides the token
//!   in the form, and never reveals whether the token existed. An invented token
//!   costs no read of the store.
//! - **Other sites** can't use these routes from a browser: the routes read no
//!   cookie, and no user and password, which a browser would send by itself. They
//!   accept a token after `Basic`, but only unencoded.
//! - **Secrets** occur only in the responses that create a token. No response may be
//!   cached (`Cache-Control: no-store`), and no error repeats the client's input.
//! - **Rate limits** are up to the app.

mod admin;
mod api;
mod fallback;
mod oauth;
mod openapi;
mod page;
mod problem;
mod routes;
mod unread;

pub use self::{
    admin::TokenAdmin,
    page::{SessionLayer, SessionService},
};
