//! rust/xen itself: that it reads and sets what Xen has, returns Xen's errnos, and leaves nothing
//! open.

use claims::{Accounting, Affinity, Claim, Domid, Errno, Hypervisor};
use planner::{CpuSet, NodeSet};
use xen::{From, Xen};

use crate::host::Host;
use crate::node_claims::PAGES;
use crate::operations::NOBODY;
use crate::report::{ensure, refused, Failure, Found, Report};
use crate::seen::Seen;
use crate::{fake_libxenctrl, node_claims};

/// More than are asked for at once.
const DOMAINS: usize = 300;

/// How often a handle is opened and closed; it takes milliseconds on a Xen without hardware.
const OPENED: u32 = 5_000;
const OPENED_LONG: u32 = 100_000;

pub fn run(host: &Host, report: &mut Report, long: bool) {
    report.check("distances are those of the firmware", || distances(host));
    report.check("counters agree with each other", || counters(host));
    report.check("each refusal has Xen's errno", || errnos(host));
    report.check(
        "claims on nodes answer as they do, or there are none",
        || node_claims::single(host),
    );
    report.check("claim sets answer as they do, or there are none", || {
        node_claims::sets(host)
    });
    report.check(
        "a domain's memory is reported by node, or not at all",
        || memory_by_node(host),
    );
    report.check("node affinity is what was set", || node_affinity(host));
    report.check("node affinity follows the vCPUs when it is Xen's", || {
        vcpu_affinity(host)
    });
    report.check("accounting is not taken for better than it is", || {
        accounting(host)
    });
    report.check("more domains than fit one answer are listed", || {
        many_domains(host)
    });
    if !host.on_this_machine {
        report.check("what is seen of a modelled Xen is what it is", || {
            fake_libxenctrl::seen(host)
        });
    }
    let times = if long { OPENED_LONG } else { OPENED };
    report.check("a handle that is closed leaves nothing open", || {
        opened_and_closed(times)
    });
}

fn distances(host: &Host) -> Found {
    if !host.on_this_machine {
        return Ok("not compared: this machine's firmware knows nothing of them".to_string());
    }
    let table = std::fs::read("/sys/firmware/acpi/tables/SLIT");
    let nodes = host.topology.node_count();
    let table = match table {
        Ok(table) => table,
        Err(error) => {
            ensure!(nodes == 1, "{nodes} nodes, and no table of them: {error}");
            return Ok("the firmware has none".to_string());
        }
    };
    for from in 0..nodes {
        for to in 0..nodes {
            let reported = host.topology.distance(from, to);
            let firmware = table.get(44 + from * nodes + to).copied();
            ensure!(
                reported == firmware.map(u32::from),
                "from {from} to {to}: {reported:?}, and the firmware says {firmware:?}"
            );
        }
    }
    Ok(format!("{nodes} nodes, {} CPUs", host.topology.cpu_count()))
}

fn counters(host: &Host) -> Found {
    let memory = host.steady_memory()?;
    let nodes: u64 = memory
        .nodes
        .iter()
        .flatten()
        .map(|node| node.free_pages)
        .sum();
    ensure!(
        nodes == memory.host_free_pages,
        "{nodes} pages are free on nodes, and {} on the host",
        memory.host_free_pages
    );
    let domains = host.xen.domains()?;
    ensure!(
        domains.len() == 1 && domains[0].domid == Domid(0) && domains[0].tot_pages > 0,
        "the domains are {domains:?}"
    );
    for node in host.nodes_with_memory()? {
        let all = host.xen.heap_pages(node, None)?;
        let free = memory.nodes[node].map_or(0, |node| node.free_pages);
        let above = host.preferred_pages(node)?;
        ensure!(all == free, "node {node}: {free} and {all} pages are free");
        println!("# node {node}: {free} pages free, {above} of them for domains first");
    }
    Ok(String::new())
}

