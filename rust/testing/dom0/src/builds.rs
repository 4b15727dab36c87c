//! Real builds: domains of every kind are created, placed, populated, counted page by page on the
//! nodes, and destroyed.

use claims::Hypervisor;
use planner::{NodeSet, Policy};
use xen::{DomainKind, From};

use crate::host::{by_node, Domain, Host};
use crate::place::{build, from, nodes, placement, protocol, request, request_on};
use crate::report::{ensure, Failure, Found, Report};
use crate::srat::Srat;

/// The share of pages that must be on the planned nodes if they had clean memory for all.
const SHARE: f64 = 0.99;

/// At most this much a domain, 512 MiB, and a page more than whole extents of 2 MiB.
const MOST_PAGES: u64 = (1 << 17) + 1;

/// Free memory may differ by this much a domain from what it was: Xen keeps pages of those that
/// are gone for the next, and dom0 lives.
const SLACK_PAGES: u64 = 128;

pub fn run(host: &Host, report: &mut Report) {
    let nodes = match host.nodes_with_memory() {
        Ok(nodes) => nodes,
        Err(failure) => return report.check("nodes with memory", || Err(failure)),
    };
    // They live on until all are built: memory of those that are gone is dirty, and Xen would
    // rather take clean memory of other nodes.
    let mut living = Vec::new();
    let mut before = 0;
    report.check("free memory is steady", || {
        before = host.steady_memory()?.host_free_pages;
        Ok(format!("{before} pages free"))
    });
    for kind in &host.kinds {
        for node in &nodes {
            let what = format!("a {kind:?} domain is built on node {node}");
            report.check(&what, || one_node(host, *kind, *node, &mut living));
        }
    }
    report.check("memory is back when all are destroyed", || {
        let slack = SLACK_PAGES * living.len() as u64;
        for domain in std::mem::take(&mut living) {
            domain.destroy()?;
        }
        let memory = host.steady_memory()?;
        let (free, claimed) = (memory.host_free_pages, memory.host_outstanding_pages);
        ensure!(claimed == 0, "{claimed} pages are claimed by nobody");
        ensure!(
            before.abs_diff(free) <= slack,
            "{before} pages were free before, and {free} are after"
        );
        Ok(format!("{free} pages free"))
    });
    for kind in &host.kinds {
        let what = format!("a {kind:?} domain is built over all nodes in turn");
        report.check(&what, || all_nodes(host, *kind));
        let what = format!("what a {kind:?} build did not take is cancelled");
        report.check(&what, || half_built(host, *kind));
    }
}

/// How many pages a domain on a node gets: so many that one of each kind fits half of what the
/// node gives to domains first.
fn pages_for(host: &Host, node: usize) -> Result<u64, Failure> {
    let preferred = host.preferred_pages(node)?;
    let parts = 2 * host.kinds.len() as u64;
    Ok(MOST_PAGES.min((preferred / parts) | 1))
}

fn share(pages_by_node: &[u64], nodes: NodeSet) -> f64 {
    let on: u64 = nodes.iter().map(|node| pages_by_node[node]).sum();
    on as f64 / pages_by_node.iter().sum::<u64>().max(1) as f64
}

/// What left the free memory of each node.
fn taken(before: &[u64], after: &[u64]) -> Vec<u64> {
    let nodes = before.iter().zip(after);
    nodes.map(|(a, b)| a.saturating_sub(*b)).collect()
}

