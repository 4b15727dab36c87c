//! The Xen, the VMs and the faults of a scenario, as the seed makes them.

use std::time::Duration;

use claims::Error;
use fastrand::Rng;
use planner::Strategy;

use super::life::{Character, Life};
use super::scenario::Scenario;
use super::stage::Fault;
use super::{PlayError, Settings};
use crate::xen::{Sizes, Timing, Xen};

/// How long destroying a domain takes at most, as its toolstack sees it: hardly any of its memory
/// is back, some is, or all.
const LINGERING_MILLIS: [u64; 3] = [2000, 30_000, 90_000];

/// The Xen of a scenario, as the seed makes it.
pub(super) fn xen(
    scenario: &Scenario,
    settings: &Settings,
    rng: &mut Rng,
) -> Result<Xen, PlayError> {
    let host = scenario.host.host(rng)?;
    let mut timing = Timing::default();
    let mut sizes = Sizes::default();
    if scenario.jitter {
        let millis = |rng: &mut Rng, least: u64, most: u64| {
            Duration::from_micros(rng.u64(least * 1000..=most * 1000))
        };
        sizes = Sizes {
            domain_pages: rng.u64(20..=60),
            vcpu_pages: rng.u64(180..=264),
        };
        timing = Timing {
            quiet: millis(rng, 0, 2000),
            pool_time_per_gib: millis(rng, 100, 600),
            memory_time_per_gib: millis(rng, 45, 70),
            grace: millis(rng, 50, 5000),
            mapped_pages: rng.u64(0..4096),
            ..timing
        };
    }
    if let Some(pages) = scenario.scrubbed_pages_per_second {
        timing.scrubbed_pages_per_second = pages;
    }
    let xen = Xen::new(&host, settings.flavour);
    let xen = match scenario.host.low_pages {
        Some(pages) => xen.with_low_pages(pages),
        None => xen,
    };
    Ok(xen.with_sizes(sizes).with_timing(timing))
}

pub(super) fn lives(
    scenario: &Scenario,
    settings: &Settings,
    strategy: Strategy,
    free_pages: u64,
    rng: &mut Rng,
) -> Vec<Life> {
    let lingering = match scenario.jitter {
        true => LINGERING_MILLIS[rng.usize(0..3)],
        false => LINGERING_MILLIS[0],
    };
    let mut lives = Vec::new();
    for spec in &scenario.vms {
        for i in 1..=spec.count {
            let vm = Character {
                name: match spec.count {
                    1 => spec.name.clone(),
                    _ => format!("{}{i}", spec.name),
                },
                vcpus: spec.vcpus,
                memory_pages: spec.memory.pages(free_pages, spec.vcpus, settings.variant),
                kind: spec.kind,
                policy: spec.policy.into(),
                strategy,
                builder_claims: spec.builder_claims,
                bound_to: (spec.bound_to_nodes.as_ref())
                    .map(|nodes| nodes.iter().copied().collect()),
            };
            let seed = rng.u64(..);
            let way = settings.toolstack.way;
            lives.push(Life::new(vm, way, seed, scenario.jitter, lingering));
        }
    }
    lives
}

/// The VMs of that name, or of that name and a number.
pub(super) fn named(lives: &[Life], name: &str) -> Result<Vec<usize>, PlayError> {
    let is = |life: &Life| {
        let rest = life.vm.name.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.parse::<u32>().is_ok())
    };
    let exact = lives.iter().position(|life| life.vm.name == name);
    let found: Vec<usize> = match exact {
        Some(vm) => vec![vm],
        None => (0..lives.len()).filter(|vm| is(&lives[*vm])).collect(),
    };
    match found.is_empty() {
        true => Err(PlayError::UnknownVm(name.to_string())),
        false => Ok(found),
    }
}

pub(super) fn faults(scenario: &Scenario, lives: &[Life]) -> Result<Vec<Fault>, PlayError> {
    let mut faults = Vec::new();
    for spec in &scenario.faults {
        let vms = match &spec.vm {
            None => vec![None],
            Some(name) => named(lives, name)?.into_iter().map(Some).collect(),
        };
        for vm in vms {
            let errno = spec.errno.clone().unwrap_or_default();
            let fault = Fault::of(spec, vm).ok_or(PlayError::UnknownErrno(errno))?;
            faults.push(fault);
        }
    }
    Ok(faults)
}

impl From<Error> for PlayError {
    fn from(error: Error) -> Self {
        PlayError::Protocol(error)
    }
}
