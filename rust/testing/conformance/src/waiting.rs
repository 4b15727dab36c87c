//! What a placement waits for, how long, and what it says when it waited in vain.

use std::sync::Arc;
use std::time::Duration;

use claims::{Accounting, Claim, Claims, Error, Reservation, Step};
use planner::Policy;

use super::bench::{placement, request, wait, Backend, Bench, Fault};

/// Claims memory as another process does, of which the bench's own knows nothing.
fn claimed_by_others<S: Backend>(bench: &Bench<S>, pages: u64) {
    let domid = bench.create(pages);
    let claim = Claim::Host { pages };
    bench.xen.backend.claim(domid, claim).unwrap();
}

pub fn a_quiet_full_host_is_refused_soon_and_with_figures<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let pages = bench.most();
    claimed_by_others(&bench, pages);
    let domid = bench.create(pages);
    let place = || {
        let asked = placement(domid, request(pages, Policy::BestEffort));
        bench.protocol.place(asked).unwrap_err()
    };
    let start = bench.xen.backend.now();
    let error = place();
    let Error::HostFull {
        needed_pages,
        available_pages,
        waited,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(needed_pages > pages && available_pages < pages * 2 / 5);
    assert!(waited <= bench.xen.backend.now() - start, "{waited:?}");
    let slept = *bench.xen.slept.lock().unwrap();
    assert!(slept < Duration::from_secs(10), "{slept:?}");
    // Without a wait it is refused at once.
    bench.protocol.configure(wait(&bench.xen.backend, 0));
    place();
    assert_eq!(*bench.xen.slept.lock().unwrap(), slept);
}

pub fn the_room_for_pools_is_held_back_until_they_are_filled<S: Backend>(open: &dyn Fn() -> S) {
    let backend = open();
    let config = wait(&backend, 0);
    let bench = Bench::with(backend, config.clone());
    let first = bench.place(bench.most() / 2, Policy::Any);
    let free = bench.xen.backend.memory().unwrap().host_free_pages;
    let overhead = first.request().overhead_pages;
    let fits = free - bench.most() / 2 - overhead - config.reserve().host_pages;
    // All that is free but for the first one's pool: too much with an overhead of its own.
    let second = bench.create(fits);
    let error = bench
        .protocol
        .place(placement(second, request(fits, Policy::Any)))
        .unwrap_err();
    assert!(
        matches!(error, Error::Busy { .. } | Error::HostFull { .. }),
        "{error}"
    );
}

pub fn a_change_of_claims_waits_for_the_builds_in_flight<S: Backend>(open: &dyn Fn() -> S) {
    let backend = open();
    let config = wait(&backend, 2);
    let bench = Bench::with(backend, config.clone());
    let pages = bench.small();
    let first = bench.place(pages, Policy::BestEffort);
    let never = config.with_claims(Claims::Never);
    bench.protocol.configure(never);
    let status = bench.protocol.status();
    assert_eq!(status.config.claims(), Claims::Always);
    assert_eq!(status.pending, Some(Claims::Never));
    let domid = bench.create(pages);
    let asked = || placement(domid, request(pages, Policy::BestEffort));
    let error = bench.protocol.place(asked()).unwrap_err();
    assert!(
        matches!(&error, Error::Busy { builds, .. } if *builds == [first.domid()]),
        "{error}"
    );
    assert!(bench.build(first));
    let placed = bench.protocol.place(asked()).unwrap();
    assert_eq!(placed.outcome().reservation, Reservation::Unclaimed);
    assert_eq!(bench.protocol.status().pending, None);
}

pub fn with_late_accounting_a_tight_claim_queues_behind_builds<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let late = bench.protocol.status().accounting == Accounting::Late;
    if !late || bench.xen.backend.node_claims() {
        return;
    }
    // Both fit, and leave too little to hide an extent of 1 GiB for each build.
    let first = bench.place(bench.most() * 60 / 100, Policy::Any);
    let pages = bench.most() * 66 / 100;
    let domid = bench.create(pages);
    let mut placing = bench
        .protocol
        .start(placement(domid, request(pages, Policy::Any)));
    assert!(matches!(bench.protocol.step(&mut placing), Step::Wait(_)));
    assert_eq!(bench.outstanding(domid), 0);
    bench.protocol.abandon(first.domid()).unwrap();
    let step = bench.protocol.step(&mut placing);
    assert!(matches!(step, Step::Placed(_)), "{step:?}");
}

pub fn what_only_goes_up_and_down_is_no_progress<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let mut looks = 0;
    *bench.xen.wobble.lock().unwrap() = Box::new(move || {
        looks += 1;
        looks / 2 % 2 * 10_000
    });
    let pages = bench.most() * 32 / 25;
    let domid = bench.create(pages);
    let error = bench
        .protocol
        .place(placement(domid, request(pages, Policy::BestEffort)))
        .unwrap_err();
    assert!(matches!(error, Error::HostFull { .. }), "{error}");
    let slept = *bench.xen.slept.lock().unwrap();
    assert!(slept < Duration::from_secs(12), "{slept:?}");
}

pub fn what_the_host_can_never_give_is_refused_at_once<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let pages = bench.most() * 6;
    let domid = bench.create(pages);
    let error = bench
        .protocol
        .place(placement(domid, request(pages, Policy::BestEffort)))
        .unwrap_err();
    let Error::HostFull { waited, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(waited, Duration::ZERO);
}

/// A look at a claim that comes late, because the control domain was stalled, still ends.
pub fn a_stalled_clock_does_not_hang_a_placement<S: Backend>(open: &dyn Fn() -> S) {
    let backend = open();
    let config = wait(&backend, 20);
    let bench = Bench::with(backend, config);
    let late = bench.protocol.status().accounting == Accounting::Late;
    if !late || bench.xen.backend.node_claims() {
        return;
    }
    bench.xen.stall.lock().unwrap().0 = Duration::from_secs(2);
    let backend = bench.xen.backend.clone();
    // More is claimed than is free as soon as anything is claimed.
    *bench.xen.wobble.lock().unwrap() =
        Box::new(
            move || match backend.memory().unwrap().host_outstanding_pages {
                0 => 0,
                _ => 1 << 40,
            },
        );
    let pages = bench.small();
    let domid = bench.create(pages);
    let error = bench
        .protocol
        .place(placement(domid, request(pages, Policy::BestEffort)))
        .unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    assert_eq!(bench.outstanding(domid), 0);
}

/// Another process claims between our look and our claim.
pub fn who_is_overtaken_gets_that_the_host_is_full<S: Backend>(open: &dyn Fn() -> S) {
    let backend = open();
    let config = wait(&backend, 0);
    let bench = Bench::with(backend, config);
    let pages = bench.most();
    let (other, domid) = (bench.create(pages), bench.create(pages));
    let claim = Claim::Host { pages };
    let overtake = move |backend: &S| backend.claim(other, claim).unwrap();
    let fault = Fault::Overtaken(Arc::new(overtake));
    bench.xen.set("claim_host", fault);
    let error = bench
        .protocol
        .place(placement(domid, request(pages, Policy::Any)))
        .unwrap_err();
    assert!(matches!(error, Error::HostFull { .. }), "{error}");
    assert_eq!(bench.outstanding(other), pages);
    assert_eq!(bench.outstanding(domid), 0);
}
