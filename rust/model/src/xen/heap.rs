//! The heap: extents leave it, are assigned or given back, and are freed.

use claims::{Domid, Errno};
use planner::{NodeSet, MAX_NODES};

use super::{PerNode, Xen};

/// The largest extent that Xen allocates: 1 GiB.
pub const MAX_EXTENT_PAGES: u64 = 1 << 18;

/// What an extent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A domain's memory: counts against its maximum, and comes off its claim.
    Memory,
    /// A domain's pages that count against nothing, such as ioreq pages. No claim covers them.
    Extra,
}

/// An extent that left the heap and is not assigned yet. To be given to [`Xen::assign`] or
/// [`Xen::give_back`].
#[derive(Debug)]
#[must_use]
pub struct Extent {
    domid: Domid,
    kind: Kind,
    node: usize,
    pages: u64,
}

impl Extent {
    /// The node that it is of.
    pub fn node(&self) -> usize {
        self.node
    }

    /// How large it is.
    pub fn pages(&self) -> u64 {
        self.pages
    }
}

/// Who takes pages, as the allocator sees it.
struct Taker {
    domid: Domid,
    affinity: NodeSet,
    last_node: usize,
    /// Pages that its claim covers.
    credit: u64,
    /// Whether a node without room ends the search. So it is with a node claim that could cover
    /// the extent: Xen wants the caller to try smaller ones.
    stops: bool,
}

impl Xen {
    /// Takes an extent from the heap for a domain: of `exact_node`, or from its node affinity in
    /// rotation and then from other nodes. ENOMEM if claims or free memory do not allow it.
    pub fn take(
        &mut self,
        domid: Domid,
        kind: Kind,
        pages: u64,
        exact_node: Option<usize>,
    ) -> Result<Extent, Errno> {
        self.up()?;
        if pages == 0 || pages > MAX_EXTENT_PAGES || !pages.is_power_of_two() {
            return Err(Errno::EINVAL);
        }
        if exact_node.is_some_and(|node| !self.online().contains(node)) {
            return Err(Errno::EINVAL);
        }
        let taker = self.taker(domid, kind, pages)?;
        if !self.host_permits(taker.credit, pages) {
            return Err(Errno::ENOMEM);
        }
        let node = self.search(&taker, pages, exact_node);
        let node = node.ok_or(Errno::ENOMEM)?;
        self.free[node] -= pages;
        self.free_pages -= pages;
        if kind == Kind::Memory && self.consumes_at_allocation() {
            self.consume(domid, node, pages)?;
        }
        let domain = self.known_mut(domid)?;
        domain.last_node = node;
        domain.inflight[node] += pages;
        Ok(Extent {
            domid,
            kind,
            node,
            pages,
        })
    }

    /// Assigns an extent to its domain. If Xen refuses it is back in the heap: EINVAL from a
    /// dying domain, EPERM and E2BIG from one that would exceed its maximum. What it took off the
    /// claim stays off.
    pub fn assign(&mut self, extent: Extent) -> Result<(), Errno> {
        self.up()?;
        let Extent {
            domid,
            kind,
            node,
            pages,
        } = extent;
        let domain = self.known(domid)?;
        let refused = match (domain.is_alive(), kind) {
            (false, Kind::Memory | Kind::Extra) => Some(Errno::EINVAL),
            (true, Kind::Extra) => None,
            (true, Kind::Memory) => match domain.max_pages.checked_sub(domain.tot_pages) {
                None => Some(Errno::EPERM),
                Some(room) if pages > room => Some(Errno::E2BIG),
                Some(_) => None,
            },
        };
        if let Some(errno) = refused {
            self.give_back(extent)?;
            return Err(errno);
        }
        let domain = self.known_mut(domid)?;
        domain.inflight[node] -= pages;
        domain.pages[node] += pages;
        match kind {
            Kind::Extra => domain.extra_pages += pages,
            Kind::Memory => domain.tot_pages += pages,
        }
        match kind == Kind::Memory && !self.consumes_at_allocation() {
            true => self.consume(domid, node, pages),
            false => Ok(()),
        }
    }

    /// Returns an extent that was not assigned to the heap.
    pub fn give_back(&mut self, extent: Extent) -> Result<(), Errno> {
        let domain = self.known_mut(extent.domid)?;
        domain.inflight[extent.node] -= extent.pages;
        self.put(extent.node, extent.pages);
        Ok(())
    }

    /// Frees pages of a domain's memory, as a balloon does. EINVAL if it has not got them there.
    pub fn free(&mut self, domid: Domid, node: usize, pages: u64) -> Result<(), Errno> {
        self.up()?;
        let has = (self.known(domid)?.pages.get(node)).is_some_and(|has| *has >= pages);
        if !has || pages > self.known(domid)?.tot_pages {
            return Err(Errno::EINVAL);
        }
        self.free_memory(domid, node, pages)
    }

    pub(super) fn free_memory(
        &mut self,
        domid: Domid,
        node: usize,
        pages: u64,
    ) -> Result<(), Errno> {
        let refills = self.flavour.refill_on_free;
        let domain = self.known_mut(domid)?;
        domain.tot_pages -= pages;
        domain.pages[node] -= pages;
        // Before the pages are in the heap.
        if refills && domain.outstanding_pages > 0 {
            domain.outstanding_pages += pages;
            self.outstanding_pages += pages;
        }
        self.put(node, pages);
        Ok(())
    }

