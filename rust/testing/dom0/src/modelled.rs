//! The model as a world for operations: what Xen should do, beside what the running one does.

use std::time::Duration;

use claims::{Domid, Errno, Hypervisor};
use model::{Crash, Flavour, Kind, Sizes, Xen};
use planner::{NodeSet, MAX_NODES};
use xen::From;

use crate::host::{by_node, claimed_by_node, Host};
use crate::operations::{Counters, Domains, Figures, Operation, World, NOBODY, SLOTS};
use crate::report::{ensure, Failure};

/// Free pages of each node that the model has and keeps from domains, so that it can have as many
/// free pages as the running Xen also where that has got some back.
const SPARE_PAGES: u64 = 1 << 14;

/// How long a domain may take to be gone, and its memory to be clean.
const GONE: Duration = Duration::from_secs(600);

/// The largest orders of extents, of which there may be none although there are pages.
const ORDERS: [u32; 3] = [18, 9, 0];

#[derive(Debug, Clone)]
struct Slot {
    domid: Domid,
    alive: bool,
    /// How many extents of each of [`ORDERS`] it has.
    extents: [u64; 3],
}

/// A modelled Xen.
#[derive(Debug, Clone)]
pub struct Modelled {
    xen: Xen,
    slots: [Slot; SLOTS],
    spare: Vec<u64>,
    /// Whether the spare pages are free just now.
    lent: bool,
    /// Whether it reports what is claimed of each node.
    reports_claims: bool,
}

fn failed(what: &str, errno: Errno) -> Failure {
    Failure(format!("the model cannot {what}: {errno}"))
}

fn index(order: u32) -> usize {
    ORDERS.iter().position(|known| *known == order).unwrap_or(0)
}

impl Modelled {
    /// As the host is now, without domains.
    pub fn new(
        host: &Host,
        flavour: Flavour,
        now: &Counters,
        domain_pages: u64,
    ) -> Result<Self, Failure> {
        let mut memory = host.xen.memory()?;
        for node in memory.nodes.iter_mut().flatten() {
            if node.free_pages > 0 {
                node.free_pages += SPARE_PAGES;
                node.size_pages += SPARE_PAGES;
                memory.host_free_pages += SPARE_PAGES;
            }
        }
        let first = host.topology.online().lowest().unwrap_or(0);
        let low = now.free_by_node[first].saturating_sub(host.preferred_pages(first)?);
        let described = planner::Host::with_memory(host.topology.clone().into(), memory);
        let xen = Xen::new(&described, flavour)
            .with_low_pages(low)
            .with_sizes(Sizes {
                domain_pages,
                ..Sizes::default()
            });
        let mut modelled = Modelled {
            reports_claims: !now.claimed_by_node.is_empty(),
            ..Modelled::of(xen)
        };
        modelled.adjust(&now.free_by_node)?;
        Ok(modelled)
    }

    /// Of a modelled Xen without domains.
    pub fn of(xen: Xen) -> Self {
        Modelled {
            slots: std::array::from_fn(|_| Slot {
                domid: NOBODY,
                alive: false,
                extents: [0; 3],
            }),
            spare: vec![0; xen.topology().node_count()],
            lent: false,
            reports_claims: false,
            xen,
        }
    }

    pub fn flavour(&self) -> Flavour {
        self.xen.flavour()
    }

    /// Gives each node as many free pages as are given, by what it keeps from domains: how many
    /// more than before.
    pub fn adjust(&mut self, free_by_node: &[u64]) -> Result<Vec<i64>, Failure> {
        let mut now = self.free_by_node();
        let lent = std::mem::take(&mut self.lent);
        for (now, spare) in now.iter_mut().zip(&self.spare) {
            *now -= if lent { *spare } else { 0 };
        }
        let mut more = Vec::new();
        for (node, (spare, wanted)) in self.spare.iter_mut().zip(free_by_node).enumerate() {
            let by = *wanted as i64 - now[node] as i64;
            let left = spare.checked_add_signed(-by);
            *spare = left.ok_or_else(|| Failure(format!("node {node} has {by} pages more")))?;
            more.push(by);
        }
        if lent || more.iter().any(|by| *by != 0) {
            self.xen.free_unowned();
            for (node, pages) in self.spare.iter().enumerate() {
                let taken = self.xen.take_unowned(node, *pages);
                taken.map_err(|errno| failed("set pages aside", errno))?;
            }
        }
        let now = self.free_by_node();
        ensure!(
            now == free_by_node,
            "the model has {now:?} pages free, and not {free_by_node:?}"
        );
        Ok(more)
    }

