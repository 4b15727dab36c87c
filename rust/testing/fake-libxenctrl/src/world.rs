//! The Xen of this process, and what its calls do to domains and report of the host.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use claims::{Affinity, Domid, Errno};
use model::{Consume, Flavour, Timing, Xen};
use planner::{CpuSet, NodeSet, TopologyDescription, MAX_NODES, PAGE_BYTES};
use xenctrl_sys as xc;

use crate::frames::Frames;
use crate::host::{ModelledHost, Unusable};

/// An unknown or unreachable anything, as Xen has it.
pub const UNKNOWN: u32 = u32::MAX;

/// How often it is looked whether a domain is gone.
const POLL: Duration = Duration::from_millis(1);

/// Domains are gone soon, so that hundreds can come and go in a test.
const QUIET: Duration = Duration::from_millis(1);

/// What libxenctrl's callers know of a domain, and the model does not.
#[derive(Debug)]
pub struct Guest {
    pub hvm: bool,
    vcpus: u32,
    pub frames: Frames,
}

/// What one call at a time changes.
#[derive(Debug)]
pub struct State {
    pub xen: Xen,
    pub guests: BTreeMap<Domid, Guest>,
    /// The first machine frame that nothing was at yet.
    pub unused_frame: u64,
}

/// A Xen.
#[derive(Debug)]
pub struct World {
    state: Mutex<State>,
    cpus: TopologyDescription,
    start: Instant,
}

impl World {
    /// The one of this process.
    pub fn of_process() -> Result<&'static World, &'static Unusable> {
        static WORLD: OnceLock<Result<World, Unusable>> = OnceLock::new();
        let opened = WORLD.get_or_init(|| ModelledHost::of_environment().map(World::new));
        opened.as_ref()
    }

    pub fn new(host: ModelledHost) -> Self {
        let timing = Timing {
            quiet: QUIET,
            grace: Duration::ZERO,
            ..Timing::default()
        };
        let state = State {
            xen: Xen::new(&host.host, host.flavour).with_timing(timing),
            guests: BTreeMap::new(),
            unused_frame: 0,
        };
        World {
            state: Mutex::new(state),
            cpus: host.cpus,
            start: Instant::now(),
        }
    }

