//! The state of an entry.

use proptest::prelude::*;

use super::*;

/// Shares nothing.
struct NoInterner;

impl Intern for NoInterner {
    fn text(&mut self, text: &str) -> Arc<str> {
        text.into()
    }

    fn scopes(&mut self, scopes: &[Scope]) -> Arc<[Scope]> {
        scopes.into()
    }
}

fn time() -> impl Strategy<Value = Option<Timestamp>> {
    let near = (0..6_u64).prop_map(Timestamp::from_millis);
    let far = Just(Timestamp::from_millis(Timestamp::MAX.as_millis() - 1));
    prop_oneof![2 => Just(None), 3 => near.prop_map(Some), 1 => far.prop_map(Some)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_entry_is_in_the_state_of_its_record(
        not_before in time(),
        expires_at in time(),
        grace_until in time(),
        suspended_at in time(),
        revoked_at in time(),
    ) {
        let id = "000000000000".parse().unwrap();
        let subject = "alice".to_owned();
        let mut record = Record::new(id, Digest::sha256("x"), subject, Timestamp::default());
        (record.not_before, record.expires_at) = (not_before, expires_at);
        record.grace_until = grace_until;
        (record.suspended_at, record.revoked_at) = (suspended_at, revoked_at);
        let entry = TokenEntry::new(&record, &mut NoInterner);
        let far = Timestamp::MAX.as_millis();
        for now in (0..7).chain(far - 2..=far).map(Timestamp::from_millis) {
            let state = record.state(now);
            prop_assert_eq!(entry.lifecycle().state(now, false), state, "at {:?}", now);
            let is_active = state == TokenState::Active;
            prop_assert_eq!(entry.check(now).is_ok(), is_active, "at {:?}", now);
        }
    }
}
