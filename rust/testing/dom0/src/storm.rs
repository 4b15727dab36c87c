//! A boot storm: threads that create, place and build domains at once, while those before them are
//! still giving their memory back.

use std::thread::scope;
use std::time::{Duration, Instant};

use claims::{Claim, Hypervisor};
use planner::Policy;
use xen::DomainKind;

use crate::host::{Domain, Host};
use crate::place::{build, nodes, placement, protocol, request, Toolstack};
use crate::report::{ensure, Failure, Found, Report};

const DOMAINS: usize = 6;

/// Of the host's free memory, what a domain gets: all together half of it.
const PARTS: u64 = 2 * DOMAINS as u64;

pub fn run(host: &Host, report: &mut Report) {
    let mut running = Vec::new();
    report.check("a storm of parallel starts on an empty host", || {
        let (domains, figures) = storm(host)?;
        running = domains;
        Ok(figures)
    });
    report.check("a storm while the domains before are destroyed", || {
        let old = std::mem::take(&mut running);
        let (new, figures) = scope(|scope| {
            let dying = scope.spawn(|| destroy_all(old));
            let started = storm(host);
            let dead = dying.join().map_err(|_| panicked())?;
            dead.and(started)
        })?;
        running = new;
        Ok(figures)
    });
    report.check(
        "all of them are destroyed at once, and nothing is left",
        || {
            destroy_all(std::mem::take(&mut running))?;
            let memory = host.steady_memory()?;
            let outstanding = memory.host_outstanding_pages;
            ensure!(outstanding == 0, "{outstanding} pages are still claimed");
            let living = host.xen.domains()?.len();
            ensure!(living == 1, "{living} domains, dom0 included");
            Ok(String::new())
        },
    );
}

fn panicked() -> Failure {
    Failure("a thread panicked".to_string())
}

fn destroy_all(domains: Vec<Domain>) -> Result<(), Failure> {
    let results: Vec<_> = scope(|scope| {
        let threads: Vec<_> = (domains.into_iter())
            .map(|domain| scope.spawn(|| domain.destroy()))
            .collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    for result in results {
        result.map_err(|_| panicked())??;
    }
    Ok(())
}

/// Starts all domains at once: they, and where they were planned and how long it took.
fn storm(host: &Host) -> Result<(Vec<Domain>, String), Failure> {
    let protocol = protocol(host, 120)?;
    let pages = host.xen.memory()?.host_free_pages / PARTS;
    let started: Vec<_> = scope(|scope| {
        let threads: Vec<_> = (0..DOMAINS)
            .map(|number| {
                let kind = host.kinds[number % host.kinds.len()];
                let protocol = &protocol;
                scope.spawn(move || start(host, protocol, kind, pages))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let mut domains = Vec::new();
    let mut figures = format!("{pages} pages each, on nodes");
    let (mut queued, mut waited) = (0.0, 0.0);
    for result in started {
        let started = result.map_err(|_| panicked())??;
        figures.push_str(&format!(" {}", started.nodes));
        queued += started.queued;
        waited += started.waited;
        domains.push(started.domain);
    }
    let claims = protocol.claims()?;
    ensure!(claims.is_empty(), "{claims:?} are left over");
    figures.push_str(&format!(
        "; queued {queued:.1} s, waited {waited:.1} s in all"
    ));
    Ok((domains, figures))
}

struct Started {
    domain: Domain,
    nodes: planner::NodeSet,
    queued: f64,
    waited: f64,
}

fn start(
    host: &Host,
    protocol: &Toolstack,
    kind: DomainKind,
    pages: u64,
) -> Result<Started, Failure> {
    let domain = host.create(kind, 1, pages)?;
    let asked = request(pages, Policy::BestEffort);
    let placed = protocol.place(placement(domain.domid, kind, asked))?;
    let nodes = nodes(host, &placed);
    let (queued, waited) = (placed.outcome().queued, placed.outcome().waited);
    let (populated, unused) = build(protocol, &domain, placed)?;
    ensure!(
        populated.pages == pages && unused == 0,
        "{}: {} of {pages} pages were had, {unused} left over",
        domain.domid,
        populated.pages
    );
    Ok(Started {
        domain,
        nodes,
        queued: queued.as_secs_f64(),
        waited: waited.as_secs_f64(),
    })
}

/// That a placement waits for the memory of a domain that is being destroyed.
pub fn giving_back(host: &Host) -> Found {
    let protocol = protocol(host, 60)?;
    let free = host.steady_memory()?.host_free_pages;
    // Another process has claimed most of the host, so that little must be populated.
    let (kind, pages) = (host.kinds[0], free / 8);
    let other = host.create(kind, 1, free)?;
    host.xen.claim(
        other.domid,
        Claim::Host {
            pages: free * 13 / 16,
        },
    )?;
    let old = host.create(kind, 1, pages)?;
    let asked = || request(pages, Policy::BestEffort);
    let placed = protocol.place(placement(old.domid, kind, asked()))?;
    let (populated, _) = build(&protocol, &old, placed)?;
    ensure!(
        populated.pages == pages,
        "{} pages were had",
        populated.pages
    );
    let new = host.create(kind, 1, pages)?;
    let (destroyed, placed) = scope(|scope| {
        let placing = scope.spawn(|| protocol.place(placement(new.domid, kind, asked())));
        // It is waiting by then, and not for so long that it gives up.
        std::thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        let destroyed = old.destroy().map(|()| start.elapsed());
        (destroyed, placing.join())
    });
    let (destroyed, placed) = (destroyed?, placed.map_err(|_| panicked())??);
    let waited = placed.outcome().waited;
    ensure!(
        !waited.is_zero(),
        "it did not wait, and there were {free} pages for twice {pages}"
    );
    let (populated, unused) = build(&protocol, &new, placed)?;
    ensure!(
        populated.pages == pages && unused == 0,
        "{} of {pages} pages were had, {unused} left over",
        populated.pages
    );
    Ok(format!(
        "{pages} pages, destroyed in {:.2} s, waited {:.2} s",
        destroyed.as_secs_f64(),
        waited.as_secs_f64()
    ))
}