fn errnos(host: &Host) -> Found {
    let xen = &host.xen;
    let domain = host.create(host.kinds[0], 1, PAGES)?;
    let (domid, free) = (domain.domid, host.steady_memory()?.host_free_pages);
    refused(
        "more than the maximum",
        xen.claim(domid, Claim::Host { pages: PAGES + 1 }),
        Errno::EINVAL,
    )?;
    refused(
        "a claim of nobody",
        xen.claim(NOBODY, Claim::Host { pages: 1 }),
        Errno::EINVAL,
    )?;
    xen.claim(domid, Claim::Host { pages: PAGES })?;
    refused(
        "a second claim",
        xen.claim(domid, Claim::Host { pages: PAGES }),
        Errno::EINVAL,
    )?;
    let outstanding = host.outstanding(domid)?;
    ensure!(outstanding == PAGES, "{outstanding} pages are claimed");
    xen.claim(domid, Claim::Host { pages: 0 })?;
    xen.claim(domid, Claim::Host { pages: 0 })?;
    let outstanding = host.outstanding(domid)?;
    ensure!(outstanding == 0, "{outstanding} pages are left of a claim");
    xen.set_max_pages(domid, 2 * free)?;
    refused(
        "more than the host has",
        xen.claim(
            domid,
            Claim::Host {
                pages: free + PAGES,
            },
        ),
        Errno::ENOMEM,
    )?;
    let nobody = xen.node_affinity(NOBODY);
    refused("node affinity of nobody", nobody, Errno::ESRCH)?;
    let nowhere = xen.set_node_affinity(domid, Some(NodeSet::EMPTY));
    refused("no node at all", nowhere, Errno::EINVAL)?;
    let beyond = xen.set_node_affinity(domid, Some(NodeSet::one(63)));
    refused("a node that is not there", beyond, Errno::EINVAL)?;
    domain.equip(PAGES)?;
    let affinity = |vcpu, cpu| {
        let cpus = CpuSet::from_iter([cpu]);
        xen.set_vcpu_affinity(domid, vcpu, Affinity::Hard, &cpus)
    };
    refused("a vCPU that is not there", affinity(7, 0), Errno::EINVAL)?;
    let unknown = host.topology.cpu_count() + 1;
    refused(
        "a CPU that is not there",
        affinity(0, unknown),
        Errno::EINVAL,
    )?;
    refused("a CPU beyond all", affinity(0, 100_000), Errno::EINVAL)?;
    Ok(String::new())
}

/// XenServer 9 of 2025 does not take off what was given back: the sum shows it.
fn memory_by_node(host: &Host) -> Found {
    let domain = host.create(host.kinds[0], 1, PAGES)?;
    let populated = domain.populate(1000, From::Anywhere)?;
    let reported = match host.xen.pages_by_node(domain.domid) {
        Err(error) if error.errno == Errno::ENOSYS => {
            let declared =
                !host.on_this_machine && fake_libxenctrl::declares("xc_domain_numa_get_node_pages");
            ensure!(!declared, "the library says that it is reported");
            return Ok("not reported".to_string());
        }
        reported => reported?,
    };
    let sum: u64 = reported.iter().sum();
    ensure!(sum == 1000, "1000 pages are reported as {reported:?}");
    let single = populated.extents.iter().filter(|(_, order)| *order == 0);
    let mut frames: Vec<u64> = single.map(|(frame, _)| *frame).take(400).collect();
    let freed = host.xen.decrease(domain.domid, 0, &mut frames)?;
    let after: u64 = host.xen.pages_by_node(domain.domid)?.iter().sum();
    Ok(format!(
        "after {freed} of 1000 pages were given back, {after}"
    ))
}

