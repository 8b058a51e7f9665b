//! The builder of the metadata.

use http::Uri;

use super::{json::JsonObject, metadata::ResourceMetadata};
use crate::{
    error::ConfigError,
    scope::{OFFLINE_ACCESS, Scope, parse_all},
    text::check_line,
    url::parse_https_url,
};

/// The longest text of a member, in characters.
const TEXT_MAX: usize = 1000;

/// The members that the builder writes itself, and those of RFC 9728 §2 that are not
/// strings.
const RESERVED: [&str; 11] = [
    "authorization_details_types_supported",
    "authorization_servers",
    "bearer_methods_supported",
    "dpop_bound_access_tokens_required",
    "dpop_signing_alg_values_supported",
    "resource",
    "resource_documentation",
    "resource_name",
    "resource_signing_alg_values_supported",
    "scopes_supported",
    "tls_client_certificate_bound_access_tokens",
];

/// Builds [`ResourceMetadata`]. Created by [`ResourceMetadata::builder`].
#[derive(Debug)]
#[must_use]
pub struct ResourceMetadataBuilder {
    resource: String,
    authorization_servers: Vec<String>,
    /// An error is kept until the metadata are built.
    scopes: Result<Vec<Scope>, ConfigError>,
    name: Option<String>,
    documentation: Option<String>,
    members: Vec<(String, String)>,
}

impl ResourceMetadata {
    /// Returns a builder of the metadata of a resource, given by its URL: the audience
    /// of its access tokens. MCP servers use the URL of their endpoint.
    pub fn builder(resource: impl Into<String>) -> ResourceMetadataBuilder {
        ResourceMetadataBuilder {
            resource: resource.into(),
            authorization_servers: Vec::new(),
            scopes: Ok(Vec::new()),
            name: None,
            documentation: None,
            members: Vec::new(),
        }
    }
}

impl ResourceMetadataBuilder {
    /// Adds an authorization server that issues tokens for this resource, given by its
    /// issuer.
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        self.authorization_servers.push(issuer.into());
        self
    }

    /// Sets the scopes that clients may request. A client asks for all of these if no
    /// challenge named those that its request needs.
    ///
    /// # Security
    ///
    /// Everyone can read them.
    pub fn scopes<T: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = parse_all(scopes);
        self
    }

    /// Sets the name of the resource, which clients show to their users.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the URL of a page for developers.
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// Adds another member with a string, such as `resource_policy_uri` or
    /// `resource_name#fr`.
    pub fn member(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.members.push((name.into(), value.into()));
        self
    }

    /// Builds the metadata.
    ///
    /// # Errors
    ///
    /// Returns an error if
    ///
    /// - the resource, an issuer or the documentation is not an absolute URL of
    ///   `https`, or of `http` on a loopback host; or has a user or a fragment, or upper
    ///   case in its host;
    /// - the resource or an issuer has a query, or the path of the resource has encoded
    ///   characters, or empty or dot segments;
    /// - a scope is not a [`Scope`], or is `offline_access`, which is a request to the
    ///   authorization server and no right at a resource;
    /// - a [`member`](Self::member) is added twice, is set by another method, or is not
    ///   a string in RFC 9728; or its name or value is empty, has control characters,
    ///   or has more than 1000 characters.
    pub fn build(self) -> Result<ResourceMetadata, ConfigError> {
        let uri = parse_without_query("resource", &self.resource)?;
        check_path(uri.path())?;
        for issuer in &self.authorization_servers {
            parse_without_query("authorization server", issuer)?;
        }
        let scopes = self.scopes?;
        if scopes.iter().any(|scope| scope.as_str() == OFFLINE_ACCESS) {
            return Err(ConfigError::new(
                "scopes: has \"offline_access\"; expected scopes of the resource",
            ));
        }
        if let Some(url) = &self.documentation {
            parse_https_url("documentation", url)?;
        }
        if let Some(name) = &self.name {
            check_text("name", name)?;
        }
        check_members(&self.members)?;

        let scopes: Vec<&str> = scopes.iter().map(Scope::as_str).collect();
        let mut json = JsonObject::new();
        json.push_text("resource", &self.resource);
        json.push_list("authorization_servers", &self.authorization_servers);
        json.push_list("scopes_supported", &scopes);
        json.push_list("bearer_methods_supported", &["header"]);
        let named = [
            ("resource_name", &self.name),
            ("resource_documentation", &self.documentation),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                json.push_text(name, value);
            }
        }
        for (name, value) in &self.members {
            json.push_text(name, value);
        }
        ResourceMetadata::new(self.resource, &uri, json.end())
    }
}

fn parse_without_query(field: &str, url: &str) -> Result<Uri, ConfigError> {
    let uri = parse_https_url(field, url)?;
    match uri.query() {
        None => Ok(uri),
        Some(_) => Err(ConfigError::new(format!(
            "{field}: has a query; expected a URL without one"
        ))),
    }
}

/// Checks that proxies and clients read the path of the resource alike.
fn check_path(path: &str) -> Result<(), ConfigError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
    if path.split('/').skip(1).all(is_plain) && !path.contains('%') {
        return Ok(());
    }
    Err(ConfigError::new(
        "resource: its path has encoded characters, or empty or dot segments; expected \
         plain segments",
    ))
}

fn check_members(members: &[(String, String)]) -> Result<(), ConfigError> {
    for (index, (name, value)) in members.iter().enumerate() {
        let field = format!("member {name:?}");
        check_text("name of a member", name)?;
        check_text(&field, value)?;
        let is_repeated = members[..index].iter().any(|(other, _)| other == name);
        if is_repeated || RESERVED.contains(&name.as_str()) {
            return Err(ConfigError::new(format!(
                "{field}: repeated or reserved; expected another member that is a string"
            )));
        }
    }
    Ok(())
}

fn check_text(field: &str, text: &str) -> Result<(), ConfigError> {
    if text.is_empty() {
        return Err(ConfigError::new(format!(
            "{field}: empty; expected 1 to {TEXT_MAX} characters"
        )));
    }
    check_line(text, TEXT_MAX).map_err(|error| {
        let message = format!("{field}: {error}; expected one line of visible text");
        ConfigError::new(message)
    })
}
