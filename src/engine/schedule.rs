//! Points between steps on shared memory, at which a test chooses the thread that
//! continues.

/// Ends a step. A thread that a test schedules waits here until it is resumed.
#[inline(always)]
pub(crate) fn point() {
    #[cfg(test)]
    explore::point();
}

/// Waits, in a scheduled thread, until a lock is free, so that taking the lock never blocks
/// the thread.
#[inline(always)]
pub(crate) fn wait_until(_is_free: impl Fn() -> bool) {
    #[cfg(test)]
    explore::wait_until(_is_free);
}

#[cfg(test)]
pub(crate) mod explore;
