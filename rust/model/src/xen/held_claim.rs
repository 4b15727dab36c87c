//! What a claim does until it is gone: it keeps pages for its domain, is consumed, and released.

use claims::{Domid, Errno};

use super::heap::Kind;
use super::{Crash, Finding, Target, Xen};
use crate::flavour::{Consume, NodeClaims, SetRules};

/// Who takes pages, as claims see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credit {
    pub domid: Option<Domid>,
    /// Pages that its claim may pay for.
    pub pages: u64,
}

impl Xen {
    pub(super) fn credit(&self, domid: Domid, kind: Kind) -> Credit {
        let paid = match kind {
            Kind::Memory => (self.domains.get(&domid)).map_or(0, |d| d.claim.outstanding_pages),
            Kind::Extra => 0,
        };
        Credit {
            domid: Some(domid),
            pages: paid,
        }
    }

    /// Adds to a domain's claim.
    pub(super) fn add_claim(
        &mut self,
        domid: Domid,
        target: Target,
        pages: u64,
    ) -> Result<(), Errno> {
        self.outstanding_pages += pages;
        let rules = self.flavour.node_claims;
        let domain = self.known_mut(domid)?;
        domain.note_race();
        domain.claim.outstanding_pages += pages;
        let again = domain.claim.node.is_some();
        let Target::Node(node) = target else {
            domain.claim.on = None;
            // XenServer 9 does not forget the node of an earlier claim, and accounts this there.
            if again {
                self.unsound = true;
                self.findings.note(Finding::StickyNode);
            }
            return Ok(());
        };
        match rules {
            NodeClaims::Set(_) => domain.claim.on_nodes[node] += pages,
            NodeClaims::None | NodeClaims::Xs9 | NodeClaims::V4 { .. } => {
                domain.claim.on = Some(node);
                domain.claim.node = Some(node);
            }
        }
        self.node_claimed[node] += pages;
        self.note_overclaims();
        Ok(())
    }

    /// Releases what is left of the domain's claim.
    pub(super) fn release(&mut self, domid: Domid) -> Result<(), Errno> {
        let rules = self.flavour.node_claims;
        let domain = self.known_mut(domid)?;
        let left = std::mem::take(&mut domain.claim.outstanding_pages);
        domain.claim.on = None;
        let node = domain.claim.node;
        let forgets = match rules {
            NodeClaims::V4 { .. } => true,
            NodeClaims::None | NodeClaims::Xs9 | NodeClaims::Set(_) => false,
        };
        if forgets {
            domain.claim.node = None;
        }
        let mut on_nodes = std::mem::take(&mut domain.claim.on_nodes);
        self.outstanding_pages -= left;
        for (claimed, own) in self.node_claimed.iter_mut().zip(&mut on_nodes) {
            *claimed -= std::mem::take(own);
        }
        self.known_mut(domid)?.claim.on_nodes = on_nodes;
        if let Some(node) = node {
            match self.node_claimed[node].checked_sub(left) {
                Some(claimed) => self.node_claimed[node] = claimed,
                None => self.crash = Some(Crash::ClaimedLessThanReleased { node }),
            }
        }
        self.up()
    }

    /// Takes pages that the domain got on `node` off its claim.
    pub(super) fn consume(&mut self, domid: Domid, node: usize, pages: u64) -> Result<(), Errno> {
        match self.flavour.node_claims {
            NodeClaims::None | NodeClaims::Xs9 => self.consume_of_one_node(domid, node, pages),
            NodeClaims::V4 { fixed } => self.consume_v4(domid, node, pages, fixed),
            NodeClaims::Set(_) => self.consume_of_set(domid, node, pages),
        }
    }

    fn consume_of_one_node(&mut self, domid: Domid, node: usize, pages: u64) -> Result<(), Errno> {
        let domain = self.known_mut(domid)?;
        if domain.claim.node.is_some_and(|claimed| claimed != node) {
            return Ok(());
        }
        let taken = pages.min(domain.claim.outstanding_pages);
        domain.claim.outstanding_pages -= taken;
        if domain.claim.outstanding_pages == 0 {
            domain.claim.on = None;
        }
        let on_node = domain.claim.node.is_some();
        self.outstanding_pages -= taken;
        if on_node {
            match self.node_claimed[node].checked_sub(taken) {
                Some(claimed) => self.node_claimed[node] = claimed,
                None => self.crash = Some(Crash::ClaimedLessThanTaken { node }),
            }
        }
        self.up()
    }

