//! Fixed lists of tokens and of users, from a configuration or a file.
//!
//! Each look-up compares every entry in constant time, so a list has at most 64
//! entries. More belong in a token store.

mod lines;
mod list;
mod password_hash;
mod tokens;
mod users;

pub use self::{
    tokens::{FixedTokens, FixedTokensBuilder},
    users::{FixedUsers, FixedUsersBuilder},
};
