//! Points between steps on shared memory, at which tests choose who goes on.

/// Ends a step. A thread that a test schedules waits here for its turn.
#[inline(always)]
pub(crate) fn point() {
    #[cfg(test)]
    explore::point();
}

/// Waits in a scheduled thread until a lock can be had, so that the lock itself
/// never blocks it.
#[inline(always)]
pub(crate) fn wait_until(_is_free: impl Fn() -> bool) {
    #[cfg(test)]
    explore::wait_until(_is_free);
}

#[cfg(test)]
pub(crate) mod explore;
