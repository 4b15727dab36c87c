//! Where a domain lands on a node that others had before, while no CPU is idle and so none scrubs
//! memory: measured on the running Xen, and predicted by the model from the frames that were free
//! at the beginning.

use std::time::{Duration, Instant};

use model::Flavour;
use planner::NodeSet;
use xen::{DomainKind, From};

use crate::cases::{cases, Case, Space, Step, Who};
use crate::host::{Domain, Host};
use crate::landing::{measured, set_online, Spinners};
use crate::layout::{free_clean, Layout};
use crate::place::{nodes, placement, protocol, request_on};
use crate::report::{ensure, Failure, Found, Report};
use crate::seen::Seen;
use crate::worlds::{build, Extents, Modelled, Running};

/// The argument, before a seed, with which nothing but this is done.
pub const BUSY: &str = "--busy";

/// What all of it is about.
const WHAT: &str = "where a domain lands while no CPU is idle";

/// How long CPUs are idle, where they are.
const IDLE_TIME: Duration = Duration::from_secs(20);

/// How far what is measured in one boot may be from what was predicted, in points of a hundred.
const POINTS: f64 = 1.0;

/// The few cases that every boot does, of which each must be as predicted.
pub fn check(host: &Host, report: &mut Report) {
    let cases = cases(1).into_iter().filter(|case| case.always);
    run(host, report, cases.collect(), Some(POINTS));
}

/// All cases, which are reported only.
pub fn measure(host: &Host, report: &mut Report, seed: u64) {
    run(host, report, cases(seed), None);
}

fn run(host: &Host, report: &mut Report, cases: Vec<Case>, points: Option<f64>) {
    let Some(node) = measured(host, report, WHAT) else {
        return;
    };
    if !host.kinds.contains(&DomainKind::Pv) {
        return report.leave_out(WHAT, "Xen lists frames of PV domains only, and has none");
    }
    let mut prepared = None;
    report.check("all CPUs of dom0 are on", || {
        set_online(true)?;
        let flavour = Seen::of(host)?.flavour();
        prepared = Some((flavour, keep_crumbs(host, &host.nodes_with_memory()?)?));
        Ok(String::new())
    });
    if let Some((flavour, _crumbs)) = prepared {
        for case in cases {
            let what = format!("busy, {}", case.name);
            report.check(&what, || one(host, flavour, node, &case, points));
        }
    }
    report.check("all CPUs of dom0 but two are off", || {
        set_online(false)?;
        Ok(String::new())
    });
}

/// A page of each node, so that the small blocks beside it are never joined with a large one:
/// domains' structures come from them, and make no large block dirty when they go back.
fn keep_crumbs(host: &Host, nodes: &[usize]) -> Result<Domain, Failure> {
    let domain = host.create(DomainKind::Pv, 1, nodes.len() as u64)?;
    for node in nodes {
        let had = domain.populate(1, From::Exactly(*node))?.pages;
        ensure!(had == 1, "node {node} has no page");
    }
    Ok(domain)
}

/// Places the new domain on the node and builds it: its extents, and from where they were asked.
fn land(host: &Host, new: &Domain, node: usize, pages: u64) -> Result<(Extents, From), Failure> {
    let protocol = protocol(host, 60)?;
    let asked = request_on(pages, NodeSet::one(node));
    let placed = protocol.place(placement(new.domid, new.kind, asked))?;
    let planned = nodes(host, &placed);
    ensure!(planned == NodeSet::one(node), "it is planned on {planned}");
    let from = crate::place::from(&placed);
    new.equip(pages)?;
    let pinned = protocol.pin(placed)?;
    let mut landed = Vec::new();
    let had = build(pages, |order, first, count| {
        let mut frames: Vec<u64> = (0..count).map(|i| first + (i << order)).collect();
        let done = host.xen.populate(new.domid, order, from, &mut frames)?;
        landed.extend(frames[..done].iter().map(|frame| (*frame, order)));
        Ok(done as u64)
    })?;
    let unused = protocol.finish(pinned)?.unused_pages;
    ensure!(
        had == pages && unused == 0,
        "{had} of {pages} pages were had, {unused} left over"
    );
    Ok((landed, from))
}