fn node_affinity(host: &Host) -> Found {
    let domain = host.create(host.kinds[0], 1, PAGES)?;
    let online = host.topology.online();
    let check = |what: &str, expected: NodeSet| {
        let found = host.affinity(domain.domid)?;
        ensure!(found == expected, "{what}: {found}, and not {expected}");
        Ok(())
    };
    check("at first", online)?;
    for node in host.nodes_with_memory()? {
        let one = NodeSet::one(node);
        host.xen.set_node_affinity(domain.domid, Some(one))?;
        check("set", one)?;
    }
    host.xen.set_node_affinity(domain.domid, Some(online))?;
    host.xen.set_node_affinity(domain.domid, None)?;
    check("given back", online)?;
    Ok(String::new())
}

fn vcpu_affinity(host: &Host) -> Found {
    let domain = host.create(host.kinds[0], 1, PAGES)?;
    domain.equip(PAGES)?;
    let domid = domain.domid;
    let processors = host.topology.processors(None);
    for affinity in [Affinity::Soft, Affinity::Hard] {
        for node in host.topology.online().iter() {
            if processors.cpus[node] == 0 {
                continue;
            }
            let cpus = host.topology.cpus_of(NodeSet::one(node), None);
            let all = host.topology.cpus_of(host.topology.online(), None);
            for wider in [Affinity::Hard, Affinity::Soft] {
                host.xen.set_vcpu_affinity(domid, 0, wider, &all)?;
            }
            host.xen.set_vcpu_affinity(domid, 0, affinity, &cpus)?;
            host.xen.set_node_affinity(domid, None)?;
            let found = host.affinity(domid)?;
            ensure!(
                found == NodeSet::one(node),
                "{affinity:?} affinity to CPUs {cpus} makes it {found}, and not {{{node}}}"
            );
        }
    }
    Ok(String::new())
}

fn accounting(host: &Host) -> Found {
    let seen = Seen::of(host)?;
    let assumed = host.xen.capabilities().accounting;
    ensure!(
        assumed == Accounting::Late || assumed == seen.accounting,
        "it is {:?}, and {assumed:?} was assumed",
        seen.accounting
    );
    let (flavour, accounting) = (seen.flavour().name, seen.accounting);
    Ok(format!(
        "{accounting:?}, as the model's {flavour}; {assumed:?} is assumed"
    ))
}

fn many_domains(host: &Host) -> Found {
    let mut domains = Vec::new();
    for _ in 0..DOMAINS {
        domains.push(host.create(host.kinds[0], 1, PAGES)?);
    }
    let listed = host.xen.domains()?;
    let numbers: Vec<Domid> = listed.iter().map(|domain| domain.domid).collect();
    let mut expected: Vec<Domid> = domains.iter().map(|domain| domain.domid).collect();
    expected.push(Domid(0));
    expected.sort_unstable();
    ensure!(
        numbers == expected,
        "{} are listed of {}, dom0 included",
        numbers.len(),
        expected.len()
    );
    Ok(format!("{DOMAINS} and dom0"))
}

fn open_files() -> Result<usize, Failure> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count())
}

/// Pages of memory that this process has.
fn resident_pages() -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let resident = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    resident.ok_or_else(|| Failure(format!("statm: {text}")))
}

/// Whether valgrind is under this process: it keeps for a while what was freed, and reports itself
/// what was not.
fn under_valgrind() -> bool {
    std::env::var("LD_PRELOAD").is_ok_and(|preloaded| preloaded.contains("vgpreload"))
}

fn opened_and_closed(times: u32) -> Found {
    let open = || Xen::open().map_err(|error| Failure(error.to_string()));
    for _ in 0..100 {
        drop(open()?);
    }
    let (files, before) = (open_files()?, resident_pages()?);
    for _ in 0..times {
        drop(open()?);
    }
    let (files_after, after) = (open_files()?, resident_pages()?);
    ensure!(
        files == files_after,
        "{files} files were open, {files_after} are"
    );
    ensure!(
        after <= before + 64 || under_valgrind(),
        "{before} pages of memory became {after}"
    );
    Ok(format!(
        "{times} times, {files} files before and after, {before} pages became {after}"
    ))
}
