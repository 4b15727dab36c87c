//! A table that is none is refused, and an answer that cannot be true is an error.

use std::ffi::{c_int, c_void};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use claims::{Accounting, Affinity, CallError, Claim, Domid, Errno, Hypervisor, NodePages};
use planner::CpuSet;
use xenopsd_numa_table::*;

/// What the functions below answer, whatever they are asked.
#[derive(Clone)]
struct Script {
    status: c_int,
    node_count: u32,
    distances: Vec<u32>,
    cpu_count: u32,
    cpu: XenopsdNumaCpu,
    node: XenopsdNumaNode,
    host: XenopsdNumaHost,
    domain_count: u32,
    domains: Vec<XenopsdNumaDomain>,
    capabilities: u64,
}

const DOMAIN: XenopsdNumaDomain = XenopsdNumaDomain {
    tot_pages: 1,
    outstanding_pages: 2,
    max_pages: 3,
    domid: 4,
    dying: 0,
};

fn good() -> Script {
    Script {
        status: 0,
        node_count: 1,
        distances: vec![10],
        cpu_count: 1,
        cpu: XenopsdNumaCpu {
            node: 0,
            core: 0,
            socket: 0,
        },
        node: XenopsdNumaNode {
            size_pages: 9,
            free_pages: 5,
            claimed_pages: 2,
            online: 1,
            reserved: 0,
        },
        host: XenopsdNumaHost {
            free_pages: 5,
            outstanding_pages: 2,
        },
        domain_count: 1,
        domains: vec![DOMAIN],
        capabilities: AT_ALLOCATION,
    }
}

fn script<'a>(context: *mut c_void) -> &'a Script {
    // SAFETY: every table of this file has a script for a context.
    unsafe { &*context.cast_const().cast() }
}

// SAFETY: called by `Table` alone, which gives room for 64 nodes and 16384 CPUs.
unsafe extern "C" fn topology(
    context: *mut c_void,
    node_count: *mut u32,
    distances: *mut u32,
    cpu_count: *mut u32,
    cpus: *mut XenopsdNumaCpu,
) -> c_int {
    let script = script(context);
    // SAFETY: there is room for 64 nodes and 16384 CPUs.
    unsafe {
        node_count.write(script.node_count);
        for (i, distance) in script.distances.iter().enumerate() {
            distances.add(i).write(*distance);
        }
        cpu_count.write(script.cpu_count);
        cpus.write(script.cpu);
    }
    script.status
}

// SAFETY: called by `Table` alone, which gives room for 64 nodes and a host.
unsafe extern "C" fn memory(
    context: *mut c_void,
    node_count: *mut u32,
    nodes: *mut XenopsdNumaNode,
    host: *mut XenopsdNumaHost,
) -> c_int {
    let script = script(context);
    // SAFETY: there is room for 64 nodes and a host.
    unsafe {
        node_count.write(script.node_count);
        nodes.write(script.node);
        host.write(script.host);
    }
    script.status
}

// SAFETY: called by `Table` alone, which gives room for as many domains as it counts.
unsafe extern "C" fn domains(
    context: *mut c_void,
    first: u32,
    count: *mut u32,
    array: *mut XenopsdNumaDomain,
) -> c_int {
    let script = script(context);
    // SAFETY: there is room for `*count` domains.
    unsafe {
        let room = count.read() as usize;
        let found = script
            .domains
            .iter()
            .filter(|domain| domain.domid >= first || first == 0);
        for (i, domain) in found.take(room).enumerate() {
            array.add(i).write(*domain);
        }
        count.write(script.domain_count);
    }
    script.status
}

// SAFETY: called by `Table` alone, which gives room for a set.
unsafe extern "C" fn node_affinity(context: *mut c_void, _: u32, nodes: *mut u64) -> c_int {
    // SAFETY: there is room for a set.
    unsafe { nodes.write(1) };
    script(context).status
}

// SAFETY: called by `Table` alone, with the context of its table.
unsafe extern "C" fn set_node_affinity(context: *mut c_void, _: u32, _: u64) -> c_int {
    script(context).status
}

