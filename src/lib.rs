// The programs in the README need every feature.
#![cfg_attr(feature = "full", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "full"),
    doc = "Authentication for tower, axum and tonic. Build the docs with all features."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests may unwrap"))]

mod challenge;
mod ct;
mod error;
mod file;
mod head;
mod principal;
mod rejection;
mod scheme;
mod scope;
mod target;
mod text;
mod url;

pub mod access;
#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "cache")]
pub mod cache;
pub mod credential;
#[cfg(feature = "tokens")]
mod engine;
#[cfg(feature = "tonic")]
pub mod grpc;
#[cfg(all(doc, feature = "full"))]
pub mod guide;
#[cfg(any(feature = "jwt", feature = "jwt-rust-crypto"))]
pub mod jwt;
pub mod layer;
#[cfg(feature = "manage")]
pub mod manage;
pub mod resource;
#[cfg(feature = "tokens")]
pub mod store;
#[cfg(feature = "tokens")]
pub mod token;
#[cfg(feature = "tokens")]
pub mod tokens;
pub mod verifier;

#[cfg(feature = "axum")]
#[doc(inline)]
pub use crate::axum::Authenticated;
#[cfg(feature = "tonic")]
#[doc(inline)]
pub use crate::grpc::AuthnInterceptor;
#[cfg(feature = "tokens")]
#[doc(inline)]
pub use crate::tokens::Tokens;
#[doc(inline)]
pub use crate::{
    access::{Access, AccessTable, Policy},
    challenge::Challenge,
    credential::{Credential, Scheme, Sources},
    error::ConfigError,
    head::Head,
    layer::{AuthnLayer, RequireLayer, protect},
    principal::{Principal, Validity},
    rejection::{Rejection, RejectionKind},
    scope::{Scope, ScopeRule, Scoped},
    target::Target,
    verifier::{Verifier, verify_async_fn, verify_fn},
};
