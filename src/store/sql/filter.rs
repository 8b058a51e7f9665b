//! A query as a condition.

use super::{Value, columns::TOKEN, number, time};
use crate::{
    store::{contract::Query, error::StoreError},
    token::{KeyId, Timestamp, TokenState},
};

/// What a state means, in the order in which a token is asked: it is in the
/// first state that holds. `@` is the time, `#` the numbers of the retired keys.
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

/// The tokens that a query means, with their uses: the statement and its
/// parameters.
pub(super) fn list(query: &Query) -> Result<(String, Vec<Value>), StoreError> {
    let mut filter = Filter::default();
    match query.session_of {
        None => filter.add("t.session_of IS NULL"),
        Some(holder) => filter.text("t.session_of = @", holder.to_string()),
    }
    filter.equal("coalesce(t.organization, '')", query.organization.as_ref());
    filter.equal("t.subject", query.subject.as_ref());
    filter.equal("t.created_by", query.created_by.as_ref());
    if let Some(kid) = query.kid {
        filter.at("t.kid = @", Some(i64::from(kid.number())));
    }
    if let Some(text) = &query.search {
        filter.text(
            r"(lower(t.name) LIKE @ ESCAPE '\' OR lower(t.description) LIKE @ ESCAPE '\')",
            containing(text),
        );
    }
    if let Some((state, now)) = query.state {
        filter.state(state, now, &query.retired_keys);
    }
    if let Some(end) = query.expires_before {
        filter.at("t.expires_at < @", time(end));
    }
    if let Some(since) = query.unused_since {
        let idle = "(t.created_at < @ AND coalesce(u.last_used_at < @, TRUE))";
        filter.at(idle, time(since));
    }
    if let Some(after) = query.after {
        let id = filter.mark(Value::Text(Some(after.id.to_string())));
        let before = format!("(t.created_at, t.id) < (@, {id})");
        filter.at(&before, time(after.created_at));
    }
    let limit = filter.mark(Value::Number(Some(number(query.page_size() as u64)?)));
    Ok((
        format!(
            "{} {} ORDER BY t.created_at DESC, t.id DESC LIMIT {limit}",
            with_usage(),
            filter.condition
        ),
        filter.values,
    ))
}

/// The token of id `$1`, with its uses.
pub(super) fn get() -> String {
    format!("{} WHERE t.id = $1", with_usage())
}

fn with_usage() -> String {
    let columns: Vec<String> = TOKEN.columns.iter().map(|c| format!("t.{c}")).collect();
    format!(
        "SELECT {}, u.last_used_at, coalesce(u.uses, 0) \
         FROM tower_authn_tokens t LEFT JOIN tower_authn_usage u ON u.id = t.id",
        columns.join(", ")
    )
}

#[derive(Default)]
struct Filter {
    condition: String,
    values: Vec<Value>,
}

impl Filter {
    /// The mark of a new parameter.
    fn mark(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Adds a condition in which `@` is this value.
    fn push(&mut self, condition: &str, value: Value) {
        let mark = self.mark(value);
        self.add(&condition.replace('@', &mark));
    }

    /// Adds a condition in which `@` is this text. No token has a text with a
    /// NUL; PostgreSQL takes none, and SQLite's LIKE reads no further.
    fn text(&mut self, condition: &str, text: String) {
        match text.contains('\0') {
            true => self.add("FALSE"),
            false => self.push(condition, Value::Text(Some(text))),
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

    fn at(&mut self, condition: &str, number: Option<i64>) {
        self.push(condition, Value::Number(number));
    }

    fn equal(&mut self, column: &str, wanted: Option<&String>) {
        if let Some(wanted) = wanted {
            self.text(&format!("{column} = @"), wanted.clone());
        }
    }

    fn state(&mut self, wanted: TokenState, now: Timestamp, retired: &[KeyId]) {
        let before = STATES.iter().take_while(|(state, _)| *state != wanted);
        let mut conditions: Vec<String> = before.map(|(_, holds)| format!("NOT {holds}")).collect();
        let own = STATES.iter().find(|(state, _)| *state == wanted);
        conditions.extend(own.map(|(_, holds)| (*holds).to_owned()));
        // The time is named once, whatever the state.
        conditions.push("@ >= 0".to_owned());
        // No key has the number -1, and PostgreSQL takes no empty list.
        let numbers = retired.iter().map(|kid| kid.number().to_string());
        let numbers: Vec<String> = std::iter::once("-1".to_owned()).chain(numbers).collect();
        let conditions = conditions.join(" AND ").replace('#', &numbers.join(", "));
        self.at(&conditions, time(now));
    }
}

/// A pattern that finds a text anywhere, without regard to ASCII case.
fn containing(text: &str) -> String {
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
