//! A change of `numa-claims` where domains are let through without a look.

use std::time::Duration;

use claims::{Claims, Config, Reservation};
use model::Flavour;
use planner::Policy;

use crate::bench::{bench_with, GIB};

fn never() -> Config {
    Config::default().with_claims(Claims::Never)
}

#[test]
fn the_first_domain_after_the_switch_claims() {
    for flavour in Flavour::ALL {
        let bench = bench_with(flavour, never());
        let first = bench.place(GIB, Policy::Any);
        bench.protocol.configure(Config::default());
        assert_eq!(bench.protocol.status().pending, Some(Claims::Always));
        assert!(bench.build(first));
        let second = bench.place(GIB, Policy::Any);
        assert_eq!(
            second.outcome().reservation,
            Reservation::Anywhere,
            "{}",
            flavour.name
        );
        assert_eq!(bench.outstanding(second.domid()), GIB);
    }
}

#[test]
fn a_build_whose_domain_is_gone_does_not_hold_the_switch_up() {
    for flavour in Flavour::ALL {
        let bench = bench_with(flavour, never());
        let first = bench.place(GIB, Policy::Any);
        bench.xen.backend.destroy(first.domid()).unwrap();
        bench.xen.backend.advance(Duration::from_secs(60));
        bench.protocol.configure(Config::default());
        let second = bench.place(GIB, Policy::Any);
        assert_eq!(second.outcome().queued, Duration::ZERO);
        assert_eq!(
            second.outcome().reservation,
            Reservation::Anywhere,
            "{}",
            flavour.name
        );
    }
}
