//! How the model follows a populate of the running Xen in what it cannot know: on which nodes pages
//! land that may come from several, and whether there is a whole free GiB (`gib.rs`).

use claims::Errno;
use xen::From;

use crate::draw::GIB_ORDER;
use crate::followed::Followed;
use crate::modelled::Modelled;
use crate::moves::{left, pages};
use crate::operations::{Counters, Operation, World};
use crate::report::Failure;

/// A populate, and what the running Xen did.
#[derive(Debug)]
pub struct Populate<'a> {
    pub slot: usize,
    pub order: u32,
    pub count: u64,
    pub from: From,
    /// The extents that were had.
    pub had: u64,
    /// What it moved off each node.
    pub moved: &'a [i64],
    /// What the domain has claimed afterwards.
    pub outstanding_pages: u64,
}

/// What the model answers then.
#[derive(Debug, PartialEq, Eq)]
pub struct ModelAnswer {
    pub answer: Result<u64, Errno>,
    /// What must be asked of both next, since only the model had a whole GiB: a refusal for any
    /// other reason than that pages broke is one of these extents too.
    pub next: Option<Operation>,
}

/// What the model did by itself.
#[derive(Debug)]
pub struct Tried {
    pub saved: Modelled,
    pub before: Counters,
    pub after: Counters,
    pub done: u64,
    /// Whether from the same nodes as Xen.
    pub same: bool,
}

impl ModelAnswer {
    pub fn only(answer: Result<u64, Errno>) -> Self {
        ModelAnswer { answer, next: None }
    }
}

impl Populate<'_> {
    /// Does it on the model.
    pub fn follow(
        &self,
        modelled: &mut Modelled,
        followed: &mut Followed,
    ) -> Result<ModelAnswer, Failure> {
        let operation = Operation::Populate(self.slot, self.order, self.count, self.from);
        let saved = modelled.clone();
        let before = modelled.counters()?;
        let answer = modelled.apply(&operation);
        let after = modelled.counters()?;
        let Ok(done) = answer else {
            return Ok(ModelAnswer::only(answer));
        };
        let same = left(&before, &after) == self.moved;
        let of_any_node = match self.from {
            From::Exactly(_) => false,
            From::Anywhere | From::Preferably(_) => true,
        };
        let scarce = self.is_gib() && done != self.had;
        if self.from == From::Anywhere && self.had > 0 && !scarce {
            followed.anywhere += 1;
            followed.as_modelled += u32::from(same);
        }
        if self.is_gib() {
            let tried = Tried {
                saved,
                before,
                after,
                done,
                same,
            };
            return self.follow_gib(modelled, followed, tried);
        }
        if of_any_node && !same && done == self.had {
            *modelled = saved;
            let landed = pages(self.moved, 1)?;
            let more = self.had < self.count;
            let done = modelled.populate_on(self.slot, self.order, &landed, more);
            return Ok(ModelAnswer::only(Ok(done)));
        }
        Ok(ModelAnswer::only(answer))
    }

    fn is_gib(&self) -> bool {
        self.order == GIB_ORDER
    }
}