    /// Fills the domain's pool up to `target` pages, at most `budget` pages of them now: how many
    /// it has. ENOMEM keeps what was got.
    pub fn fill_pool(&mut self, domid: Domid, target: u64, budget: u64) -> Result<u64, Errno> {
        let has: u64 = self.alive(domid)?.pool.iter().sum();
        let wanted = target.saturating_sub(has).min(budget);
        let taken = self.take_singles(domid, wanted)?;
        let domain = self.known_mut(domid)?;
        for (pool, taken) in domain.pool.iter_mut().zip(&taken) {
            *pool += taken;
        }
        let got: u64 = taken.iter().sum();
        match got < wanted {
            true => Err(Errno::ENOMEM),
            false => Ok(has + got),
        }
    }

    /// Takes up to `wanted` single pages that no claim covers: exactly what as many calls for one
    /// page would take, in whole turns of the rotation where it can.
    fn take_singles(&mut self, domid: Domid, wanted: u64) -> Result<PerNode, Errno> {
        let mut taken = vec![0; self.free.len()];
        let mut left = wanted;
        while left > 0 {
            let taker = self.taker(domid, Kind::Extra, 1)?;
            let allowed = left.min(self.free_pages.saturating_sub(self.outstanding_pages));
            let mask = self.mask(&taker);
            let open: NodeSet = (mask.iter())
                .filter(|node| self.node_leaves(domid, *node) > 0)
                .collect();
            let turns = (open.iter())
                .map(|node| self.node_leaves(domid, node))
                .min()
                .unwrap_or(0)
                .min(allowed / (open.len() as u64).max(1));
            // A whole turn ends where it began only when that is on an open node.
            let whole =
                turns > 0 && open.contains(taker.last_node) && (open == mask || !taker.stops);
            if whole {
                for node in open.iter() {
                    self.free[node] -= turns;
                    taken[node] += turns;
                }
                let count = turns * open.len() as u64;
                self.free_pages -= count;
                left -= count;
                continue;
            }
            if allowed == 0 {
                break;
            }
            let Some(node) = self.search(&taker, 1, None) else {
                break;
            };
            let many = match open.is_empty() {
                // Outside the mask there is no rotation: the first node with room gives all.
                true => allowed.min(self.node_leaves(domid, node)),
                false => 1,
            };
            self.free[node] -= many;
            self.free_pages -= many;
            taken[node] += many;
            left -= many;
            self.known_mut(domid)?.last_node = node;
        }
        Ok(taken)
    }

    /// Takes pages of Xen's own heap, of no domain, from the lowest nodes that have some.
    pub(super) fn take_heap(&mut self, pages: u64) -> Result<PerNode, Errno> {
        self.take_unowned_from(self.online().lowest().unwrap_or(0), pages)
    }

    /// Takes pages of Xen's own heap for something that is none of a domain's, first from `node`.
    pub fn take_unowned(&mut self, node: usize, pages: u64) -> Result<(), Errno> {
        self.up()?;
        let taken = self.take_unowned_from(node, pages)?;
        for (unowned, taken) in self.unowned.iter_mut().zip(&taken) {
            *unowned += taken;
        }
        Ok(())
    }

    /// Frees all that [`Xen::take_unowned`] took.
    pub fn free_unowned(&mut self) {
        let none = vec![0; self.free.len()];
        let unowned = std::mem::replace(&mut self.unowned, none);
        self.put_all(&unowned);
    }

    fn take_unowned_from(&mut self, first: usize, pages: u64) -> Result<PerNode, Errno> {
        if !self.host_permits(0, pages) {
            return Err(Errno::ENOMEM);
        }
        let mut taken = vec![0; self.free.len()];
        let mut left = pages;
        for node in cycle(self.online(), first) {
            let some = left.min(self.free[node]);
            self.free[node] -= some;
            taken[node] = some;
            left -= some;
        }
        self.free_pages -= pages;
        Ok(taken)
    }

    pub(super) fn put_all(&mut self, pages: &PerNode) {
        for (node, pages) in pages.iter().enumerate() {
            self.put(node, *pages);
        }
    }

    fn put(&mut self, node: usize, pages: u64) {
        self.free[node] += pages;
        self.free_pages += pages;
    }

    fn taker(&self, domid: Domid, kind: Kind, pages: u64) -> Result<Taker, Errno> {
        let domain = self.known(domid)?;
        Ok(Taker {
            domid,
            affinity: domain.node_affinity,
            last_node: domain.last_node,
            credit: match kind {
                Kind::Memory => domain.outstanding_pages,
                Kind::Extra => 0,
            },
            stops: domain.claim_node.is_some() && pages <= domain.outstanding_pages,
        })
    }

    /// The nodes that are preferred: online ones of the affinity, which may have none.
    fn mask(&self, taker: &Taker) -> NodeSet {
        let online = self.online();
        match taker.affinity.intersection(online) {
            NodeSet::EMPTY => online,
            mask => mask,
        }
    }

    /// The first node that can give the extent.
    fn search(&self, taker: &Taker, pages: u64, exact_node: Option<usize>) -> Option<usize> {
        let gives = |node: usize| self.node_leaves(taker.domid, node) >= pages;
        if let Some(node) = exact_node {
            return gives(node).then_some(node);
        }
        let mask = self.mask(taker);
        let mut walk = cycle(mask, taker.last_node + 1).chain(self.online().minus(mask).iter());
        match taker.stops {
            true => walk.next().filter(|node| gives(*node)),
            false => walk.find(|node| gives(*node)),
        }
    }
}

/// The nodes of `mask` from `first` on, then those before it.
fn cycle(mask: NodeSet, first: usize) -> impl Iterator<Item = usize> {
    let before = mask.intersection(NodeSet::first(first.min(MAX_NODES)));
    mask.minus(before).iter().chain(before.iter())
}
