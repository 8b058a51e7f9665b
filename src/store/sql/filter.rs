//! Queries as SQL statements.
//!
//! A page is read in the order of an index, which holds all tokens, or those with one
//! subject, creator, organization or holder. The other conditions are checked row by row.
//! If there are any, a page looks at [`SCAN`] rows at most: a query that matches few of a
//! million tokens takes many short reads instead of a long one.

use super::{Value, columns::TOKEN, millis};
use crate::{
    store::{
        error::StoreError,
        query::{Cursor, Query, TokenPage},
        rows::StoredToken,
    },
    token::{KeyId, Timestamp, TokenState},
};

/// How many rows a page looks at that checks conditions row by row.
const SCAN: usize = 5_000;

const NEWEST_FIRST: &str = "ORDER BY t.created_at DESC, t.id DESC";

/// The time of a token's last use. It is a subquery and no join, for which a database may
/// decide to read the uses of all tokens.
const LAST_USED_AT: &str = "(SELECT u.last_used_at FROM tower_authn_usage u WHERE u.id = t.id)";

/// The number of a token's uses.
const USES: &str = "coalesce((SELECT u.uses FROM tower_authn_usage u WHERE u.id = t.id), 0)";

/// The condition of each state, in order: a token is in the first one that
/// applies. `@` is the time, `#` the numbers of the retired keys.
const STATES: [(TokenState, &str); 4] = [
    (
        TokenState::Revoked,
        "(t.revoked_at IS NOT NULL OR coalesce(t.kid IN (#), FALSE) \
            OR coalesce(t.grace_until <= @, FALSE))",
    ),
    (TokenState::Suspended, "(t.suspended_at IS NOT NULL)"),
    (TokenState::Expired, "(coalesce(t.expires_at <= @, FALSE))"),
    (TokenState::NotYet, "(coalesce(t.not_before > @, FALSE))"),
];

/// A statement and its parameters.
pub(super) type Statement = (String, Vec<Value>);

/// The statements that read a page, in one snapshot.
pub(super) struct PageStatements {
    /// Selects the tokens, with their usage.
    pub(super) tokens: Statement,
    /// Selects the place of the last row that `tokens` looks at, if it may leave rows
    /// out.
    pub(super) end: Option<Statement>,
}

impl PageStatements {
    pub(super) fn new(query: &Query) -> Result<Self, StoreError> {
        let mut equal = Vec::new();
        let mut add = |condition, wanted: Option<String>| {
            equal.extend(wanted.map(|wanted| (condition, wanted)));
        };
        add(
            "t.session_of = @",
            query.session_of.map(|holder| holder.to_string()),
        );
        add("t.subject = @", query.subject.clone());
        add("t.created_by = @", query.created_by.clone());
        add(
            "coalesce(t.organization, '') = @",
            query.organization.clone(),
        );
        // The index of sessions has the holder and the subject.
        let indexed = if query.session_of.is_some() { 2 } else { 1 };
        let mut equal = equal.into_iter();

        let mut scan = WhereClause::default();
        if query.session_of.is_none() {
            scan.add("t.session_of IS NULL");
        }
        for (condition, wanted) in equal.by_ref().take(indexed) {
            scan.add_text(condition, wanted);
        }
        if let Some(after) = query.after {
            scan.add_after(after);
        }
        let mut checks = WhereClause {
            condition: String::new(),
            values: scan.values.clone(),
        };
        for (condition, wanted) in equal {
            checks.add_text(condition, wanted);
        }
        checks.add_checks(query);

        let limit = checks.bind(Value::from_count(query.page_size() as u64)?);
        let columns = columns_with_usage();
        let rows = format!(
            "FROM tower_authn_tokens t {} {NEWEST_FIRST}",
            scan.condition
        );
        let WhereClause { condition, values } = checks;
        if condition.is_empty() {
            let tokens = format!("SELECT {columns} {rows} LIMIT {limit}");
            return Ok(Self {
                tokens: (tokens, values),
                end: None,
            });
        }
        let tokens = format!(
            "SELECT {columns} FROM (SELECT t.* {rows} LIMIT {SCAN}) t \
             {condition} {NEWEST_FIRST} LIMIT {limit}"
        );
        let last = SCAN - 1;
        let end = format!("SELECT t.created_at, t.id {rows} LIMIT 1 OFFSET {last}");
        Ok(Self {
            tokens: (tokens, values),
            end: Some((end, scan.values)),
        })
    }

