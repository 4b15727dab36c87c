//! Tries every order of a batch that has few.
//!
//! Orders often lead to the same place: the same requests to come, and the same left for them. From
//! there on they go alike, so that a place is passed again only with a better score.

use std::collections::HashMap;

use crate::batch::score::Score;
use crate::batch::search::{Placing, Search, Spent, Walk};
use crate::host::Memory;

/// Every order is tried if there are at most this many different ones …
const MOST_ORDERS: u64 = 4_000_000;

/// … of at most this many requests, since the search is as deep.
const MOST_ORDERED: usize = 64;

/// So many places of that search are remembered, to be passed once.
const MOST_REMEMBERED: usize = 20_000;

/// The requests that a walk has before it, what is left for them, and the best score there.
type Seen = HashMap<(Vec<usize>, Memory), Score>;

impl Search<'_> {
    /// Tries every order if there are few.
    pub(super) fn try_every_order(&mut self) -> Result<(), Spent> {
        if !self.proven() && self.has_few_orders() {
            let mut waiting = self.order.clone();
            waiting.sort_unstable();
            let mut seen = Seen::new();
            self.orders_tried += 1;
            self.descend(&self.start(), &mut waiting, &mut Vec::new(), &mut seen)?;
            self.every_order_tried = true;
        }
        Ok(())
    }

    /// Tries every order of the `waiting` requests after the walk by `path`.
    fn descend(
        &mut self,
        walk: &Walk,
        waiting: &mut Vec<usize>,
        path: &mut Vec<(usize, Placing)>,
        seen: &mut Seen,
    ) -> Result<(), Spent> {
        if waiting.is_empty() {
            self.accept(0, walk, path.clone());
        }
        if !is_new(walk, waiting, seen) {
            return Ok(());
        }
        for at in 0..waiting.len() {
            let i = waiting[at];
            if self.proven() {
                return Ok(());
            }
            if waiting[..at].iter().any(|other| self.alike(*other, i)) {
                continue;
            }
            let mut next = walk.clone();
            self.orders_tried += u64::from(at > 0);
            let placing = self.step(&mut next, i)?;
            if self.is_better(&next) {
                waiting.remove(at);
                path.push((i, placing));
                self.descend(&next, waiting, path, seen)?;
                path.pop();
                waiting.insert(at, i);
            }
        }
        Ok(())
    }

    fn alike(&self, a: usize, b: usize) -> bool {
        self.requests[a] == self.requests[b]
    }

    /// Whether there are few enough different orders to try each.
    fn has_few_orders(&self) -> bool {
        if self.order.len() > MOST_ORDERED {
            return false;
        }
        let mut orders = 1;
        for (at, i) in self.order.iter().enumerate() {
            // Each request can go to as many places as there are, in which its equals look alike.
            let equals = (self.order[..at].iter()).filter(|other| self.alike(**other, *i));
            let equals = equals.count() as u64;
            orders = orders * (at as u64 + 1) / (equals + 1);
            if orders > MOST_ORDERS {
                return false;
            }
        }
        true
    }
}

/// Whether no walk before was here and no worse: with the same requests to come, and the same left
/// for them.
fn is_new(walk: &Walk, waiting: &[usize], seen: &mut Seen) -> bool {
    let here = (waiting.to_vec(), walk.host.memory().clone());
    let room = seen.len() < MOST_REMEMBERED;
    match seen.get_mut(&here) {
        Some(before) if before.compare(&walk.score).is_le() => return false,
        Some(before) => *before = walk.score,
        None if room => {
            seen.insert(here, walk.score);
        }
        None => (),
    }
    true
}
