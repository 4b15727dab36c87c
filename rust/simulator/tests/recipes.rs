//! Every bug of the field, reproduced: what the old strategy does wrong, and that this project's
//! protocol does not, over many seeds.

mod common;
// Its hosts are for tests of the model, which know it by its package's name.
extern crate model as xenopsd_numa_model;
#[path = "../../model/tests/common/mod.rs"]
mod xens;

use claims::{Claim, Errno, Hypervisor, NodePages};
use common::{assert_well, found, report, run_timed, scenario, start, OURS};
use model::{Finding, Flavour};
use xenopsd_numa_simulator::{Ending, RunResult};
use xens::{domain, populate, xen, GIB};

const SEEDS: u64 = 12;

/// What is said of each of a number of seeds.
fn each_seed(
    name: &str,
    toolstack: &str,
    flavour: Flavour,
    mut say: impl FnMut(&RunResult),
) -> Vec<RunResult> {
    let scenario = scenario(name);
    let results = (1..=SEEDS).map(|seed| {
        let result = run_timed(&scenario, toolstack, flavour, seed);
        say(&result);
        result
    });
    results.collect()
}

#[test]
fn r1_two_vms_that_start_together_do_not_meet_on_a_node() {
    let phase = "parallel start";
    for old in ["xapi-2025", "xapi-2026", "libvirt"] {
        each_seed("parallel-boot", old, Flavour::UPSTREAM, |result| {
            assert_eq!(result.failed_starts(), 0, "{}", report(result));
            let [one, two] = ["pair1", "pair2"].map(|vm| start(result, phase, vm));
            assert_eq!(one.nodes, two.nodes, "{}", report(result));
            // 614 GiB and half of the pools on a node of 512, or of 508.
            let remote = one.remote_pages + two.remote_pages;
            assert!((102..116).contains(&(remote / GIB)), "{}", report(result));
        });
    }
    // A claim in the same step as the plan is enough, where it can be on a node.
    for (new, flavour) in [
        ("xapi-2026-xs9", Flavour::XS9),
        (OURS, Flavour::XEN_4_17),
        (OURS, Flavour::UPSTREAM),
        (OURS, Flavour::XS9),
        (OURS, Flavour::V8),
    ] {
        each_seed("parallel-boot", new, flavour, |result| {
            assert_well(result);
            let [one, two] = ["pair1", "pair2"].map(|vm| start(result, phase, vm));
            assert_ne!(one.nodes, two.nodes, "{}", report(result));
            assert_eq!(one.remote_pages + two.remote_pages, 0, "{}", report(result));
        });
    }
}

#[test]
fn r2_what_nobody_claimed_does_not_take_what_somebody_did() {
    each_seed("mixed-claims", "xapi-2026-xs9", Flavour::XS9, |result| {
        let large = start(result, "parallel start", "large");
        assert!(
            !large.started && large.claim == "node",
            "{}",
            report(result)
        );
        assert_eq!(large.reason, "populating its memory: ENOMEM");
        assert!(found(result, Finding::ClaimNotHonoured) > 0);
        assert_eq!(result.failed_starts(), 1, "{}", report(result));
    });
    // Where Xen keeps what is claimed on a node from its own structures, too, that works.
    for flavour in [Flavour::V4_FIXED, Flavour::V5, Flavour::V7, Flavour::V8] {
        each_seed("mixed-claims", "xapi-2026-xs9", flavour, assert_well);
    }
    for flavour in [Flavour::XS9, Flavour::XS9_2025, Flavour::V5] {
        each_seed("mixed-claims", OURS, flavour, assert_well);
    }
}

