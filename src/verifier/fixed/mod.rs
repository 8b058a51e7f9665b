//! Fixed lists of tokens and of users, from a configuration or a file.
//!
//! Every entry is compared whatever comes, in constant time, so that a list is
//! short: 64 entries at most. More belong in a token store.

mod list;
mod tokens;
mod users;

pub use self::{
    tokens::{FixedTokens, FixedTokensBuilder},
    users::{FixedUsers, FixedUsersBuilder},
};