    /// Creates a domain whatever is claimed, as the running Xen did.
    pub fn create_regardless(&mut self, slot: usize) -> Result<u64, Errno> {
        self.xen.free_unowned();
        self.lent = true;
        self.create(slot)
    }

    /// Whether a node has a free extent of that order.
    pub fn has_extents(&self, order: u32, node: usize) -> bool {
        self.xen.node(node).is_some_and(|node| {
            let large = &node.blocks[order as usize..];
            large.iter().any(|blocks| blocks.clean + blocks.dirty > 0)
        })
    }

    /// Takes so many extents and gives them back, as if the maximum had refused them: what they
    /// took off the claim stays off. Whether there were as many.
    pub fn take_and_give_back(
        &mut self,
        slot: usize,
        order: u32,
        count: u64,
        exactly: Option<usize>,
    ) -> bool {
        let domid = self.slots[slot].domid;
        let mut take = || self.xen.take(domid, Kind::Memory, 1 << order, exactly).ok();
        let taken: Vec<_> = (0..count).map_while(|_| take()).collect();
        let all = taken.len() as u64 == count;
        let give_back = |extent| self.xen.give_back(extent).is_ok();
        taken
            .into_iter()
            .rev()
            .map(give_back)
            .fold(all, |all, given| all && given)
    }

    /// Populates so many pages of each node, and if `more`, tries to populate another extent: the
    /// extents that it got.
    pub fn populate_on(&mut self, slot: usize, order: u32, pages: &[u64], more: bool) -> u64 {
        let mut done = 0;
        for (node, pages) in pages.iter().enumerate() {
            done += self.extents(slot, order, pages >> order, Some(node));
        }
        if more {
            done += self.extents(slot, order, 1, None);
        }
        self.slots[slot].extents[index(order)] += done;
        done
    }

    /// Counts what was populated by smaller extents as fewer larger ones.
    pub fn rename_extents(&mut self, slot: usize, smaller: u32, larger: u32, count: u64) {
        let extents = &mut self.slots[slot].extents;
        extents[index(smaller)] -= count << (larger - smaller);
        extents[index(larger)] += count;
    }

    /// Of each node no more pages than the domain has there: what is beyond is another's that came
    /// at the same time, and as many of the domain's came elsewhere.
    pub fn within(&self, slot: usize, mut freed: Vec<u64>) -> Vec<u64> {
        let mut has = vec![0; freed.len()];
        for (node, pages) in self.xen.domain_pages(self.slots[slot].domid) {
            has[node] = pages;
        }
        let mut beyond = 0;
        for (freed, has) in freed.iter_mut().zip(&has) {
            beyond += freed.saturating_sub(*has);
            *freed = (*freed).min(*has);
        }
        for (freed, has) in freed.iter_mut().zip(&has) {
            let more = beyond.min(has - *freed);
            *freed += more;
            beyond -= more;
        }
        freed
    }

    /// Frees extents that are so many pages of each node: how many it had of them.
    pub fn free_on(
        &mut self,
        slot: usize,
        order: u32,
        count: u64,
        pages: &[u64],
    ) -> Result<u64, Errno> {
        let Slot { domid, extents, .. } = self.slots[slot];
        for (node, pages) in pages.iter().enumerate().filter(|(_, pages)| **pages > 0) {
            self.xen.free(domid, node, *pages)?;
        }
        let done = count.min(extents[index(order)]);
        self.slots[slot].extents[index(order)] -= done;
        Ok(done)
    }

    /// Pages of each node that no claim on it holds.
    pub fn unclaimed_by_node(&self) -> Vec<u64> {
        let nodes = self.xen.memory().nodes;
        let unclaimed = |node: &Option<planner::NodeMemory>| {
            node.map_or(0, |node| node.free_pages.saturating_sub(node.claimed_pages))
        };
        nodes.iter().map(unclaimed).collect()
    }

    /// What has brought the modelled host down.
    pub fn crash(&self) -> Option<Crash> {
        self.xen.crash()
    }

    /// Claims for a domain that is being destroyed, and waits until that is gone.
    pub fn claim_while_dying(&mut self, slot: usize, pages: u64) -> Result<(), Errno> {
        let domid = self.slots[slot].domid;
        self.destroy(slot)?;
        let answer = self.xen.claim_host(domid, pages);
        self.xen.advance_to(self.xen.now() + GONE);
        answer
    }

