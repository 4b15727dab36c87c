//! Makes calls on the model and on the oracle, and compares every outcome.

use std::time::Duration;

use claims::{Affinity, Domid, Errno};
use fastrand::Rng;
use planner::{CpuSet, NodeSet};
use xenopsd_numa_model::{Entry, Extent, Flavour, Kind, Sizes, Timing, Xen};

use super::common::host;
use super::heap::Leaving;
use super::lifecycle::Flight;
use super::state::{Dirt, Fail, Node, Oracle, Outcome, Owner};
use super::walk::View;

/// Pages of each node that are not free.
const CONTROL_PAGES: u64 = 16;

/// Long enough for every destruction.
pub const FAR: Duration = Duration::from_secs(40);

pub struct Comparison {
    pub xen: Xen,
    pub oracle: Oracle,
    pub flights: Vec<(Extent, Flight)>,
    timing: Timing,
    next_flight: u16,
    pub crashed: bool,
}

impl Comparison {
    pub fn new(flavour: Flavour, rng: &mut Rng) -> Self {
        let nodes = rng.usize(1..=4);
        let most = if rng.u8(0..4) == 0 { 4500 } else { 700 };
        let free: Vec<u64> = (0..nodes).map(|_| rng.u64(0..most)).collect();
        let offline = nodes > 1 && rng.u8(0..3) == 0;
        let sizes = (rng.u64(0..6), rng.u64(0..3));
        let timing = Timing {
            mapped_pages: rng.u64(0..20),
            scrubbed_pages_per_second: [0, 0, rng.u64(400..3000)][rng.usize(0..3)],
            memory_time_per_gib: Duration::from_secs(rng.u64(0..20)),
            ..Timing::default()
        };
        let online = nodes - usize::from(offline);
        // A quarter of the first node, as a power of two.
        let usual = match online {
            1 => 0,
            _ => ((free[0] + CONTROL_PAGES) / 4).next_power_of_two(),
        };
        let chosen = [0, rng.u64(0..free[0] + 99), 1 << rng.u32(0..12)][rng.usize(0..3)];
        let xen = Xen::new(&host(&free, offline), flavour)
            .with_sizes(Sizes {
                domain_pages: sizes.0,
                vcpu_pages: sizes.1,
            })
            .with_timing(timing);
        let (xen, low) = match rng.bool() {
            true => (xen, usual),
            false => (xen.with_low_pages(chosen), chosen),
        };
        let node = |i: usize| {
            let low = if i == 0 { low } else { 0 };
            (i < online).then(|| Node::new(free[i], free[i] + CONTROL_PAGES, low))
        };
        Comparison {
            xen,
            oracle: Oracle::new(flavour, (0..nodes).map(node).collect(), sizes),
            flights: Vec::new(),
            timing,
            next_flight: 0,
            crashed: false,
        }
    }

    /// Both outcomes, if both are successes. They must be the same.
    pub fn same<T, U>(&mut self, got: Result<T, Errno>, wanted: Outcome<U>) -> Option<(T, U)> {
        match (got, wanted) {
            (Ok(got), Ok(wanted)) => Some((got, wanted)),
            (Err(got), Err(Fail::Errno(wanted))) => {
                assert_eq!(got, wanted);
                None
            }
            (got, Err(Fail::Crash(crash))) => {
                assert_eq!(got.err(), Some(Errno::EIO), "{crash}");
                assert_eq!(self.xen.crash(), Some(crash));
                self.crashed = true;
                None
            }
            (Ok(_), Err(Fail::Errno(wanted))) => panic!("the model succeeds, not: {wanted}"),
            (Err(got), Ok(_)) => panic!("the model says {got}, not success"),
        }
    }

    /// Single pages left for `owner`, as in `view`.
    fn took_singles(&mut self, view: &View, owner: Owner) {
        for node in self.oracle.online_nodes() {
            let leaving = Leaving::Singles(&view.zones[node]);
            self.oracle.left(&self.xen, node, &leaving, owner);
        }
    }

    pub fn create(&mut self, vcpus: u32) {
        let wanted = self.oracle.create(vcpus);
        let got = self.xen.create(vcpus);
        if let Some((got, (wanted, view))) = self.same(got, wanted) {
            assert_eq!(got.0, wanted);
            self.took_singles(&view, Owner::Structure(wanted));
        }
    }

    pub fn create_vcpus(&mut self, domid: u16) {
        let wanted = self.oracle.create_vcpus(domid);
        let got = self.xen.create_vcpus(Domid(domid));
        if let Some(((), view)) = self.same(got, wanted) {
            self.took_singles(&view, Owner::Structure(domid));
        }
    }