#[test]
fn r2_who_once_claimed_a_node_takes_what_others_claimed_of_another() {
    for (flavour, taken) in [
        (Flavour::XS9, true),
        (Flavour::V4_FIXED, false),
        (Flavour::V7, false),
    ] {
        let model = model::Model::of(xen(flavour, &[20 * GIB, 20 * GIB]));
        let claim_node = |domid, node, pages| {
            let set = [NodePages { node, pages }];
            let claim = match flavour.has_claim_sets() {
                true => Claim::Set(&set),
                false => Claim::Node { node, pages },
            };
            model.claim(domid, claim).expect("a claim")
        };
        let [victim, other] = [0, 1].map(|_| model.with(|xen| domain(xen, 40 * GIB)));
        claim_node(victim, 0, 20 * GIB);
        claim_node(other, 1, 2 * GIB);
        model.with(|xen| {
            populate(xen, other, GIB, Some(1)).expect("claimed");
            populate(xen, other, GIB, Some(1)).expect("claimed");
            // Its claim is used up, but the node of it is not forgotten.
            let got = populate(xen, other, GIB, Some(0));
            assert_eq!(got.is_ok(), taken, "{}", flavour.name);
            let had = (0..20).map_while(|_| populate(xen, victim, GIB, Some(0)).ok());
            assert_eq!(had.count() == 20, !taken, "{}", flavour.name);
        });
    }
}

#[test]
fn r3_a_footprint_is_not_claimed_when_half_of_it_is_there() {
    for flavour in [Flavour::XEN_4_17, Flavour::UPSTREAM, Flavour::XS9] {
        each_seed("claim-too-late", "xapi-draft", flavour, |result| {
            let whole = start(result, "start", "whole");
            assert!(!whole.started, "{}", report(result));
            assert_eq!(whole.reason, "claiming its memory on the host: ENOMEM");
        });
        // The memory alone can be claimed that late; or all of it early.
        each_seed("claim-too-late", "xapi-2026-xs9", flavour, assert_well);
        each_seed("claim-too-late", OURS, flavour, assert_well);
    }
}

#[test]
fn r4_an_extent_on_its_way_does_not_refuse_a_claim_that_fits() {
    let late = each_seed("window", "host-claims", Flavour::XEN_4_17, |result| {
        assert!(start(result, "parallel start", "large").started);
    });
    let refused = late.iter().filter(|result| {
        let rest = start(result, "parallel start", "rest");
        rest.reason == "claiming its memory on the host: ENOMEM"
    });
    // The window is open about half of the time.
    let refused = refused.count() as u64;
    assert!((2..=SEEDS - 2).contains(&refused), "{refused}");
    each_seed("window", "host-claims", Flavour::UPSTREAM, |result| {
        assert_well(result);
        assert_eq!(found(result, Finding::HostOverclaimed), 0);
    });
    for flavour in [Flavour::XEN_4_17, Flavour::UPSTREAM, Flavour::XS9_2025] {
        each_seed("window", OURS, flavour, assert_well);
    }
}

#[test]
fn r4_a_difference_below_zero_does_not_let_a_claim_succeed() {
    let phase = "parallel start";
    let late = each_seed("window-wrap", "host-claims", Flavour::XEN_4_17, |result| {
        let [large, late] = ["large", "late"].map(|vm| start(result, phase, vm));
        // One of them runs, and it is the wrong one at times.
        assert_ne!(large.started, late.started, "{}", report(result));
    });
    let wrongly: Vec<_> = (late.iter())
        .filter(|result| start(result, phase, "late").started)
        .collect();
    assert!(!wrongly.is_empty());
    for result in wrongly {
        let large = start(result, phase, "large");
        assert_eq!(large.reason, "populating its memory: ENOMEM");
        assert!(found(result, Finding::ClaimNotHonoured) > 0);
    }
    for (toolstack, flavour) in [
        ("host-claims", Flavour::UPSTREAM),
        (OURS, Flavour::XEN_4_17),
        (OURS, Flavour::UPSTREAM),
        (OURS, Flavour::XS9_2025),
    ] {
        each_seed("window-wrap", toolstack, flavour, |result| {
            assert!(start(result, phase, "large").started, "{}", report(result));
            assert!(!start(result, phase, "late").started, "{}", report(result));
            assert_eq!(result.ending, Ok(()));
        });
    }
}