    /// Takes one step, at the time that it is.
    pub fn with<T>(&self, step: impl FnOnce(&mut State) -> Result<T, Errno>) -> Result<T, Errno> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.xen.advance_to(self.start.elapsed());
        state.xen.up()?;
        step(&mut state)
    }

    pub fn cpu_count(&self) -> usize {
        self.cpus.cpu_to_node.len()
    }

    /// CPUs with core, socket and node.
    pub fn cpus(&self) -> Vec<xc::xc_cputopo_t> {
        let number = |of: Option<i64>| of.map_or(UNKNOWN, |of| of as u32);
        let TopologyDescription {
            cpu_to_node,
            cpu_to_core,
            cpu_to_socket,
            ..
        } = &self.cpus;
        let all = cpu_to_node.iter().zip(cpu_to_core).zip(cpu_to_socket);
        all.map(|((node, core), socket)| xc::xc_cputopo_t {
            core: number(*core),
            socket: number(*socket),
            node: node.unwrap_or(UNKNOWN),
        })
        .collect()
    }

    pub fn physinfo(&self) -> Result<xc::xc_physinfo_t, Errno> {
        self.with(|state| {
            let reading = state.xen.physinfo();
            let nodes = state.xen.memory().nodes;
            let last_cpu = self.cpu_count().max(1) as u32 - 1;
            Ok(xc::xc_physinfo_t {
                threads_per_core: 1,
                cores_per_socket: 1,
                nr_cpus: self.cpus.cpu_to_node.iter().flatten().count() as u32,
                max_cpu_id: last_cpu,
                nr_nodes: state.xen.topology().online().len() as u32,
                max_node_id: MAX_NODES as u32 - 1,
                capabilities: xc::XEN_SYSCTL_PHYSCAP_pv
                    | xc::XEN_SYSCTL_PHYSCAP_hvm
                    | xc::XEN_SYSCTL_PHYSCAP_hap,
                total_pages: nodes.iter().flatten().map(|node| node.size_pages).sum(),
                free_pages: reading.free_pages,
                outstanding_pages: reading.outstanding_pages,
                ..Default::default()
            })
        })
    }

    /// Size and free memory of each node; an offline one's size is unknown.
    pub fn nodes(&self) -> Result<Vec<xc::xc_meminfo_t>, Errno> {
        let nodes = self.with(|state| Ok(state.xen.memory().nodes))?;
        let info = |node: &Option<planner::NodeMemory>| xc::xc_meminfo_t {
            memsize: node.map_or(UNKNOWN.into(), |node| node.size_pages * PAGE_BYTES),
            memfree: node.map_or(0, |node| node.free_pages * PAGE_BYTES),
        };
        Ok(nodes.iter().map(info).collect())
    }

    /// Distances row by row.
    pub fn distances(&self) -> Result<Vec<u32>, Errno> {
        let topology = self.with(|state| Ok(state.xen.topology().clone()))?;
        let nodes = 0..topology.node_count();
        let pairs = nodes
            .clone()
            .flat_map(|from| nodes.clone().map(move |to| (from, to)));
        let distance = |(from, to)| topology.distance(from, to).unwrap_or(UNKNOWN);
        Ok(pairs.map(distance).collect())
    }

    /// Free pages of a node, or of all: those above the DMA width if addresses must have more bits
    /// than some number, those below it if they may have no more.
    pub fn heap_pages(&self, node: Option<usize>, above: bool, below: bool) -> Result<u64, Errno> {
        self.with(|state| {
            let all = 0..state.xen.topology().node_count();
            let asked = all.filter(|other| node.is_none_or(|node| node == *other));
            let pages =
                asked
                    .filter_map(|node| state.xen.node(node))
                    .map(|node| match (above, below) {
                        (false, false) => node.free_pages,
                        (true, false) => node.free_pages - node.low_pages,
                        (false, true) => node.low_pages,
                        (true, true) => 0,
                    });
            Ok(pages.sum())
        })
    }

    /// Domains from a number on, at most so many.
    pub fn domains(&self, first: u32, most: usize) -> Result<Vec<xc::xc_domaininfo_t>, Errno> {
        self.with(|state| {
            let listed = state.xen.domains().into_iter();
            let listed = listed
                .filter(|domain| u32::from(domain.domid.0) >= first)
                .take(most);
            let flag = |is: bool, flag: u32| if is { flag } else { 0 };
            let info = |domain: claims::DomainInfo| {
                let guest = state.guests.get(&domain.domid);
                xc::xc_domaininfo_t {
                    domain: domain.domid.0,
                    flags: flag(domain.dying, xc::XEN_DOMINF_dying)
                        | flag(guest.is_some(), xc::XEN_DOMINF_paused)
                        | flag(
                            guest.is_some_and(|guest| guest.hvm),
                            xc::XEN_DOMINF_hvm_guest,
                        ),
                    tot_pages: domain.tot_pages,
                    max_pages: domain.max_pages,
                    outstanding_pages: domain.outstanding_pages,
                    max_vcpu_id: guest.map_or(0, |guest| guest.vcpus.max(1) - 1),
                    ..Default::default()
                }
            };
            Ok(listed.map(info).collect())
        })
    }

    pub fn create(&self, hvm: bool, vcpus: u32) -> Result<Domid, Errno> {
        if vcpus == 0 {
            return Err(Errno::EINVAL);
        }
        self.with(|state| {
            let domid = state.xen.create(vcpus)?;
            let guest = Guest {
                hvm,
                vcpus,
                frames: Frames::default(),
            };
            state.guests.insert(domid, guest);
            Ok(domid)
        })
    }

    /// Creates vCPUs; those that are there already stay.
    pub fn create_vcpus(&self, domid: Domid, vcpus: u32) -> Result<(), Errno> {
        self.with(|state| {
            let created = state.xen.has_vcpus(domid)?;
            if state.guest(domid)?.vcpus != vcpus {
                return Err(Errno::EINVAL);
            }
            match created {
                true => Ok(()),
                false => state.xen.create_vcpus(domid),
            }
        })
    }

    /// Fills a pool; only domains that have one.
    pub fn set_pool(&self, domid: Domid, bytes: u64) -> Result<(), Errno> {
        self.with(|state| match state.guest(domid)?.hvm {
            false => Err(Errno::EOPNOTSUPP),
            true if bytes % PAGE_BYTES != 0 => Err(Errno::EINVAL),
            true => {
                let pages = bytes / PAGE_BYTES;
                state.xen.fill_pool(domid, pages, u64::MAX).map(drop)
            }
        })
    }

    pub fn set_node_affinity(&self, domid: Domid, nodes: NodeSet) -> Result<(), Errno> {
        self.with(|state| state.xen.set_node_affinity(domid, nodes))
    }

    /// Sets the affinities of a vCPU that are given.
    pub fn set_vcpu_affinity(
        &self,
        domid: Domid,
        vcpu: u32,
        affinities: &[(Affinity, CpuSet)],
    ) -> Result<(), Errno> {
        self.with(|state| {
            (affinities.iter()).try_for_each(|(which, cpus)| {
                state.xen.set_vcpu_affinity(domid, vcpu, *which, cpus)
            })
        })
    }

    /// Destroys a domain: returns when its memory is given back.
    pub fn destroy(&self, domid: Domid) -> Result<(), Errno> {
        self.with(|state| {
            state.xen.destroy(domid)?;
            if let Some(guest) = state.guests.get_mut(&domid) {
                guest.frames = Frames::default();
            }
            Ok(())
        })?;
        let dies = |domain: &claims::DomainInfo| domain.domid == domid && !domain.dying;
        while self.with(|state| Ok(state.xen.domains().iter().any(dies)))? {
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// The release whose accounting this is: major and minor number.
    pub fn version(&self) -> Result<(u32, u32), Errno> {
        let flavour: Flavour = self.with(|state| Ok(state.xen.flavour()))?;
        Ok(match (flavour.consume, flavour.deferred_scrub) {
            (Consume::AtAssign, _) => (4, 17),
            (Consume::AtAllocation, false) => (4, 20),
            (Consume::AtAllocation, true) => (4, 22),
        })
    }
}

impl State {
    /// A domain, unless it is the control domain or none.
    pub fn guest(&mut self, domid: Domid) -> Result<&mut Guest, Errno> {
        // A number of one that is gone is none.
        self.xen.has_vcpus(domid)?;
        self.guests.get_mut(&domid).ok_or(Errno::EINVAL)
    }
}