    pub fn take_unowned(&mut self, node: usize, pages: u64) {
        let wanted = self.oracle.heap(node, pages);
        let got = self.xen.take_unowned(node, pages);
        if let Some(((), view)) = self.same(got, wanted) {
            self.took_singles(&view, Owner::Unowned);
        }
    }

    pub fn free_unowned(&mut self) {
        let held = self.oracle.held(Owner::Unowned);
        self.xen.free_unowned();
        assert_eq!(
            self.entered(|owner| owner == Owner::Unowned, Dirt::Dirty),
            held
        );
    }

    /// How many pages got free.
    fn entered(&mut self, from: impl Fn(Owner) -> bool + Copy, dirt: Dirt) -> u64 {
        let nodes = self.oracle.online_nodes().into_iter();
        let entered = |node| self.oracle.entered(&self.xen, node, from, dirt).len();
        nodes.map(entered).sum::<usize>() as u64
    }

    pub fn fill_pool(&mut self, domid: u16, target: u64, budget: u64) {
        let (view, wanted) = self.oracle.fill_pool(domid, target, budget);
        let got = self.xen.fill_pool(Domid(domid), target, budget);
        let got = self.same(got, wanted);
        if !self.crashed {
            self.took_singles(&view, Owner::Pool(domid));
        }
        if let Some((got, wanted)) = got {
            assert_eq!(got, wanted);
        }
    }

    pub fn take(&mut self, domid: u16, kind: Kind, order: u32, exact: Option<usize>) {
        let wanted = self.oracle.take(domid, kind, order, exact);
        let got = self.xen.take(Domid(domid), kind, 1 << order, exact);
        let Some((extent, (found, cleaned_later))) = self.same(got, wanted) else {
            return;
        };
        assert_eq!((extent.node(), extent.pages()), (found.node, 1 << order));
        self.next_flight += 1;
        let flight = Flight {
            id: self.next_flight,
            domid,
            kind,
            node: found.node,
            pages: 1 << order,
            cleaned_later,
        };
        let leaving = Leaving::Extent {
            found,
            order,
            dirty_pages: extent.dirty_pages(),
        };
        let owner = Owner::Flight(flight.id);
        self.oracle.left(&self.xen, found.node, &leaving, owner);
        self.flights.push((extent, flight));
    }

    /// An extent that is not assigned is as it was erased, or not erased at all.
    fn came_back(&mut self, flight: &Flight) {
        let dirt = match flight.cleaned_later {
            true => Dirt::Dirty,
            false => Dirt::Clean,
        };
        let owner = Owner::Flight(flight.id);
        assert_eq!(self.entered(|from| from == owner, dirt), flight.pages);
    }

    pub fn assign(&mut self, at: usize) {
        let (extent, flight) = self.flights.swap_remove(at);
        let wanted = self.oracle.assign(&flight);
        let got = self.xen.assign(extent);
        if self.same(got, wanted).is_none() && !self.crashed {
            self.came_back(&flight);
        }
    }

    pub fn give_back(&mut self, at: usize) {
        let (extent, flight) = self.flights.swap_remove(at);
        self.oracle
            .known_mut(flight.domid)
            .expect("its domain")
            .extents -= 1;
        self.xen.give_back(extent).expect("its domain");
        self.came_back(&flight);
    }

    pub fn free(&mut self, domid: u16, node: usize, pages: u64) {
        let wanted = self.oracle.free(domid, node, pages);
        let got = self.xen.free(Domid(domid), node, pages);
        if let Some(((), dirty)) = self.same(got, wanted) {
            let dirt = if dirty { Dirt::Dirty } else { Dirt::Clean };
            let from = |owner| owner == Owner::Guest(domid);
            assert_eq!(self.entered(from, dirt), pages);
        }
    }

    pub fn offline_pages(&mut self, node: usize, pages: u64) {
        let got = self.xen.offline_pages(node, pages);
        if !self.oracle.is_online(node) {
            assert_eq!(got, Err(Errno::EINVAL));
            return;
        }
        let count = self.oracle.node(node).count(Owner::Free).min(pages);
        assert_eq!(got, Ok(count));
        let leaving = Leaving::Any(count);
        self.oracle.left(&self.xen, node, &leaving, Owner::Broken);
        self.oracle.recall(node);
    }

    pub fn claim_host(&mut self, domid: u16, pages: u64) {
        let wanted = self.oracle.claim_host(domid, pages);
        let got = self.xen.claim_host(Domid(domid), pages);
        self.same(got, wanted);
    }

