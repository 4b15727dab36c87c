//! The calls that claim memory, with Xen's errnos in Xen's order.

use claims::{Domid, Errno, NodePages};

use super::{Crash, Xen};
use crate::flavour::{NodeClaims, SetRules};

/// Nodes from here on do not fit the claim call of libxenctrl.
const UNSAYABLE_NODE: usize = 0xFF;

/// Entries of a claim set: one for each node that Xen can have, and one for the host.
const MAX_ENTRIES: usize = planner::MAX_NODES + 1;

/// What a set may claim of nodes together: Xen adds it up in 32 bits.
const MAX_NODE_PAGES: u64 = u32::MAX as u64 - 1;

/// What is claimed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// Any memory of the host.
    Host,
    /// That of a node.
    Node(usize),
}

/// One claim of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Of what.
    pub target: Target,
    /// How much, beside what the domain has already.
    pub pages: u64,
}

impl Xen {
    /// `xc_domain_claim_pages`: claims what the domain lacks of `pages`, anywhere; 0 cancels.
    pub fn claim_host(&mut self, domid: Domid, pages: u64) -> Result<(), Errno> {
        self.up()?;
        self.claimant(domid)?;
        self.claim(domid, Target::Host, pages)
    }

    /// `xc_domain_claim_pages_node`: claims what the domain lacks of `pages` on one node; 0
    /// cancels what is left of any claim. ENOSYS except on XenServer 9.
    pub fn claim_node(&mut self, domid: Domid, node: usize, pages: u64) -> Result<(), Errno> {
        if self.flavour.node_claims != NodeClaims::Xs9 {
            return Err(Errno::ENOSYS);
        }
        if node >= UNSAYABLE_NODE {
            return Err(Errno::ERANGE);
        }
        self.up()?;
        self.claimant(domid)?;
        if !self.online().contains(node) {
            return Err(Errno::ENOENT);
        }
        self.claim(domid, Target::Node(node), pages)
    }

    /// The call of the fourth version of the upstream series, with its one entry: claims what the
    /// domain lacks of `pages`; 0 of the host cancels. ENOSYS elsewhere.
    pub fn claim_v4(&mut self, domid: Domid, target: Target, pages: u64) -> Result<(), Errno> {
        match self.flavour.node_claims {
            NodeClaims::V4 { .. } => (),
            NodeClaims::None | NodeClaims::Xs9 | NodeClaims::Set(_) => return Err(Errno::ENOSYS),
        }
        self.up()?;
        if !self.known(domid)?.is_alive() {
            return Err(Errno::EINVAL);
        }
        if let Target::Node(node) = target {
            if pages == 0 {
                return Err(Errno::EINVAL);
            }
            if !self.online().contains(node) {
                return Err(Errno::ENOENT);
            }
        }
        self.claim(domid, target, pages)
    }

    /// Claims a set of pages beside those that the domain has; a set of nothing but zeros, or
    /// with the last rules an empty one, releases. All or nothing. ENOSYS without claim sets.
    pub fn set_claims(&mut self, domid: Domid, entries: &[Entry]) -> Result<(), Errno> {
        let NodeClaims::Set(rules) = self.flavour.node_claims else {
            return Err(Errno::ENOSYS);
        };
        self.up()?;
        let domain = self.known(domid)?;
        if entries.is_empty() {
            return match rules.paused_only {
                true => self.release(domid),
                false => Err(Errno::EINVAL),
            };
        }
        let too_many = entries.len() > MAX_ENTRIES;
        match domain.is_alive() {
            false if too_many && rules.counted_first => return Err(Errno::E2BIG),
            false => return Err(Errno::ESRCH),
            true if too_many => return Err(Errno::E2BIG),
            true => (),
        }
        if rules.paused_only && !domain.creating {
            return Err(Errno::EBUSY);
        }
        if !rules.replaces && domain.claim.outstanding_pages > 0 {
            return Err(Errno::EINVAL);
        }
        self.check_entries(domid, entries, rules)?;
        self.release(domid)?;
        for Entry { target, pages } in entries {
            self.add_claim(domid, *target, *pages)?;
        }
        Ok(())
    }

    /// Claims the given pages of nodes and nothing else, in place of any other claim, as a caller
    /// that knows the rules does it: with the last ones a set does not replace another, and an
    /// empty one releases; with those before, nothing of the host does.
    pub fn claim_shares(&mut self, domid: Domid, shares: &[NodePages]) -> Result<(), Errno> {
        let NodeClaims::Set(rules) = self.flavour.node_claims else {
            return Err(Errno::ENOSYS);
        };
        let nothing = match rules.replaces {
            true => vec![Entry {
                target: Target::Host,
                pages: 0,
            }],
            false => Vec::new(),
        };
        if shares.is_empty() || !rules.replaces {
            self.set_claims(domid, &nothing)?;
        }
        if shares.is_empty() {
            return Ok(());
        }
        let entry = |share: &NodePages| Entry {
            target: Target::Node(share.node),
            pages: share.pages,
        };
        let entries: Vec<Entry> = shares.iter().map(entry).collect();
        self.set_claims(domid, &entries)
    }

