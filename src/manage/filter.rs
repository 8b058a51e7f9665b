//! Which tokens a list shows, and from where on.

use axum::extract::Query as UriQuery;
use http::{StatusCode, Uri};

use super::{operations::is_visible, problem::Problem, view::STATES};
use crate::{
    principal::Principal,
    store::{Cursor, Query, StoredToken},
    token::{Timestamp, TokenId, TokenState},
    tokens::Tokens,
};

const PAGE: usize = 50;
const PAGE_MAX: usize = 200;

/// Which tokens a list shows.
pub(super) struct Filter {
    /// How many a page has at most.
    pub(super) limit: usize,
    after: Option<Cursor>,
    search: Option<String>,
    state: Option<TokenState>,
    subject: Option<String>,
    /// Those that may have to do with the target of this name.
    target: Option<String>,
}

impl Filter {
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        let mut params = Params::of(uri)?;
        let limit = params.take("limit")?;
        let after = params.take("cursor")?;
        let search = params.take("search")?;
        let state = params.take("state")?;
        let subject = params.take("subject")?;
        let target = params.take("target")?;
        params.end()?;
        Ok(Self {
            limit: limit.map_or(Ok(PAGE), |limit| page_size(&limit))?,
            after: after.map(|cursor| place(&cursor)).transpose()?,
            search,
            state: state.map(|name| state_of(&name)).transpose()?,
            subject,
            target,
        })
    }

    /// What a store is asked for a caller who sees this organization, or all of
    /// them, and whether it then knows all of what is wanted.
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

    /// Whether a token that a store found is wanted, and this caller may see it.
    pub(super) fn shows(&self, tokens: &Tokens, caller: &Principal, stored: &StoredToken) -> bool {
        let record = &stored.record;
        let in_state = self.state.is_none_or(|state| tokens.state(record) == state);
        let on_target = match (&self.target, &record.targets) {
            (Some(name), Some(targets)) => targets.iter().any(|target| target.covers_name(name)),
            _ => true,
        };
        in_state && on_target && is_visible(caller, record)
    }
}

fn page_size(text: &str) -> Result<usize, Problem> {
    let size = text.parse().ok();
    size.filter(|size| (1..=PAGE_MAX).contains(size) && text.bytes().all(|b| b.is_ascii_digit()))
        .ok_or_else(|| Problem::of_field("limit", format!("is not 1 to {PAGE_MAX}")))
}

fn state_of(name: &str) -> Result<TokenState, Problem> {
    let named = STATES.iter().find(|(known, _)| *known == name);
    let state = named.map(|(_, state)| *state);
    state.ok_or_else(|| Problem::of_field("state", "is not a state"))
}

/// A place in a list, as text.
pub(super) fn cursor(place: Cursor) -> String {
    format!("{}.{}", place.created_at.as_millis(), place.id)
}

fn place(text: &str) -> Result<Cursor, Problem> {
    let parse = || {
        let (millis, id) = text.split_once('.')?;
        Some(Cursor {
            created_at: Timestamp::from_millis(millis.parse().ok()?),
            id: id.parse::<TokenId>().ok()?,
        })
    };
    parse()
        .filter(|place| cursor(*place) == text)
        .ok_or_else(|| Problem::of_field("cursor", "is not the next_cursor of a page"))
}

/// The parameters of a query.
struct Params {
    left: Vec<(String, String)>,
    taken: Vec<&'static str>,
}

impl Params {
    fn of(uri: &Uri) -> Result<Self, Problem> {
        let UriQuery(left) = UriQuery::try_from_uri(uri)
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the query can't be read"))?;
        let taken = Vec::new();
        Ok(Self { left, taken })
    }

    fn take(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        self.taken.push(name);
        let (named, left): (Vec<_>, Vec<_>) = self.left.drain(..).partition(|(own, _)| own == name);
        self.left = left;
        let mut values = named.into_iter().map(|(_, value)| value);
        let value = values.next();
        if values.next().is_some() {
            return Err(Problem::of_field(name, "is there twice"));
        }
        // No name holds one, and PostgreSQL takes no NUL.
        if value
            .iter()
            .any(|value| value.chars().any(char::is_control))
        {
            return Err(Problem::of_field(name, "holds a control character"));
        }
        Ok(value)
    }

    fn end(self) -> Result<(), Problem> {
        if self.left.is_empty() {
            return Ok(());
        }
        let known = self.taken.join(", ");
        let detail = format!("the query has a parameter that is none of {known}");
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
    }
}
