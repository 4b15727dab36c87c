//! Domains by the specification: how they come to be, what they get and give back, and their end.

use claims::{Affinity, Errno};
use xenopsd_numa_model::Kind;

use super::state::{Fail, Oracle, Outcome, Owner, Vcpu};
use super::walk::{Found, Request, View};

/// Domain numbers from here on are reserved.
const RESERVED: u16 = 0x7FF0;

/// An extent that left the heap, as the oracle knows it.
#[derive(Debug, Clone, Copy)]
pub struct Flight {
    pub id: u16,
    pub domid: u16,
    pub kind: Kind,
    pub node: usize,
    pub pages: u64,
    /// Whether it is cleaned only when it is assigned.
    pub cleaned_later: bool,
}

impl Oracle {
    /// Pages for Xen itself, all or none: what is left in the heap.
    pub fn heap(&mut self, near: usize, pages: u64) -> Outcome<View> {
        let mut view = View::of(self);
        let request = Request {
            domid: None,
            counted: false,
            order: 0,
            exact: None,
            near,
        };
        if pages > 0 && !self.host_permits(&view, None, false, pages)? {
            return Err(Errno::ENOMEM.into());
        }
        match self.singles(&mut view, &request, pages)? {
            got if got == pages => Ok(view),
            _ => Err(Errno::ENOMEM.into()),
        }
    }

    pub fn create(&mut self, vcpus: u32) -> Outcome<(u16, View)> {
        let next = self.last_domid + 1..RESERVED;
        let mut free = next.chain(1..=self.last_domid);
        let domid = free.find(|domid| !self.doms.contains_key(domid));
        let domid = domid.ok_or(Errno::ENOMEM)?;
        let near = self.online().trailing_zeros() as usize;
        let view = self.heap(near, self.domain_pages)?;
        self.last_domid = domid;
        let dom = self.dom(vcpus);
        self.doms.insert(domid, dom);
        Ok((domid, view))
    }

    pub fn create_vcpus(&mut self, domid: u16) -> Outcome<View> {
        let dom = self.living(domid)?;
        let count = dom.vcpus;
        if !dom.created.is_empty() || count == 0 {
            return Err(Errno::EINVAL.into());
        }
        let near = self.online().trailing_zeros() as usize;
        let view = self.heap(near, self.vcpu_pages * u64::from(count))?;
        self.known_mut(domid)?.created = vec![Vcpu::default(); count as usize];
        self.follow_vcpus(domid)?;
        Ok(view)
    }

    /// CPUs 2n and 2n + 1 are of node n.
    fn follow_vcpus(&mut self, domid: u16) -> Outcome {
        let online = self.online_cpus();
        let nodes = self.nodes.len();
        let dom = self.known_mut(domid)?;
        if !dom.auto || dom.created.is_empty() {
            return Ok(());
        }
        let union = |of: fn(&Vcpu) -> Option<u64>| {
            let masks = dom.created.iter().map(|vcpu| of(vcpu).unwrap_or(u64::MAX));
            masks.fold(0, |all, mask| all | mask)
        };
        let hard = union(|vcpu| vcpu.hard) & online;
        let both = union(|vcpu| vcpu.soft) & hard;
        let cpus = if both == 0 { hard } else { both };
        let with_cpus = (0..nodes).filter(|node| cpus >> (2 * node) & 3 != 0);
        dom.affinity = with_cpus.map(|node| 1 << node).sum();
        Ok(())
    }

    fn online_cpus(&self) -> u64 {
        self.online_nodes().iter().map(|node| 3 << (2 * node)).sum()
    }

    pub fn set_vcpu_affinity(
        &mut self,
        domid: u16,
        vcpu: u32,
        affinity: Affinity,
        cpus: u64,
    ) -> Outcome {
        let online = self.online_cpus();
        let dom = self.known_mut(domid)?;
        if vcpu >= dom.vcpus {
            return Err(Errno::EINVAL.into());
        }
        let vcpu = dom.created.get_mut(vcpu as usize).ok_or(Errno::ESRCH)?;
        match affinity {
            Affinity::Hard if cpus & online == 0 => return Err(Errno::EINVAL.into()),
            Affinity::Hard => vcpu.hard = Some(cpus),
            Affinity::Soft => vcpu.soft = Some(cpus),
        }
        self.follow_vcpus(domid)
    }

    pub fn set_node_affinity(&mut self, domid: u16, nodes: u64) -> Outcome {
        let online = self.online();
        let dom = self.known_mut(domid)?;
        if nodes & online == 0 {
            return Err(Errno::EINVAL.into());
        }
        dom.auto = nodes == u64::MAX;
        if !dom.auto {
            dom.affinity = nodes;
        }
        self.follow_vcpus(domid)
    }