    /// What is taken elsewhere comes off the claim only as far as the domain could otherwise not
    /// take all that is claimed any more.
    fn consume_v4(
        &mut self,
        domid: Domid,
        node: usize,
        pages: u64,
        fixed: bool,
    ) -> Result<(), Errno> {
        let domain = self.known_mut(domid)?;
        let outstanding = domain.claim.outstanding_pages;
        let mut taken = pages.min(outstanding);
        if domain.claim.node.is_some_and(|claimed| claimed != node) {
            let now = if fixed { pages } else { taken };
            let booked = domain.tot_pages + now + outstanding;
            taken = taken.min(booked.saturating_sub(domain.max_pages));
        }
        domain.claim.outstanding_pages -= taken;
        let claimed_on = domain.claim.node;
        if domain.claim.outstanding_pages == 0 {
            domain.claim.node = None;
            domain.claim.on = None;
        }
        self.outstanding_pages -= taken;
        if let Some(node) = claimed_on {
            self.node_claimed[node] -= taken;
        }
        Ok(())
    }

    /// First what is claimed of the node, then of the host, then of other nodes, ascending.
    fn consume_of_set(&mut self, domid: Domid, node: usize, pages: u64) -> Result<(), Errno> {
        let nodes = self.free.len();
        let domain = self.known_mut(domid)?;
        let claim = &mut domain.claim;
        let mut left = pages.min(claim.outstanding_pages);
        let all = left;
        let of_host = claim.on_host();
        let mut of_nodes = vec![0; nodes];
        let mut take = |claim: &mut super::domain::Claim, node: usize, left: &mut u64| {
            let some = claim.on_nodes[node].min(*left);
            claim.on_nodes[node] -= some;
            of_nodes[node] += some;
            *left -= some;
        };
        take(claim, node, &mut left);
        left -= of_host.min(left);
        for other in 0..nodes {
            take(claim, other, &mut left);
        }
        claim.outstanding_pages -= all;
        self.outstanding_pages -= all;
        for (claimed, taken) in self.node_claimed.iter_mut().zip(&of_nodes) {
            *claimed -= taken;
        }
        Ok(())
    }

    /// Whether claims let it take that many pages from the host.
    pub(super) fn host_permits(&mut self, credit: Credit, pages: u64) -> Result<bool, Errno> {
        self.assert_available(None)?;
        let (claimed, free) = (self.outstanding_pages, self.free_pages);
        Ok(match self.flavour.shortfall {
            true => pages + claimed <= free + credit.pages,
            false => pages + claimed <= free || credit.pages >= pages,
        })
    }

    /// Pages that nobody's claim keeps from a taker without one.
    pub(super) fn unclaimed_pages(&self) -> u64 {
        self.free_pages.saturating_sub(self.outstanding_pages)
    }

    /// Pages of the node that its claims leave to the taker.
    pub(super) fn node_leaves(&self, credit: Credit, node: usize) -> u64 {
        let (free, claimed) = (self.free[node], self.node_claimed[node]);
        let domain = credit.domid.and_then(|domid| self.domains.get(&domid));
        let own = match self.flavour.node_claims {
            NodeClaims::None => return free,
            // They stop only domains, and only those that never claimed a node.
            NodeClaims::Xs9 => {
                let stopped = domain.is_some_and(|domain| domain.claim.node.is_none());
                return match stopped && claimed > 0 {
                    true => self.less(free, claimed).min(free),
                    false => free,
                };
            }
            NodeClaims::V4 { .. } => match domain {
                Some(domain) if domain.claim.node == Some(node) => credit.pages,
                Some(_) | None => 0,
            },
            NodeClaims::Set(_) => match domain {
                Some(domain) if credit.pages > 0 => domain.claim.on_nodes[node],
                Some(_) | None => 0,
            },
        };
        (free + own).saturating_sub(claimed).min(free)
    }

    /// Whether pages are taken off claims when they leave the heap.
    pub(super) fn consumes_at_allocation(&self) -> bool {
        match self.flavour.consume {
            Consume::AtAllocation => true,
            Consume::AtAssign => false,
        }
    }
}

impl Xen {
    /// Shrinks claim sets that do not fit any more, in the order of domains: first what is
    /// claimed of `node`, then what is claimed of the host.
    pub(super) fn recall_claims(&mut self, node: usize) {
        let NodeClaims::Set(SetRules { recalled: true, .. }) = self.flavour.node_claims else {
            return;
        };
        let mut host_excess = self.outstanding_pages.saturating_sub(self.free_pages);
        let mut node_excess = self.node_claimed[node].saturating_sub(self.free[node]);
        for domain in self.domains.values_mut() {
            let claim = &mut domain.claim;
            let some = claim.on_nodes[node].min(node_excess);
            claim.on_nodes[node] -= some;
            claim.outstanding_pages -= some;
            self.node_claimed[node] -= some;
            self.outstanding_pages -= some;
            node_excess -= some;
            host_excess = host_excess.saturating_sub(some);
        }
        for domain in self.domains.values_mut() {
            let some = domain.claim.on_host().min(host_excess);
            domain.claim.outstanding_pages -= some;
            self.outstanding_pages -= some;
            host_excess -= some;
        }
    }
}
