//! The JSON routes that read and change tokens.

mod fields;
mod filter;
mod input;
mod media_type;
mod operations;
mod rights;
mod view;
mod whoami;

pub(super) use self::{
    input::PathId,
    media_type::require_media_type,
    operations::router,
    rights::{find_visible, is_visible},
    view::{CallerView, to_strings},
    whoami::router as whoami_router,
};