    pub fn set_max(&mut self, domid: u16, pages: u64) -> Outcome {
        self.known_mut(domid)?.max = pages.min(u64::from(u32::MAX) - 1);
        Ok(())
    }

    pub fn unpause(&mut self, domid: u16) -> Outcome {
        self.living(domid)?.creating = false;
        Ok(())
    }

    pub fn map_foreign(&mut self, domid: u16, pages: u64) -> Outcome {
        self.living(domid)?.foreign += pages;
        Ok(())
    }

    pub fn unmap_foreign(&mut self, domid: u16) -> Outcome {
        self.known_mut(domid)?.foreign = 0;
        Ok(())
    }

    /// Fills a pool: what is left in the heap, and whether all was got.
    pub fn fill_pool(&mut self, domid: u16, target: u64, budget: u64) -> (View, Outcome<u64>) {
        let mut view = View::of(self);
        let has = self.held(Owner::Pool(domid));
        if let Err(fail) = self.living(domid) {
            return (view, Err(fail));
        }
        let wanted = target.saturating_sub(has).min(budget);
        let request = Request {
            domid: Some(domid),
            counted: false,
            order: 0,
            exact: None,
            near: 0,
        };
        let filled = match self.singles(&mut view, &request, wanted) {
            Err(fail) => Err(fail),
            Ok(got) if got < wanted => Err(Fail::Errno(Errno::ENOMEM)),
            Ok(got) => Ok(has + got),
        };
        (view, filled)
    }

    /// Takes an extent: from where, and whether it is cleaned only later.
    pub fn take(
        &mut self,
        domid: u16,
        kind: Kind,
        order: u32,
        exact: Option<usize>,
    ) -> Outcome<(Found, bool)> {
        if exact.is_some_and(|node| !self.is_online(node)) {
            return Err(Errno::EINVAL.into());
        }
        self.known(domid)?;
        let request = Request {
            domid: Some(domid),
            counted: kind == Kind::Memory,
            order,
            exact,
            near: 0,
        };
        let view = View::of(self);
        let found = self.find(&view, &request)?.ok_or(Errno::ENOMEM)?;
        let later = self.cleans_later(&request);
        if kind == Kind::Memory && !self.consumes_late() {
            self.consume(domid, found.node, 1 << order)?;
        }
        let dom = self.known_mut(domid)?;
        dom.last_node = found.node;
        dom.extents += 1;
        Ok((found, later))
    }

    pub fn assign(&mut self, flight: &Flight) -> Outcome {
        let (domid, pages) = (flight.domid, flight.pages);
        let dom = self.known_mut(domid)?;
        dom.extents -= 1;
        if !dom.alive {
            return Err(Errno::EINVAL.into());
        }
        match flight.kind {
            Kind::Extra => dom.extra += pages,
            Kind::Memory if dom.tot > dom.max => return Err(Errno::EPERM.into()),
            Kind::Memory if pages > dom.max - dom.tot => return Err(Errno::E2BIG.into()),
            Kind::Memory => dom.tot += pages,
        }
        // Where claims are consumed late, extra pages consume them too: Xen counts them by the
        // same function.
        if self.consumes_late() {
            self.consume(domid, flight.node, pages)?;
        }
        self.repaint(Owner::Flight(flight.id), Owner::Guest(domid));
        Ok(())
    }

    fn repaint(&mut self, from: Owner, to: Owner) {
        let pages = self.nodes.iter_mut().flatten().flat_map(|n| &mut n.pages);
        for page in pages.filter(|page| page.owner == from) {
            page.owner = to;
        }
    }

    /// Frees memory: whether it is dirty then.
    pub fn free(&mut self, domid: u16, node: usize, pages: u64) -> Outcome<bool> {
        let has = match self.nodes.get(node) {
            Some(Some(node)) => node.count(Owner::Guest(domid)),
            _ => 0,
        };
        let there = node < self.nodes.len();
        let dom = self.known_mut(domid)?;
        if !there || pages > has || pages > dom.tot {
            return Err(Errno::EINVAL.into());
        }
        dom.tot -= pages;
        let alive = dom.alive;
        self.refill(domid, pages);
        Ok(!alive)
    }

    /// What a domain frees grows the claim that it still has.
    pub fn refill(&mut self, domid: u16, pages: u64) {
        if !self.flavour.refill_on_free {
            return;
        }
        if let Some(dom) = self.doms.get_mut(&domid) {
            if dom.claim.pages > 0 {
                dom.claim.pages += pages;
                self.outstanding += pages;
            }
        }
    }

    /// The first step of a destruction.
    pub fn destroy(&mut self, domid: u16) -> Outcome {
        let dom = self.known_mut(domid)?;
        if domid == 0 {
            return Err(Errno::EINVAL.into());
        }
        if !std::mem::replace(&mut dom.alive, false) {
            return Ok(());
        }
        self.release(domid)
    }
}