fn one_node(host: &Host, kind: DomainKind, node: usize, living: &mut Vec<Domain>) -> Found {
    let pages = pages_for(host, node)?;
    let protocol = protocol(host, 20)?;
    let domain = host.create(kind, 1, pages)?;
    let domid = domain.domid;
    let target = NodeSet::one(node);
    let wanted = request_on(pages, target);
    let placed = protocol.place(placement(domid, kind, wanted))?;
    ensure!(
        nodes(host, &placed) == target || placed.outcome().plan.is_none(),
        "planned on {}",
        nodes(host, &placed)
    );
    ensure!(
        host.outstanding(domid)? == pages,
        "{} of {pages} pages are claimed",
        host.outstanding(domid)?
    );
    if placed.outcome().plan.is_none() {
        let cpus = host.topology.processors(None).cpus[node];
        ensure!(cpus == 0, "no plan, and the node has {cpus} CPUs");
        protocol.abandon(domid)?;
        return Ok(format!(
            "no plan, as it must be: {:?}",
            placed.outcome().reservation
        ));
    }
    ensure!(
        host.affinity(domid)? == target,
        "its node affinity is {}",
        host.affinity(domid)?
    );
    let source = from(&placed);
    domain.equip(pages)?;
    let pinned = protocol.pin(placed)?;
    let before = by_node(&host.steady_memory()?);
    let populated = domain.populate(pages, source)?;
    let taken = taken(&before, &host.free_by_node()?);
    ensure!(
        populated.pages == pages,
        "{} of {pages} pages were had",
        populated.pages
    );
    let counted = counted(host, kind, &populated.extents, taken, pages)?;
    let share = share(&counted, target);
    // Where frames say no node, pages of Xen's own are among those that are counted.
    let exactly = matches!(source, From::Exactly(_)) && kind == DomainKind::Pv;
    ensure!(
        share >= if exactly { 1.0 } else { SHARE },
        "{:.2} % of the pages are there: {counted:?}",
        100.0 * share
    );
    let unused = protocol.finish(pinned)?.unused_pages;
    ensure!(unused == 0, "{unused} pages of the claim were left over");
    ensure!(
        host.affinity(domid)? == target,
        "Xen derives {} from its vCPUs",
        host.affinity(domid)?
    );
    living.push(domain);
    Ok(format!(
        "{pages} pages from {source:?}, {:.2} % there",
        100.0 * share
    ))
}

/// Pages by node: by machine frame for a PV domain, whose frames Xen lists, else, or where no
/// firmware says whose frames they are, by what left the nodes' free memory. Both must agree where
/// there are both.
fn counted(
    host: &Host,
    kind: DomainKind,
    extents: &[(u64, u32)],
    taken: Vec<u64>,
    pages: u64,
) -> Result<Vec<u64>, Failure> {
    let sum: u64 = taken.iter().sum();
    ensure!(
        sum.abs_diff(pages) <= SLACK_PAGES,
        "{pages} pages were populated, and {taken:?} left the nodes"
    );
    if kind != DomainKind::Pv || !host.on_this_machine {
        return Ok(taken);
    }
    let nodes = host.topology.node_count();
    let by_frame = Srat::read()?.pages_by_node(extents, nodes)?;
    let agree = (by_frame.iter().zip(&taken)).all(|(a, b)| a.abs_diff(*b) <= SLACK_PAGES);
    ensure!(agree, "by frame {by_frame:?}, by free memory {taken:?}");
    Ok(by_frame)
}

fn all_nodes(host: &Host, kind: DomainKind) -> Found {
    let protocol = protocol(host, 20)?;
    let domain = host.create(kind, 1, MOST_PAGES)?;
    let asked = request(MOST_PAGES, Policy::Any);
    let placed = protocol.place(placement(domain.domid, kind, asked))?;
    ensure!(
        host.outstanding(domain.domid)? == MOST_PAGES,
        "{} of {MOST_PAGES} pages are claimed",
        host.outstanding(domain.domid)?
    );
    let before = host.free_by_node()?;
    let (populated, unused) = build(&protocol, &domain, placed)?;
    ensure!(
        populated.pages == MOST_PAGES && unused == 0,
        "{} of {MOST_PAGES} pages were had, {unused} left over",
        populated.pages
    );
    let taken = taken(&before, &host.free_by_node()?);
    domain.destroy()?;
    Ok(format!("{taken:?} pages"))
}

fn half_built(host: &Host, kind: DomainKind) -> Found {
    let protocol = protocol(host, 20)?;
    let domain = host.create(kind, 1, MOST_PAGES)?;
    let asked = request(MOST_PAGES, Policy::BestEffort);
    let placed = protocol.place(placement(domain.domid, kind, asked))?;
    domain.equip(MOST_PAGES)?;
    let source = from(&placed);
    let pinned = protocol.pin(placed)?;
    let half = domain.populate(MOST_PAGES / 2, source)?.pages;
    ensure!(
        half == MOST_PAGES / 2,
        "{half} of {} pages were had",
        MOST_PAGES / 2
    );
    let unused = protocol.finish(pinned.clone())?.unused_pages;
    ensure!(
        unused == MOST_PAGES - half,
        "{unused} pages were left over of {MOST_PAGES}, of which {half} were had"
    );
    ensure!(
        protocol.finish(pinned)?.unused_pages == 0,
        "the second time there is something left over again"
    );
    let outstanding = host.xen.memory()?.host_outstanding_pages;
    ensure!(outstanding == 0, "{outstanding} pages are still claimed");
    domain.destroy()?;
    Ok(format!("{unused} pages"))
}
