//! A scheduler for models: real threads, one at a time, in every order.

use std::{
    cell::RefCell,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// A scheduled thread: its number, and the turn that it waits for.
#[derive(Clone)]
struct Place {
    turns: Arc<Turns>,
    number: usize,
}

#[derive(Default)]
struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The thread that runs next, or `None` while the scheduler runs.
    turn: Option<usize>,
    threads: Vec<Status>,
}

#[derive(Clone, Copy, PartialEq)]
enum Status {
    Ready,
    /// It waits for a lock that another one holds.
    Blocked,
    Done,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a state in which it is the turn of this one.
    fn wait_for(&self, turn: Option<usize>) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while state.turn != turn {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state
    }
}

impl Place {
    fn give_back(&self, status: Status) {
        let mut state = self.turns.lock();
        state.threads[self.number] = status;
        state.turn = None;
        self.turns.changed.notify_all();
    }

    fn wait(&self) {
        drop(self.turns.wait_for(Some(self.number)));
    }
}

/// Gives the turn back however the thread ends.
struct DoneOnDrop(Place);

impl Drop for DoneOnDrop {
    fn drop(&mut self) {
        self.0.give_back(Status::Done);
    }
}

fn place() -> Option<Place> {
    PLACE.with_borrow(Clone::clone)
}

pub(crate) fn point() {
    if let Some(place) = place() {
        place.give_back(Status::Ready);
        place.wait();
    }
}

pub(crate) fn wait_until(is_free: impl Fn() -> bool) {
    let Some(place) = place() else { return };
    while !is_free() {
        place.give_back(Status::Blocked);
        place.wait();
    }
}

/// The choices of one run: which thread makes each step.
#[derive(Default)]
pub(crate) struct Choices {
    /// The choice at each step, and out of how many.
    path: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    fn choose(&mut self, among: usize) -> usize {
        if self.at == self.path.len() {
            self.path.push((0, among));
        }
        self.at += 1;
        let (chosen, known) = self.path[self.at - 1];
        assert_eq!(
            known, among,
            "a run depends on something else than the order"
        );
        chosen
    }

    /// Goes on to the next order, if there is one.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, among)) = self.path.pop() {
            if chosen + 1 < among {
                self.path.push((chosen + 1, among));
                return true;
            }
        }
        false
    }

    /// Runs these threads in the order that is chosen, and `observe` before the
    /// first step and after each one.
    pub(crate) fn run(
        &mut self,
        threads: Vec<Box<dyn FnOnce() + Send + '_>>,
        mut observe: impl FnMut(),
    ) {
        let turns = Arc::new(Turns::default());
        turns.lock().threads = vec![Status::Ready; threads.len()];
        thread::scope(|scope| {
            for (number, thread) in threads.into_iter().enumerate() {
                let place = Place {
                    turns: Arc::clone(&turns),
                    number,
                };
                scope.spawn(move || {
                    PLACE.set(Some(place.clone()));
                    place.wait();
                    let _done = DoneOnDrop(place);
                    thread();
                });
            }
            observe();
            loop {
                let mut state = turns.lock();
                let ready = |number: &usize| state.threads[*number] == Status::Ready;
                let ready: Vec<usize> = (0..state.threads.len()).filter(ready).collect();
                if ready.is_empty() {
                    let done = state.threads.iter().all(|status| *status == Status::Done);
                    assert!(done, "every thread waits for another");
                    return;
                }
                let next = ready[self.choose(ready.len())];
                state.turn = Some(next);
                turns.changed.notify_all();
                drop(state);
                let mut state = turns.wait_for(None);
                if state.threads[next] != Status::Blocked {
                    let blocked = state.threads.iter_mut();
                    let blocked = blocked.filter(|status| **status == Status::Blocked);
                    blocked.for_each(|status| *status = Status::Ready);
                }
                drop(state);
                observe();
            }
        });
    }
}

/// Calls a model once for every order in which its threads can take their
/// steps, and returns how many there are.
pub(crate) fn every_order(mut model: impl FnMut(&mut Choices)) -> usize {
    let mut choices = Choices::default();
    let mut orders = 0;
    loop {
        model(&mut choices);
        orders += 1;
        if !choices.advance() {
            return orders;
        }
    }
}

#[test]
fn every_order_of_steps_is_run_once() {
    let mut seen = std::collections::BTreeSet::new();
    let orders = every_order(|choices| {
        let steps = Mutex::new(String::new());
        let thread = |letter: char| {
            let steps = &steps;
            Box::new(move || {
                for step in 0..3 {
                    if step > 0 {
                        point();
                    }
                    steps.lock().unwrap().push(letter);
                }
            }) as Box<dyn FnOnce() + Send>
        };
        choices.run(vec![thread('a'), thread('b')], || {});
        seen.insert(steps.into_inner().unwrap());
    });
    // Of six places, three are the first one's.
    assert_eq!((orders, seen.len()), (20, 20));
}
