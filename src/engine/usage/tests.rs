//! The time between two flushes.

use std::collections::BTreeSet;

use super::*;

#[test]
fn f07_instances_that_start_together_write_apart() {
    let period = Duration::from_secs(60);
    let waits: BTreeSet<Duration> = (0..200).map(|_| jittered(period)).collect();
    assert!(waits.len() > 50, "{}", waits.len());
    assert!(
        waits
            .iter()
            .all(|wait| (period * 3 / 4..=period).contains(wait))
    );
    for extreme in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        assert!(jittered(extreme) <= extreme);
    }
}