    fn check_entries(
        &mut self,
        domid: Domid,
        entries: &[Entry],
        rules: SetRules,
    ) -> Result<(), Errno> {
        let domain = self.known(domid)?;
        let mut seen = vec![false; self.free.len()];
        let mut host_pages = None;
        let mut node_pages = 0;
        for Entry { target, pages } in entries {
            if rules.paused_only && *pages == 0 {
                return Err(Errno::EINVAL);
            }
            let node = match target {
                Target::Host => match host_pages.replace(*pages) {
                    None => continue,
                    Some(_) => return Err(Errno::EINVAL),
                },
                Target::Node(node) if !self.online().contains(*node) => return Err(Errno::ENOENT),
                Target::Node(node) => *node,
            };
            let twice = std::mem::replace(&mut seen[node], true);
            if twice || *pages > MAX_NODE_PAGES - node_pages {
                return Err(Errno::EINVAL);
            }
            let own = domain.claim.on_nodes[node];
            if *pages > self.free[node].saturating_sub(self.node_claimed[node]) + own {
                return Err(Errno::ENOMEM);
            }
            node_pages += pages;
        }
        let total = host_pages.unwrap_or(0).saturating_add(node_pages);
        // Where pages that the domain has count, they do even if nothing is claimed.
        if total == 0 && !rules.counts_allocated_pages {
            return Ok(());
        }
        if total.saturating_add(domain.tot_pages) > domain.max_pages {
            return Err(Errno::EINVAL);
        }
        let counted = match rules.counts_allocated_pages {
            true => domain.tot_pages,
            false => 0,
        };
        let unclaimed = self.free_pages.saturating_sub(self.outstanding_pages);
        if total + counted > unclaimed + domain.claim.outstanding_pages {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    /// A domain that a claim is made for by the old call, which looks domains up in another way
    /// than the rest: an unknown one is EINVAL.
    fn claimant(&self, domid: Domid) -> Result<(), Errno> {
        match self.domains.get(&domid) {
            Some(domain) if domain.is_alive() || !self.flavour.dying_refused => Ok(()),
            Some(_) | None => Err(Errno::EINVAL),
        }
    }

    /// The end of all calls but for sets: `pages` are what the domain shall have in the end.
    fn claim(&mut self, domid: Domid, target: Target, pages: u64) -> Result<(), Errno> {
        if pages == 0 {
            return self.release(domid);
        }
        let domain = self.known(domid)?;
        if domain.claim.outstanding_pages > 0
            || pages <= domain.tot_pages
            || pages > domain.max_pages
        {
            return Err(Errno::EINVAL);
        }
        let more = pages - domain.tot_pages;
        let host_tested = match self.flavour.node_claims {
            NodeClaims::V4 { fixed } => fixed || target == Target::Host,
            NodeClaims::None | NodeClaims::Xs9 | NodeClaims::Set(_) => true,
        };
        if host_tested {
            self.assert_available(None)?;
            if more > self.less(self.free_pages, self.outstanding_pages) {
                return Err(Errno::ENOMEM);
            }
        }
        if let Target::Node(node) = target {
            self.assert_available(Some(node))?;
            if more > self.less(self.free[node], self.node_claimed[node]) {
                return Err(Errno::ENOMEM);
            }
        }
        self.add_claim(domid, target, more)
    }

    /// Crashes as Xen does where it asserts that claims do not exceed what is free.
    pub(super) fn assert_available(&mut self, node: Option<usize>) -> Result<(), Errno> {
        if self.asserts_against(node) {
            self.crash = Some(Crash::MoreClaimedThanFree { node });
        }
        self.up()
    }

    /// Whether it asserts that claims do not exceed what is free, and they do.
    pub(super) fn asserts_against(&self, node: Option<usize>) -> bool {
        let (free, claimed) = match node {
            None => (self.free_pages, self.outstanding_pages),
            Some(node) => (self.free[node], self.node_claimed[node]),
        };
        match self.flavour.node_claims {
            NodeClaims::V4 { .. } => claimed > free,
            NodeClaims::None | NodeClaims::Xs9 | NodeClaims::Set(_) => false,
        }
    }

    /// Available less claimed pages, as this Xen computes it.
    pub(super) fn less(&self, available: u64, claimed: u64) -> u64 {
        match self.flavour.unsigned_wrap {
            true => available.wrapping_sub(claimed),
            false => available.saturating_sub(claimed),
        }
    }
}
