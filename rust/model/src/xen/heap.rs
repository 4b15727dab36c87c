//! The heap: how an extent is found, leaves it, is assigned or given back, and is freed.

use claims::{Domid, Errno};
use planner::{NodeSet, MAX_NODES};

use super::held_claim::Credit;
use super::node::Reach;
use super::runs::{Run, MAX_EXTENT_PAGES};
use super::zone::Block;
use super::Xen;
use crate::flavour::NodeClaims;

/// The most pages of a node: 256 TiB.
pub const MAX_NODE_PAGES: u64 = 1 << NODE_SHIFT;

/// How far the addresses of two nodes' first pages are apart, as a power of two: farther than any
/// node reaches.
const NODE_SHIFT: u32 = 36;

/// What an extent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A domain's memory: counts against its maximum, and comes off its claim.
    Memory,
    /// A domain's pages that count against nothing, such as ioreq pages. No claim covers them, but
    /// where claims are consumed at assignment these consume them too.
    Extra,
}

/// An extent that left the heap and is not assigned yet. To be given to [`Xen::assign`] or
/// [`Xen::give_back`].
#[derive(Debug)]
#[must_use]
pub struct Extent {
    domid: Domid,
    kind: Kind,
    run: Run,
    dirty_pages: u64,
    /// Whether its dirty pages are cleaned only when it is assigned. If it is not, it is as if all
    /// were dirty.
    cleaned_later: bool,
}

impl Extent {
    /// The node that it is of.
    pub fn node(&self) -> usize {
        node_of(self.run.first)
    }

    /// How large it is.
    pub fn pages(&self) -> u64 {
        self.run.pages
    }

    /// How many of its pages were dirty, and are cleaned before it is assigned.
    pub fn dirty_pages(&self) -> u64 {
        self.dirty_pages
    }
}

/// Who takes pages, as the allocator sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taker {
    pub credit: Credit,
    /// Online nodes of its affinity, or all online ones.
    pub mask: NodeSet,
    /// Where the search begins.
    pub first: usize,
    pub exact_node: Option<usize>,
    /// Whether a node without enough free pages ends the search. So it is with a node claim that
    /// could cover the extent: Xen wants the caller to try smaller ones.
    pub stops: bool,
    /// Whether dirty extents are as good as clean ones.
    pub dirty_too: bool,
}

/// The first page of a node.
pub(super) fn base(node: usize) -> u64 {
    (node as u64) << NODE_SHIFT
}

