//! The allocator's walk: which node and zone gives an extent, and from what size of block.

use xenopsd_numa_model::MAX_ORDER;

use super::state::{Node, Oracle, Outcome};

const ORDERS: usize = MAX_ORDER as usize + 1;

/// How many blocks of each order a zone has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    pub clean: [u64; ORDERS],
    pub dirty: [u64; ORDERS],
}

impl Zone {
    pub fn of(node: &Node, low: bool) -> Self {
        let mut zone = Zone::default();
        for block in node.blocks.iter().filter(|block| block.low == low) {
            let list = match block.dirty {
                true => &mut zone.dirty,
                false => &mut zone.clean,
            };
            list[block.order as usize] += 1;
        }
        zone
    }

    pub fn pages(&self) -> u64 {
        let orders = self.clean.iter().zip(&self.dirty).enumerate();
        orders.map(|(order, (a, b))| (a + b) << order).sum()
    }

    /// Blocks of each order, clean or dirty.
    pub fn orders(&self) -> Vec<u64> {
        self.clean
            .iter()
            .zip(&self.dirty)
            .map(|(a, b)| a + b)
            .collect()
    }

    /// The smallest block that can give an extent, and whether it is dirty. Single pages are
    /// taken dirty too, rather than from a larger block.
    fn smallest(&self, order: u32, dirty_too: bool) -> Option<(u32, bool)> {
        let dirty_too = dirty_too || order == 0;
        (order..=MAX_ORDER).find_map(|j| {
            let (clean, dirty) = (self.clean[j as usize], self.dirty[j as usize]);
            match (clean > 0, dirty > 0 && dirty_too) {
                (true, _) => Some((j, false)),
                (false, true) => Some((j, true)),
                (false, false) => None,
            }
        })
    }

    /// An extent leaves; the halves that remain are free.
    fn cut(&mut self, order: u32, block: u32, dirty: bool) {
        let list = if dirty {
            &mut self.dirty
        } else {
            &mut self.clean
        };
        list[block as usize] -= 1;
        (order..block).for_each(|j| list[j as usize] += 1);
    }
}

/// Free blocks of every node, above and under the DMA width.
#[derive(Debug, Clone)]
pub struct View {
    pub zones: Vec<[Zone; 2]>,
}

impl View {
    pub fn of(oracle: &Oracle) -> Self {
        let zones = |node: &Option<Node>| match node {
            Some(node) => [false, true].map(|low| Zone::of(node, low)),
            None => Default::default(),
        };
        View {
            zones: oracle.nodes.iter().map(zones).collect(),
        }
    }

    pub fn free(&self, node: usize) -> u64 {
        self.zones[node].iter().map(Zone::pages).sum()
    }

    pub fn total(&self) -> u64 {
        (0..self.zones.len()).map(|node| self.free(node)).sum()
    }
}

/// What is asked of the allocator.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// `None`: for Xen itself.
    pub domid: Option<u16>,
    /// Whether it counts for the domain, so that its claim can pay.
    pub counted: bool,
    pub order: u32,
    pub exact: Option<usize>,
    /// Where a search for Xen itself begins.
    pub near: usize,
}

/// Where the extent comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub node: usize,
    pub low: bool,
    pub block: u32,
    pub dirty: bool,
}

impl Oracle {
    /// The nodes in the order in which they are tried.
    fn tour(&self, request: &Request) -> Vec<usize> {
        if let Some(node) = request.exact {
            return vec![node];
        }
        let online = self.online();
        let dom = request.domid.and_then(|d| self.doms.get(&d));
        let mask = match dom {
            Some(dom) => dom.affinity & online,
            None => online,
        };
        let all = 0..self.nodes.len();
        let of = |bits: u64| all.clone().filter(move |i| bits >> i & 1 == 1);
        let begin = dom.map_or(request.near, |dom| dom.last_node + 1);
        let later = of(mask).filter(|i| *i >= begin);
        let earlier = of(mask).filter(|i| *i < begin);
        later.chain(earlier).chain(of(online & !mask)).collect()
    }

    /// Whether a dirty extent is as good as a clean one: it is cleaned later.
    pub fn cleans_later(&self, request: &Request) -> bool {
        let dom = request.domid.and_then(|d| self.doms.get(&d));
        self.flavour.deferred_scrub && request.counted && dom.is_some_and(|dom| dom.creating)
    }

    /// First only above the DMA width, then everywhere; in each a tour for clean extents, then one
    /// for any.
    pub fn find(&self, view: &View, request: &Request) -> Outcome<Option<Found>> {
        let r = 1 << request.order;
        let tour = self.tour(request);
        for zones in [&[false][..], &[false, true][..]] {
            if !self.host_permits(view, request.domid, request.counted, r)? {
                return Ok(None);
            }
            for dirty_too in [false, true] {
                if !dirty_too && self.cleans_later(request) {
                    continue;
                }
                for node in &tour {
                    let node = *node;
                    if let Some(found) = self.look(view, request, node, zones, dirty_too)? {
                        return Ok(Some(found));
                    }
                    if self.forces_smaller(request) {
                        break;
                    }
                }
            }
        }
        Ok(None)
    }

    fn look(
        &self,
        view: &View,
        request: &Request,
        node: usize,
        zones: &[bool],
        dirty_too: bool,
    ) -> Outcome<Option<Found>> {
        let (domid, counted) = (request.domid, request.counted);
        if !self.node_permits(view, domid, counted, node, 1 << request.order)? {
            return Ok(None);
        }
        let found = zones.iter().find_map(|low| {
            let zone = &view.zones[node][usize::from(*low)];
            let (block, dirty) = zone.smallest(request.order, dirty_too)?;
            Some(Found {
                node,
                low: *low,
                block,
                dirty,
            })
        });
        Ok(found)
    }

    /// XenServer 9: who once claimed a node is not given from another what its claim could pay.
    fn forces_smaller(&self, request: &Request) -> bool {
        let dom = request.domid.and_then(|d| self.doms.get(&d));
        self.is_xs9()
            && dom.is_some_and(|dom| {
                dom.claim.node.is_some() && 1 << request.order <= dom.claim.pages
            })
    }

    /// Takes single pages one after the other: how many it got. No claim pays for them.
    pub fn singles(&mut self, view: &mut View, request: &Request, count: u64) -> Outcome<u64> {
        for got in 0..count {
            let Some(found) = self.find(view, request)? else {
                return Ok(got);
            };
            view.zones[found.node][usize::from(found.low)].cut(0, found.block, found.dirty);
            if let Some(dom) = request.domid.and_then(|d| self.doms.get_mut(&d)) {
                dom.last_node = found.node;
            }
        }
        Ok(count)
    }
}
