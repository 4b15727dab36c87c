//! Claims: staking, consuming, releasing them, with Xen's errnos in Xen's order.

use claims::{Domid, Errno};

use super::{Crash, Xen};
use crate::flavour::Consume;

/// Nodes from here on do not fit the claim call of libxenctrl.
const UNSAYABLE_NODE: usize = 0xFF;

impl Xen {
    /// `xc_domain_claim_pages`: claims what the domain lacks of `pages`, anywhere; 0 cancels.
    pub fn claim_host(&mut self, domid: Domid, pages: u64) -> Result<(), Errno> {
        self.claim(domid, None, pages)
    }

    /// `xc_domain_claim_pages_node`: claims what the domain lacks of `pages` on one node; 0
    /// cancels what is left of any claim.
    pub fn claim_node(&mut self, domid: Domid, node: usize, pages: u64) -> Result<(), Errno> {
        if !self.flavour.node_claims {
            return Err(Errno::ENOSYS);
        }
        if node >= UNSAYABLE_NODE {
            return Err(Errno::ERANGE);
        }
        self.claim(domid, Some(node), pages)
    }

    fn claim(&mut self, domid: Domid, node: Option<usize>, pages: u64) -> Result<(), Errno> {
        self.up()?;
        // Not ESRCH: this call looks domains up in another way than the rest.
        let domain = self.domains.get(&domid).ok_or(Errno::EINVAL)?;
        if !domain.is_alive() && self.flavour.dying_refused {
            return Err(Errno::EINVAL);
        }
        if node.is_some_and(|node| !self.online().contains(node)) {
            return Err(Errno::ENOENT);
        }
        if pages == 0 {
            return self.release(domid);
        }
        if domain.outstanding_pages > 0 || pages <= domain.tot_pages || pages > domain.max_pages {
            return Err(Errno::EINVAL);
        }
        let more = pages - domain.tot_pages;
        let again = domain.claim_node.is_some();
        if more > self.less(self.free_pages, self.outstanding_pages) {
            return Err(Errno::ENOMEM);
        }
        if let Some(node) = node {
            if more > self.less(self.free[node], self.node_claimed[node]) {
                return Err(Errno::ENOMEM);
            }
            self.node_claimed[node] += more;
        }
        self.outstanding_pages += more;
        // Xen does not forget the node of an earlier claim: it will account this one there.
        self.unsound |= again && node.is_none();
        let domain = self.known_mut(domid)?;
        domain.outstanding_pages = more;
        domain.claimed_on = node;
        domain.claim_node = node.or(domain.claim_node);
        Ok(())
    }

    /// Available less claimed pages, as this Xen computes it.
    fn less(&self, available: u64, claimed: u64) -> u64 {
        match self.flavour.unsigned_wrap {
            true => available.wrapping_sub(claimed),
            false => available.saturating_sub(claimed),
        }
    }

    /// Releases what is left of the domain's claim.
    pub(super) fn release(&mut self, domid: Domid) -> Result<(), Errno> {
        let domain = self.known_mut(domid)?;
        let left = std::mem::take(&mut domain.outstanding_pages);
        domain.claimed_on = None;
        let node = domain.claim_node;
        self.outstanding_pages -= left;
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
        let domain = self.known_mut(domid)?;
        if domain.claim_node.is_some_and(|claimed| claimed != node) {
            return Ok(());
        }
        let taken = pages.min(domain.outstanding_pages);
        domain.outstanding_pages -= taken;
        if domain.outstanding_pages == 0 {
            domain.claimed_on = None;
        }
        let on_node = domain.claim_node.is_some();
        self.outstanding_pages -= taken;
        if on_node {
            match self.node_claimed[node].checked_sub(taken) {
                Some(claimed) => self.node_claimed[node] = claimed,
                None => self.crash = Some(Crash::ClaimedLessThanTaken { node }),
            }
        }
        self.up()
    }

    /// Whether claims let the domain, or nobody, take that many pages from the host. A claim
    /// that does not cover the whole extent counts for nothing.
    pub(super) fn host_permits(&self, credit: u64, pages: u64) -> bool {
        self.outstanding_pages + pages <= self.free_pages || credit >= pages
    }

    /// Pages of the node that its claims leave to the domain. They stop only domains, and only
    /// those that never claimed a node.
    pub(super) fn node_leaves(&self, domid: Domid, node: usize) -> u64 {
        let claimed = self.node_claimed[node];
        let never_claimed =
            (self.domains.get(&domid)).is_some_and(|domain| domain.claim_node.is_none());
        match never_claimed && claimed > 0 {
            true => self.less(self.free[node], claimed).min(self.free[node]),
            false => self.free[node],
        }
    }

    /// Whether pages are taken off claims when they leave the heap.
    pub(super) fn consumes_at_allocation(&self) -> bool {
        match self.flavour.consume {
            Consume::AtAllocation => true,
            Consume::AtAssign => false,
        }
    }
}
