//! Random sequences of calls keep every invariant, in every flavour.

mod common;

use std::time::Duration;

use claims::{Affinity, Domid};
use common::host;
use fastrand::Rng;
use planner::{CpuSet, NodeSet};
use xenopsd_numa_model::{Entry, Extent, Flavour, Kind, Target, Timing, Xen};

const NODES: u64 = 3;

struct Run {
    xen: Xen,
    rng: Rng,
    inflight: Vec<Extent>,
    /// Whether domain 0 takes part.
    control: bool,
    /// Whether pages break.
    breaks: bool,
}

impl Run {
    fn new(flavour: Flavour, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let free: Vec<u64> = (0..NODES).map(|_| rng.u64(0..6000)).collect();
        let timing = Timing {
            mapped_pages: rng.u64(0..50),
            scrubbed_pages_per_second: rng.u64(0..2000),
            memory_time_per_gib: Duration::from_secs(rng.u64(0..3000)),
            ..Timing::default()
        };
        Run {
            xen: Xen::new(&host(&free, rng.bool()), flavour).with_timing(timing),
            rng,
            inflight: Vec::new(),
            control: true,
            breaks: seed % 4 == 0,
        }
    }

    fn domid(&mut self) -> Domid {
        let domains = self.xen.domains();
        let first = usize::from(!self.control);
        match self.rng.u64(0..20) {
            0 => Domid(999),
            _ if domains.len() == first => Domid(998),
            _ => domains[self.rng.usize(first..domains.len())].domid,
        }
    }

    fn node(&mut self) -> usize {
        match self.rng.u64(0..12) {
            0 => 200,
            n => (n % (NODES + 1)) as usize,
        }
    }

    fn pages(&mut self) -> u64 {
        let bits = self.rng.u64(0..14);
        self.rng.u64(0..=1 << bits)
    }

    /// Takes all that the domain can have, by ever smaller extents.
    fn drain(&mut self, domid: Domid) {
        for order in (0..13).rev() {
            while let Ok(extent) = self.xen.take(domid, Kind::Memory, 1 << order, None) {
                // Several threads may be at it.
                if self.rng.bool() {
                    self.inflight.push(extent);
                } else if self.xen.assign(extent).is_err() {
                    break;
                }
            }
        }
    }

    /// Any call with any arguments.
    fn step(&mut self) {
        let (domid, node, pages) = (self.domid(), self.node(), self.pages());
        let xen = &mut self.xen;
        // Errors are as good as successes: what counts is what they leave behind.
        match self.rng.u64(0..27) {
            0 | 1 => _ = xen.create(pages as u32 % 4),
            2 => _ = xen.create_vcpus(domid),
            3 | 4 => _ = xen.set_max(domid, pages),
            5..=7 => _ = xen.claim_host(domid, pages),
            8 | 9 => {
                _ = xen.claim_node(domid, node, pages);
                let target = match pages % 3 {
                    0 => Target::Host,
                    _ => Target::Node(node),
                };
                _ = xen.claim_v4(domid, target, pages);
                let other = Entry {
                    target: Target::Node(pages as usize % 3),
                    pages: pages / 2,
                };
                let entries = [Entry { target, pages }, other];
                _ = xen.set_claims(domid, &entries[pages as usize % 2..]);
            }
            10 => _ = xen.claim_host(domid, 0),
            11 => _ = xen.fill_pool(domid, pages, pages / 2),
            12 => _ = xen.set_node_affinity(domid, NodeSet::from_bits(pages)),
            13 => {
                let cpus: CpuSet = [node, node + 2].into_iter().collect();
                let vcpu = pages as u32 % 4;
                _ = xen.set_vcpu_affinity(domid, vcpu, Affinity::Soft, &cpus);
            }
            14..=18 => {
                let kind = if pages % 5 == 0 {
                    Kind::Extra
                } else {
                    Kind::Memory
                };
                let exact_node = (pages % 3 == 0).then_some(node);
                let pages = pages.next_power_of_two();
                if let Ok(extent) = xen.take(domid, kind, pages, exact_node) {
                    self.inflight.push(extent);
                }
            }
            19 => _ = xen.free(domid, node, pages),
            20 => _ = xen.destroy(domid),
            21 => match pages % 8 {
                0 => xen.free_unowned(),
                _ => _ = xen.take_unowned(node % NODES as usize, pages % 64),
            },
            23 => self.drain(domid),
            22 => match pages % 6 {
                0 => _ = xen.unpause(domid),
                1 => _ = xen.map_foreign(domid, pages % 16),
                2 if self.breaks => _ = xen.offline_pages(node, pages % 16),
                _ => _ = xen.unmap_foreign(domid),
            },
            _ => xen.advance_to(xen.now() + Duration::from_millis(pages)),
        }
        while self.inflight.len() > 3 || (!self.inflight.is_empty() && self.rng.bool()) {
            let at = self.rng.usize(0..self.inflight.len());
            let extent = self.inflight.swap_remove(at);
            match self.rng.u64(0..6) {
                0 => _ = self.xen.give_back(extent),
                _ => _ = self.xen.assign(extent),
            }
        }
    }
}

