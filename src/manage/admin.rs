//! The builder of the admin routes and page.

use std::{fmt, sync::Arc, time::Duration};

use futures::FutureExt;

use super::page::{Snippet, SnippetsFor};
use crate::{
    credential::Sources,
    error::ConfigError,
    layer::Drain,
    principal::Principal,
    scope::{Scope, ScopeRule},
    token::Record,
    tokens::Tokens,
    verifier::{BoxVerifier, Verifier},
};

/// The default scope of managers.
const MANAGER_SCOPE: &str = "resources:access";

/// The default help text of the form's targets.
const TARGETS_HINT: &str = "The names that the token can be used for, such as demo or \
    staging-*. Leave this empty to allow all. A token with targets can manage only tokens \
    that are limited to them.";

/// Routes and a page that manage API tokens.
///
/// See the [module documentation](super) for an example and the rights of managers.
#[derive(Clone)]
#[must_use]
pub struct TokenAdmin {
    pub(super) tokens: Tokens,
    pub(super) sources: Sources,
    pub(super) scope: ScopeRule,
    pub(super) users: Option<BoxVerifier<Principal>>,
    pub(super) title: Arc<str>,
    pub(super) session_max_age: Duration,
    pub(super) cookie_name: Option<Arc<str>>,
    pub(super) snippets: Vec<Snippet>,
    pub(super) snippets_for: Option<SnippetsFor>,
    pub(super) target_link: Arc<str>,
    pub(super) targets_hint: Arc<str>,
    pub(super) drain: Drain,
}

impl TokenAdmin {
    /// Creates routes and a page for these tokens, with the default settings.
    pub fn new(tokens: Tokens) -> Self {
        Self {
            tokens,
            sources: Sources::default(),
            scope: ScopeRule::from_scope(Scope::from_static(MANAGER_SCOPE)),
            users: None,
            title: "API tokens".into(),
            session_max_age: Duration::from_secs(12 * 60 * 60),
            cookie_name: None,
            snippets: Vec::new(),
            snippets_for: None,
            target_link: "".into(),
            targets_hint: TARGETS_HINT.into(),
            drain: Drain::new(),
        }
    }

    /// Sets the headers and schemes from which the routes read a token. The default
    /// is the `Authorization` header. The OpenAPI document lists them.
    ///
    /// ```
    /// # use tower_authn::{ConfigError, Sources, manage::TokenAdmin, tokens::Tokens};
    /// # fn admin(tokens: Tokens) -> Result<TokenAdmin, ConfigError> {
    /// let sources = Sources::new().bearer().header("x-api-key")?;
    /// # Ok(
    /// TokenAdmin::new(tokens).sources(sources)
    /// # )
    /// # }
    /// ```
    pub fn sources(mut self, sources: Sources) -> Self {
        self.sources = sources;
        self
    }

    /// Sets the scope of managers. The default is `resources:access`.
    ///
    /// ```
    /// # use tower_authn::{ConfigError, ScopeRule, manage::TokenAdmin, tokens::Tokens};
    /// # fn admin(tokens: Tokens) -> Result<TokenAdmin, ConfigError> {
    /// # Ok(
    /// TokenAdmin::new(tokens).scope(ScopeRule::any_of(["admin", "tokens:manage"])?)
    /// # )
    /// # }
    /// ```
    pub fn scope(mut self, rule: ScopeRule) -> Self {
        self.scope = rule;
        self
    }

    /// Sets a verifier of users, who can then sign in to the page with a user and
    /// password. By default people sign in only with a token.
    pub fn users(mut self, users: impl Verifier<Principal = Principal>) -> Self {
        self.users = Some(users.boxed());
        self
    }

