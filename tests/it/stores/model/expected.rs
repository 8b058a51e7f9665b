//! The model: steps, and what they should do.

use proptest::{collection::vec, prelude::*};
use tower_authn::RejectionKind;

/// A step. It names tokens by their number, so that it has the same meaning for every
/// store.
#[derive(Clone, Debug)]
pub enum Step {
    Create { subject: u8, lives: Option<u16> },
    Rotate { token: u8, grace: u16 },
    Suspend(u8),
    Resume(u8),
    Revoke(u8),
    RevokeSubject(u8),
    RetireKey,
    Wait(u16),
    Reopen,
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let seconds = || 1..300_u16;
    let create = (0..3_u8, proptest::option::of(seconds()));
    let create = create.prop_map(|(subject, lives)| Step::Create { subject, lives });
    let rotate = (any::<u8>(), prop_oneof![Just(0), seconds()]);
    let rotate = rotate.prop_map(|(token, grace)| Step::Rotate { token, grace });
    let step = prop_oneof![
        5 => create,
        3 => rotate,
        2 => any::<u8>().prop_map(Step::Suspend),
        2 => any::<u8>().prop_map(Step::Resume),
        2 => any::<u8>().prop_map(Step::Revoke),
        1 => (0..3_u8).prop_map(Step::RevokeSubject),
        1 => Just(Step::RetireKey),
        3 => seconds().prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ];
    vec(step, 1..25)
}

/// A token of the model.
#[derive(Clone, Debug)]
pub struct ModelToken {
    subject: u8,
    key: usize,
    expires_at: Option<u64>,
    grace_until: Option<u64>,
    rotated: bool,
    suspended: bool,
    revoked: bool,
}

/// The expected behavior, short enough to be checked by reading.
#[derive(Default)]
pub struct Model {
    pub now: u64,
    pub tokens: Vec<ModelToken>,
    /// For each key, whether it is retired. The last key mints.
    pub retired: Vec<bool>,
}

impl Model {
    pub fn verdict(&self, token: &ModelToken) -> Option<RejectionKind> {
        let over = |end: Option<u64>| end.is_some_and(|end| self.now >= end);
        let retired = self.retired[token.key];
        if retired || over(token.grace_until) || token.suspended || token.revoked {
            Some(RejectionKind::Revoked)
        } else if over(token.expires_at) {
            Some(RejectionKind::Expired)
        } else {
            None
        }
    }

    /// Makes a step and returns how many tokens it changed, or `None` if it is
    /// refused.
    pub fn step(&mut self, step: &Step) -> Option<usize> {
        let at = |number: u8, tokens: &[ModelToken]| {
            (!tokens.is_empty()).then(|| usize::from(number) % tokens.len())
        };
        match *step {
            Step::Create { subject, lives } => {
                self.tokens.push(ModelToken {
                    subject,
                    key: self.retired.len() - 1,
                    expires_at: lives.map(|lives| self.now + u64::from(lives)),
                    grace_until: None,
                    rotated: false,
                    suspended: false,
                    revoked: false,
                });
                Some(1)
            }
            Step::Rotate { token, grace } => {
                let token = at(token, &self.tokens)?;
                if self.tokens[token].rotated || self.verdict(&self.tokens[token]).is_some() {
                    return None;
                }
                let mut replacement = self.tokens[token].clone();
                replacement.key = self.retired.len() - 1;
                self.tokens.push(replacement);
                let old = &mut self.tokens[token];
                old.rotated = true;
                match grace {
                    0 => old.revoked = true,
                    grace => old.grace_until = Some(self.now + u64::from(grace)),
                }
                Some(1)
            }
            Step::Suspend(token) => {
                let token = at(token, &self.tokens)?;
                self.tokens[token].suspended = true;
                Some(1)
            }
            Step::Resume(token) => {
                let token = at(token, &self.tokens)?;
                self.tokens[token].suspended = false;
                Some(1)
            }
            Step::Revoke(token) => {
                let token = at(token, &self.tokens)?;
                let known = &mut self.tokens[token];
                Some(usize::from(!std::mem::replace(&mut known.revoked, true)))
            }
            Step::RevokeSubject(subject) => {
                let theirs = self.tokens.iter_mut().filter(|t| t.subject == subject);
                let changed = theirs.map(|t| !std::mem::replace(&mut t.revoked, true));
                Some(changed.filter(|changed| *changed).count())
            }
            Step::RetireKey => {
                let key = self.retired.len() - 1;
                let active =
                    |token: &&ModelToken| token.key == key && self.verdict(token).is_none();
                let ended = self.tokens.iter().filter(active).count();
                *self.retired.last_mut()? = true;
                self.retired.push(false);
                Some(ended)
            }
            Step::Wait(seconds) => {
                self.now += u64::from(seconds);
                Some(0)
            }
            Step::Reopen => Some(0),
        }
    }
}
