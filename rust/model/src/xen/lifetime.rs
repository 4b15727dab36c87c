//! How a domain comes to be, and what happens to it while it lives.

use claims::{Domid, Errno};

use super::domain::Domain;
use super::{Finding, Xen, FIRST_RESERVED_DOMID};

impl Xen {
    /// Creates a domain: its number. It is paused, its maximum memory is 0, and it has no vCPUs
    /// yet.
    pub fn create(&mut self, vcpus: u32) -> Result<Domid, Errno> {
        self.up()?;
        let domid = self.unused_domid().ok_or(Errno::ENOMEM)?;
        let structures = self.take_heap(self.sizes.domain_pages)?;
        let mut domain = Domain::new(vcpus, self.free.len());
        domain.structures = structures;
        self.last_domid = domid.0;
        self.domains.insert(domid, domain);
        Ok(domid)
    }

    /// Creates the domain's vCPUs.
    pub fn create_vcpus(&mut self, domid: Domid) -> Result<(), Errno> {
        let domain = self.alive(domid)?;
        if !domain.affinities.is_empty() || domain.vcpus == 0 {
            return Err(Errno::EINVAL);
        }
        let count = domain.vcpus;
        let taken = self.take_heap(self.sizes.vcpu_pages * u64::from(count))?;
        let domain = self.known_mut(domid)?;
        for (structures, taken) in domain.structures.iter_mut().zip(&taken) {
            taken.runs().iter().for_each(|run| structures.push(*run));
        }
        domain.affinities = vec![Default::default(); count as usize];
        self.update_affinity(domid)
    }

    /// Whether the domain's vCPUs are created.
    pub fn has_vcpus(&self, domid: Domid) -> Result<bool, Errno> {
        Ok(!self.known(domid)?.affinities.is_empty())
    }

    /// Lets the domain run: it is not being created any more.
    pub fn unpause(&mut self, domid: Domid) -> Result<(), Errno> {
        self.alive(domid)?;
        self.known_mut(domid)?.creating = false;
        Ok(())
    }

    /// Sets the pages that the domain may have at most; may be fewer than it has.
    pub fn set_max(&mut self, domid: Domid, pages: u64) -> Result<(), Errno> {
        self.up()?;
        let domain = self.known_mut(domid)?;
        let pages = pages.min(u64::from(u32::MAX) - 1);
        domain.max_lowered |= pages < domain.max_pages;
        domain.max_pages = pages;
        Ok(())
    }

    /// Frees pages of a domain's memory, as a balloon does. EINVAL if it has not got them there.
    pub fn free(&mut self, domid: Domid, node: usize, pages: u64) -> Result<(), Errno> {
        self.up()?;
        let domain = self.known(domid)?;
        let has = (domain.pages.get(node)).is_some_and(|held| held.pages() >= pages);
        if !has || pages > domain.tot_pages {
            return Err(Errno::EINVAL);
        }
        self.free_memory(domid, node, pages)
    }

    /// Frees pages of a domain's memory in pieces of `piece_pages`, with as much that it keeps
    /// between them, so that what is free is scattered. EINVAL if it has not got them there.
    pub fn free_scattered(
        &mut self,
        domid: Domid,
        node: usize,
        pages: u64,
        piece_pages: u64,
    ) -> Result<(), Errno> {
        self.up()?;
        let domain = self.known(domid)?;
        let has = (domain.pages.get(node)).is_some_and(|held| held.pages() >= pages);
        if !has || pages > domain.tot_pages || piece_pages == 0 {
            return Err(Errno::EINVAL);
        }
        let mut kept = Vec::new();
        let mut left = pages;
        while left > 0 {
            let piece = left.min(piece_pages);
            self.free_memory(domid, node, piece)?;
            left -= piece;
            // What lies between is put aside, and comes back when all is done.
            let held = &mut self.known_mut(domid)?.pages[node];
            if held.pages() >= piece_pages + left {
                kept.extend(held.pop(piece_pages));
            }
        }
        let held = &mut self.known_mut(domid)?.pages[node];
        kept.into_iter().rev().for_each(|run| held.push_first(run));
        Ok(())
    }

    pub(super) fn free_memory(
        &mut self,
        domid: Domid,
        node: usize,
        pages: u64,
    ) -> Result<(), Errno> {
        self.known_mut(domid)?.tot_pages -= pages;
        self.put_memory(domid, node, pages)
    }

    /// Puts memory of a domain back into the heap, whatever it counted against.
    pub(super) fn put_memory(
        &mut self,
        domid: Domid,
        node: usize,
        pages: u64,
    ) -> Result<(), Errno> {
        let refills = self.flavour.refill_on_free;
        let domain = self.known_mut(domid)?;
        // A living domain is trusted to have erased what it gives back.
        let dirty = !domain.is_alive();
        // Before the pages are in the heap.
        if refills && pages > 0 && domain.claim.outstanding_pages > 0 {
            domain.claim.outstanding_pages += pages;
            self.outstanding_pages += pages;
            self.findings.note(Finding::Refilled);
        }
        let mut left = pages;
        while let Some(run) = self.known_mut(domid)?.pages[node].pop(left) {
            left -= run.pages;
            self.put(run, dirty);
        }
        Ok(())
    }

    /// Others map that many more of the domain's pages, which outlive it until they are unmapped.
    pub fn map_foreign(&mut self, domid: Domid, pages: u64) -> Result<(), Errno> {
        self.alive(domid)?;
        self.known_mut(domid)?.foreign_pages += pages;
        Ok(())
    }

    /// Others unmap all of the domain's pages.
    pub fn unmap_foreign(&mut self, domid: Domid) -> Result<(), Errno> {
        self.up()?;
        self.known_mut(domid)?.foreign_pages = 0;
        Ok(())
    }

    /// Takes free pages of a node out of use, as when they broke: how many there were. Claim sets
    /// that do not fit any more are recalled, those on nodes first; elsewhere nothing is.
    pub fn offline_pages(&mut self, node: usize, pages: u64) -> Result<u64, Errno> {
        self.up()?;
        if !self.online().contains(node) {
            return Err(Errno::EINVAL);
        }
        let mut left = pages.min(self.free[node]);
        let broken = left;
        for zone in self.heap[node].zones_mut() {
            let some = left.min(zone.free_pages());
            zone.take_singles(some, |_| ());
            left -= some;
        }
        self.free[node] -= broken;
        self.free_pages -= broken;
        self.broken_pages[node] += broken;
        self.recall_claims(node);
        self.note_overclaims();
        Ok(broken)
    }

    fn unused_domid(&self) -> Option<Domid> {
        let after = self.last_domid + 1..FIRST_RESERVED_DOMID;
        after
            .chain(1..=self.last_domid)
            .map(Domid)
            .find(|domid| !self.domains.contains_key(domid))
    }
}