// SAFETY: called by `Table` alone, with the context of its table.
unsafe extern "C" fn set_vcpu_affinity(
    context: *mut c_void,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: *const u64,
) -> c_int {
    script(context).status
}

// SAFETY: called by `Table` alone, with the context of its table.
unsafe extern "C" fn claim_host(context: *mut c_void, _: u32, _: u64) -> c_int {
    script(context).status
}

// SAFETY: called by `Table` alone, with the context of its table.
unsafe extern "C" fn claim_node(context: *mut c_void, _: u32, _: u32, _: u64) -> c_int {
    script(context).status
}

// SAFETY: called by `Table` alone, which gives room for the answer.
unsafe extern "C" fn capabilities(context: *mut c_void, capabilities: *mut u64) -> c_int {
    let script = script(context);
    // SAFETY: there is room for the answer.
    unsafe { capabilities.write(script.capabilities) };
    script.status
}

// SAFETY: called by `Table` alone, with the context of its table.
unsafe extern "C" fn claim_set(
    context: *mut c_void,
    _: u32,
    _: u32,
    _: *const XenopsdNumaNodePages,
) -> c_int {
    script(context).status
}

// SAFETY: called by `Table` alone, which gives room for 64 nodes.
unsafe extern "C" fn pages_by_node(
    context: *mut c_void,
    _: u32,
    node_count: *mut u32,
    pages: *mut u64,
) -> c_int {
    let script = script(context);
    // SAFETY: there is room for 64 nodes.
    unsafe {
        node_count.write(script.node_count);
        pages.write(script.node.free_pages);
    }
    script.status
}

fn raw(script: &Script) -> XenopsdNumaHypervisor {
    XenopsdNumaHypervisor {
        abi_version: ABI_VERSION,
        size: size_of::<XenopsdNumaHypervisor>() as u32,
        context: (&raw const *script).cast_mut().cast(),
        topology: Some(topology),
        memory: Some(memory),
        domains: Some(domains),
        node_affinity: Some(node_affinity),
        set_node_affinity: Some(set_node_affinity),
        set_vcpu_affinity: Some(set_vcpu_affinity),
        claim_host: Some(claim_host),
        capabilities: Some(capabilities),
        claim_node: Some(claim_node),
        claim_set: Some(claim_set),
        pages_by_node: Some(pages_by_node),
        now: None,
        sleep: None,
    }
}

fn open(raw: &XenopsdNumaHypervisor) -> Result<Table<'_>, TableError> {
    // SAFETY: the tables of this file are readable and their functions are as described.
    unsafe { Table::new(raw) }
}

fn change(change: impl FnOnce(&mut Script)) -> Script {
    let mut script = good();
    change(&mut script);
    script
}

const EIO: Result<(), Errno> = Err(Errno::EIO);

fn outcome<T>(result: Result<T, CallError>) -> Result<(), Errno> {
    result.map(drop).map_err(|error| error.errno)
}

#[test]
fn a_good_table_answers() {
    let script = good();
    let raw = raw(&script);
    let table = open(&raw).unwrap();
    assert_eq!(outcome(table.topology()), Ok(()));
    assert_eq!(table.memory().unwrap().host_free_pages, 5);
    assert_eq!(table.domains().unwrap().len(), 1);
    assert_eq!(table.capabilities().accounting, Accounting::AtAllocation);
    let before = table.now();
    table.sleep(Duration::from_millis(2));
    assert!(table.now() >= before + Duration::from_millis(2));
}

#[test]
fn what_is_no_table_is_refused() {
    let script = good();
    let good = raw(&script);
    // SAFETY: null is not read.
    let null = unsafe { Table::new(std::ptr::null()) };
    assert_eq!(null.err(), Some(TableError::Null));
    let address = (&raw const good).wrapping_byte_add(1);
    // SAFETY: a misaligned address is not read.
    let misaligned = unsafe { Table::new(address) };
    let expected = TableError::Misaligned {
        address: address.addr(),
        alignment: 8,
    };
    assert_eq!(misaligned.err(), Some(expected));
    let version = XenopsdNumaHypervisor {
        abi_version: 1,
        ..good
    };
    assert_eq!(open(&version).err(), Some(TableError::Version { found: 1 }));
    let short = XenopsdNumaHypervisor { size: 79, ..good };
    let expected = TableError::Size {
        found: 79,
        expected: 80,
    };
    assert_eq!(open(&short).err(), Some(expected));
    let longer = XenopsdNumaHypervisor { size: 200, ..good };
    assert!(open(&longer).is_ok());
}

