//! The build of a VM: its memory, extent by extent, and what it takes beside it.

use std::time::Duration;

use claims::{Domid, Errno, Reservation};
use model::{Builder, Extent, Kind, Xen};

use super::call::Call;
use super::lifecycle::{while_, At, Failure, Job, Lifecycle, Next, Set};
use super::scenario::VmKind;

/// What a builder populates in a second: 35 GiB.
const BUILT_PAGES_PER_SECOND: u64 = 35 << 18;

/// What a builder populates in one go, of extents smaller than that.
const BATCH_PAGES: u64 = 1 << 11;

/// The most no-refcount pages of a device model and of Xen's emulation.
const EXTRA_PAGES: u64 = 512;

impl Lifecycle {
    pub(super) fn begin_build(&mut self, domid: Domid, set: &mut Set) -> Result<Next, Failure> {
        let pages = self.extra_pages();
        (set.stage().model.with(|xen| extra(xen, domid, pages)))
            .map_err(while_("setting up its emulation"))?;
        if self.builder_claims() && !matches!(self.job, Job::Receive(_)) {
            self.claim_by_builder(domid, set)?;
        }
        self.builder = Some(match self.vm.kind {
            VmKind::Hvm => Builder::hvm(self.vm.memory_pages),
            VmKind::Pv => Builder::flat(self.vm.memory_pages),
        });
        let next = self.go(At::Populate, (50, 300));
        if let Ok(Next::After(wait)) = &next {
            self.build_began = set.now() + *wait;
        }
        next
    }

    fn claim_by_builder(&mut self, domid: Domid, set: &mut Set) -> Result<(), Failure> {
        let pages = self.populated_pages();
        (set.stage().claim_host(domid, pages)).map_err(while_("its builder's own claim"))?;
        self.built.claim = "builder";
        self.built.claimed_pages = pages;
        self.built.why = (self.built.why).replace("not claimed", "claimed by its builder");
        Ok(())
    }

    /// The builder of HVM domains cancels every claim when it fails, its own or not; that of PV
    /// domains does not, and restoring does not.
    fn builder_failed(&self, domid: Domid, set: &Set) {
        let restores = matches!(self.job, Job::Receive(_));
        if self.vm.kind == VmKind::Hvm && !restores {
            // It ignores the answer.
            _ = set.stage().claim_host(domid, 0);
        }
    }

    pub(super) fn extra_pages(&mut self) -> u64 {
        let most = EXTRA_PAGES / 2;
        match (self.vm.kind, self.jitter) {
            (VmKind::Pv, _) => 0,
            (VmKind::Hvm, true) => self.rng.u64(0..=most),
            (VmKind::Hvm, false) => most / 2,
        }
    }

    /// The node that the builder asks for and no other.
    pub(super) fn exact_node(&self) -> Option<usize> {
        match self.outcome.as_ref().map(|outcome| &outcome.reservation) {
            Some(Reservation::NodeClaim(node)) => Some(*node),
            Some(
                Reservation::ClaimSet
                | Reservation::HostClaim
                | Reservation::Anywhere
                | Reservation::Unplaced(_)
                | Reservation::ClaimedByBuilder
                | Reservation::Unclaimed,
            )
            | None => self.built.exact_node,
        }
    }

    /// Takes the next extent, or a batch of small ones, of which the last stays in flight.
    pub(super) fn populate(&mut self, domid: Domid, set: &mut Set) -> Result<Next, Failure> {
        let exact_node = self.exact_node();
        let Some(builder) = &mut self.builder else {
            return Ok(Next::Off);
        };
        let taken = set.stage().call(Call::POPULATE_PHYSMAP, |xen| {
            let before = xen.taken_dirty_pages();
            let (extent, pages) = take(builder, xen, domid, exact_node)?;
            let cleaning = xen.cleaning_time(xen.taken_dirty_pages() - before);
            Ok((extent, pages, cleaning))
        });
        if taken.is_err() {
            self.builder_failed(domid, set);
        }
        let (extent, pages, cleaning) = taken.map_err(while_("populating its memory"))?;
        let micros = pages * 1_000_000 / BUILT_PAGES_PER_SECOND;
        let percent = if self.jitter {
            self.rng.u64(80..=125)
        } else {
            100
        };
        let time = Duration::from_micros(micros * percent / 100);
        Ok(match extent {
            None => {
                self.at = At::Finish;
                Next::After(time + cleaning)
            }
            Some(extent) => {
                let part = if self.jitter {
                    self.rng.u32(10..=90)
                } else {
                    50
                };
                let window = time * part / 100;
                self.extent = Some((extent, time - window));
                self.at = At::Assign;
                // What is dirty is cleaned while it is neither free nor the domain's.
                Next::After(window + cleaning)
            }
        })
    }

    pub(super) fn assign(&mut self, domid: Domid, set: &mut Set) -> Result<Next, Failure> {
        self.at = At::Populate;
        let Some((extent, rest)) = self.extent.take() else {
            return Ok(Next::Off);
        };
        let assigned = set.stage().model.with(|xen| xen.assign(extent));
        if assigned.is_err() {
            self.builder_failed(domid, set);
        }
        assigned.map_err(while_("assigning its memory"))?;
        Ok(Next::After(rest))
    }

    pub(super) fn finish(&mut self, domid: Domid, set: &mut Set) -> Result<Next, Failure> {
        self.build = set.now() - self.build_began;
        self.builder = None;
        // The builder cancels every claim at its end, its own or not; restoring does not.
        if !matches!(self.job, Job::Receive(_)) {
            (set.stage().claim_host(domid, 0)).map_err(while_("ending its build"))?;
        }
        if let Some(pinned) = self.pinned.take() {
            set.protocol.finish(pinned)?;
        }
        self.go(At::StartDevices, (50, 300))
    }
}

/// Takes an extent, or small ones, the last of which it returns, with how many pages in all.
fn take(
    builder: &mut Builder,
    xen: &mut Xen,
    domid: Domid,
    exact_node: Option<usize>,
) -> Result<(Option<Extent>, u64), Errno> {
    let mut pages = 0;
    loop {
        let most = BATCH_PAGES.saturating_sub(pages);
        pages += builder.populate_small(xen, domid, exact_node, most)?;
        let Some(extent) = builder.take(xen, domid, exact_node)? else {
            return Ok((None, pages));
        };
        pages += extent.pages();
        if pages >= BATCH_PAGES {
            return Ok((Some(extent), pages));
        }
        xen.assign(extent)?;
    }
}

/// Takes pages that no claim covers and no maximum counts.
pub(super) fn extra(xen: &mut Xen, domid: Domid, pages: u64) -> Result<(), Errno> {
    for _ in 0..pages {
        let extent = xen.take(domid, Kind::Extra, 1, None)?;
        xen.assign(extent)?;
    }
    Ok(())
}