#[test]
fn r5_a_claim_that_grew_does_not_outlive_the_build() {
    each_seed("refill", "host-claims", Flavour::XEN_4_17, |result| {
        assert!(found(result, Finding::Refilled) > 0);
        assert!(start(result, "migration", "migrant").started);
        let next = start(result, "start", "next");
        assert!(!next.started, "{}", report(result));
        assert_eq!(next.reason, "claiming its memory on the host: ENOMEM");
    });
    each_seed("refill", "host-claims", Flavour::UPSTREAM, |result| {
        assert_well(result);
        assert_eq!(found(result, Finding::Refilled), 0);
    });
    each_seed("refill", OURS, Flavour::XEN_4_17, |result| {
        assert_well(result);
        assert!(found(result, Finding::Refilled) > 0);
    });
}

#[test]
fn r6_a_dying_domain_leaves_no_claim_behind() {
    for flavour in [Flavour::XEN_4_17, Flavour::XS9_2025] {
        let mut later_failures = 0;
        each_seed("dying", "host-claims", flavour, |result| {
            assert!(found(result, Finding::Leaked) > 0, "{}", report(result));
            let left = match result.ending {
                Err(Ending::Left {
                    outstanding_pages,
                    missing_pages: 0,
                    builds: 0,
                }) => outstanding_pages,
                _ => panic!("{}", report(result)),
            };
            assert!(left >= 100 * GIB - 32, "{left}");
            let after = result.starts.iter().filter(|start| start.phase == "start");
            later_failures += after.filter(|start| !start.started).count();
        });
        assert!(later_failures > 0, "nothing that came later was refused");
    }
    let not = |result: &RunResult| {
        assert_eq!(result.ending, Ok(()), "{}", report(result));
        assert_eq!(found(result, Finding::Leaked), 0);
        for vm in ["victim1", "pv1"] {
            assert!(start(result, "start", vm).started, "{}", report(result));
        }
    };
    each_seed("dying", "host-claims", Flavour::UPSTREAM, not);
    for flavour in [
        Flavour::XEN_4_17,
        Flavour::XS9_2025,
        Flavour::UPSTREAM,
        Flavour::XS9,
    ] {
        each_seed("dying", OURS, flavour, not);
    }
}

#[test]
fn r7_memory_that_is_still_coming_back_is_waited_for() {
    let failed =
        |results: &[RunResult]| results.iter().map(RunResult::failed_starts).sum::<usize>();
    for flavour in [Flavour::XEN_4_17, Flavour::UPSTREAM] {
        // Who looks once sees next to nothing.
        let once = each_seed("async-destroy", "host-claims", flavour, |result| {
            for start in result.starts.iter().filter(|start| !start.started) {
                assert_eq!(start.phase, "restart");
                assert!(start.reason.ends_with("are needed"), "{}", start.reason);
            }
        });
        // Who asks again for a minute sometimes gives up too early.
        let minute = each_seed("async-destroy", "xapi-2026", flavour, |_| ());
        // Who goes on without memory builds into nothing.
        let on = each_seed("async-destroy", "libvirt", flavour, |result| {
            for start in result.starts.iter().filter(|start| !start.started) {
                assert_eq!(start.reason, "populating its memory: ENOMEM");
            }
        });
        let [once, minute, on] = [once, minute, on].map(|results| failed(&results));
        assert!(
            once > minute && minute > 0 && on > minute,
            "{once} {minute} {on}"
        );
    }
    for flavour in Flavour::ALL
        .into_iter()
        .filter(|flavour| *flavour != Flavour::V4)
    {
        let results = each_seed("async-destroy", OURS, flavour, assert_well);
        let starts = results.iter().flat_map(|result| &result.starts);
        assert!(starts.filter(|start| !start.waited.is_zero()).count() > 0);
    }
}

