//! What is taken page by page: pools, structures and Xen's own heap, which no claim covers.

use claims::{Domid, Errno};
use planner::NodeSet;

use super::heap::{cycle, Kind, Taker};
use super::held_claim::Credit;
use super::node::Reach;
use super::runs::{Held, Run};
use super::Xen;

/// Pages that were taken, by node.
type Taken = Vec<Held>;

impl Xen {
    /// Fills the domain's pool up to `target` pages, at most `budget` pages of them now: how many
    /// it has. ENOMEM keeps what was got.
    pub fn fill_pool(&mut self, domid: Domid, target: u64, budget: u64) -> Result<u64, Errno> {
        let has: u64 = self.alive(domid)?.pool.iter().map(Held::pages).sum();
        let wanted = target.saturating_sub(has).min(budget);
        let mut pool = std::mem::take(&mut self.known_mut(domid)?.pool);
        let taken = self.take_singles(domid, wanted, &mut pool);
        self.known_mut(domid)?.pool = pool;
        let got = taken?;
        match got < wanted {
            true => Err(Errno::ENOMEM),
            false => Ok(has + got),
        }
    }

    /// Takes up to `wanted` single pages that no claim covers: exactly what as many calls for one
    /// page would take, in whole turns of the rotation where it can. How many it took.
    fn take_singles(&mut self, domid: Domid, wanted: u64, taken: &mut Taken) -> Result<u64, Errno> {
        let mut left = wanted;
        while left > 0 {
            let taker = self.taker(domid, Kind::Extra, 1, None)?;
            let allowed = match self.host_permits(taker.credit, 1)? {
                true => left.min(self.unclaimed_pages()),
                false => 0,
            };
            if allowed == 0 {
                break;
            }
            let got = match self.take_turns(&taker, allowed, taken) {
                0 => self.take_one(&taker, taken)?,
                got => got,
            };
            if got == 0 {
                break;
            }
            left -= got;
        }
        self.note_overclaims();
        Ok(wanted - left)
    }

    /// Takes as many whole turns of the rotation as can be taken without any node running out:
    /// how many pages that is.
    fn take_turns(&mut self, taker: &Taker, allowed: u64, taken: &mut Taken) -> u64 {
        let available = |reach: Reach, node: usize| {
            let free = self.heap[node].free_pages(reach);
            free.min(self.node_leaves(taker.credit, node))
        };
        let online = self.online();
        // Only a search page by page meets such a node in the right turn.
        if online.iter().any(|node| self.asserts_against(Some(node))) {
            return 0;
        }
        let reach = match online.iter().any(|node| available(Reach::High, node) > 0) {
            true => Reach::High,
            false => Reach::All,
        };
        let open_of = |mask: NodeSet| -> NodeSet {
            mask.iter()
                .filter(|node| available(reach, *node) > 0)
                .collect()
        };
        let mask = taker.mask;
        // Outside the mask there is no rotation: the first node that has any gives all.
        let open = match open_of(mask) {
            NodeSet::EMPTY if !taker.stops => {
                let beyond = open_of(online.minus(mask)).lowest();
                beyond.map_or(NodeSet::EMPTY, NodeSet::one)
            }
            open => open,
        };
        let inside = !mask.intersection(open).is_empty();
        // A node that ends the search is asked before the others.
        if open.is_empty() || (taker.stops && open != mask) {
            return 0;
        }
        let least = open
            .iter()
            .map(|node| available(reach, node))
            .min()
            .unwrap_or(0);
        let turns = least.min(allowed / open.len() as u64);
        if turns == 0 {
            return 0;
        }
        // A whole turn ends at the node before the one where it begins.
        let first = cycle(open, taker.first).next().unwrap_or(0);
        let last = match inside {
            true => cycle(open, first).last().unwrap_or(first),
            false => first,
        };
        for node in open.iter() {
            self.take_of(node, reach, turns, taken);
        }
        if let Some(domain) = (taker.credit.domid).and_then(|id| self.domains.get_mut(&id)) {
            domain.last_node = last;
        }
        turns * open.len() as u64
    }

    fn take_one(&mut self, taker: &Taker, taken: &mut Taken) -> Result<u64, Errno> {
        let Some(block) = self.take_block(taker, 0)? else {
            return Ok(0);
        };
        let node = super::heap::node_of(block.first);
        self.free[node] -= 1;
        self.free_pages -= 1;
        taken[node].push(Run {
            first: block.first,
            pages: 1,
        });
        if let Some(domid) = taker.credit.domid {
            self.known_mut(domid)?.last_node = node;
        }
        Ok(1)
    }

    fn take_of(&mut self, node: usize, reach: Reach, pages: u64, taken: &mut Taken) {
        let mut left = pages;
        for zone in self.heap[node].reached_mut(reach) {
            let has = left.min(zone.free_pages());
            zone.take_singles(has, |run| taken[node].push(run));
            left -= has;
        }
        self.free[node] -= pages - left;
        self.free_pages -= pages - left;
    }

    /// Takes pages of Xen's own heap, of no domain, from the lowest nodes that have some.
    pub(super) fn take_heap(&mut self, pages: u64) -> Result<Taken, Errno> {
        self.take_unowned_from(self.online().lowest().unwrap_or(0), pages)
    }

    /// Takes pages of Xen's own heap for something that is none of a domain's, first from `node`.
    pub fn take_unowned(&mut self, node: usize, pages: u64) -> Result<(), Errno> {
        self.up()?;
        let taken = self.take_unowned_from(node, pages)?;
        for (unowned, taken) in self.unowned.iter_mut().zip(&taken) {
            taken.runs().iter().for_each(|run| unowned.push(*run));
        }
        Ok(())
    }

    /// Frees all that [`Xen::take_unowned`] took.
    pub fn free_unowned(&mut self) {
        let nodes = self.free.len();
        let unowned = std::mem::replace(&mut self.unowned, vec![Held::default(); nodes]);
        self.put_all(&unowned);
    }

    fn take_unowned_from(&mut self, first: usize, pages: u64) -> Result<Taken, Errno> {
        let nobody = Credit {
            domid: None,
            pages: 0,
        };
        let mut taken = vec![Held::default(); self.free.len()];
        let mut left = pages;
        if pages > 0 && self.host_permits(nobody, pages)? {
            for reach in [Reach::High, Reach::All] {
                for node in cycle(self.online(), first) {
                    if left == 0 {
                        break;
                    }
                    self.assert_available(Some(node))?;
                    let has = self.heap[node].free_pages(reach);
                    let some = left.min(has).min(self.node_leaves(nobody, node));
                    self.take_of(node, reach, some, &mut taken);
                    left -= some;
                }
            }
        }
        self.note_overclaims();
        match left {
            0 => Ok(taken),
            _ => {
                self.put_all(&taken);
                Err(Errno::ENOMEM)
            }
        }
    }

    /// Frees what Xen or a pool held, which is dirty then.
    pub(super) fn put_all(&mut self, held: &[Held]) {
        for run in held.iter().flat_map(Held::runs) {
            self.put(*run, true);
        }
    }
}
