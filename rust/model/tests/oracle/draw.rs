//! Draws calls: any, with any arguments, and those near the edges of what is free or claimed.

use std::time::Duration;

use fastrand::Rng;
use xenopsd_numa_model::{Entry, Kind, Target};

use super::comparison::{Comparison, FAR};
use super::state::Owner;

impl Comparison {
    fn domid(&self, rng: &mut Rng) -> u16 {
        let domids: Vec<u16> = self.oracle.doms.keys().copied().collect();
        match rng.u8(0..25) {
            0 => 999,
            _ => domids[rng.usize(0..domids.len())],
        }
    }

    /// Mostly a node of the host; else one that is offline, missing, or beyond any host.
    fn node(&self, rng: &mut Rng) -> usize {
        match rng.u8(0..25) {
            0 => [63, 64, 200, 0xFE, 0xFF, 4096][rng.usize(0..6)],
            1 => self.oracle.nodes.len(),
            _ => rng.usize(0..self.oracle.nodes.len()),
        }
    }

    fn pages(&self, rng: &mut Rng) -> u64 {
        let few = rng.u32(0..12);
        let free = self.oracle.held(Owner::Free);
        let node = self.node(rng);
        let of_node = match self.oracle.is_online(node) {
            true => {
                let free = self.oracle.node(node).count(Owner::Free);
                free.saturating_sub(self.oracle.node_out[node])
            }
            false => 0,
        };
        let near = |pages: u64, rng: &mut Rng| (pages + rng.u64(0..3)).saturating_sub(1);
        match rng.u8(0..16) {
            0 => 0,
            1 => near(free, rng),
            2 | 3 => near(free.saturating_sub(self.oracle.outstanding), rng),
            4 | 5 => near(of_node, rng),
            6 if rng.u8(0..8) == 0 => u64::MAX - rng.u64(0..2),
            7 if rng.u8(0..8) == 0 => u64::from(u32::MAX) + rng.u64(0..3) - 1,
            _ => rng.u64(0..=1 << few),
        }
    }

    fn entry(&self, rng: &mut Rng) -> Entry {
        Entry {
            target: match rng.u8(0..4) {
                0 => Target::Host,
                _ => Target::Node(self.node(rng)),
            },
            pages: self.pages(rng),
        }
    }

    fn entries(&self, rng: &mut Rng) -> Vec<Entry> {
        let count = match rng.u8(0..40) {
            0 => rng.usize(64..68),
            _ => rng.usize(0..4),
        };
        let mut entries: Vec<_> = (0..count).map(|_| self.entry(rng)).collect();
        if rng.u8(0..12) == 0 {
            entries.iter_mut().for_each(|entry| entry.pages = 0);
        }
        entries
    }

    fn draw_claim(&mut self, rng: &mut Rng) {
        let (domid, pages) = (self.domid(rng), self.pages(rng));
        let node = self.node(rng);
        match rng.u8(0..8) {
            0 | 1 => self.claim_host(domid, pages),
            2 => self.claim_host(domid, 0),
            3 | 4 => self.claim_node(domid, node, pages),
            _ => (),
        }
        if self.crashed {
            return;
        }
        let entry = self.entry(rng);
        self.claim_v4(domid, entry);
        if !self.crashed {
            let entries = self.entries(rng);
            self.set_claims(domid, &entries);
        }
    }

    /// Takes what a domain can have by ever smaller extents.
    fn drain(&mut self, rng: &mut Rng) {
        let domid = self.domid(rng);
        let exact = rng.bool().then(|| self.node(rng));
        for order in (0..13).rev() {
            for _ in 0..8 {
                let before = self.flights.len();
                self.take(domid, Kind::Memory, order, exact);
                if self.crashed {
                    return;
                }
                if self.flights.len() == before {
                    break;
                }
                if rng.u8(0..4) > 0 {
                    self.assign(before);
                }
                if self.crashed {
                    return;
                }
            }
        }
    }

    fn draw_extent(&mut self, rng: &mut Rng) {
        let domid = self.domid(rng);
        let kind = match rng.u8(0..5) {
            0 => Kind::Extra,
            _ => Kind::Memory,
        };
        let exact = (rng.u8(0..3) == 0).then(|| self.node(rng));
        let order = rng.u32(0..10).min(rng.u32(0..12));
        self.take(domid, kind, order, exact);
    }

    fn draw_lifecycle(&mut self, rng: &mut Rng) {
        let domid = self.domid(rng);
        match rng.u8(0..12) {
            0 => self.create_vcpus(domid),
            1..=3 => {
                let pages = self.pages(rng);
                self.set_max(domid, pages);
            }
            4 => {
                let mask = [rng.u64(0..16), u64::MAX, 1 << rng.u32(0..5)][rng.usize(0..3)];
                self.set_node_affinity(domid, mask);
            }
            5 => {
                let cpus = [rng.u64(0..256), 3 << (2 * rng.u32(0..4))][rng.usize(0..2)];
                self.set_vcpu_affinity(domid, rng.u32(0..3), rng.bool(), cpus);
            }
            6 => self.unpause(domid),
            7 => self.map_foreign(domid, rng.u64(0..6)),
            _ => {
                let max = self.oracle.held(Owner::Free) + rng.u64(0..900);
                self.create(rng.u32(0..3));
                let newest = self.oracle.last_domid;
                if self.oracle.doms.contains_key(&newest) && !self.crashed {
                    self.set_max(newest, max);
                }
            }
        }
    }

    fn draw_memory(&mut self, rng: &mut Rng) {
        let (domid, pages) = (self.domid(rng), self.pages(rng));
        let node = self.node(rng);
        match rng.u8(0..12) {
            0..=2 => self.free(domid, node, pages),
            3 | 4 => self.free(domid, node, rng.u64(0..20)),
            5 => self.fill_pool(domid, pages.min(1 << 13), rng.u64(0..400)),
            6 => self.fill_pool(domid, rng.u64(0..300), u64::MAX),
            7 if self.oracle.is_online(node) => self.take_unowned(node, rng.u64(0..40)),
            8 => self.free_unowned(),
            9 if rng.u8(0..4) == 0 => {
                let most = if rng.bool() { 16 } else { 700 };
                self.offline_pages(node, rng.u64(0..most));
            }
            10 => self.drain(rng),
            _ => (),
        }
    }

    /// Any call with any arguments.
    pub fn any_call(&mut self, rng: &mut Rng) {
        match rng.u8(0..20) {
            0..=3 => self.draw_lifecycle(rng),
            4..=7 => self.draw_claim(rng),
            8..=13 => self.draw_extent(rng),
            14..=16 => self.draw_memory(rng),
            17 => {
                let domid = self.domid(rng);
                self.destroy(domid);
            }
            18 => self.advance(Duration::from_millis(1 << rng.u32(0..14))),
            _ if rng.u8(0..3) == 0 => self.advance(FAR),
            _ => (),
        }
        while !self.crashed && !self.flights.is_empty() && rng.u8(0..3) > 0 {
            let at = rng.usize(0..self.flights.len());
            match rng.u8(0..6) {
                0 => self.give_back(at),
                _ => self.assign(at),
            }
        }
    }
}
