//! A function that a table lacks is distinguished from one that answers that there is nothing of
//! its kind: the protocol does without it from the first domain on, and never asks.

use claims::{Config, Domid, Protocol, Reservation};
use conformance::bench::{placement, request, Backend, Faulty};
use conformance::modelled::host;
use model::{Flavour, Model};
use planner::Policy;
use xenopsd_numa_table::{Exported, Table, XenopsdNumaHypervisor};

const PAGES: u64 = 1 << 18;

/// What came of one domain, placed and built through a table.
struct Started {
    kind: Reservation,
    /// The calls that only asked whether there are claims on nodes.
    probes: Vec<String>,
    pages_by_node: Option<Vec<u64>>,
}

fn start(exported: &Exported<Faulty<Model>>, protocol: &Protocol<Table<'_>>) -> Started {
    let (model, calls) = (&exported.hypervisor().backend, &exported.hypervisor().calls);
    let domid: Domid = Backend::create_domain(model, 1, PAGES).unwrap();
    calls.lock().unwrap().clear();
    let asked = placement(domid, request(PAGES, Policy::BestEffort));
    let placed = protocol.place(asked).unwrap();
    let mut probes = std::mem::take(&mut *calls.lock().unwrap());
    probes.retain(|call| call.starts_with("probe"));
    let kind = placed.outcome().reservation.clone();
    model.set_pool(domid, claims::pool_pages(1, PAGES)).unwrap();
    let pinned = protocol.pin(placed).unwrap();
    assert_eq!(model.populate(domid, PAGES, None), PAGES);
    let report = protocol.finish(pinned).unwrap();
    Started {
        kind,
        probes,
        pages_by_node: report.pages_by_node,
    }
}

fn on(
    flavour: Flavour,
    change: impl FnOnce(&mut XenopsdNumaHypervisor),
    check: impl FnOnce(&Protocol<Table<'_>>, &dyn Fn() -> Started),
) {
    let exported = Exported::new(Faulty::new(host(flavour, 2)));
    // SAFETY: `exported` has a table and lives until the end.
    let mut raw = unsafe { exported.as_ptr().read() };
    change(&mut raw);
    // SAFETY: the table is readable, and its functions are those of `exported`.
    let table = unsafe { Table::new(&raw) }.unwrap();
    let protocol = Protocol::open(table, Config::default()).unwrap();
    check(&protocol, &|| start(&exported, &protocol));
}

#[test]
fn a_missing_kind_of_claims_is_never_asked_for() {
    for flavour in Flavour::ALL {
        let name = flavour.name;
        let neither = |raw: &mut XenopsdNumaHypervisor| {
            (raw.claim_node, raw.claim_set) = (None, None);
        };
        on(flavour, neither, |protocol, start| {
            let status = protocol.status();
            let known = (status.node_claims, status.claim_sets, status.host_claims);
            assert_eq!(known, (Some(false), Some(false), None), "{name}");
            let started = start();
            assert_eq!(started.kind, Reservation::HostClaim, "{name}");
            assert_eq!(started.probes, [""; 0], "{name}");
            let probed = protocol.probe().unwrap();
            assert_eq!(
                (probed.node, probed.set),
                (Some(false), Some(false)),
                "{name}"
            );
        });
    }
}

/// The same answers by functions that are there: each of the first two domains is asked for.
#[test]
fn a_kind_of_claims_that_is_refused_is_asked_for_twice() {
    on(
        Flavour::XEN_4_17,
        |_| (),
        |protocol, start| {
            for known in [None, Some(false)] {
                let started = start();
                assert_eq!(started.kind, Reservation::HostClaim);
                let kinds: Vec<&str> = (started.probes.iter())
                    .map(|call| call.split(" d").next().unwrap())
                    .collect();
                assert_eq!(kinds, ["probe set", "probe"]);
                let status = protocol.status();
                assert_eq!((status.node_claims, status.claim_sets), (known, known));
            }
            assert_eq!(start().probes, [""; 0]);
        },
    );
}

#[test]
fn without_sets_there_are_claims_on_single_nodes() {
    on(
        Flavour::XS9,
        |raw| raw.claim_set = None,
        |protocol, start| {
            let started = start();
            assert!(matches!(started.kind, Reservation::NodeClaim(_)));
            assert!(started
                .probes
                .iter()
                .all(|call| call.starts_with("probe d")));
            let status = protocol.status();
            assert_eq!(
                (status.node_claims, status.claim_sets),
                (Some(true), Some(false))
            );
        },
    );
}

/// What a Xen is like comes through the table: without it claims on single nodes of the fourth
/// version would be taken for ones that pools may break.
#[test]
fn that_node_claims_bind_all_is_not_lost() {
    use claims::Hypervisor;
    for flavour in Flavour::ALL {
        let exported = Exported::new(Faulty::new(host(flavour, 2)));
        let through = exported.table().unwrap().capabilities();
        assert_eq!(through, exported.hypervisor().backend.capabilities());
        let fourth = matches!(flavour.node_claims, model::NodeClaims::V4 { .. });
        assert_eq!(through.node_claims_bind_all, fourth, "{}", flavour.name);
    }
}

#[test]
fn a_domains_pages_by_node_are_reported_where_there_is_a_function() {
    on(
        Flavour::XS9,
        |_| (),
        |_, start| {
            assert!(start()
                .pages_by_node
                .is_some_and(|pages| pages.iter().sum::<u64>() >= PAGES));
        },
    );
    on(
        Flavour::XS9,
        |raw| raw.pages_by_node = None,
        |_, start| {
            assert_eq!(start().pages_by_node, None);
        },
    );
}
