//! Runs rules over seeds and counts.

use std::ops::RangeInclusive;

use crate::arrivals::{events, Event, Sizes};
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::hosts::Hardware;
use crate::placers::{Placer, Rule};
use crate::sets::all;

/// Steps before anything but starts is counted, so that the host is loaded.
const WARM_UP: usize = 50;

/// Running VMs are looked at each so many steps.
const SAMPLE: usize = 10;

/// What a rule made of a host at a load.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Share of started VMs that got one node.
    pub started_on_one: f64,
    /// Share of started VMs for which one node had enough memory.
    pub possible: f64,
    /// Share of running VMs whose memory is on one node.
    pub running_on_one: f64,
    /// The same if all were placed anew, largest first.
    pub repacked: f64,
    /// Distance of started VMs to their memory, weighted by their memory.
    pub distance: f64,
    /// Used share of the fullest node less that of the emptiest.
    pub imbalance: f64,
    /// vCPUs of the node with most over the mean.
    pub hottest: f64,
}

#[derive(Default)]
struct Sums {
    started: f64,
    started_on_one: f64,
    possible: f64,
    running: f64,
    running_on_one: f64,
    repacked: f64,
    pages: f64,
    distance: f64,
    steps: f64,
    imbalance: f64,
    loaded_steps: f64,
    hottest: f64,
}

/// The figures of `rule` on `host` at `load`, over `seeds`.
pub fn run(
    host: &Hardware,
    sizes: Sizes,
    load: f64,
    rule: Rule,
    seeds: RangeInclusive<u64>,
) -> Result<Figures, Fault> {
    let sets = all(host);
    let mut sums = Sums::default();
    for seed in seeds {
        let mut placer = Placer::new(rule, &sets);
        let mut cluster = Cluster::new(host);
        for (step, event) in events(host, sizes, load, seed).iter().enumerate() {
            match event {
                Event::Arrival(vm) => {
                    sums.started += 1.0;
                    sums.possible += f64::from(cluster.one_node_suffices(vm));
                    let place = placer.place(&cluster, vm)?;
                    let running = cluster.start(*vm, place);
                    sums.started_on_one += f64::from(running.on_one_node);
                    sums.pages += vm.pages as f64;
                    sums.distance += vm.pages as f64 * running.distance;
                }
                Event::Departure(at) => cluster.stop(*at),
                Event::Refusal => (),
            }
            if step >= WARM_UP {
                sums.level(&cluster);
                if step % SAMPLE == 0 {
                    sums.sample(&cluster);
                }
            }
        }
    }
    Ok(sums.figures())
}

impl Sums {
    /// Notes how even the host's nodes are.
    fn level(&mut self, cluster: &Cluster) {
        let used = cluster
            .nodes()
            .iter()
            .map(|node| 1.0 - cluster.free[node] as f64 / cluster.host.span_pages[node] as f64);
        let fullest = used.clone().fold(0.0, f64::max);
        self.steps += 1.0;
        self.imbalance += fullest - used.fold(1.0, f64::min);
        let vcpus = &cluster.vcpus[..cluster.host.nodes];
        let mean = vcpus.iter().sum::<f64>() / vcpus.len() as f64;
        if mean > 0.5 / vcpus.len() as f64 {
            self.loaded_steps += 1.0;
            self.hottest += vcpus.iter().copied().fold(0.0, f64::max) / mean;
        }
    }

    /// Notes where the running VMs are.
    fn sample(&mut self, cluster: &Cluster) {
        self.repacked += cluster.repacked() as f64;
        for running in &cluster.running {
            self.running += 1.0;
            self.running_on_one += f64::from(running.on_one_node);
        }
    }

    fn figures(&self) -> Figures {
        Figures {
            started_on_one: self.started_on_one / self.started,
            possible: self.possible / self.started,
            running_on_one: self.running_on_one / self.running,
            repacked: self.repacked / self.running,
            distance: self.distance / self.pages,
            imbalance: self.imbalance / self.steps,
            hottest: self.hottest / self.loaded_steps,
        }
    }
}
