//! The boot storm of the field with this project's protocol: no start may fail, and the host is at
//! the end what it was.

mod common;

use common::{report, scenario};
use model::Flavour;
use xenopsd_numa_simulator::{run, RunResult, Scenario, Settings, Variant};

/// Both variants of each seed, on the flavours that are in the field; `XENOPSD_NUMA_SEEDS` makes
/// them more.
const SEEDS: u64 = 100;

/// On those that are only proposed.
const SEEDS_OF_PROPOSED: u64 = 10;

fn seeds() -> u64 {
    let asked = std::env::var("XENOPSD_NUMA_SEEDS").ok();
    let asked = asked.map(|text| text.parse().expect("XENOPSD_NUMA_SEEDS is a number"));
    asked.unwrap_or(SEEDS)
}

fn storm(flavour: Flavour, variant: Variant, seed: u64) -> RunResult {
    let settings = Settings {
        seed,
        flavour,
        variant,
        ..Settings::default()
    };
    run(&scenario("boot-storm"), &settings).expect("a storm")
}

fn no_start_fails(flavour: Flavour, seeds: u64) {
    for variant in Variant::ALL {
        for seed in 1..=seeds {
            let result = storm(flavour, variant, seed);
            assert_eq!(result.starts.len(), 10);
            common::assert_well(&result);
            for start in &result.starts {
                let pages: u64 = start.pages_on.iter().map(|(_, pages)| pages).sum();
                let extra = pages - start.requested_pages;
                assert!((0..=512).contains(&extra), "{}", report(&result));
                assert_eq!(start.claimed_pages, start.requested_pages);
            }
        }
    }
}

/// With the strategy and the reserve that a host has on which nobody configured anything.
#[test]
fn no_start_fails_with_the_defaults() {
    let storm = Scenario {
        strategy: None,
        reserve_pages: None,
        ..scenario("boot-storm")
    };
    for flavour in Flavour::ALL {
        for variant in Variant::ALL {
            for seed in 1..=SEEDS_OF_PROPOSED {
                let settings = Settings {
                    seed,
                    flavour,
                    variant,
                    ..Settings::default()
                };
                let result = run(&storm, &settings).expect("a storm");
                common::assert_well(&result);
            }
        }
    }
}

#[test]
fn no_start_fails_on_4_17() {
    no_start_fails(Flavour::XEN_4_17, seeds());
}

#[test]
fn no_start_fails_upstream() {
    no_start_fails(Flavour::UPSTREAM, seeds());
    no_start_fails(Flavour::XEN_4_22, SEEDS_OF_PROPOSED);
}

#[test]
fn no_start_fails_on_xs9() {
    no_start_fails(Flavour::XS9, seeds());
}

#[test]
fn no_start_fails_on_xs9_2025() {
    no_start_fails(Flavour::XS9_2025, seeds());
}

#[test]
fn no_start_fails_with_claim_sets() {
    for flavour in [Flavour::V4_FIXED, Flavour::V5, Flavour::V7, Flavour::V8] {
        no_start_fails(flavour, SEEDS_OF_PROPOSED);
    }
}

#[test]
fn a_seed_is_a_result() {
    for flavour in [Flavour::XEN_4_17, Flavour::XS9] {
        let [unaligned, aligned] = Variant::ALL;
        let one = storm(flavour, unaligned, 42);
        assert_eq!(one, storm(flavour, unaligned, 42));
        assert_ne!(one.starts, storm(flavour, unaligned, 43).starts);
        assert_ne!(one.starts, storm(flavour, aligned, 42).starts);
    }
}

#[test]
fn it_goes_through_all_phases_and_everything_that_can_happen() {
    let flavours = [
        Flavour::XEN_4_17,
        Flavour::UPSTREAM,
        Flavour::XS9,
        Flavour::V7,
    ];
    let mut claims = Vec::new();
    let (mut waited, mut queued) = (0, 0);
    for flavour in flavours {
        for seed in 0..5 {
            let result = storm(flavour, Variant::Unaligned, seed);
            let count = |phase| result.starts.iter().filter(|s| s.phase == phase).count();
            assert_eq!(count("sequential start"), 3);
            assert_eq!(count("parallel start"), 3);
            assert_eq!(count("reboot of one"), 1);
            assert_eq!(count("parallel reboot"), 3);
            for start in &result.starts {
                assert!(start.requested_pages % 2 == 1 && start.requested_pages > 87_000_000);
                waited += usize::from(!start.waited.is_zero());
                queued += usize::from(!start.queued.is_zero());
                claims.push((flavour.name, start.claim));
            }
        }
    }
    assert!(
        waited > 50 && queued > 5,
        "{waited} waited, {queued} queued"
    );
    for flavour in flavours {
        let on_several = match flavour.has_claim_sets() {
            true => "set",
            false => "host",
        };
        assert!(claims.contains(&(flavour.name, on_several)));
        let on_nodes = claims.contains(&(flavour.name, "node"));
        assert_eq!(on_nodes, flavour.has_node_claims(), "{}", flavour.name);
    }
}
