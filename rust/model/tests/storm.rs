//! The boot storm: no start may fail, and the host is at the end what it was.

use planner::Strategy;
use xenopsd_numa_model::{boot_storm, Flavour, Storm, Variant};

/// The bar: as many seeds as this, in every flavour, both variants of each.
const SEEDS: u64 = 1000;

fn storm(seed: u64, variants: &[Variant], flavour: Flavour) -> Storm {
    boot_storm(seed, Strategy::Balance, variants, flavour).expect("a storm")
}

fn no_start_fails(flavour: Flavour) {
    let mut starts = 0;
    let mut bad = Vec::new();
    for seed in 0..SEEDS {
        let storm = storm(seed, &Variant::ALL, flavour);
        starts += storm.starts;
        bad.extend(
            storm
                .ending
                .err()
                .map(|ending| format!("seed {seed}: {ending}")),
        );
        let failed = storm.vms.iter().filter(|start| !start.started);
        bad.extend(failed.map(|s| {
            let variant = s.variant.name();
            format!(
                "seed {seed}: {} {variant} {} ({}): {}",
                s.vm, s.phase, s.claim, s.reason
            )
        }));
        for start in storm.vms.iter().filter(|start| start.started) {
            let pages: u64 = start.pages_on.iter().map(|(_, pages)| pages).sum();
            assert!(
                (0..=512).contains(&(pages - start.requested_pages)),
                "{start:?}"
            );
            assert_eq!(start.claimed_pages, start.requested_pages, "{start:?}");
        }
    }
    assert_eq!(starts as u64, SEEDS * 20);
    assert!(bad.is_empty(), "{}: {}", flavour.name, bad.join("\n"));
}

#[test]
fn no_start_fails_on_4_17() {
    no_start_fails(Flavour::XEN_4_17);
}

#[test]
fn no_start_fails_upstream() {
    no_start_fails(Flavour::UPSTREAM);
}

#[test]
fn no_start_fails_on_xs9() {
    no_start_fails(Flavour::XS9);
}

#[test]
fn no_start_fails_on_xs9_2025() {
    no_start_fails(Flavour::XS9_2025);
}

#[test]
fn a_seed_is_a_result() {
    for flavour in Flavour::ALL {
        let both = storm(42, &Variant::ALL, flavour);
        assert_eq!(both, storm(42, &Variant::ALL, flavour));
        assert_ne!(both.vms, storm(43, &Variant::ALL, flavour).vms);
        let apart = Variant::ALL.map(|variant| storm(42, &[variant], flavour).vms);
        assert_eq!(
            both.vms,
            apart.concat(),
            "a variant is not changed by the other"
        );
    }
}

#[test]
fn it_goes_through_all_phases_and_everything_that_can_happen() {
    let mut claims = Vec::new();
    let (mut waited, mut queued) = (0, 0);
    for flavour in Flavour::ALL {
        for seed in 0..20 {
            let storm = storm(seed, &[Variant::Unaligned], flavour);
            assert_eq!(storm.starts, 10);
            let count = |phase| storm.vms.iter().filter(|s| s.phase == phase).count();
            assert_eq!(count("sequential start"), 3);
            assert_eq!(count("parallel start"), 3);
            assert_eq!(count("reboot of one"), 1);
            assert_eq!(count("parallel reboot"), 3);
            for start in &storm.vms {
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
    for flavour in Flavour::ALL {
        assert!(claims.contains(&(flavour.name, "host")));
        let on_nodes = claims.contains(&(flavour.name, "node"));
        assert_eq!(on_nodes, flavour.has_node_claims(), "{}", flavour.name);
    }
}
