//! Claims that vanish between the call and the look at them, and answers that there are none: what
//! one domain met says nothing yet of the hypervisor.

use std::sync::Arc;

use claims::{Domid, Errno, Error, Placement, Reservation};
use model::{Flavour, Model};
use planner::Policy;

use crate::bench::{bench, GIB};
use conformance::bench::{placement, request, Bench, Fault};

/// What a claim is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Host,
    Node,
    Set,
}

impl Kind {
    /// Those that a hypervisor has.
    fn of(flavour: Flavour) -> Vec<Kind> {
        let has = |kind: &Kind| match kind {
            Kind::Host => true,
            Kind::Node => flavour.has_node_claims(),
            Kind::Set => flavour.has_claim_sets(),
        };
        let kinds = [Kind::Host, Kind::Node, Kind::Set];
        kinds.into_iter().filter(has).collect()
    }

    fn pages(self) -> u64 {
        match self {
            Kind::Host | Kind::Node => GIB,
            Kind::Set => 80 * GIB,
        }
    }

    /// What leads to a claim of this kind.
    fn asked(self, domid: Domid) -> Placement {
        let policy = match self {
            Kind::Host => Policy::Any,
            Kind::Node | Kind::Set => Policy::BestEffort,
        };
        placement(domid, request(self.pages(), policy))
    }

    fn made(self, reservation: &Reservation) -> bool {
        match (self, reservation) {
            (Kind::Host, Reservation::Anywhere)
            | (Kind::Node, Reservation::NodeClaim(_))
            | (Kind::Set, Reservation::ClaimSet) => true,
            (
                Kind::Host | Kind::Node | Kind::Set,
                Reservation::NodeClaim(_)
                | Reservation::ClaimSet
                | Reservation::HostClaim
                | Reservation::Anywhere
                | Reservation::Unplaced(_)
                | Reservation::ClaimedByBuilder
                | Reservation::Unclaimed,
            ) => false,
        }
    }

    /// Its calls, as the bench names them.
    fn calls(self) -> &'static [&'static str] {
        match self {
            Kind::Host => &["claim_host"],
            Kind::Node => &["claim_node 0", "claim_node 1", "claim_set of one"],
            Kind::Set => &["claim_set"],
        }
    }
}

/// What makes a domain's claim vanish.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Destroyed,
    CancelledByAnother,
}

fn every_case() -> impl Iterator<Item = (Flavour, Kind, Loss)> {
    Flavour::ALL.into_iter().flat_map(|flavour| {
        (Kind::of(flavour).into_iter()).flat_map(move |kind| {
            [Loss::Destroyed, Loss::CancelledByAnother].map(|loss| (flavour, kind, loss))
        })
    })
}

/// Lets `loss` come to `domid` between the claim and the look at it.
fn lose(bench: &Bench<Model>, kind: Kind, domid: Domid, loss: Loss) {
    let happens = move |model: &Model| match loss {
        Loss::Destroyed => model.destroy(domid).unwrap(),
        Loss::CancelledByAnother => model.with(|xen| xen.claim_host(domid, 0)).unwrap(),
    };
    let happens = Fault::Overtaken(Arc::new(happens));
    let xen = bench.xen.clone();
    let at_the_claim = Fault::Overtaken(Arc::new(move |_: &Model| {
        xen.set("domains", happens.clone());
    }));
    for call in kind.calls() {
        bench.xen.set(call, at_the_claim.clone());
    }
}

/// The calls that claim something for `domid`.
fn claims_of(bench: &Bench<Model>, domid: Domid) -> Vec<String> {
    let calls = bench.xen.calls.lock().unwrap().clone();
    let of = |call: &String| {
        call.starts_with("claim_") && call.split(' ').any(|word| word == domid.to_string())
    };
    calls.into_iter().filter(of).collect()
}

#[test]
fn a_claim_that_vanishes_is_lost_and_no_sign_of_a_xen_without_claims() {
    for (flavour, kind, loss) in every_case() {
        let case = format!("{}, {kind:?}, {loss:?}", flavour.name);
        let bench = bench(flavour);
        let domid = bench.create(kind.pages());
        lose(&bench, kind, domid, loss);
        let error = bench.protocol.place(kind.asked(domid)).unwrap_err();
        assert!(
            matches!(error, Error::MustDestroy { .. }),
            "{case}: {error}"
        );
        let claims = claims_of(&bench, domid);
        assert_eq!(claims.len(), 1, "{case}: {claims:?}");
        assert_eq!(bench.outstanding(domid), 0, "{case}");
        bench.xen.clear();
        _ = bench.xen.backend.destroy(domid);
        bench.protocol.abandon(domid).unwrap();
        let status = bench.protocol.status();
        assert_ne!(status.host_claims, Some(false), "{case}");
        if flavour.has_node_claims() && !flavour.has_claim_sets() {
            assert_ne!(status.node_claims, Some(false), "{case}");
        }
        if flavour.has_claim_sets() {
            assert_ne!(status.claim_sets, Some(false), "{case}");
        }
        let next = bench.create(kind.pages());
        let placed = bench.protocol.place(kind.asked(next)).unwrap();
        let reservation = &placed.outcome().reservation;
        assert!(kind.made(reservation), "{case}: {reservation:?}");
        assert_eq!(bench.outstanding(next), kind.pages(), "{case}");
    }
}

/// Whether there are claims of a kind is known when two domains were told the same.
#[test]
fn a_kind_of_claims_is_given_up_after_a_second_domain() {
    for flavour in Flavour::ALL {
        for kind in Kind::of(flavour) {
            let case = format!("{}, {kind:?}", flavour.name);
            let bench = bench(flavour);
            let known = || {
                let status = bench.protocol.status();
                match kind {
                    Kind::Host => status.host_claims,
                    Kind::Node if flavour.has_claim_sets() => status.claim_sets,
                    Kind::Node => status.node_claims,
                    Kind::Set => status.claim_sets,
                }
            };
            let refused = || {
                for call in kind.calls() {
                    bench.xen.set(call, Fault::Errno(Errno::ENOSYS));
                }
                let domid = bench.create(kind.pages());
                let placed = bench.protocol.place(kind.asked(domid)).unwrap();
                let reservation = placed.outcome().reservation.clone();
                assert!(!kind.made(&reservation), "{case}: {reservation:?}");
                // The next kind takes its place.
                let claimed = match kind {
                    Kind::Host => 0,
                    Kind::Node | Kind::Set => kind.pages(),
                };
                assert_eq!(bench.outstanding(domid), claimed, "{case}");
                bench.xen.clear();
                assert!(bench.build(placed), "{case}");
                bench.xen.backend.destroy(domid).unwrap();
                bench
                    .xen
                    .backend
                    .advance(std::time::Duration::from_secs(120));
            };
            refused();
            assert_ne!(known(), Some(false), "{case}");
            let domid = bench.create(kind.pages());
            let placed = bench.protocol.place(kind.asked(domid)).unwrap();
            assert!(kind.made(&placed.outcome().reservation), "{case}");
            assert!(bench.build(placed), "{case}");
            bench.xen.backend.destroy(domid).unwrap();
            bench
                .xen
                .backend
                .advance(std::time::Duration::from_secs(120));
            refused();
            refused();
            assert_eq!(known(), Some(false), "{case}");
        }
    }
}