#[test]
fn what_a_table_may_lack_is_not_there() {
    let script = good();
    let whole = raw(&script);
    let set = [NodePages { node: 0, pages: 1 }];
    let node = Claim::Node { node: 0, pages: 1 };
    // What is said to be there is what can be called.
    let there = |table: &XenopsdNumaHypervisor| {
        let table = open(table).unwrap();
        let has = table.capabilities();
        let answers = [
            outcome(table.claim(Domid(1), node)),
            outcome(table.claim(Domid(1), Claim::Set(&set))),
            outcome(table.pages_by_node(Domid(1))),
        ];
        let there = [has.node_claims, has.claim_sets, has.pages_by_node];
        let expected = there.map(|there| if there { Ok(()) } else { Err(Errno::ENOSYS) });
        assert_eq!(answers, expected);
        there
    };
    assert_eq!(there(&whole), [true; 3]);
    let of_size = |size| XenopsdNumaHypervisor { size, ..whole };
    for (size, expected) in [
        (80, [false, false, false]),
        (87, [false, false, false]),
        (88, [true, false, false]),
        (96, [true, true, false]),
        (103, [true, true, false]),
    ] {
        assert_eq!(there(&of_size(size)), expected, "{size}");
    }
    let none = XenopsdNumaHypervisor {
        claim_node: None,
        claim_set: None,
        pages_by_node: None,
        ..whole
    };
    assert_eq!(there(&none), [false; 3]);
    let only_sets = XenopsdNumaHypervisor {
        claim_set: Some(claim_set),
        ..none
    };
    assert_eq!(there(&only_sets), [false, true, false]);
}

/// What the clock below says: a time, or an errno.
static CLOCK: Mutex<Result<u64, c_int>> = Mutex::new(Ok(0));

// SAFETY: called by `Table` alone, which gives room for a time.
unsafe extern "C" fn now(_: *mut c_void, nanoseconds: *mut u64) -> c_int {
    match *CLOCK.lock().unwrap() {
        Ok(time) => {
            // SAFETY: there is room for a time.
            unsafe { nanoseconds.write(time) };
            0
        }
        Err(errno) => errno,
    }
}

// SAFETY: takes no pointer but the context.
unsafe extern "C" fn sleep(_: *mut c_void, nanoseconds: u64) -> c_int {
    match &mut *CLOCK.lock().unwrap() {
        Ok(time) => {
            *time += nanoseconds;
            0
        }
        Err(errno) => *errno,
    }
}

#[test]
fn a_clock_stands_still_rather_than_go_back() {
    let script = good();
    let whole = XenopsdNumaHypervisor {
        now: Some(now),
        sleep: Some(sleep),
        ..raw(&script)
    };
    let table = open(&whole).unwrap();
    let day = Duration::from_secs(86_400);
    table.sleep(day);
    assert_eq!(table.now(), day);
    for wrong in [Ok(0), Ok(86_399_999_999_999), Err(5), Err(-1)] {
        *CLOCK.lock().unwrap() = wrong;
        assert_eq!(table.now(), day, "{wrong:?}");
    }
    // One that lets no time pass does not make a wait spin.
    let began = Instant::now();
    table.sleep(Duration::from_millis(2));
    assert!(began.elapsed() >= Duration::from_millis(2));
    // Half a clock is none.
    *CLOCK.lock().unwrap() = Ok(0);
    let halves = [
        XenopsdNumaHypervisor { now: None, ..whole },
        XenopsdNumaHypervisor {
            sleep: None,
            ..whole
        },
        XenopsdNumaHypervisor { size: 112, ..whole },
    ];
    for half in &halves {
        let table = open(half).unwrap();
        let before = table.now();
        table.sleep(Duration::from_millis(2));
        assert!(table.now() >= before + Duration::from_millis(2));
        assert_eq!(*CLOCK.lock().unwrap(), Ok(0));
    }
}

