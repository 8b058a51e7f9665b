//! The parts of a server that have nothing to do with authentication.

mod bind;
mod flags;
mod listen;
mod stop;

pub(crate) use self::{flags::Flags, listen::listen, stop::stop};
