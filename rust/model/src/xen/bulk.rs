//! Many extents in one step: exactly what as many single steps would do, where that is simple.

use claims::{Domid, Errno};

use super::heap::{Kind, Taker};
use super::node::Reach;
use super::zone::Zone;
use super::Xen;
use crate::flavour::NodeClaims;

impl Xen {
    /// Takes and assigns up to `count` extents of `order` pages, one after the other: how many.
    /// It may be fewer than could be had, also none; then the next is to be asked for by itself.
    pub fn populate_some(
        &mut self,
        domid: Domid,
        order: u32,
        count: u64,
        exact_node: Option<usize>,
    ) -> Result<u64, Errno> {
        self.up()?;
        let pages = 1u64 << order;
        let taker = self.taker(domid, Kind::Memory, pages, exact_node)?;
        let node = match (exact_node, taker.mask.len()) {
            (Some(node), _) if self.online().contains(node) => node,
            (None, 1) => taker.first,
            (Some(_), _) | (None, _) => return Ok(0),
        };
        let allowed = self.allowed_pages(domid, &taker, node, pages)?;
        let most = count.min(allowed / pages);
        let next = self.zone_of_next(&taker, node, order);
        let run = next.and_then(|(zone, dirty_too)| zone.take_run(order, most, dirty_too));
        let Some((run, dirty_pages)) = run else {
            return Ok(0);
        };
        self.taken_dirty_pages += dirty_pages;
        self.free[node] -= run.pages;
        self.free_pages -= run.pages;
        self.consume(domid, node, run.pages)?;
        let domain = self.known_mut(domid)?;
        domain.last_node = node;
        domain.tot_pages += run.pages;
        domain.pages[node].push(run);
        self.note_overclaims();
        self.note_maximum(domid);
        Ok(run.pages >> order)
    }

    /// How many pages of the node claims, the domain's maximum and its state allow, by extents
    /// of that many pages.
    fn allowed_pages(
        &mut self,
        domid: Domid,
        taker: &Taker,
        node: usize,
        extent_pages: u64,
    ) -> Result<u64, Errno> {
        if !self.host_permits(taker.credit, extent_pages)? {
            return Ok(0);
        }
        let domain = self.known(domid)?;
        let headroom = domain.max_pages.saturating_sub(domain.tot_pages);
        // What is taken elsewhere comes off such a claim by a rule that looks at each extent.
        let by_extent = match self.flavour.node_claims {
            NodeClaims::V4 { .. } => domain.claim.node.is_some_and(|claimed| claimed != node),
            NodeClaims::None | NodeClaims::Xs9 | NodeClaims::Set(_) => false,
        };
        if !domain.is_alive() || by_extent {
            return Ok(0);
        }
        let credit = taker.credit.pages;
        let host = match self.flavour.shortfall {
            true => (self.free_pages + credit).saturating_sub(self.outstanding_pages),
            false if credit >= extent_pages => credit,
            false if credit == 0 => self.unclaimed_pages(),
            false => 0,
        };
        Ok(headroom.min(host).min(self.node_leaves(taker.credit, node)))
    }

    /// The zone of the node from which the next extent of `order` comes, if it comes from this
    /// node; and whether a dirty one will do.
    fn zone_of_next(
        &mut self,
        taker: &Taker,
        node: usize,
        order: u32,
    ) -> Option<(&mut Zone, bool)> {
        let passes = [
            (Reach::High, false),
            (Reach::High, true),
            (Reach::All, false),
            (Reach::All, true),
        ];
        let online = self.online();
        let first = (passes.into_iter())
            .filter(|(_, dirty_too)| *dirty_too || !(taker.dirty_too || order == 0))
            .find(|(reach, dirty_too)| {
                let has = |node: usize| self.heap[node].has(order, *reach, *dirty_too);
                match taker.exact_node {
                    Some(node) => has(node),
                    None => online.iter().any(has),
                }
            });
        let (reach, dirty_too) = first?;
        let mut zones = self.heap[node].reached_mut(reach).iter_mut();
        let zone = zones.find(|zone| zone.has(order, dirty_too));
        zone.map(|zone| (zone, dirty_too))
    }
}
