//! Who goes next: every event of a run is a choice, which can be recorded and repeated.

use std::time::Duration;

use fastrand::Rng;

/// How late anybody is at most, because of a choice of chance.
const MOST_LATE: Duration = Duration::from_secs(1);

/// How the next actor is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// The actor that is due first.
    Timed,
    /// Each actor in turn, due or not: the clock moves on to when it is.
    RoundRobin,
    /// The actor that is due first, but one time in `one_in` any that is due within a second: the
    /// others are late then, as threads are that were not scheduled.
    Random {
        /// How seldom; at least 1.
        one_in: u64,
    },
    /// The actor that is due first, but for these choices.
    Trace(Vec<Choice>),
}

/// A choice of another actor than the one that is due first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Choice {
    /// Which event of the run, counted from 0.
    pub event: u64,
    /// The actor.
    pub actor: usize,
}

/// Chooses, and remembers what it chose.
#[derive(Debug)]
pub(super) struct Scheduler {
    schedule: Schedule,
    rng: Rng,
    event: u64,
    last: usize,
    next_of_trace: usize,
    forgetful: bool,
    pub choices: Vec<Choice>,
}

impl Scheduler {
    pub fn new(schedule: Schedule, seed: u64) -> Self {
        Scheduler {
            schedule,
            rng: Rng::with_seed(seed),
            event: 0,
            last: usize::MAX,
            next_of_trace: 0,
            forgetful: false,
            choices: Vec::new(),
        }
    }

    /// One that does not remember what it chose.
    pub fn forgetful(schedule: Schedule, seed: u64) -> Self {
        Scheduler {
            forgetful: true,
            ..Scheduler::new(schedule, seed)
        }
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.event
    }

    /// The next of those that wait, and when it was due: `due` has an entry for each actor.
    pub fn next(&mut self, due: &[Option<Duration>]) -> Option<(Duration, usize)> {
        let waiting = || (due.iter().enumerate()).filter_map(|(i, due)| Some(((*due)?, i)));
        let first = waiting().min()?;
        let event = self.event;
        self.event += 1;
        let choice = match &self.schedule {
            Schedule::Timed => first,
            Schedule::RoundRobin => {
                let last = self.last;
                let after = waiting().find(|(_, i)| last == usize::MAX || *i > last);
                after.or_else(|| waiting().next()).unwrap_or(first)
            }
            Schedule::Random { one_in } => match self.rng.u64(0..(*one_in).max(1)) {
                0 => {
                    let soon = || waiting().filter(|(due, _)| *due <= first.0 + MOST_LATE);
                    let nth = self.rng.usize(0..soon().count());
                    soon().nth(nth).unwrap_or(first)
                }
                _ => first,
            },
            Schedule::Trace(trace) => {
                while (trace.get(self.next_of_trace)).is_some_and(|choice| choice.event < event) {
                    self.next_of_trace += 1;
                }
                let listed = trace.get(self.next_of_trace).filter(|c| c.event == event);
                listed
                    .and_then(|choice| waiting().find(|(_, i)| *i == choice.actor))
                    .unwrap_or(first)
            }
        };
        if choice.1 != first.1 && !self.forgetful {
            self.choices.push(Choice {
                event,
                actor: choice.1,
            });
        }
        self.last = choice.1;
        Some(choice)
    }
}

/// The fewest of `trace` with which `fails` still holds, as far as taking away parts finds them.
/// What it returns fails too, if `trace` does.
pub fn minimal_trace(trace: &[Choice], mut fails: impl FnMut(&[Choice]) -> bool) -> Vec<Choice> {
    let mut kept = trace.to_vec();
    let mut parts = 2;
    while !kept.is_empty() {
        let length = kept.len().div_ceil(parts.min(kept.len()));
        let without = |at: usize| -> Vec<Choice> {
            let end = (at + length).min(kept.len());
            [&kept[..at], &kept[end..]].concat()
        };
        let starts = (0..kept.len()).step_by(length);
        match starts.map(without).find(|fewer| fails(fewer)) {
            Some(fewer) => {
                kept = fewer;
                parts = parts.saturating_sub(1).max(2);
            }
            None if length == 1 => break,
            None => parts *= 2,
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_cut_down_to_what_matters() {
        let trace: Vec<_> = (0..100)
            .map(|event| Choice {
                event,
                actor: (event % 3) as usize,
            })
            .collect();
        let needed = [trace[17], trace[18], trace[80]];
        let fails = |trace: &[Choice]| needed.iter().all(|choice| trace.contains(choice));
        assert_eq!(minimal_trace(&trace, fails), needed);
        assert_eq!(minimal_trace(&trace, |_| true), []);
    }

    #[test]
    fn what_was_chosen_can_be_chosen_again() {
        let mut rng = Rng::with_seed(7);
        let dues: Vec<Vec<Option<Duration>>> = (0..500)
            .map(|_| {
                let due = |rng: &mut Rng| rng.bool().then(|| Duration::from_millis(rng.u64(0..9)));
                (0..4).map(|_| due(&mut rng)).collect()
            })
            .collect();
        for schedule in [Schedule::RoundRobin, Schedule::Random { one_in: 3 }] {
            let mut first = Scheduler::new(schedule, 3);
            let chosen: Vec<_> = dues.iter().map(|due| first.next(due)).collect();
            assert!(first.choices.len() > 50);
            let mut again = Scheduler::new(Schedule::Trace(first.choices.clone()), 99);
            let again_chosen: Vec<_> = dues.iter().map(|due| again.next(due)).collect();
            assert_eq!(chosen, again_chosen);
            assert_eq!(first.choices, again.choices);
        }
    }
}
