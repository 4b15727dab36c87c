//! What happens on a host, step by step: VMs arrive and depart by chance, whatever the placer.

use fastrand::Rng;

use crate::hosts::{Hardware, GIB_PAGES};

/// Steps of one run.
pub const STEPS: usize = 500;

/// Sizes that VMs have, each as likely.
const SIZES_GIB: [u64; 11] = [2, 4, 4, 8, 8, 8, 16, 16, 32, 48, 64];

/// The chance that a VM departs though the load is not reached.
const DEPARTURE: f64 = 0.35;

/// What a VM needs. It asks for as many cores as it has vCPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vm {
    /// Its memory.
    pub pages: u64,
    /// Its vCPUs.
    pub vcpus: u32,
}

/// What happens in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A VM starts.
    Arrival(Vm),
    /// The VM at this place among the running ones, in order of arrival, goes.
    Departure(usize),
    /// A VM that the host has no memory for was refused.
    Refusal,
}

/// How VMs' sizes are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// From the list.
    Plain,
    /// From the list, then up to 15 % more or less, so that holes seldom fit exactly.
    Ragged,
}

/// One run of `host`, kept near `load` (a share of its memory). The memory in use does not depend
/// on where VMs are, so all placers meet the same events.
pub fn events(host: &Hardware, sizes: Sizes, load: f64, seed: u64) -> Vec<Event> {
    let mut rng = Rng::with_seed(seed);
    let target_pages = (load * host.span_pages.iter().sum::<u64>() as f64) as u64;
    let mut running: Vec<Vm> = Vec::new();
    let mut used_pages = 0;
    let mut step = || {
        if !running.is_empty() && (used_pages > target_pages || rng.f64() < DEPARTURE) {
            let at = rng.usize(..running.len());
            used_pages -= running.remove(at).pages;
            return Event::Departure(at);
        }
        let gib = SIZES_GIB[rng.usize(..SIZES_GIB.len())];
        let vcpus = (gib / rng.u64(2..=5)).max(1) as u32;
        let even_pages = (gib * GIB_PAGES).min(host.node_pages / 2 * 3);
        let pages = match sizes {
            Sizes::Plain => even_pages,
            Sizes::Ragged => (even_pages as f64 * (0.85 + 0.3 * rng.f64())) as u64,
        };
        if used_pages + pages > host.pages() {
            return Event::Refusal;
        }
        let vm = Vm { pages, vcpus };
        running.push(vm);
        used_pages += pages;
        Event::Arrival(vm)
    };
    (0..STEPS).map(|_| step()).collect()
}
