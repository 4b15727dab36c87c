//! A naive Xen, page by page, written from the specification: the model must do what it does.

#[path = "../common/mod.rs"]
mod common;
mod comparison;
mod draw;
mod heap;
mod lifecycle;
mod rules;
mod state;
mod walk;

use std::panic::{catch_unwind, AssertUnwindSafe};

use comparison::Comparison;
use fastrand::Rng;
use xenopsd_numa_model::Flavour;

/// Runs of each flavour, and calls of each run.
const RUNS: u64 = 300;
const CALLS: u64 = 80;

/// One run: whether the host crashed.
fn run(flavour: Flavour, seed: u64, progress: &mut u64) -> bool {
    let mut rng = Rng::with_seed(seed);
    let mut comparison = Comparison::new(flavour, &mut rng);
    for call in 0..CALLS {
        *progress = call;
        comparison.any_call(&mut rng);
        if comparison.crashed {
            return true;
        }
        comparison.compare();
        if call % 16 == 0 {
            assert_eq!(comparison.xen.check_addresses(), Ok(()));
        }
    }
    false
}

/// Every run of a flavour; whether hosts of it crash is known.
fn run_all(flavour: Flavour) {
    let mut crashes = 0;
    for seed in 0..RUNS {
        let mut call = 0;
        let ran = catch_unwind(AssertUnwindSafe(|| run(flavour, seed, &mut call)));
        crashes += match ran {
            Ok(crashed) => u64::from(crashed),
            Err(_) => panic!("{} seed {seed} call {call}", flavour.name),
        };
    }
    let crashing = flavour.name.starts_with("xs9") || flavour.name.starts_with("v4");
    assert_eq!(crashes > 0, crashing, "{}", flavour.name);
}

macro_rules! flavours {
    ($($test:ident: $flavour:ident),+ $(,)?) => {
        $(#[test]
        fn $test() {
            run_all(Flavour::$flavour);
        })+

        #[test]
        fn no_flavour_is_left_out() {
            assert_eq!([$(Flavour::$flavour),+], Flavour::ALL);
        }
    };
}

flavours! {
    xen_4_17: XEN_4_17,
    upstream: UPSTREAM,
    xen_4_22: XEN_4_22,
    xs9: XS9,
    xs9_2025: XS9_2025,
    v4: V4,
    v4_fixed: V4_FIXED,
    v5: V5,
    v7: V7,
    v8: V8,
}
