//! The filter of a list of tokens, and its cursor.

use http::Uri;

use super::{fields::Fields, rights::is_visible, view::STATES};
use crate::{
    manage::problem::Problem,
    principal::Principal,
    store::{Cursor, Query, StoredToken},
    token::{Timestamp, TokenId, TokenState},
    tokens::Tokens,
};

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;

/// The tokens that a list shows.
pub(super) struct Filter {
    /// The most tokens on a page.
    pub(super) limit: usize,
    after: Option<Cursor>,
    search: Option<String>,
    state: Option<TokenState>,
    subject: Option<String>,
    target: Option<String>,
}

impl Filter {
    /// Parses a filter from the query string of a URI.
    pub(super) fn from_uri(uri: &Uri) -> Result<Self, Problem> {
        let mut fields = Fields::from_query(uri)?;
        let limit = fields.text("limit")?;
        let after = fields.text("cursor")?;
        let search = fields.text("search")?;
        let state = fields.text("state")?;
        let subject = fields.text("subject")?;
        let target = fields.text("target")?;
        fields.finish()?;
        Ok(Self {
            limit: limit.map_or(Ok(LIMIT_DEFAULT), |text| parse_limit(&text))?,
            after: after.map(|text| parse_cursor(&text)).transpose()?,
            search,
            state: state.map(|name| parse_state(&name)).transpose()?,
            subject,
            target,
        })
    }

    /// Returns the store's query for this caller, and whether the store applies
    /// the whole filter. It knows nothing of targets.
    pub(super) fn query(&self, caller: &Principal, tokens: &Tokens) -> (Query, bool) {
        let query = Query {
            organization: caller.organization().map(str::to_owned),
            subject: self.subject.clone(),
            search: self.search.clone(),
            state: self.state.map(|state| (state, tokens.now())),
            after: self.after,
            ..Query::default()
        };
        (query, self.target.is_none() && caller.targets().is_none())
    }

    /// Returns whether a token that the store found is in the list.
    pub(super) fn matches(
        &self,
        tokens: &Tokens,
        caller: &Principal,
        stored: &StoredToken,
    ) -> bool {
        let record = &stored.record;
        let in_state = self.state.is_none_or(|state| tokens.state(record) == state);
        let on_target = match (&self.target, &record.targets) {
            (Some(name), Some(targets)) => targets.iter().any(|target| target.covers_name(name)),
            _ => true,
        };
        in_state && on_target && is_visible(caller, record)
    }
}

fn parse_limit(text: &str) -> Result<usize, Problem> {
    let limit = text.parse().ok();
    limit
        .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        .filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
        .ok_or_else(|| Problem::field("limit", format!("expected 1 to {LIMIT_MAX}")))
}

fn parse_state(name: &str) -> Result<TokenState, Problem> {
    let state = STATES.iter().find(|(known, _)| *known == name);
    state.map(|(_, state)| *state).ok_or_else(|| {
        let names = STATES.map(|(name, _)| name).join(", ");
        Problem::field("state", format!("unknown state; expected one of {names}"))
    })
}

/// Formats a cursor, as `MILLISECONDS.ID`.
pub(super) fn format_cursor(cursor: Cursor) -> String {
    format!("{}.{}", cursor.created_at.as_millis(), cursor.id)
}

fn parse_cursor(text: &str) -> Result<Cursor, Problem> {
    let parse = || {
        let (millis, id) = text.split_once('.')?;
        Some(Cursor {
            created_at: Timestamp::from_millis(millis.parse().ok()?),
            id: id.parse::<TokenId>().ok()?,
        })
    };
    parse()
        .filter(|cursor| format_cursor(*cursor) == text)
        .ok_or_else(|| Problem::field("cursor", "expected the next_cursor of a page"))
}