    pub fn claim_node(&mut self, domid: u16, node: usize, pages: u64) {
        let wanted = self.oracle.claim_node(domid, node, pages);
        let got = self.xen.claim_node(Domid(domid), node, pages);
        self.same(got, wanted);
    }

    pub fn claim_v4(&mut self, domid: u16, entry: Entry) {
        let wanted = self.oracle.claim_v4(domid, entry.target, entry.pages);
        let got = self.xen.claim_v4(Domid(domid), entry.target, entry.pages);
        self.same(got, wanted);
    }

    pub fn set_claims(&mut self, domid: u16, entries: &[Entry]) {
        let wanted = self.oracle.set_claims(domid, entries);
        let got = self.xen.set_claims(Domid(domid), entries);
        self.same(got, wanted);
    }

    pub fn set_max(&mut self, domid: u16, pages: u64) {
        let wanted = self.oracle.set_max(domid, pages);
        let got = self.xen.set_max(Domid(domid), pages);
        self.same(got, wanted);
    }

    pub fn set_node_affinity(&mut self, domid: u16, nodes: u64) {
        let wanted = self.oracle.set_node_affinity(domid, nodes);
        let mask = NodeSet::from_bits(nodes);
        let got = self.xen.set_node_affinity(Domid(domid), mask);
        self.same(got, wanted);
    }

    pub fn set_vcpu_affinity(&mut self, domid: u16, vcpu: u32, hard: bool, cpus: u64) {
        let affinity = if hard { Affinity::Hard } else { Affinity::Soft };
        let wanted = self.oracle.set_vcpu_affinity(domid, vcpu, affinity, cpus);
        let set: CpuSet = (0..64).filter(|cpu| cpus >> cpu & 1 == 1).collect();
        let got = self
            .xen
            .set_vcpu_affinity(Domid(domid), vcpu, affinity, &set);
        self.same(got, wanted);
    }

    pub fn unpause(&mut self, domid: u16) {
        let wanted = self.oracle.unpause(domid);
        let got = self.xen.unpause(Domid(domid));
        self.same(got, wanted);
    }

    pub fn map_foreign(&mut self, domid: u16, pages: u64) {
        let (wanted, got) = match pages {
            0 => {
                let wanted = self.oracle.unmap_foreign(domid);
                (wanted, self.xen.unmap_foreign(Domid(domid)))
            }
            _ => {
                let wanted = self.oracle.map_foreign(domid, pages);
                (wanted, self.xen.map_foreign(Domid(domid), pages))
            }
        };
        self.same(got, wanted);
    }

    pub fn destroy(&mut self, domid: u16) {
        let wanted = self.oracle.destroy(domid);
        let got = self.xen.destroy(Domid(domid));
        self.same(got, wanted);
    }

    /// Lets time pass, and follows who gave pages back.
    pub fn advance(&mut self, step: Duration) {
        self.xen.advance_to(self.xen.now() + step);
        let scrubs = self.timing.scrubbed_pages_per_second > 0;
        let dying: Vec<u16> = (self.oracle.doms.iter())
            .filter(|(_, dom)| !dom.alive)
            .map(|(domid, _)| *domid)
            .collect();
        let from = |owner| match owner {
            Owner::Guest(d) | Owner::Pool(d) | Owner::Structure(d) => dying.contains(&d),
            Owner::Free | Owner::Flight(_) | Owner::Unowned | Owner::Broken => false,
        };
        let mut owners = Vec::new();
        for node in self.oracle.online_nodes() {
            if scrubs {
                self.oracle.may_be_scrubbed(node);
            }
            let dirt = if scrubs { Dirt::Either } else { Dirt::Dirty };
            owners.extend(self.oracle.entered(&self.xen, node, from, dirt));
            let dirty_pages = self.oracle.node(node).dirty_pages;
            assert!(
                !scrubs || step < FAR || dirty_pages == 0,
                "{dirty_pages} left"
            );
        }
        for domid in dying {
            self.followed(domid, &owners, step);
        }
    }

