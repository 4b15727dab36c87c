//! Soak runs on many hosts: no start fails where memory suffices, and nothing is left.

use model::{Consume, Finding, Flavour, NodeClaims};
use xenopsd_numa_simulator::soak;

/// Hosts of each flavour, and starts on each.
const HOSTS: u64 = 4;
const STARTS: u64 = 500;

#[test]
fn no_start_fails_where_memory_suffices() {
    for flavour in Flavour::ALL {
        let mut on_one_node = 0;
        for seed in 0..HOSTS {
            let run = soak(seed, STARTS, flavour).expect("a host");
            let name = flavour.name;
            assert_eq!(run.failures, Vec::<String>::new(), "{name} seed {seed}");
            assert_eq!(
                (run.starts, run.failed_starts),
                (STARTS, 0),
                "{name} seed {seed}"
            );
            assert_eq!(run.ending, Ok(()), "{name} seed {seed}");
            let broken = Finding::ALL.iter().zip(run.findings);
            for (finding, count) in broken.filter(|(_, count)| *count > 0) {
                // The protocol cannot keep these from their own; elsewhere nothing is found.
                let late = flavour.consume == Consume::AtAssign;
                let xs9 = flavour.node_claims == NodeClaims::Xs9;
                assert!(
                    late || xs9,
                    "{name} seed {seed}: {} {count}",
                    finding.name()
                );
                assert_ne!(*finding, Finding::ClaimNotHonoured, "{name} seed {seed}");
                assert_ne!(*finding, Finding::StickyNode, "{name} seed {seed}");
                assert_ne!(*finding, Finding::Leaked, "{name} seed {seed}");
            }
            on_one_node += run.on_one_node;
        }
        let share = on_one_node as f64 / (HOSTS * STARTS) as f64;
        assert!(share > 0.3, "{}: {share} on one node", flavour.name);
    }
}

#[test]
fn a_seed_is_a_run() {
    for flavour in [Flavour::XEN_4_17, Flavour::V8] {
        let run = |seed| soak(seed, 200, flavour).expect("a host");
        assert_eq!(run(77), run(77));
        assert_ne!(run(77), run(78));
    }
}
