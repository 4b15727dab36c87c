//! The Xen, the VMs and the faults of a scenario, as the seed makes them.

use std::time::Duration;

use fastrand::Rng;
use model::{Sizes, Timing, Xen};
use planner::{Invalid, Strategy};

use super::error::RunError;
use super::lifecycle::{Lifecycle, ResolvedVm};
use super::names::Names;
use super::scenario::{Scenario, VmSpec};
use super::settings::Settings;
use super::stage::Fault;

/// How long destroying a domain takes at most, as its toolstack sees it: hardly any of its memory
/// is back, some is, or all.
const LINGERING_MILLIS: [u64; 3] = [2000, 30_000, 90_000];

/// The Xen of a scenario, as the seed makes it.
pub(super) fn xen(
    scenario: &Scenario,
    settings: &Settings,
    rng: &mut Rng,
) -> Result<Xen, RunError> {
    let host = scenario.host.host(rng)?;
    Xen::check_host(&host)?;
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

/// The VMs of a scenario, none of them started.
pub(super) fn vms(
    scenario: &Scenario,
    names: &Names,
    settings: &Settings,
    strategy: Strategy,
    free_pages: u64,
    rng: &mut Rng,
) -> Vec<Lifecycle> {
    let lingering = match scenario.jitter {
        true => LINGERING_MILLIS[rng.usize(0..3)],
        false => LINGERING_MILLIS[0],
    };
    let alike = |spec: &VmSpec| (0..spec.count).map(|_| spec.clone()).collect::<Vec<_>>();
    let specs = scenario.vms.iter().flat_map(alike);
    let vms = names
        .all()
        .iter()
        .zip(specs)
        .map(|(name, spec)| ResolvedVm {
            name: name.clone(),
            vcpus: spec.vcpus,
            memory_pages: spec.memory.pages(free_pages, spec.vcpus, settings.variant),
            kind: spec.kind,
            policy: spec.policy.into(),
            strategy,
            builder_claims: spec.builder_claims,
            bound_to: (spec.bound_to_nodes.as_ref()).map(|nodes| nodes.iter().copied().collect()),
        });
    vms.map(|vm| {
        let seed = rng.u64(..);
        Lifecycle::new(vm, settings.toolstack.way, seed, scenario.jitter, lingering)
    })
    .collect()
}

/// The calls that go wrong, for each VM that they are to go wrong for.
pub(super) fn faults(scenario: &Scenario, names: &Names) -> Result<Vec<Fault>, Invalid> {
    let mut faults = Vec::new();
    for (i, spec) in scenario.faults.iter().enumerate() {
        let vms: Vec<Option<usize>> = match &spec.vm {
            None => vec![None],
            Some(name) => names
                .find(&format!("faults[{i}].vm"), name)?
                .map(Some)
                .collect(),
        };
        for vm in vms {
            let fault = Fault::of(spec, vm);
            faults.push(fault.ok_or_else(|| {
                let found = format!("{:?}, {:?}", spec.call, spec.errno);
                Invalid::new(
                    format!("faults[{i}]"),
                    found,
                    "a call and an errno of Xen's",
                )
            })?);
        }
    }
    Ok(faults)
}
