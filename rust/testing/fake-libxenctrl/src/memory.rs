//! Extents that domains get and give back.

use claims::{Domid, Errno};
use model::{Kind, MAX_ORDER};
use planner::PAGE_BYTES;
use xenctrl_sys as xc;

use crate::frames::machine_frame;
use crate::world::World;

/// From which node an extent may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// From the domain's node affinity as long as it has some.
    Anywhere,
    /// From this node as long as it has some.
    Preferably(usize),
    /// From this node only.
    Exactly(usize),
}

/// What the flags of a call say; nodes are numbered from 1 there.
fn source(flags: u32) -> Source {
    let node = (flags >> 8 & 0xff) as usize;
    match (node.checked_sub(1), flags & xc::XENMEMF_exact_node_request) {
        (None, _) => Source::Anywhere,
        (Some(node), 0) => Source::Preferably(node),
        (Some(node), _) => Source::Exactly(node),
    }
}

impl World {
    /// Populates extents at `frames`, which become machine frames for a PV domain, until one is
    /// refused: how many. That there is no such domain is no error.
    pub fn populate(
        &self,
        domid: Domid,
        order: u32,
        flags: u32,
        frames: &mut [u64],
    ) -> Result<usize, Errno> {
        for (done, frame) in frames.iter_mut().enumerate() {
            match self.extent(domid, order, source(flags), *frame) {
                Ok(at) => *frame = at,
                Err(Errno::EIO) => return Err(Errno::EIO),
                Err(_) => return Ok(done),
            }
        }
        Ok(frames.len())
    }

    /// Takes an extent and assigns it, in two steps as Xen does: the frame where it is.
    fn extent(&self, domid: Domid, order: u32, from: Source, frame: u64) -> Result<u64, Errno> {
        if order > MAX_ORDER {
            return Err(Errno::EINVAL);
        }
        let pages = 1 << order;
        let extent = self.with(|state| {
            let mut take = |exactly| state.xen.take(domid, Kind::Memory, pages, exactly);
            match from {
                Source::Anywhere => take(None),
                Source::Preferably(node) => take(Some(node)).or_else(|_| take(None)),
                Source::Exactly(node) => take(Some(node)),
            }
        })?;
        let node = extent.node();
        self.with(|state| {
            state.xen.assign(extent)?;
            let machine = machine_frame(&mut state.unused_frame, node, pages);
            let guest = state.guest(domid)?;
            let frame = if guest.hvm { frame } else { machine };
            guest.frames.put(frame, pages, node);
            Ok(frame)
        })
    }

    /// Takes extents from a domain until there is one that it has not got: how many.
    pub fn decrease(&self, domid: Domid, order: u32, frames: &[u64]) -> Result<usize, Errno> {
        for (done, frame) in frames.iter().enumerate() {
            let freed = self.with(|state| {
                if order > MAX_ORDER {
                    return Err(Errno::EINVAL);
                }
                let taken = state.guest(domid)?.frames.take(*frame, 1 << order);
                let parts = taken.ok_or(Errno::EINVAL)?;
                (parts.into_iter()).try_for_each(|(node, pages)| state.xen.free(domid, node, pages))
            });
            match freed {
                Ok(()) => (),
                Err(Errno::EIO) => return Err(Errno::EIO),
                Err(_) => return Ok(done),
            }
        }
        Ok(frames.len())
    }

    /// Sets the most memory that a domain may have.
    pub fn set_max(&self, domid: Domid, kib: u64) -> Result<(), Errno> {
        self.with(|state| state.xen.set_max(domid, kib / (PAGE_BYTES / 1024)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{small, ModelledHost};
    use model::Flavour;

    fn world(flavour: Flavour) -> World {
        World::new(ModelledHost::new(small(), flavour).unwrap())
    }

    #[test]
    fn flags_say_from_where() {
        assert_eq!(source(0), Source::Anywhere);
        assert_eq!(source(2 << 8), Source::Preferably(1));
        let exactly = 1 << 8 | xc::XENMEMF_exact_node_request;
        assert_eq!(source(exactly), Source::Exactly(0));
    }

    #[test]
    fn extents_come_and_go() {
        for (flavour, hvm) in [(Flavour::XEN_4_17, false), (Flavour::XEN_4_22, true)] {
            let world = world(flavour);
            let domid = world.create(hvm, 1).unwrap();
            world.set_max(domid, 4 << 10).unwrap();
            let exactly = 2 << 8 | xc::XENMEMF_exact_node_request;
            let mut frames = [0, 512, 1024];
            // Two extents of 2 MiB are all that it may have.
            assert_eq!(world.populate(domid, 9, exactly, &mut frames), Ok(2));
            assert_eq!(frames[1] == 512, hvm);
            let pages = world.with(|state| Ok(state.xen.domain_pages(domid)));
            assert_eq!(pages, Ok(vec![(1, 1024)]));
            assert_eq!(world.decrease(domid, 0, &frames[1..2]), Ok(1));
            assert_eq!(world.decrease(domid, 9, &frames[..2]), Ok(1));
            let pages = world.with(|state| Ok(state.xen.domain_pages(domid)));
            assert_eq!(pages, Ok(vec![(1, 511)]));
            world.destroy(domid).unwrap();
            assert_eq!(world.populate(domid, 0, 0, &mut [0]), Ok(0));
            assert_eq!(world.decrease(domid, 0, &[frames[1] + 1]), Ok(0));
        }
    }

    #[test]
    fn a_pool_is_of_those_that_have_one() {
        let world = world(Flavour::UPSTREAM);
        let [pv, hvm] = [false, true].map(|hvm| world.create(hvm, 2).unwrap());
        assert_eq!(world.set_pool(pv, 1 << 20), Err(Errno::EOPNOTSUPP));
        assert_eq!(world.set_pool(hvm, 1), Err(Errno::EINVAL));
        assert_eq!(world.set_pool(hvm, 1 << 20), Ok(()));
        assert_eq!(world.create_vcpus(hvm, 1), Err(Errno::EINVAL));
        assert_eq!(world.create_vcpus(hvm, 2), Ok(()));
        assert_eq!(world.create_vcpus(hvm, 2), Ok(()));
        assert_eq!(world.create_vcpus(Domid(77), 2), Err(Errno::ESRCH));
    }
}