    /// Returns the page, given the rows of both statements.
    pub(super) fn page(tokens: Vec<StoredToken>, end: Option<Cursor>, query: &Query) -> TokenPage {
        let page = TokenPage::new(tokens, query);
        TokenPage {
            next: page.next.or(end),
            ..page
        }
    }
}

/// Selects the token of id `$1`, with its usage.
pub(super) fn select_by_id() -> String {
    let columns = columns_with_usage();
    format!("SELECT {columns} FROM tower_authn_tokens t WHERE t.id = $1")
}

fn columns_with_usage() -> String {
    let mut columns: Vec<String> = TOKEN.columns.iter().map(|c| format!("t.{c}")).collect();
    columns.extend([LAST_USED_AT, USES].map(str::to_owned));
    columns.join(", ")
}

/// A `WHERE` clause, and the parameters of its conditions.
#[derive(Default)]
struct WhereClause {
    condition: String,
    values: Vec<Value>,
}

impl WhereClause {
    /// Adds a parameter, and returns its placeholder.
    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Adds a condition in which `@` is a value.
    fn add_with_value(&mut self, condition: &str, value: Value) {
        let placeholder = self.bind(value);
        self.add(&condition.replace('@', &placeholder));
    }

    /// Adds a condition in which `@` is a text. A text with a NUL matches no token:
    /// PostgreSQL refuses it, and SQLite's `LIKE` would stop at it.
    fn add_text(&mut self, condition: &str, text: String) {
        match text.contains('\0') {
            true => self.add("FALSE"),
            false => self.add_with_value(condition, Value::Text(Some(text))),
        }
    }

    fn add(&mut self, condition: &str) {
        let word = match self.condition.as_str() {
            "" => "WHERE ",
            _ => " AND ",
        };
        self.condition.push_str(word);
        self.condition.push_str(condition);
    }

    fn add_number(&mut self, condition: &str, number: Option<i64>) {
        self.add_with_value(condition, Value::Number(number));
    }

    fn add_after(&mut self, after: Cursor) {
        let id = self.bind(Value::Text(Some(after.id.to_string())));
        let before = format!("(t.created_at, t.id) < (@, {id})");
        self.add_number(&before, millis(after.created_at));
    }

    /// Adds the conditions that no index helps with.
    fn add_checks(&mut self, query: &Query) {
        if let Some(kid) = query.kid {
            self.add_number("t.kid = @", Some(i64::from(kid.number())));
        }
        if let Some(text) = &query.search {
            self.add_text(
                r"(lower(t.name) LIKE @ ESCAPE '\' OR lower(t.description) LIKE @ ESCAPE '\')",
                like_pattern(text),
            );
        }
        if let Some((state, now)) = query.state {
            self.add_state(state, now, &query.retired_keys);
        }
        if let Some(end) = query.expires_before {
            self.add_number("t.expires_at < @", millis(end));
        }
        if let Some(since) = query.unused_since {
            let unused = format!("(t.created_at < @ AND coalesce({LAST_USED_AT} < @, TRUE))");
            self.add_number(&unused, millis(since));
        }
    }

    fn add_state(&mut self, wanted: TokenState, now: Timestamp, retired: &[KeyId]) {
        let earlier = STATES.iter().take_while(|(state, _)| *state != wanted);
        let mut conditions: Vec<String> = earlier
            .map(|(_, condition)| format!("NOT {condition}"))
            .collect();
        let own = STATES.iter().find(|(state, _)| *state == wanted);
        conditions.extend(own.map(|(_, condition)| (*condition).to_owned()));
        // No key has the number -1. PostgreSQL refuses an empty list.
        let numbers = retired.iter().map(|kid| kid.number().to_string());
        let numbers: Vec<String> = std::iter::once("-1".to_owned()).chain(numbers).collect();
        let conditions = conditions.join(" AND ").replace('#', &numbers.join(", "));
        self.add_number(&conditions, millis(now));
    }
}

/// Returns a `LIKE` pattern that matches a text anywhere, in lower case.
fn like_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}