    /// What a dying domain gave back, in the right order.
    fn followed(&mut self, domid: u16, freed: &[Owner], step: Duration) {
        let count = |owner| freed.iter().filter(|from| **from == owner).count() as u64;
        let (guest, structures) = (count(Owner::Guest(domid)), count(Owner::Structure(domid)));
        let left = [
            Owner::Guest(domid),
            Owner::Pool(domid),
            Owner::Structure(domid),
        ]
        .map(|owner| self.oracle.held(owner));
        self.oracle.refill(domid, guest);
        let dom = self.oracle.doms.get_mut(&domid).expect("a dying domain");
        let held_on = dom.foreign > 0 || dom.extents > 0;
        let seen = self.xen.domains().into_iter().find(|d| d.domid.0 == domid);
        let Some(seen) = seen else {
            assert!(!held_on, "d{domid} is gone");
            assert_eq!(left, [0; 3], "pages of d{domid}, which is gone");
            // What it claimed while it died stays claimed.
            self.oracle.doms.remove(&domid);
            return;
        };
        assert!(held_on || step < FAR, "d{domid} is still there");
        assert_eq!(structures, 0, "structures of d{domid}, which is there");
        assert!(
            guest == 0 || left[1] == 0,
            "memory of d{domid} before its pool"
        );
        let kept = self.timing.mapped_pages.max(dom.foreign);
        assert!(
            left[0] >= kept.min(left[0] + guest),
            "mapped pages of d{domid}"
        );
        assert!(seen.tot_pages <= dom.tot && left[0] - seen.tot_pages <= dom.extra);
        (dom.tot, dom.extra) = (seen.tot_pages, left[0] - seen.tot_pages);
    }

    /// All that can be read must be what the oracle has.
    pub fn compare(&self) {
        let (xen, oracle) = (&self.xen, &self.oracle);
        let physinfo = xen.physinfo();
        assert_eq!(physinfo.free_pages, oracle.held(Owner::Free));
        assert_eq!(physinfo.outstanding_pages, oracle.outstanding);
        let memory = xen.memory();
        assert_eq!(memory.host_free_pages, physinfo.free_pages);
        assert_eq!(memory.host_outstanding_pages, oracle.outstanding);
        for (i, node) in oracle.nodes.iter().enumerate() {
            let reading = xen.node(i);
            let Some(node) = node else {
                assert_eq!((reading, memory.nodes[i]), (None, None), "node {i}");
                continue;
            };
            let reading = reading.expect("an online node");
            let nodes_memory = memory.nodes[i].expect("an online node");
            let free = node.count(Owner::Free);
            assert_eq!((reading.free_pages, nodes_memory.free_pages), (free, free));
            let claimed = (reading.claimed_pages, nodes_memory.claimed_pages);
            assert_eq!(
                claimed,
                (oracle.node_out[i], oracle.node_out[i]),
                "node {i}"
            );
            assert_eq!(nodes_memory.size_pages, node.pages.len() as u64);
            assert_eq!(reading.dirty_pages, node.dirty_pages, "node {i}");
            self.compare_blocks(i, node);
        }
        self.compare_domains();
        assert_eq!(xen.check(), Ok(()));
    }

    fn compare_blocks(&self, i: usize, node: &Node) {
        let reading = self.xen.node(i).expect("an online node");
        let low = node.blocks.iter().filter(|block| block.low);
        let low_pages: u64 = low.map(|block| 1 << block.order).sum();
        assert_eq!(reading.low_pages, low_pages, "node {i}");
        for (order, blocks) in reading.blocks.iter().enumerate() {
            let of = |dirty| {
                let same = node.blocks.iter().filter(|b| b.order as usize == order);
                same.filter(|block| block.dirty == dirty).count() as u64
            };
            assert_eq!(
                (blocks.clean, blocks.dirty),
                (of(false), of(true)),
                "node {i}"
            );
        }
        let seen: Vec<_> = self.xen.free_blocks(i);
        let known: Vec<_> = (node.blocks.iter())
            .map(|b| (b.first, b.order, b.dirty, b.low))
            .collect();
        assert_eq!(seen, known, "blocks of node {i}");
    }

    fn compare_domains(&self) {
        let seen = self.xen.domains();
        assert_eq!(seen.len(), self.oracle.doms.len(), "domains");
        for (info, (domid, dom)) in seen.iter().zip(&self.oracle.doms) {
            let known = (Domid(*domid), dom.tot, dom.claim.all(), dom.max);
            let info_of = (info.tot_pages, info.outstanding_pages, info.max_pages);
            assert_eq!((info.domid, info_of.0, info_of.1, info_of.2), known);
            assert!(!info.dying || !dom.alive, "d{domid} lives");
            let pages = self.xen.domain_pages(info.domid);
            let on_node = |i: usize| {
                let node = self.oracle.nodes[i].as_ref()?;
                let count = node.count(Owner::Guest(*domid));
                (count > 0).then_some((i, count))
            };
            let known: Vec<_> = (0..self.oracle.nodes.len()).filter_map(on_node).collect();
            assert_eq!(pages, known, "memory of d{domid}");
            assert_eq!(
                dom.tot + dom.extra,
                known.iter().map(|(_, n)| n).sum::<u64>()
            );
        }
    }
}