#[test]
fn impossible_pages_by_node_are_errors() {
    let changes: [fn(&mut Script); 3] = [
        |script| script.node_count = 65,
        |script| script.node_count = u32::MAX,
        |script| script.node.free_pages = 1 << 50,
    ];
    for (i, wrong) in changes.into_iter().enumerate() {
        let script = change(wrong);
        let raw = raw(&script);
        let answer = outcome(open(&raw).unwrap().pages_by_node(Domid(1)));
        assert_eq!(answer, EIO, "{i}");
    }
}

#[test]
fn every_required_function_is_needed() {
    let script = good();
    for function in XenopsdNumaHypervisor::REQUIRED.iter().copied() {
        let mut table = raw(&script);
        let members = XenopsdNumaHypervisor::MEMBERS.iter();
        let offset = members
            .clone()
            .find(|(name, _)| *name == function)
            .unwrap()
            .1;
        // SAFETY: the member is an optional function, for which zero is `None`.
        unsafe { (&raw mut table).byte_add(offset).cast::<usize>().write(0) };
        assert_eq!(open(&table).err(), Some(TableError::Missing { function }));
        let text = TableError::Missing { function }.to_string();
        assert_eq!(text, format!("the table has no function {function}"));
    }
}

fn statuses(script: &Script) -> Vec<Result<(), Errno>> {
    let raw = raw(script);
    let table = open(&raw).unwrap();
    let cpus = CpuSet::from_iter([0, 70]);
    vec![
        outcome(table.topology()),
        outcome(table.memory()),
        outcome(table.domains()),
        outcome(table.node_affinity(Domid(1))),
        outcome(table.set_node_affinity(Domid(1), None)),
        outcome(table.set_vcpu_affinity(Domid(1), 0, Affinity::Soft, &cpus)),
        outcome(table.claim(Domid(1), Claim::Host { pages: 1 })),
        outcome(table.claim(Domid(1), Claim::Node { node: 0, pages: 1 })),
        outcome(table.claim(Domid(1), Claim::Set(&[NodePages { node: 0, pages: 1 }]))),
        outcome(table.pages_by_node(Domid(1))),
    ]
}

#[test]
fn a_status_is_an_errno_or_nonsense() {
    assert_eq!(statuses(&good()), vec![Ok(()); 10]);
    let refused = change(|script| script.status = 12);
    assert_eq!(statuses(&refused), vec![Err(Errno::ENOMEM); 10]);
    for status in [-1, -12, 4096, c_int::MAX, c_int::MIN] {
        let nonsense = change(|script| script.status = status);
        assert_eq!(statuses(&nonsense), vec![EIO; 10], "{status}");
    }
}

#[test]
fn cpus_that_no_host_has_are_not_passed_on() {
    let script = good();
    let raw = raw(&script);
    let table = open(&raw).unwrap();
    let cpus = CpuSet::from_iter([planner::MAX_CPUS]);
    let set = table.set_vcpu_affinity(Domid(1), 0, Affinity::Hard, &cpus);
    assert_eq!(outcome(set), Err(Errno::EINVAL));
    let last = CpuSet::from_iter([planner::MAX_CPUS - 1]);
    let set = table.set_vcpu_affinity(Domid(1), 0, Affinity::Hard, &last);
    assert_eq!(outcome(set), Ok(()));
}

#[test]
fn what_cannot_be_of_a_node_is_left_out() {
    let changed = |change_it: fn(&mut Script)| {
        let script = change(change_it);
        let raw = raw(&script);
        open(&raw).unwrap().topology().unwrap()
    };
    // A CPU of no node, and a node alone, which is local to itself whatever is said.
    assert_eq!(changed(|script| script.cpu.node = 1).cpu(0), None);
    for alone in [
        changed(|script| script.distances = vec![9]),
        changed(|script| script.distances = vec![20]),
    ] {
        assert_eq!(alone.distance(0, 0), Some(10));
    }
    let near = changed(|script| (script.node_count, script.distances) = (2, vec![10, 9, 20, 10]));
    assert_eq!((near.distance(0, 1), near.distance(1, 0)), (None, Some(20)));
}

