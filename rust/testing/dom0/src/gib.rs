//! A populate of a whole GiB, which the running Xen may have where the model has none, or the other
//! way round: how pages broke on Xen the model cannot know. Nothing else is an excuse.

use xen::From;

use crate::draw::GIB_ORDER;
use crate::followed::Followed;
use crate::following::{ModelAnswer, Populate, Tried};
use crate::modelled::Modelled;
use crate::moves::pages;
use crate::operations::{Counters, Operation};
use crate::report::{ensure, Failure};

/// The extents that a GiB is followed in, and how many of them it is.
const PART_ORDER: u32 = 9;
const PARTS: u64 = 1 << (GIB_ORDER - PART_ORDER);

/// How many of its parts are asked for where Xen had no whole GiB: not all, for as pages break,
/// so do some of these.
const PARTS_ASKED: u64 = PARTS - PARTS / 16;

impl Populate<'_> {
    /// Does it for one of a GiB, when the model has tried.
    pub fn follow_gib(
        &self,
        modelled: &mut Modelled,
        followed: &mut Followed,
        tried: Tried,
    ) -> Result<ModelAnswer, Failure> {
        ensure!(self.count == 1, "{} GiB are asked for at once", self.count);
        let as_xen = Ok(self.had);
        let claimed = |counters: &Counters| {
            counters.domains[self.slot].map_or(0, |domain| domain.outstanding_pages)
        };
        match (tried.done, self.had) {
            (1.., 1..) if tried.same => Ok(ModelAnswer::only(Ok(tried.done))),
            (_, 1..) => {
                let landed = pages(self.moved, 1)?;
                *modelled = tried.saved;
                if tried.done > 0 && modelled.populate_on(self.slot, self.order, &landed, false) > 0
                {
                    return Ok(ModelAnswer::only(as_xen));
                }
                followed.scarce += 1;
                self.in_parts(modelled, &tried.before, &landed)?;
                Ok(ModelAnswer::only(as_xen))
            }
            (1.., 0) => {
                followed.scarce += 1;
                *modelled = tried.saved;
                Ok(self.then_in_parts())
            }
            // The maximum refused it, before or after it was taken off the claim.
            (0, 0) if claimed(&tried.after) == self.outstanding_pages => {
                Ok(ModelAnswer::only(as_xen))
            }
            (0, 0) if claimed(&tried.before) == self.outstanding_pages => {
                followed.scarce += 1;
                *modelled = tried.saved;
                Ok(self.then_in_parts())
            }
            (0, 0) => {
                followed.scarce += 1;
                *modelled = tried.saved;
                self.refused_by_maximum(modelled, &tried.before)?;
                Ok(ModelAnswer::only(as_xen))
            }
        }
    }

    /// Xen had a GiB, and the model none on that node, which may only be as its pages broke.
    fn in_parts(
        &self,
        modelled: &mut Modelled,
        before: &Counters,
        landed: &[u64],
    ) -> Result<(), Failure> {
        let whole = (landed.iter().enumerate())
            .any(|(node, pages)| *pages > 0 && modelled.has_extents(self.order, node));
        ensure!(
            !whole && self.permitted(modelled, before),
            "Xen had a GiB, and the model refuses"
        );
        let done = modelled.populate_on(self.slot, PART_ORDER, landed, false);
        ensure!(done == PARTS, "{done} of {PARTS} extents may be had");
        modelled.rename_extents(self.slot, PART_ORDER, self.order, 1);
        Ok(())
    }

    /// Xen had a GiB, took it off the claim, and the domain's maximum refused it.
    fn refused_by_maximum(
        &self,
        modelled: &mut Modelled,
        before: &Counters,
    ) -> Result<(), Failure> {
        let beyond = before.domains[self.slot]
            .is_some_and(|domain| domain.tot_pages + (1 << self.order) > domain.max_pages);
        let exactly = match self.from {
            From::Exactly(node) => Some(node),
            From::Anywhere | From::Preferably(_) => None,
        };
        let whole = (0..before.free_by_node.len())
            .filter(|node| exactly.is_none_or(|exactly| exactly == *node))
            .any(|node| modelled.has_extents(self.order, node));
        ensure!(
            beyond && !whole && self.permitted(modelled, before),
            "a GiB was refused, and {} pages are still claimed",
            self.outstanding_pages
        );
        let all = modelled.take_and_give_back(self.slot, PART_ORDER, PARTS, exactly);
        ensure!(all, "there is no GiB that the maximum refuses");
        Ok(())
    }

    fn then_in_parts(&self) -> ModelAnswer {
        ModelAnswer {
            answer: Ok(self.had),
            next: Some(Operation::Populate(
                self.slot,
                PART_ORDER,
                PARTS_ASKED,
                self.from,
            )),
        }
    }

    /// Whether the claims on the host leave it as much in one extent.
    fn permitted(&self, modelled: &Modelled, before: &Counters) -> bool {
        let own = before.domains[self.slot].map_or(0, |domain| domain.outstanding_pages);
        let (pages, claimed) = (1 << self.order, before.outstanding_pages);
        match modelled.flavour().shortfall {
            true => pages + claimed <= before.free_pages + own,
            false => pages + claimed <= before.free_pages || own >= pages,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Flavour, Sizes, Xen};
    use planner::{
        Host, HostDescription, NodeDescription, NodeSet, TopologyDescription, PAGE_BYTES,
    };

    use super::*;
    use crate::moves::left;
    use crate::operations::World;

    const GIB: u64 = 1 << GIB_ORDER;

    /// Two nodes of a GiB and a half, and one domain, without structures, in the first slot.
    fn world(flavour: Flavour, max_pages: u64) -> Modelled {
        let bytes = Some(GIB * 3 / 2 * PAGE_BYTES);
        let node = NodeDescription {
            size_bytes: bytes,
            free_bytes: bytes,
            claimed_bytes: 0,
        };
        let host = Host::new(&HostDescription {
            topology: TopologyDescription {
                distances: vec![vec![Some(10), Some(21)], vec![Some(21), Some(10)]],
                cpu_to_node: vec![Some(0), Some(1)],
                cpu_to_core: vec![Some(0), Some(1)],
                cpu_to_socket: vec![Some(0), Some(1)],
            },
            nodes: vec![node; 2],
            host_free_bytes: GIB * 3 * PAGE_BYTES,
            host_outstanding_bytes: 0,
        });
        let xen = Xen::new(&host.unwrap(), flavour).with_sizes(Sizes {
            domain_pages: 0,
            vcpu_pages: 0,
        });
        let mut world = Modelled::of(xen);
        for slot in [0, 1] {
            world.apply(&Operation::Create(slot)).unwrap();
            let max_pages = if slot == 0 { max_pages } else { 4 * GIB };
            world.apply(&Operation::SetMax(slot, max_pages)).unwrap();
        }
        world
    }

    /// Breaks the node's only GiB: the other domain has a page in the middle of what is left.
    fn broken(world: &mut Modelled, node: usize) {
        let extents = [(9, 256 + 255), (0, 1)];
        for (order, count) in extents {
            let populate = Operation::Populate(1, order, count, From::Exactly(node));
            assert_eq!(world.apply(&populate), Ok(count));
        }
        assert_eq!(world.apply(&Operation::Free(1, 9, 511)), Ok(511));
        assert!(!world.has_extents(GIB_ORDER, node));
    }

    /// The same pages are free, and there is a GiB still.
    fn as_many_free(world: &mut Modelled, node: usize) {
        let populate = Operation::Populate(1, 0, 1, From::Exactly(node));
        assert_eq!(world.apply(&populate), Ok(1));
    }

    /// Has the model follow what Xen did: what came of it, and how often one alone had a GiB.
    fn follow(
        modelled: &mut Modelled,
        from: From,
        had: u64,
        moved: &[i64],
        outstanding_pages: u64,
    ) -> (Result<ModelAnswer, Failure>, u32) {
        let populate = Populate {
            slot: 0,
            order: GIB_ORDER,
            count: 1,
            from,
            had,
            moved,
            outstanding_pages,
        };
        let mut followed = Followed::default();
        (populate.follow(modelled, &mut followed), followed.scarce)
    }

    /// Asks the one, and has the other follow.
    fn both(
        xen: &mut Modelled,
        modelled: &mut Modelled,
        from: From,
    ) -> (Result<ModelAnswer, Failure>, u32) {
        let before = xen.counters().unwrap();
        assert_eq!(before, modelled.counters().unwrap());
        let had = xen
            .apply(&Operation::Populate(0, GIB_ORDER, 1, from))
            .unwrap();
        let after = xen.counters().unwrap();
        let moved = left(&before, &after);
        let claimed = after.domains[0].unwrap().outstanding_pages;
        let (answer, scarce) = follow(modelled, from, had, &moved, claimed);
        if answer.is_ok() {
            assert_eq!(after, modelled.counters().unwrap());
        }
        (answer, scarce)
    }

    fn pair(flavour: Flavour, max_pages: u64) -> (Modelled, Modelled) {
        let world = world(flavour, max_pages);
        (world.clone(), world)
    }

    fn on_both(worlds: [&mut Modelled; 2], operation: &Operation) {
        for world in worlds {
            world.apply(operation).unwrap();
        }
    }

    #[test]
    fn a_gib_is_followed_in_parts_where_only_xen_has_one() {
        for from in [From::Anywhere, From::Exactly(1)] {
            let (mut xen, mut modelled) = pair(Flavour::XEN_4_17, 2 * GIB);
            let affinity = Operation::SetNodeAffinity(0, Some(NodeSet::one(1)));
            on_both([&mut xen, &mut modelled], &affinity);
            as_many_free(&mut xen, 1);
            broken(&mut modelled, 1);
            // From anywhere the model has one too, but on the other node.
            let (answer, scarce) = both(&mut xen, &mut modelled, from);
            assert_eq!(answer.unwrap(), ModelAnswer::only(Ok(1)));
            assert_eq!(scarce, 1);
            assert_eq!(modelled.apply(&Operation::Free(0, GIB_ORDER, 1)), Ok(1));
        }
    }

    #[test]
    fn where_only_the_model_has_one_its_parts_are_asked_for() {
        let (mut xen, mut modelled) = pair(Flavour::XEN_4_17, 2 * GIB);
        broken(&mut xen, 1);
        as_many_free(&mut modelled, 1);
        let (answer, scarce) = both(&mut xen, &mut modelled, From::Exactly(1));
        let next = Operation::Populate(0, PART_ORDER, PARTS_ASKED, From::Exactly(1));
        assert_eq!(answer.unwrap().next.as_ref(), Some(&next));
        assert_eq!(scarce, 1);
        assert_eq!(xen.apply(&next), Ok(PARTS_ASKED));
    }

    #[test]
    fn what_claims_refuse_is_not_followed() {
        let (mut xen, mut modelled) = pair(Flavour::XEN_4_17, 2 * GIB);
        as_many_free(&mut xen, 1);
        broken(&mut modelled, 1);
        let claim = Operation::ClaimHost(1, 3 * GIB - GIB / 2);
        modelled.apply(&claim).unwrap();
        // Xen, which does not know of the claim, says of it what the model does.
        assert!(
            follow(&mut modelled, From::Exactly(1), 1, &[0, GIB as i64], 0)
                .0
                .is_err()
        );
    }

    #[test]
    fn a_refused_gib_is_off_the_claim_where_xen_had_one() {
        for (flavour, left) in [(Flavour::UPSTREAM, 0), (Flavour::XEN_4_17, 1000)] {
            for only_xen in [true, false] {
                let (mut xen, mut modelled) = pair(flavour, 1000);
                let claim = Operation::ClaimHost(0, 1000);
                on_both([&mut xen, &mut modelled], &claim);
                match only_xen {
                    true => {
                        as_many_free(&mut xen, 1);
                        broken(&mut modelled, 1);
                    }
                    false => {
                        broken(&mut xen, 1);
                        as_many_free(&mut modelled, 1);
                    }
                }
                let (answer, scarce) = both(&mut xen, &mut modelled, From::Exactly(1));
                let answer = answer.unwrap();
                assert_eq!(answer.answer, Ok(0));
                let claimed = modelled.counters().unwrap().domains[0]
                    .unwrap()
                    .outstanding_pages;
                assert_eq!(claimed, if only_xen { left } else { 1000 });
                let differ = flavour == Flavour::UPSTREAM;
                assert_eq!(
                    (scarce, answer.next.is_some()),
                    (u32::from(differ), differ && !only_xen)
                );
            }
        }
    }

    #[test]
    fn a_claim_that_is_gone_for_no_reason_is_not_followed() {
        let (_, mut modelled) = pair(Flavour::UPSTREAM, 1000);
        modelled.apply(&Operation::ClaimHost(0, 1000)).unwrap();
        broken(&mut modelled, 1);
        modelled.apply(&Operation::SetMax(0, 2 * GIB)).unwrap();
        assert!(follow(&mut modelled, From::Exactly(1), 0, &[0, 0], 0)
            .0
            .is_err());
    }
}