#[test]
fn any_sequence_of_calls_keeps_the_invariants() {
    for flavour in Flavour::ALL {
        let mut crashes = 0;
        for seed in 0..500 {
            let mut run = Run::new(flavour, seed);
            for step in 0..150 {
                run.step();
                let checked = run.xen.check();
                assert_eq!(checked, Ok(()), "{} seed {seed} step {step}", flavour.name);
                if step % 30 == 0 {
                    let checked = run.xen.check_addresses();
                    assert_eq!(checked, Ok(()), "{} seed {seed} step {step}", flavour.name);
                }
            }
            crashes += u64::from(run.xen.crash().is_some());
        }
        let crashing = ["xs9", "xs9-2025", "v4", "v4-fixed"].contains(&flavour.name);
        assert!(crashes == 0 || crashing, "{}", flavour.name);
    }
}

#[test]
fn everything_destroyed_leaves_everything_free() {
    for flavour in Flavour::ALL {
        for seed in 0..250 {
            let mut run = Run::new(flavour, seed);
            run.control = false;
            run.breaks = false;
            let start = run.xen.physinfo();
            for _ in 0..100 {
                run.step();
            }
            let xen = &mut run.xen;
            for extent in run.inflight.drain(..) {
                _ = xen.give_back(extent);
            }
            for domain in xen.domains() {
                _ = xen.destroy(domain.domid);
                _ = xen.unmap_foreign(domain.domid);
            }
            xen.free_unowned();
            xen.advance_to(Duration::from_secs(1_000_000));
            if xen.crash().is_some() {
                continue;
            }
            assert_eq!(xen.domains().len(), 1, "{} seed {seed}", flavour.name);
            let end = xen.physinfo();
            assert_eq!(
                end.free_pages, start.free_pages,
                "{} seed {seed}",
                flavour.name
            );
            // Elsewhere a claim for a dying domain leaks.
            if flavour.dying_refused {
                assert_eq!(end.outstanding_pages, 0, "{} seed {seed}", flavour.name);
            }
        }
    }
}

/// The pool is filled in whole turns of the rotation; page by page it must come out the same.
#[test]
fn a_pool_filled_at_once_is_where_a_pool_filled_by_pages_is() {
    for flavour in Flavour::ALL {
        for seed in 0..600 {
            let mut run = Run::new(flavour, seed);
            for _ in 0..40 {
                run.step();
            }
            let domid = run.domid();
            let target = run.pages();
            let mut by_pages = run.xen.clone();
            let at_once = run.xen.fill_pool(domid, target, u64::MAX);
            let mut last = by_pages.fill_pool(domid, target, 0);
            while let Ok(has) = last {
                if has >= target {
                    break;
                }
                last = by_pages.fill_pool(domid, target, 1);
            }
            assert_eq!(at_once, last, "{} seed {seed}", flavour.name);
            assert_eq!(
                run.xen.memory(),
                by_pages.memory(),
                "{} seed {seed}",
                flavour.name
            );
            // The rotation goes on from the same node, also over other nodes.
            let mask = NodeSet::from_bits(run.rng.u64(1..1 << NODES));
            let goes_on = |xen: &mut Xen| {
                _ = xen.set_node_affinity(domid, mask);
                let taken = xen.take(domid, Kind::Extra, 1, None);
                taken.map(|extent| extent.node())
            };
            let next = goes_on(&mut run.xen);
            assert_eq!(next, goes_on(&mut by_pages), "{} seed {seed}", flavour.name);
        }
    }
}

/// Extents taken and assigned at once must be those that are taken one by one.
#[test]
fn extents_populated_at_once_are_where_those_populated_singly_are() {
    let mut at_once = 0;
    for flavour in Flavour::ALL {
        for seed in 0..1500 {
            let mut run = Run::new(flavour, seed);
            for _ in 0..40 {
                run.step();
            }
            let domid = run.domid();
            let (order, count) = (run.rng.u32(0..6), run.rng.u64(1..100));
            let exact_node = (seed % 2 == 0).then(|| run.node());
            if run.rng.bool() {
                _ = run
                    .xen
                    .set_node_affinity(domid, NodeSet::one(seed as usize % 3));
            }
            let mut singly = run.xen.clone();
            let Ok(done) = run.xen.populate_some(domid, order, count, exact_node) else {
                continue;
            };
            at_once += done;
            for _ in 0..done {
                let extent = singly.take(domid, Kind::Memory, 1 << order, exact_node);
                singly
                    .assign(extent.expect("an extent"))
                    .expect("enough memory");
            }
            assert_eq!(
                run.xen.memory(),
                singly.memory(),
                "{} seed {seed}",
                flavour.name
            );
            assert_eq!(
                run.xen.domains(),
                singly.domains(),
                "{} seed {seed}",
                flavour.name
            );
            for node in 0..NODES as usize {
                assert_eq!(run.xen.free_blocks(node), singly.free_blocks(node));
            }
            assert_eq!(run.xen.check_addresses(), Ok(()));
        }
    }
    assert!(at_once > 3000, "{at_once} extents");
}
