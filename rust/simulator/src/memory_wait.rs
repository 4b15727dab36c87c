//! How peers wait for memory before they create a domain, and what they remember between starts.

use std::collections::BTreeMap;
use std::time::Duration;

use claims::Domid;

use super::lifecycle::{Failure, Lifecycle, Set};
use super::toolstack::{MemoryWait, Peer, Way};

/// How often squeezed and the toolstacks of 2014 look.
const POLL: Duration = Duration::from_secs(1);

/// How long xenopsd waits between two reservations that squeezed refuses, and how long in all.
const RETRY: Duration = Duration::from_secs(10);
const RETRIES: Duration = Duration::from_secs(60);

/// How often xl looks, and how long it does so without seeing any progress.
const XL_POLL: Duration = Duration::from_secs(2);
const XL_CREDIT: Duration = Duration::from_secs(30);

/// How long the toolstacks of 2014 wait: 3 times 10 seconds and one.
const WINDOW: Duration = Duration::from_secs(33);

/// How often a start checks whether it is its turn, where there is one at a time.
const TURN_POLL: Duration = Duration::from_millis(250);

/// Pages that every peer adds to a VM's memory and pool: 2 MiB.
const EXTRA_PAGES: u64 = 512;

/// A wait for memory.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waiting {
    /// When it began.
    since: Option<Duration>,
    /// How long nothing has moved.
    stuck: Duration,
    /// The most that was free.
    most_free_pages: u64,
    /// What the control domain had.
    control_pages: u64,
}

/// What squeezed keeps for a VM that is being started.
#[derive(Debug, Clone)]
struct Reservation {
    pages: u64,
    domid: Option<Domid>,
}

/// What peers remember between starts.
#[derive(Debug, Clone)]
pub(super) struct Peers {
    /// How often each node was chosen; it is never forgotten.
    pub chosen: Vec<u64>,
    /// The least that was ever free on each node.
    pub least_free_pages: Vec<u64>,
    /// What squeezed keeps, by VM.
    reservations: BTreeMap<String, Reservation>,
    /// The VM whose turn it is, where there is one at a time.
    turn: Option<String>,
}

impl Peers {
    pub fn new(nodes: usize) -> Self {
        Peers {
            chosen: vec![0; nodes],
            least_free_pages: vec![u64::MAX; nodes],
            reservations: BTreeMap::new(),
            turn: None,
        }
    }

    /// The VM's reservation is its domain's from now on.
    pub fn created(&mut self, vm: &str, domid: Domid) {
        if let Some(reservation) = self.reservations.get_mut(vm) {
            reservation.domid = Some(domid);
        }
    }

    /// The VM's start has ended.
    pub fn leave(&mut self, vm: &str) {
        self.reservations.remove(vm);
        if self.turn.as_deref() == Some(vm) {
            self.turn = None;
        }
    }

    /// Whether it is the VM's turn.
    fn has_turn(&mut self, vm: &str) -> bool {
        self.turn.get_or_insert_with(|| vm.to_string()) == vm
    }
}

impl Lifecycle {
    pub(super) fn peer(&self) -> Option<Peer> {
        match self.way {
            Way::Ours => None,
            Way::Peer(peer) => Some(peer),
        }
    }

    /// What a peer says that the VM takes in all.
    pub(super) fn footprint_pages(&self, peer: Peer) -> u64 {
        let vcpus = u64::from(self.vm.vcpus);
        self.vm.memory_pages + self.pool_pages() + EXTRA_PAGES + peer.vcpu_pages * vcpus
    }