pub(super) fn node_of(page: u64) -> usize {
    (page >> NODE_SHIFT) as usize
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
        let taker = self.taker(domid, kind, pages, exact_node)?;
        let permitted = self.host_permits(taker.credit, pages)?;
        let order = pages.trailing_zeros();
        let block = match permitted {
            true => self.take_block(&taker, order)?,
            false => None,
        };
        let Some(block) = block else {
            self.note_refusal(&taker, kind, pages);
            return Err(Errno::ENOMEM);
        };
        let node = node_of(block.first);
        self.free[node] -= pages;
        self.free_pages -= pages;
        if kind == Kind::Memory && self.consumes_at_allocation() {
            self.consume(domid, node, pages)?;
        }
        self.note_overclaims();
        let domain = self.known_mut(domid)?;
        domain.last_node = node;
        domain.note_race();
        domain.inflight[node] += pages;
        Ok(Extent {
            domid,
            kind,
            run: Run {
                first: block.first,
                pages,
            },
            dirty_pages: block.dirty_pages,
            cleaned_later: taker.dirty_too,
        })
    }

    /// Assigns an extent to its domain. If Xen refuses it is back in the heap: EINVAL from a
    /// dying domain, EPERM and E2BIG from one that would exceed its maximum. What it took off the
    /// claim stays off.
    pub fn assign(&mut self, extent: Extent) -> Result<(), Errno> {
        self.up()?;
        let (domid, kind, run) = (extent.domid, extent.kind, extent.run);
        let (node, pages) = (extent.node(), run.pages);
        let domain = self.known(domid)?;
        let refused = match (domain.is_alive(), kind) {
            (false, Kind::Memory | Kind::Extra) => Some(Errno::EINVAL),
            (true, Kind::Extra) => None,
            (true, Kind::Memory) => match domain.max_pages.checked_sub(domain.tot_pages) {
                None => Some(Errno::EPERM),
                Some(headroom) if pages > headroom => Some(Errno::E2BIG),
                Some(_) => None,
            },
        };
        if let Some(errno) = refused {
            self.give_back(extent)?;
            return Err(errno);
        }
        let domain = self.known_mut(domid)?;
        domain.inflight[node] -= pages;
        domain.pages[node].push(run);
        match kind {
            Kind::Extra => domain.extra_pages += pages,
            Kind::Memory => domain.tot_pages += pages,
        }
        // Late accounting is part of counting pages, and Xen counts extra pages the same way.
        if !self.consumes_at_allocation() {
            self.consume(domid, node, pages)?;
        }
        self.note_maximum(domid);
        Ok(())
    }

    /// Returns an extent that was not assigned to the heap.
    pub fn give_back(&mut self, extent: Extent) -> Result<(), Errno> {
        let node = extent.node();
        let domain = self.known_mut(extent.domid)?;
        domain.inflight[node] -= extent.run.pages;
        self.put(extent.run, extent.cleaned_later);
        Ok(())
    }

    /// Puts pages back into the heap.
    pub(super) fn put(&mut self, run: Run, dirty: bool) {
        let node = node_of(run.first);
        self.free[node] += run.pages;
        self.free_pages += run.pages;
        self.heap[node].give(run, dirty);
    }

    pub(super) fn taker(
        &self,
        domid: Domid,
        kind: Kind,
        pages: u64,
        exact_node: Option<usize>,
    ) -> Result<Taker, Errno> {
        let domain = self.known(domid)?;
        let online = self.online();
        let mask = match domain.node_affinity.intersection(online) {
            NodeSet::EMPTY => online,
            mask => mask,
        };
        let after_last = || cycle(mask, domain.last_node + 1).next().unwrap_or(0);
        let sticky = match self.flavour.node_claims {
            NodeClaims::Xs9 => domain.claim.node.is_some(),
            NodeClaims::None | NodeClaims::V4 { .. } | NodeClaims::Set(_) => false,
        };
        Ok(Taker {
            credit: self.credit(domid, kind),
            mask,
            first: exact_node.unwrap_or_else(after_last),
            exact_node,
            stops: sticky && pages <= domain.claim.outstanding_pages,
            dirty_too: self.flavour.deferred_scrub && domain.creating && kind == Kind::Memory,
        })
    }

    /// Finds an extent: above the DMA width on any node before under it, and clean on any node
    /// before dirty.
    pub(super) fn take_block(&mut self, taker: &Taker, order: u32) -> Result<Option<Block>, Errno> {
        // Single pages are taken dirty rather than cut from a larger block.
        let dirty_first = taker.dirty_too || order == 0;
        for reach in [Reach::High, Reach::All] {
            for dirty_too in [false, true] {
                if dirty_first && !dirty_too {
                    continue;
                }
                if let Some(node) = self.search(taker, order, reach, dirty_too)? {
                    return Ok(self.heap[node].take(order, reach, dirty_too));
                }
            }
        }
        Ok(None)
    }

    /// The first node that can give the extent.
    fn search(
        &mut self,
        taker: &Taker,
        order: u32,
        reach: Reach,
        dirty_too: bool,
    ) -> Result<Option<usize>, Errno> {
        if let Some(node) = taker.exact_node {
            let gives = self.gives(node, taker, order, reach, dirty_too)?;
            return Ok(gives.then_some(node));
        }
        let online = self.online();
        for node in cycle(taker.mask, taker.first).chain(online.minus(taker.mask).iter()) {
            if self.gives(node, taker, order, reach, dirty_too)? {
                return Ok(Some(node));
            }
            if taker.stops {
                break;
            }
        }
        Ok(None)
    }

    fn gives(
        &mut self,
        node: usize,
        taker: &Taker,
        order: u32,
        reach: Reach,
        dirty_too: bool,
    ) -> Result<bool, Errno> {
        self.assert_available(Some(node))?;
        let leaves = self.node_leaves(taker.credit, node) >= 1 << order;
        Ok(leaves && self.heap[node].has(order, reach, dirty_too))
    }
}

/// The nodes of `mask` from `first` on, then those before it.
pub(super) fn cycle(mask: NodeSet, first: usize) -> impl Iterator<Item = usize> {
    let before = mask.intersection(NodeSet::first(first.min(MAX_NODES)));
    mask.minus(before).iter().chain(before.iter())
}