    fn free_by_node(&self) -> Vec<u64> {
        by_node(&self.xen.memory())
    }

    fn create(&mut self, slot: usize) -> Result<u64, Errno> {
        if self.slots[slot].alive {
            return Err(Errno::EEXIST);
        }
        self.slots[slot] = Slot {
            domid: self.xen.create(1)?,
            alive: true,
            extents: [0; 3],
        };
        Ok(0)
    }

    /// Takes and assigns extents one after the other, until one is refused.
    fn extents(&mut self, slot: usize, order: u32, count: u64, exactly: Option<usize>) -> u64 {
        let domid = self.slots[slot].domid;
        for done in 0..count {
            let extent = self.xen.take(domid, Kind::Memory, 1 << order, exactly);
            if extent.and_then(|extent| self.xen.assign(extent)).is_err() {
                return done;
            }
        }
        count
    }

    /// Frees extents of the lowest nodes that have some.
    fn free(&mut self, slot: usize, order: u32, count: u64) -> Result<u64, Errno> {
        let Slot { domid, extents, .. } = self.slots[slot];
        let mut left = count.min(extents[index(order)]) << order;
        let mut pages = vec![0; self.spare.len()];
        for (node, has) in self.xen.domain_pages(domid) {
            pages[node] = left.min(has);
            left -= pages[node];
        }
        self.free_on(slot, order, count, &pages)
    }

    fn destroy(&mut self, slot: usize) -> Result<u64, Errno> {
        self.xen.destroy(self.slots[slot].domid)?;
        self.slots[slot].alive = false;
        self.slots[slot].extents = [0; 3];
        Ok(0)
    }
}

impl World for Modelled {
    fn apply(&mut self, operation: &Operation) -> Result<u64, Errno> {
        let done = match *operation {
            Operation::Create(slot) => self.create(slot),
            Operation::SetMax(slot, pages) => {
                self.xen.set_max(self.slots[slot].domid, pages).map(|()| 0)
            }
            Operation::ClaimHost(slot, pages) => {
                let domid = self.slots[slot].domid;
                self.xen.claim_host(domid, pages).map(|()| 0)
            }
            Operation::ClaimNode(slot, node, pages) => {
                let domid = self.slots[slot].domid;
                self.xen.claim_node(domid, node, pages).map(|()| 0)
            }
            Operation::ClaimSet(slot, ref set) => {
                let domid = self.slots[slot].domid;
                self.xen.claim_shares(domid, set).map(|()| 0)
            }
            Operation::Populate(slot, order, count, from) => {
                let exactly = match from {
                    From::Anywhere | From::Preferably(_) => None,
                    From::Exactly(node) => Some(node),
                };
                let done = self.extents(slot, order, count, exactly);
                self.slots[slot].extents[index(order)] += done;
                Ok(done)
            }
            Operation::Free(slot, order, count) => self.free(slot, order, count),
            Operation::SetNodeAffinity(slot, nodes) => {
                let nodes = nodes.unwrap_or(NodeSet::first(MAX_NODES));
                let domid = self.slots[slot].domid;
                self.xen.set_node_affinity(domid, nodes).map(|()| 0)
            }
            Operation::Destroy(slot) => self.destroy(slot),
        };
        self.xen.advance_to(self.xen.now() + GONE);
        done
    }

    fn counters(&mut self) -> Result<Counters, Failure> {
        let listed = self.xen.domains();
        let online = self.xen.topology().online();
        let mut domains = Domains::default();
        for (slot, figures) in self.slots.iter().zip(&mut domains) {
            if let Some(domain) = listed.iter().find(|domain| domain.domid == slot.domid) {
                let affinity = self.xen.node_affinity(domain.domid);
                let affinity = affinity.map_err(|errno| failed("report an affinity", errno))?;
                *figures = Some(Figures {
                    tot_pages: domain.tot_pages,
                    outstanding_pages: domain.outstanding_pages,
                    max_pages: domain.max_pages,
                    affinity: affinity.intersection(online),
                });
            }
        }
        let reading = self.xen.physinfo();
        Ok(Counters {
            free_pages: reading.free_pages,
            outstanding_pages: reading.outstanding_pages,
            free_by_node: self.free_by_node(),
            claimed_by_node: match self.reports_claims {
                true => claimed_by_node(&self.xen.memory()),
                false => Vec::new(),
            },
            domains,
        })
    }
}