    /// Sets the title of the page. The default is `API tokens`.
    pub fn title(mut self, title: impl Into<Arc<str>>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets the maximum age of a session of the page. The default is 12 hours.
    ///
    /// The store keeps the sessions, so they are valid on every instance and after a
    /// restart. A session ends earlier if its token becomes invalid, or if the person
    /// signs out, on any instance. The session of a user and password has no other
    /// end, even if the user is removed. One token or user has at most 16 sessions;
    /// another sign-in ends the oldest.
    pub fn session_max_age(mut self, max_age: Duration) -> Self {
        self.session_max_age = max_age;
        self
    }

    /// Sets the name of the session cookie: 1 to 64 of `[A-Za-z0-9_-]`. Over TLS the
    /// name gets the prefix `__Host-`.
    ///
    /// The default name is derived from the store. All instances of an app therefore
    /// use the same name, and two apps on one host do not sign each other out. Pages
    /// over the same store share their sessions; if they have different
    /// [`users`](Self::users), give each its own name.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is empty, too long, or has other characters.
    pub fn cookie_name(mut self, name: &str) -> Result<Self, ConfigError> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_allowed) {
            let message = "cookie_name: invalid name; expected 1 to 64 of [A-Za-z0-9_-]";
            return Err(ConfigError::new(message));
        }
        self.cookie_name = Some(name.into());
        Ok(self)
    }

    /// Adds a snippet that the page shows with a new token, ready to paste. In the
    /// template, `{token}` is replaced by the token and `{origin}` by the page's
    /// origin, such as `http://127.0.0.1:3000`. A snippet replaces an earlier one with
    /// the same label. There are default snippets for `curl` and `Python`.
    ///
    /// ```
    /// # use tower_authn::{manage::TokenAdmin, tokens::Tokens};
    /// # fn admin(tokens: Tokens) -> TokenAdmin {
    /// TokenAdmin::new(tokens)
    ///     .snippet("CLI", "acme login --endpoint {origin} --token {token}")
    ///     .snippet("curl", "curl {origin}/reports -H 'Authorization: Bearer {token}'")
    /// # }
    /// ```
    pub fn snippet(mut self, label: impl Into<Arc<str>>, template: impl Into<Arc<str>>) -> Self {
        self.snippets.push(Snippet {
            label: label.into(),
            template: template.into(),
        });
        self
    }

    /// Sets a closure that creates the snippets for a new token. The closure takes the
    /// token's record and the target of the page, and returns labels and templates as
    /// [`snippet`](Self::snippet) takes them. They replace all other snippets.
    ///
    /// ```
    /// # use tower_authn::{manage::TokenAdmin, tokens::Tokens};
    /// # fn admin(tokens: Tokens) -> TokenAdmin {
    /// TokenAdmin::new(tokens).snippets_for(|token, target| async move {
    ///     let target = target.or_else(|| Some(token.targets?.first()?.to_string()));
    ///     let line = target.map(|name| {
    ///         let line = format!("curl {{origin}}/{name} -H 'Authorization: Bearer {{token}}'");
    ///         ("curl".to_owned(), line)
    ///     });
    ///     line.into_iter().collect()
    /// })
    /// # }
    /// ```
    pub fn snippets_for<F, Fut>(mut self, snippets: F) -> Self
    where
        F: Fn(Record, Option<String>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<(String, String)>> + Send + 'static,
    {
        self.snippets_for = Some(Arc::new(move |token, target| {
            snippets(token, target).boxed()
        }));
        self
    }

    /// Sets the address of a target's own page, to which
    /// [`target_page`](Self::target_page) then links. `{target}` is replaced by the
    /// target's name, percent-encoded. Make the address relative to the route of
    /// `target_page`: `../{target}` on the route `/deployments/{name}/api_tokens`.
    pub fn target_link(mut self, template: impl Into<Arc<str>>) -> Self {
        self.target_link = template.into();
        self
    }

    /// Sets the help text of the form's targets: the meaning of a target in this app,
    /// and the limits of a token that has targets.
    pub fn targets_hint(mut self, text: impl Into<Arc<str>>) -> Self {
        self.targets_hint = text.into();
        self
    }

    /// Sets the limits for draining request bodies that the routes and the page leave
    /// unread; see [`Drain`]. They apply to every response: rejected requests, bodies
    /// of a wrong type, and bodies that are too large.
    pub fn drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }
}

impl fmt::Debug for TokenAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAdmin")
            .field("sources", &self.sources)
            .field("scope", &self.scope)
            .field("users", &self.users.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_scope_of_managers_is_valid() {
        assert_eq!(MANAGER_SCOPE.parse(), Ok(Scope::from_static(MANAGER_SCOPE)));
    }
}