    /// How long to wait before the next look, or nothing if the VM may be created.
    pub(super) fn wait_for_memory(&mut self, set: &mut Set) -> Result<Option<Duration>, Failure> {
        let Some(peer) = self.peer() else {
            return Ok(None);
        };
        let now = set.now();
        if self.waiting.since.is_none() {
            self.began = now;
            if peer.one_at_a_time && !set.peers.has_turn(&self.vm.name) {
                return Ok(Some(TURN_POLL));
            }
        }
        let since = *self.waiting.since.get_or_insert(now);
        let needed_pages = self.footprint_pages(peer);
        let free_pages = set.stage().model.free_pages();
        match peer.memory_wait {
            MemoryWait::Once => Ok(None),
            MemoryWait::Squeezed { kept_pages } => self.reserve(set, needed_pages, kept_pages),
            MemoryWait::Xl | MemoryWait::Window { .. } if free_pages >= needed_pages => Ok(None),
            MemoryWait::Xl => {
                let waiting = &mut self.waiting;
                if free_pages <= waiting.most_free_pages {
                    waiting.stuck += XL_POLL;
                }
                waiting.most_free_pages = waiting.most_free_pages.max(free_pages);
                match waiting.stuck > XL_CREDIT {
                    true => Err(short(free_pages, needed_pages)),
                    false => Ok(Some(XL_POLL)),
                }
            }
            MemoryWait::Window { .. } if now - since < WINDOW => Ok(Some(POLL)),
            MemoryWait::Window { fails: false } => Ok(None),
            MemoryWait::Window { fails: true } => Err(short(free_pages, needed_pages)),
        }
    }

    /// Asks squeezed, which waits as long as the control domain's balloon moves, and refuses
    /// otherwise; xenopsd asks again then, for a while.
    fn reserve(
        &mut self,
        set: &mut Set,
        needed_pages: u64,
        kept_pages: u64,
    ) -> Result<Option<Duration>, Failure> {
        let (reserved_pages, free_pages, control_pages) = look(set);
        let unreserved_pages = free_pages.saturating_sub(reserved_pages + kept_pages);
        if unreserved_pages >= needed_pages {
            let reservation = Reservation {
                pages: needed_pages,
                domid: None,
            };
            (set.peers.reservations).insert(self.vm.name.clone(), reservation);
            return Ok(None);
        }
        let waiting = &mut self.waiting;
        let before = std::mem::replace(&mut waiting.control_pages, control_pages);
        if waiting.most_free_pages == 0 || control_pages < before {
            waiting.most_free_pages = free_pages.max(1);
            return Ok(Some(POLL));
        }
        if waiting.stuck >= RETRIES {
            return Err(short(unreserved_pages, needed_pages));
        }
        waiting.stuck += RETRY;
        Ok(Some(RETRY))
    }

    /// The only look that xenopsd takes at what is free when the domain is there.
    pub(super) fn look_once(&self, set: &Set) -> Result<(), Failure> {
        let Some(peer) = self.peer() else {
            return Ok(());
        };
        let (free_pages, needed_pages) =
            (set.stage().model.free_pages(), self.footprint_pages(peer));
        match peer.memory_wait {
            MemoryWait::Once | MemoryWait::Squeezed { .. } if free_pages < needed_pages => {
                Err(short(free_pages, needed_pages))
            }
            MemoryWait::Once
            | MemoryWait::Squeezed { .. }
            | MemoryWait::Xl
            | MemoryWait::Window { .. } => Ok(()),
        }
    }
}

fn short(free_pages: u64, needed_pages: u64) -> Failure {
    Failure::Said(format!(
        "{free_pages} pages are free, {needed_pages} are needed"
    ))
}

/// What is reserved and not taken yet, what is free, and what the control domain has.
fn look(set: &Set) -> (u64, u64, u64) {
    set.stage().model.with(|xen| {
        let domains = xen.domains();
        let tot_pages = |domid: Domid| {
            let found = domains.iter().find(|domain| domain.domid == domid);
            found.map_or(0, |domain| domain.tot_pages)
        };
        let taken = |xen: &mut model::Xen, domid: Domid| {
            // Filling a pool by nothing returns how much it has.
            tot_pages(domid) + xen.fill_pool(domid, 0, 0).unwrap_or(0)
        };
        let mut reserved_pages = 0;
        for reservation in set.peers.reservations.values() {
            let taken = reservation.domid.map_or(0, |domid| taken(xen, domid));
            reserved_pages += reservation.pages.saturating_sub(taken);
        }
        (
            reserved_pages,
            xen.physinfo().free_pages,
            tot_pages(Domid(0)),
        )
    })
}
