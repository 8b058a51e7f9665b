//! The tokens that a manager may see and change.

use crate::{
    manage::problem::Problem,
    principal::Principal,
    store::StoredToken,
    token::{Record, TokenId},
    tokens::Tokens,
};

/// Returns a token that this caller may see.
///
/// # Errors
///
/// Returns the same error for a hidden token as for a missing one.
pub(in crate::manage) async fn find_visible(
    tokens: &Tokens,
    caller: &Principal,
    id: TokenId,
) -> Result<StoredToken, Problem> {
    let stored = tokens.get(id).await?;
    match is_visible(caller, &stored.record) {
        true => Ok(stored),
        false => Err(Problem::token_not_found()),
    }
}

/// Returns whether a caller may see a token: it must belong to the caller's
/// organization, if they have one, and must be limited to their targets.
pub(in crate::manage) fn is_visible(caller: &Principal, record: &Record) -> bool {
    let own = caller.organization();
    let is_own = own.is_none() || own == record.organization.as_deref();
    is_own && caller.has_targets(record.targets.as_deref())
}