#[test]
fn r8_a_full_host_is_refused_before_anything_is_built() {
    let flavours = [Flavour::XEN_4_17, Flavour::UPSTREAM, Flavour::XS9];
    for flavour in flavours {
        for toolstack in ["host-claims", "libvirt", OURS] {
            assert_well(&run_timed(&scenario("host-full"), toolstack, flavour, 1));
        }
    }
    for name in ["host-full-32", "host-full-544", "host-full-pool"] {
        let scenario = scenario(name);
        for flavour in flavours {
            // Without a claim a build ends when there is nothing left, and takes neighbours along.
            let old = run_timed(&scenario, "libvirt", flavour, 1);
            for start in old.starts.iter().filter(|start| !start.started) {
                let reasons = [
                    "populating its memory: ENOMEM",
                    "starting its device model: ENOMEM",
                ];
                assert!(reasons.contains(&start.reason.as_str()), "{}", report(&old));
            }
            assert!(!start(&old, "sequential start", "last").started);
            let ours = run_timed(&scenario, OURS, flavour, 1);
            for start in &ours.starts {
                assert_eq!(start.started, start.vm != "last", "{}", report(&ours));
                if !start.started {
                    assert!(
                        start.reason.contains("the host is full"),
                        "{}",
                        start.reason
                    );
                    // As the reason says too.
                    let waited = format!("waited {} s", start.waited.as_secs_f64());
                    assert!(start.reason.contains(&waited), "{waited}: {}", start.reason);
                    assert!(!start.waited.is_zero(), "{}", start.reason);
                }
            }
            assert_eq!(ours.ending, Ok(()));
        }
    }
    // A pool too few: starting together, all three get in each other's way and fail.
    let old = run_timed(&scenario("host-full-pool"), "libvirt", Flavour::UPSTREAM, 1);
    assert_eq!(old.failed_starts(), 4, "{}", report(&old));
}

#[test]
fn r9_smaller_extents_of_the_right_node_come_before_large_ones_of_another() {
    for flavour in [Flavour::XEN_4_17, Flavour::UPSTREAM, Flavour::XS9] {
        let old = run_timed(&scenario("fragmentation"), "xapi-2026", flavour, 1);
        let first = start(&old, "start", "first");
        assert!(first.started && first.nodes.len() == 1, "{}", report(&old));
        assert!(first.remote_pages > 20 * GIB, "{}", report(&old));
    }
    for flavour in [
        Flavour::XS9,
        Flavour::XS9_2025,
        Flavour::V5,
        Flavour::V7,
        Flavour::V8,
    ] {
        let ours = run_timed(&scenario("fragmentation"), OURS, flavour, 1);
        assert_well(&ours);
        assert_eq!(ours.remote_pages(), 0, "{}", report(&ours));
    }
    // Without claims on nodes nobody can make Xen do so, and memory spills.
    let ours = run_timed(&scenario("fragmentation"), OURS, Flavour::UPSTREAM, 1);
    assert_well(&ours);
    assert!(ours.remote_pages() > 0);
}

#[test]
fn r9_a_claim_on_a_node_is_not_served_from_another_while_it_lasts() {
    let mut xen = xen(Flavour::XS9, &[10 * GIB, 10 * GIB]);
    let other = domain(&mut xen, 10 * GIB);
    for _ in 0..10 {
        populate(&mut xen, other, GIB, Some(0)).expect("a whole node");
    }
    // Half of the node in pieces of 2 MiB.
    xen.free_scattered(other, 0, 4 * GIB, 512).expect("pieces");
    let domid = domain(&mut xen, 4 * GIB);
    xen.set_node_affinity(domid, planner::NodeSet::one(0))
        .expect("a node");
    xen.claim_node(domid, 0, 4 * GIB).expect("a claim");
    assert_eq!(populate(&mut xen, domid, GIB, None), Err(Errno::ENOMEM));
    for _ in 0..4 * GIB / 512 {
        assert_eq!(populate(&mut xen, domid, 512, None), Ok(0));
    }
    assert_eq!(xen.check(), Ok(()));
}