#[test]
fn impossible_topologies_are_errors() {
    let changes: [fn(&mut Script); 5] = [
        |script| script.node_count = 0,
        |script| script.node_count = 65,
        |script| script.node_count = u32::MAX,
        |script| script.cpu_count = 16385,
        |script| script.cpu_count = u32::MAX,
    ];
    for (i, wrong) in changes.into_iter().enumerate() {
        let script = change(wrong);
        let raw = raw(&script);
        assert_eq!(outcome(open(&raw).unwrap().topology()), EIO, "{i}");
    }
}

#[test]
fn impossible_memory_is_an_error() {
    let changes: [fn(&mut Script); 7] = [
        |script| script.node_count = 65,
        |script| script.node.online = 2,
        |script| script.node.size_pages = 1 << 50,
        |script| script.node.free_pages = u64::MAX,
        |script| script.node.claimed_pages = 1 << 50,
        |script| script.host.free_pages = 1 << 50,
        |script| script.host.outstanding_pages = 1 << 50,
    ];
    for (i, wrong) in changes.into_iter().enumerate() {
        let script = change(wrong);
        let raw = raw(&script);
        assert_eq!(outcome(open(&raw).unwrap().memory()), EIO, "{i}");
    }
}

#[test]
fn figures_of_an_offline_node_mean_nothing() {
    let script = change(|script| {
        script.node.online = 0;
        script.node.free_pages = u64::MAX;
    });
    let raw = raw(&script);
    assert_eq!(open(&raw).unwrap().memory().unwrap().nodes, vec![None]);
}

#[test]
fn impossible_domains_are_errors() {
    let changes: [fn(&mut Script); 7] = [
        |script| script.domain_count = 257,
        |script| script.domain_count = u32::MAX,
        |script| script.domains[0].domid = 0x7ff0,
        |script| script.domains[0].domid = 65536,
        |script| script.domains[0].dying = 7,
        |script| script.domains[0].tot_pages = 1 << 50,
        |script| script.domains[0].outstanding_pages = u64::MAX,
    ];
    for (i, wrong) in changes.into_iter().enumerate() {
        let script = change(wrong);
        let raw = raw(&script);
        assert_eq!(outcome(open(&raw).unwrap().domains()), EIO, "{i}");
    }
}

#[test]
fn unlimited_domains_are_clamped() {
    let script = change(|script| script.domains[0].max_pages = u64::MAX);
    let raw = raw(&script);
    let domains = open(&raw).unwrap().domains().unwrap();
    assert_eq!(domains[0].max_pages, (1 << 50) - 1);
}

#[test]
fn domains_that_never_end_are_an_error() {
    // A full answer each time, always the same 256 domains, then again from the first.
    let same = change(|script| {
        script.domain_count = 256;
        script.domains = vec![DOMAIN; 256];
    });
    let raw_same = raw(&same);
    assert_eq!(outcome(open(&raw_same).unwrap().domains()), EIO);
    let descending = change(|script| {
        script.domain_count = 2;
        script.domains = vec![DOMAIN, XenopsdNumaDomain { domid: 3, ..DOMAIN }];
    });
    let raw_descending = raw(&descending);
    assert_eq!(outcome(open(&raw_descending).unwrap().domains()), EIO);
}

#[test]
fn of_a_hypervisor_that_does_not_say_nothing_is_assumed() {
    let (late, at_allocation) = (Accounting::Late, Accounting::AtAllocation);
    for (status, capabilities, accounting, bind_all) in [
        (0, 0, late, false),
        (0, AT_ALLOCATION, at_allocation, false),
        (0, NODE_CLAIMS_BIND_ALL, late, true),
        (0, 3, at_allocation, true),
        // What a later provider knows besides is left alone.
        (0, !3, late, false),
        (38, 3, late, false),
        (-1, u64::MAX, late, false),
    ] {
        let script = change(|script| {
            script.status = status;
            script.capabilities = capabilities;
        });
        let raw = raw(&script);
        let has = open(&raw).unwrap().capabilities();
        assert_eq!(
            (has.accounting, has.node_claims_bind_all),
            (accounting, bind_all)
        );
        assert!(has.node_claims && has.claim_sets && has.pages_by_node);
    }
}
