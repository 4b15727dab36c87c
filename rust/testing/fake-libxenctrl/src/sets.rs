//! Claim sets: the calls of a libxenctrl that has them, in the two shapes that were published.

use claims::{Domid, Errno};
use model::{Entry, Target};

#[cfg(any(feature = "v5", feature = "v7"))]
use crate::call::{domid, done, libxenctrl};
#[cfg(feature = "v7")]
use crate::pointers::get;
#[cfg(any(feature = "v5", feature = "v7"))]
use crate::pointers::get_all;
use crate::world::World;

/// The target that is no node: the host.
const HOST: u32 = 0x8000_0000;

/// One claim of a set. The last member is padding in the first shape, and a command that is not
/// used yet in the second.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub pages: u64,
    pub target: u32,
    pub reserved: u32,
}

impl World {
    /// Claims a set, as the flavour does it.
    pub fn claim_set(&self, domid: Domid, set: &[Claim]) -> Result<(), Errno> {
        let entry = |claim: &Claim| Entry {
            target: match claim.target {
                HOST => Target::Host,
                node => Target::Node(node as usize),
            },
            pages: claim.pages,
        };
        let entries: Vec<Entry> = set.iter().map(entry).collect();
        self.with(|state| {
            // Before anything else, as on the model: there is no such call.
            if !state.xen.flavour().has_claim_sets() {
                return Err(Errno::ENOSYS);
            }
            match set.iter().any(|claim| claim.reserved != 0) {
                true => Err(Errno::EINVAL),
                false => state.xen.set_claims(domid, &entries),
            }
        })
    }
}

#[cfg(feature = "v5")]
libxenctrl! {
    fn xc_domain_claim_memory(world, number: u32, count: u32, set: *mut Claim) {
        done(world.claim_set(domid(number), &get_all(set, count as usize)?))
    }
}

/// The mode that sets claims; the one that lists them is not used here.
#[cfg(feature = "v7")]
const SET: u32 = 0;

#[cfg(feature = "v7")]
libxenctrl! {
    fn xc_domain_claim_memory(
        world, number: u32, mode: u32, count: *mut u32, set: *mut Claim
    ) {
        if mode != SET {
            return Err(Errno::EOPNOTSUPP);
        }
        let set = get_all(set, get(count)? as usize)?;
        done(world.claim_set(domid(number), &set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{small, ModelledHost};
    use model::Flavour;

    #[test]
    fn a_set_is_claimed_and_released() {
        for flavour in [Flavour::V5, Flavour::V7] {
            let world = World::new(ModelledHost::new(small(), flavour).unwrap());
            let domid = world.create(true, 1).unwrap();
            world.set_max(domid, 8192).unwrap();
            let claim = |target, pages| Claim {
                pages,
                target,
                reserved: 0,
            };
            let outstanding = || world.with(|state| Ok(state.xen.claimed_pages(domid)));
            let set = [claim(0, 100), claim(1, 1000)];
            assert_eq!(world.claim_set(domid, &set), Ok(()));
            assert_eq!(outstanding(), Ok(1100));
            assert_eq!(world.claim_set(domid, &[claim(9, 1)]), Err(Errno::ENOENT));
            let odd = Claim {
                reserved: 1,
                ..claim(0, 1)
            };
            assert_eq!(world.claim_set(domid, &[odd]), Err(Errno::EINVAL));
            assert_eq!(world.claim_set(domid, &[claim(HOST, 0)]), Ok(()));
            assert_eq!(outstanding(), Ok(0));
        }
    }

    #[test]
    fn a_xen_without_sets_has_none() {
        let world = World::new(ModelledHost::new(small(), Flavour::XS9).unwrap());
        let domid = world.create(true, 1).unwrap();
        assert_eq!(world.claim_set(domid, &[]), Err(Errno::ENOSYS));
    }
}
