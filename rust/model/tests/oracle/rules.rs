//! Claims by the specification: the calls with their errnos in order, what they permit, and how
//! they are consumed.

use claims::Errno;
use xenopsd_numa_model::{Consume, Crash, Entry, NodeClaims, SetRules, Target};

use super::state::{Oracle, Outcome, Owner};
use super::walk::View;

impl Oracle {
    fn free_of(&self, node: usize) -> u64 {
        self.node(node).count(Owner::Free)
    }

    pub fn claim_host(&mut self, domid: u16, pages: u64) -> Outcome {
        self.old_call(domid)?;
        self.make_claim(domid, None, pages)
    }

    pub fn claim_node(&mut self, domid: u16, node: usize, pages: u64) -> Outcome {
        if !self.is_xs9() {
            return Err(Errno::ENOSYS.into());
        }
        if node >= 0xFF {
            return Err(Errno::ERANGE.into());
        }
        self.old_call(domid)?;
        if !self.is_online(node) {
            return Err(Errno::ENOENT.into());
        }
        self.make_claim(domid, Some(node), pages)
    }

    /// The old call treats an unknown domain as a dying one.
    fn old_call(&self, domid: u16) -> Outcome {
        let refused = |alive: bool| !alive && self.flavour.dying_refused;
        match self.doms.get(&domid) {
            Some(dom) if !refused(dom.alive) => Ok(()),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    pub fn claim_v4(&mut self, domid: u16, target: Target, pages: u64) -> Outcome {
        if !self.is_v4() {
            return Err(Errno::ENOSYS.into());
        }
        self.living(domid)?;
        let node = match target {
            Target::Host => None,
            Target::Node(_) if pages == 0 => return Err(Errno::EINVAL.into()),
            Target::Node(node) if !self.is_online(node) => return Err(Errno::ENOENT.into()),
            Target::Node(node) => Some(node),
        };
        self.make_claim(domid, node, pages)
    }

    fn make_claim(&mut self, domid: u16, node: Option<usize>, pages: u64) -> Outcome {
        if pages == 0 {
            return self.release(domid);
        }
        let dom = self.known(domid)?;
        if dom.claim.all() > 0 || pages <= dom.tot || pages > dom.max {
            return Err(Errno::EINVAL.into());
        }
        let more = pages - dom.tot;
        let host_free = self.held(Owner::Free);
        let host_tested =
            node.is_none() || self.flavour.node_claims != NodeClaims::V4 { fixed: false };
        if host_tested {
            self.bug_on(None, host_free)?;
            if more > self.difference(host_free, self.outstanding) {
                return Err(Errno::ENOMEM.into());
            }
        }
        if let Some(node) = node {
            let free = self.free_of(node);
            self.bug_on(Some(node), free)?;
            if more > self.difference(free, self.node_out[node]) {
                return Err(Errno::ENOMEM.into());
            }
            self.node_out[node] += more;
            self.known_mut(domid)?.claim.node = Some(node);
        }
        self.outstanding += more;
        self.known_mut(domid)?.claim.pages = more;
        Ok(())
    }

    /// In Xen an unsigned number.
    fn difference(&self, free: u64, claimed: u64) -> u64 {
        match self.flavour.unsigned_wrap {
            true => free.wrapping_sub(claimed),
            false => free.saturating_sub(claimed),
        }
    }

    /// The fourth version checks before each look at what claims leave.
    fn bug_on(&self, node: Option<usize>, free: u64) -> Outcome {
        let claimed = node.map_or(self.outstanding, |node| self.node_out[node]);
        match self.is_v4() && claimed > free {
            true => Err(super::state::Fail::Crash(Crash::MoreClaimedThanFree {
                node,
            })),
            false => Ok(()),
        }
    }

    pub fn release(&mut self, domid: u16) -> Outcome {
        let (forgets, none) = (self.is_v4(), vec![0; self.node_out.len()]);
        let dom = self.known_mut(domid)?;
        let (all, single) = (dom.claim.all(), std::mem::take(&mut dom.claim.pages));
        let node = dom.claim.node;
        if forgets {
            dom.claim.node = None;
        }
        let of_nodes = std::mem::replace(&mut dom.claim.of_nodes, none);
        self.outstanding -= all;
        for (out, own) in self.node_out.iter_mut().zip(of_nodes) {
            *out -= own;
        }
        if let Some(node) = node {
            let left = self.node_out[node].checked_sub(single);
            let crash = Crash::ClaimedLessThanReleased { node };
            self.node_out[node] = left.ok_or(super::state::Fail::Crash(crash))?;
        }
        Ok(())
    }

    pub fn set_claims(&mut self, domid: u16, entries: &[Entry]) -> Outcome {
        let NodeClaims::Set(rules) = self.flavour.node_claims else {
            return Err(Errno::ENOSYS.into());
        };
        let dom = self.known(domid)?;
        if entries.is_empty() {
            return match self.flavour.name {
                "v8" => self.release(domid),
                _ => Err(Errno::EINVAL.into()),
            };
        }
        let too_many = entries.len() > planner::MAX_NODES + 1;
        match (dom.alive, too_many) {
            (false, true) if self.flavour.name == "v7" => return Err(Errno::E2BIG.into()),
            (false, _) => return Err(Errno::ESRCH.into()),
            (true, true) => return Err(Errno::E2BIG.into()),
            (true, false) => (),
        }
        if rules.paused_only && !dom.creating {
            return Err(Errno::EBUSY.into());
        }
        if !rules.replaces && dom.claim.all() > 0 {
            return Err(Errno::EINVAL.into());
        }
        let (host, of_nodes) = self.added_up(domid, entries, rules)?;
        self.check_total(domid, host, &of_nodes, rules)?;
        self.release(domid)?;
        self.outstanding += host + of_nodes.iter().sum::<u64>();
        for (out, own) in self.node_out.iter_mut().zip(&of_nodes) {
            *out += own;
        }
        let claim = &mut self.known_mut(domid)?.claim;
        (claim.pages, claim.of_nodes) = (host, of_nodes);
        Ok(())
    }

    /// Host and nodes of a set, entry by entry.
    fn added_up(&self, domid: u16, entries: &[Entry], rules: SetRules) -> Outcome<(u64, Vec<u64>)> {
        let own = &self.known(domid)?.claim.of_nodes;
        let mut host = None;
        let mut nodes: Vec<Option<u64>> = vec![None; self.nodes.len()];
        for Entry { target, pages } in entries {
            if rules.paused_only && *pages == 0 {
                return Err(Errno::EINVAL.into());
            }
            let Target::Node(node) = *target else {
                if host.replace(*pages).is_some() {
                    return Err(Errno::EINVAL.into());
                }
                continue;
            };
            if !self.is_online(node) {
                return Err(Errno::ENOENT.into());
            }
            let before: u64 = nodes.iter().flatten().sum();
            // Xen keeps the sum in 32 bits.
            if nodes[node].is_some() || *pages > u64::from(u32::MAX - 1) - before {
                return Err(Errno::EINVAL.into());
            }
            let unclaimed = self.free_of(node).saturating_sub(self.node_out[node]);
            if *pages > unclaimed + own[node] {
                return Err(Errno::ENOMEM.into());
            }
            nodes[node] = Some(*pages);
        }
        let of_nodes = nodes.into_iter().map(Option::unwrap_or_default).collect();
        Ok((host.unwrap_or(0), of_nodes))
    }

    fn check_total(&self, domid: u16, host: u64, of_nodes: &[u64], rules: SetRules) -> Outcome {
        let dom = self.known(domid)?;
        let new = u128::from(host) + of_nodes.iter().map(|n| u128::from(*n)).sum::<u128>();
        // Only the fifth version has no way around the checks for a set of nothing.
        if new == 0 && !rules.counts_allocated_pages {
            return Ok(());
        }
        if new + u128::from(dom.tot) > u128::from(dom.max) {
            return Err(Errno::EINVAL.into());
        }
        let counted = if rules.counts_allocated_pages {
            dom.tot
        } else {
            0
        };
        let unclaimed = self.held(Owner::Free).saturating_sub(self.outstanding);
        if new + u128::from(counted) > u128::from(unclaimed + dom.claim.all()) {
            return Err(Errno::ENOMEM.into());
        }
        Ok(())
    }

    /// Pages broke: claim sets are recalled, by domains, of the node first and then of the host.
    pub fn recall(&mut self, node: usize) {
        let NodeClaims::Set(SetRules { recalled: true, .. }) = self.flavour.node_claims else {
            return;
        };
        let (free, host_free) = (self.free_of(node), self.held(Owner::Free));
        for dom in self.doms.values_mut() {
            while self.node_out[node] > free && dom.claim.of_nodes[node] > 0 {
                dom.claim.of_nodes[node] -= 1;
                self.node_out[node] -= 1;
                self.outstanding -= 1;
            }
        }
        for dom in self.doms.values_mut() {
            while self.outstanding > host_free && dom.claim.pages > 0 {
                dom.claim.pages -= 1;
                self.outstanding -= 1;
            }
        }
    }

    pub fn host_permits(
        &self,
        view: &View,
        domid: Option<u16>,
        credit: bool,
        r: u64,
    ) -> Outcome<bool> {
        self.bug_on(None, view.total())?;
        let own = domid.filter(|_| credit).and_then(|d| self.doms.get(&d));
        let own = own.map_or(0, |dom| i128::from(dom.claim.all()));
        let unclaimed = i128::from(view.total()) - i128::from(self.outstanding);
        let r = i128::from(r);
        Ok(match self.flavour.shortfall {
            true => r <= unclaimed + own,
            false => r <= unclaimed || r <= own,
        })
    }

    pub fn node_permits(
        &self,
        view: &View,
        domid: Option<u16>,
        credit: bool,
        node: usize,
        r: u64,
    ) -> Outcome<bool> {
        let (free, out) = (view.free(node), self.node_out[node]);
        let dom = domid.and_then(|d| self.doms.get(&d));
        let own = match self.flavour.node_claims {
            NodeClaims::None => return Ok(true),
            NodeClaims::Xs9 => {
                let stopped = dom.is_some_and(|dom| dom.claim.node.is_none());
                return Ok(!(stopped && out > 0 && self.difference(free, out) < r));
            }
            NodeClaims::V4 { .. } => {
                self.bug_on(Some(node), free)?;
                dom.filter(|dom| dom.claim.node == Some(node))
                    .map_or(0, |dom| dom.claim.pages)
            }
            NodeClaims::Set(_) => dom.map_or(0, |dom| dom.claim.of_nodes[node]),
        };
        let own = if credit { i128::from(own) } else { 0 };
        Ok(i128::from(r) <= i128::from(free) - i128::from(out) + own)
    }

    pub fn consumes_late(&self) -> bool {
        self.flavour.consume == Consume::AtAssign
    }

    pub fn consume(&mut self, domid: u16, node: usize, r: u64) -> Outcome {
        match self.flavour.node_claims {
            NodeClaims::Set(_) => self.consume_of_set(domid, node, r),
            NodeClaims::None => self.take_off(domid, r),
            NodeClaims::Xs9 => match self.known(domid)?.claim.node {
                Some(claimed) if claimed != node => Ok(()),
                _ => self.take_off(domid, r),
            },
            NodeClaims::V4 { fixed } => {
                let dom = self.known(domid)?;
                let out = dom.claim.pages;
                let mut k = r.min(out);
                if dom.claim.node.is_some_and(|claimed| claimed != node) {
                    let booked = dom.tot + if fixed { r } else { k } + out;
                    if booked <= dom.max {
                        return Ok(());
                    }
                    k = k.min(booked - dom.max);
                }
                self.take_off(domid, k)?;
                let claim = &mut self.known_mut(domid)?.claim;
                if claim.pages == 0 {
                    claim.node = None;
                }
                Ok(())
            }
        }
    }

    /// Off a single claim, and off the counters of its node.
    fn take_off(&mut self, domid: u16, pages: u64) -> Outcome {
        let claim = &mut self.known_mut(domid)?.claim;
        let k = pages.min(claim.pages);
        claim.pages -= k;
        let node = claim.node;
        self.outstanding -= k;
        if let Some(node) = node {
            let left = self.node_out[node].checked_sub(k);
            let crash = Crash::ClaimedLessThanTaken { node };
            self.node_out[node] = left.ok_or(super::state::Fail::Crash(crash))?;
        }
        Ok(())
    }

    fn consume_of_set(&mut self, domid: u16, node: usize, r: u64) -> Outcome {
        for _ in 0..r {
            let claim = &mut self.known_mut(domid)?.claim;
            let other = claim.of_nodes.iter().position(|pages| *pages > 0);
            let from = match (claim.of_nodes[node] > 0, claim.pages > 0) {
                (true, _) => Some(node),
                (false, true) => None,
                (false, false) if other.is_some() => other,
                (false, false) => return Ok(()),
            };
            match from {
                Some(node) => {
                    claim.of_nodes[node] -= 1;
                    self.node_out[node] -= 1;
                }
                None => claim.pages -= 1,
            }
            self.outstanding -= 1;
        }
        Ok(())
    }
}