/// Does the steps on both: how many pages the domain has that dies.
fn fill(running: &mut Running, modelled: &mut Modelled, steps: &[Step]) -> Result<u64, Failure> {
    let mut died = 0;
    for step in steps {
        let (had, predicted) = (running.step(step)?, modelled.step(step)?);
        ensure!(
            had == predicted,
            "{had} extents for {step:?}, in the model {predicted}"
        );
        if let Step::Take {
            who: Who::Dies,
            order,
            ..
        } = step
        {
            died += had << order;
        }
    }
    Ok(died)
}

/// Free memory as a case needs it.
fn space(host: &Host, layout: &Layout, node: usize) -> Result<Space, Failure> {
    let dma = host.dma_width()?.map_or(0, |width| 1 << (width - 12));
    let others = 0..layout.frames.len();
    Ok(Space {
        node,
        free_pages: layout.pages(node),
        others: others
            .filter(|other| *other != node && layout.pages(*other) > 0)
            .map(|other| (other, layout.pages_from(other, dma)))
            .collect(),
    })
}

fn one(host: &Host, flavour: Flavour, node: usize, case: &Case, points: Option<f64>) -> Found {
    let all = host.steady_memory()?.host_free_pages;
    let domain = || host.create(DomainKind::Pv, 1, all);
    let (prober, dies, stays, new) = (domain()?, domain()?, domain()?, domain()?);
    let layout = Layout::probe(host, &prober)?;
    let space = space(host, &layout, node)?;
    let pages = case.pages(&space);
    ensure!(pages > 0, "node {node} has no free frames");
    let mut modelled = Modelled::new(host, flavour, &layout)?;
    let mut running = Running::new(host, dies, stays);
    let died = fill(&mut running, &mut modelled, &case.steps(&space))?;
    let spinners = (!case.idle).then(|| Spinners::new(host.topology.cpu_count()));
    let start = Instant::now();
    let (stays, kept) = running.destroy(node, died)?;
    if case.idle {
        std::thread::sleep(IDLE_TIME);
    }
    let destroyed = start.elapsed();
    let (landed, from) = land(host, &new, node, pages)?;
    let built = start.elapsed();
    drop(spinners);
    // Not destroyed with all that they have, which would be dirty and slow the next case down.
    free_clean(host, &stays, &kept)?;
    free_clean(host, &new, &landed)?;
    let share = |on: u64| 100.0 * on as f64 / pages as f64;
    let measured = share(layout.pages_on(node, &landed));
    let predicted = share(modelled.land(node, pages, from)?);
    let figures = format!(
        "measured {measured:.2} predicted {predicted:.2} % of {pages} pages on node {node} \
         (destroyed in {:.1} s, built in {:.1} s)",
        destroyed.as_secs_f64(),
        (built - destroyed).as_secs_f64()
    );
    let off = (measured - predicted).abs();
    let wrong = points.is_some_and(|points| off > points) && !case.idle;
    ensure!(!wrong, "{figures}");
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::build;

    #[test]
    fn a_builder_tries_the_largest_extent_that_is_aligned() {
        let mut asked = Vec::new();
        let pages = build((2 << 18) + 513, |order, frame, count| {
            asked.push((order, frame, count));
            Ok(if order == 18 { 0 } else { count })
        });
        assert!(pages.is_ok_and(|pages| pages == (2 << 18) + 513));
        let expected = [
            (0, 0, 512),
            (9, 512, 511),
            (18, 1 << 18, 1),
            (9, 1 << 18, 512),
            (9, 2 << 18, 1),
            (0, (2 << 18) + 512, 1),
        ];
        assert_eq!(asked, expected);
    }
}
