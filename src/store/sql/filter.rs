//! Queries as SQL statements.

use super::{Value, columns::TOKEN, millis};
use crate::{
    store::{error::StoreError, query::Query},
    token::{KeyId, Timestamp, TokenState},
};

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

/// Selects the tokens that match a query, with their usage.
pub(super) fn select_matching(query: &Query) -> Result<(String, Vec<Value>), StoreError> {
    let mut filter = WhereClause::default();
    match query.session_of {
        None => filter.add("t.session_of IS NULL"),
        Some(holder) => filter.add_text("t.session_of = @", holder.to_string()),
    }
    filter.add_equal("coalesce(t.organization, '')", query.organization.as_ref());
    filter.add_equal("t.subject", query.subject.as_ref());
    filter.add_equal("t.created_by", query.created_by.as_ref());
    if let Some(kid) = query.kid {
        filter.add_number("t.kid = @", Some(i64::from(kid.number())));
    }
    if let Some(text) = &query.search {
        filter.add_text(
            r"(lower(t.name) LIKE @ ESCAPE '\' OR lower(t.description) LIKE @ ESCAPE '\')",
            like_pattern(text),
        );
    }
    if let Some((state, now)) = query.state {
        filter.add_state(state, now, &query.retired_keys);
    }
    if let Some(end) = query.expires_before {
        filter.add_number("t.expires_at < @", millis(end));
    }
    if let Some(since) = query.unused_since {
        let unused = "(t.created_at < @ AND coalesce(u.last_used_at < @, TRUE))";
        filter.add_number(unused, millis(since));
    }
    if let Some(after) = query.after {
        let id = filter.bind(Value::Text(Some(after.id.to_string())));
        let before = format!("(t.created_at, t.id) < (@, {id})");
        filter.add_number(&before, millis(after.created_at));
    }
    let limit = filter.bind(Value::from_count(query.page_size() as u64)?);
    Ok((
        format!(
            "{} {} ORDER BY t.created_at DESC, t.id DESC LIMIT {limit}",
            select_with_usage(),
            filter.condition
        ),
        filter.values,
    ))
}

/// Selects the token of id `$1`, with its usage.
pub(super) fn select_by_id() -> String {
    format!("{} WHERE t.id = $1", select_with_usage())
}

fn select_with_usage() -> String {
    let columns: Vec<String> = TOKEN.columns.iter().map(|c| format!("t.{c}")).collect();
    format!(
        "SELECT {}, u.last_used_at, coalesce(u.uses, 0) \
         FROM tower_authn_tokens t LEFT JOIN tower_authn_usage u ON u.id = t.id",
        columns.join(", ")
    )
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

    fn add_equal(&mut self, column: &str, wanted: Option<&String>) {
        if let Some(wanted) = wanted {
            self.add_text(&format!("{column} = @"), wanted.clone());
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
