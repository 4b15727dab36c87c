//! The same random operations on the running Xen and on the model: answers, counters and, where
//! they can be known, the nodes of the pages must be the same.
//!
//! What the model cannot know it follows: on which nodes pages land that may come from several, of
//! which nodes the extents are that are freed, how many pages the structures of a domain take, and
//! whether there is a whole free GiB.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use claims::Errno;
use xen::From;

use crate::draw::Draw;
use crate::followed::Followed;
use crate::following::Populate;
use crate::host::Host;
use crate::modelled::Modelled;
use crate::moves::{left, moved, pages};
use crate::operations::{Counters, Operation, Running, World, SLOTS};
use crate::report::{ensure, Failure, Found};
use crate::seen::Seen;

/// A domain's structures take at most so many pages, and not always the same ones; nor are all of
/// them back when it is gone.
const STRUCTURE_PAGES: u64 = 600;

/// Xen gives the structures of domains that are gone back late, at once or page by page, so that
/// these may come during any later operation.
const LATE_PAGES: u64 = 128;

/// How far a domain's structures may be from what they were measured to be.
const UNSURE_PAGES: u64 = 4;

/// How long they are waited for.
const LATE: Duration = Duration::from_millis(500);

/// Operations that are shown when the two differ.
const SHOWN: usize = 24;

struct Lockstep<'a> {
    running: Running<'a>,
    modelled: Modelled,
    now: Counters,
    domain_pages: u64,
    seen: Seen,
    /// Whether the domain in each slot has ever claimed a node.
    claimed_a_node: [bool; SLOTS],
    followed: Followed,
    /// What must be done next.
    next: Option<Operation>,
}

impl<'a> Lockstep<'a> {
    fn new(host: &'a Host) -> Result<Self, Failure> {
        let seen = Seen::of(host)?;
        let mut running = Running::new(host, host.kinds[0], seen.reports_node_claims);
        host.steady_memory()?;
        // All before any is destroyed, for its pages might be back only when the next is measured.
        let mut costs = [0; SLOTS];
        for (slot, cost) in costs.iter_mut().enumerate() {
            let before = running.counters()?.free_pages;
            answered(running.apply(&Operation::Create(slot)))?;
            *cost = before.saturating_sub(running.counters()?.free_pages);
        }
        for slot in 0..SLOTS {
            answered(running.apply(&Operation::Destroy(slot)))?;
        }
        host.steady_memory()?;
        // The first domain costs more than the next ones, and late pages make some cost less.
        costs.sort_unstable();
        let domain_pages = costs[SLOTS / 2];
        ensure!(domain_pages > 0, "domains cost {costs:?} pages each");
        let mut running = Running::new(host, host.kinds[0], seen.reports_node_claims);
        let now = running.counters()?;
        Ok(Lockstep {
            modelled: Modelled::new(host, seen.flavour(), &now, domain_pages)?,
            running,
            now,
            domain_pages,
            seen,
            claimed_a_node: [false; SLOTS],
            followed: Followed::default(),
            next: None,
        })
    }

    /// The free pages that are waited for, since some come late.
    fn expected(&self, operation: &Operation, answer: Result<u64, Errno>) -> u64 {
        if let (Operation::Destroy(slot), Ok(_)) = (operation, answer) {
            let had = self.now.domains[*slot].map_or(0, |domain| domain.tot_pages);
            // A few more or less are no reason to wait.
            return self.now.free_pages + had + self.domain_pages / 2;
        }
        if let (Operation::Create(_), Err(Errno::ENOMEM)) = (operation, answer) {
            return self.now.free_pages;
        }
        0
    }

    fn step(&mut self, operation: &Operation) -> Result<Result<u64, Errno>, Failure> {
        let answer = self.running.apply(operation);
        let expected = self.expected(operation, answer);
        let after = self.running.counters_when_free(expected, LATE)?;
        let before = std::mem::replace(&mut self.now, after);
        let left = left(&before, &self.now);
        let (order, sign, exactly) = operation.extents().unwrap_or((0, 0, None));
        let total = sign * ((answer.unwrap_or(0) as i64) << order);
        let moved = moved(&left, order, total, exactly);
        if let (Some(node), 1..) = (exactly, total) {
            self.only_of(node, &left, &moved)?;
        }
        let (predicted, late) = self.on_model(operation, answer, &before, &moved, &left)?;
        ensure!(
            predicted == answer,
            "Xen answers {answer:?}, the model {predicted:?}, with {} pages free and {} claimed",
            before.free_pages,
            before.outstanding_pages
        );
        if matches!(operation, Operation::Create(_) | Operation::Destroy(_)) {
            self.follow(STRUCTURE_PAGES)?;
        } else if late {
            self.followed.late += 1;
            self.follow(LATE_PAGES)?;
        }
        if let (Operation::Create(slot), Ok(_)) = (operation, answer) {
            self.claimed_a_node[*slot] = false;
        }
        if let (Operation::ClaimNode(slot, _, 1..), Ok(_)) = (operation, answer) {
            self.claimed_a_node[*slot] = true;
        }
        let modelled = self.modelled.counters()?;
        ensure!(
            modelled == self.now,
            "Xen has {:?}, and the model {modelled:?}",
            self.now
        );
        Ok(answer)
    }

    /// Does the operation on the model: what that answers, and whether pages came late or went.
    fn on_model(
        &mut self,
        operation: &Operation,
        answer: Result<u64, Errno>,
        before: &Counters,
        moved: &[i64],
        left: &[i64],
    ) -> Result<(Result<u64, Errno>, bool), Failure> {
        let late = moved != left;
        let came: Vec<i64> = moved.iter().zip(left).map(|(m, l)| m - l).collect();
        let predicted = match *operation {
            Operation::Create(slot) => self.create(slot, before, answer)?,
            Operation::Populate(slot, order, count, from) => {
                self.late_first(operation, &came, answer)?;
                self.populate(slot, order, count, from, moved, answer)?
            }
            Operation::Free(slot, order, count) => {
                let freed = pages(moved, -1)?;
                let within = self.modelled.within(slot, freed.clone());
                let predicted = self.modelled.free_on(slot, order, count, &within);
                return Ok((predicted, late || within != freed));
            }
            Operation::ClaimHost(..) | Operation::ClaimNode(..) | Operation::ClaimSet(..) => {
                self.late_first(operation, &came, answer)?;
                self.modelled.apply(operation)
            }
            Operation::SetMax(..) | Operation::SetNodeAffinity(..) | Operation::Destroy(_) => {
                self.modelled.apply(operation)
            }
        };
        Ok((predicted, late))
    }

    /// A domain is refused for want of pages only if the model has too few for its structures. How
    /// many it takes exactly decides only if there are about as many as that, or where there were
    /// none, if the counters say that as many came late.
    fn create(
        &mut self,
        slot: usize,
        before: &Counters,
        answer: Result<u64, Errno>,
    ) -> Result<Result<u64, Errno>, Failure> {
        let unclaimed = before.free_pages.saturating_sub(before.outstanding_pages);
        let none_left = self.now.free_pages + UNSURE_PAGES >= before.free_pages;
        let narrow = match unclaimed {
            0 => answer.is_ok() && none_left,
            _ => unclaimed < STRUCTURE_PAGES,
        };
        if before.domains[slot].is_some() || !narrow {
            return Ok(self.modelled.apply(&Operation::Create(slot)));
        }
        self.followed.narrow += 1;
        match answer {
            Ok(_) => Ok(self.modelled.create_regardless(slot)),
            Err(_) => Ok(Err(Errno::ENOMEM)),
        }
    }

    /// Pages that the counters say came late may have come before a claim was looked at, or the
    /// last extent refused. Gives them to the model first if it answers otherwise without them.
    fn late_first(
        &mut self,
        operation: &Operation,
        late: &[i64],
        answer: Result<u64, Errno>,
    ) -> Result<(), Failure> {
        let without = self.modelled.clone().apply(operation);
        if without == answer || late.iter().all(|pages| *pages <= 0) {
            return Ok(());
        }
        ensure!(
            late.iter().all(|pages| pages.unsigned_abs() <= LATE_PAGES),
            "{late:?} pages came late"
        );
        let free = self.modelled.counters()?.free_by_node;
        let with_late = free.iter().zip(late);
        let free: Vec<u64> = with_late
            .map(|(free, late)| free.saturating_add_signed(*late))
            .collect();
        let by = self.modelled.adjust(&free)?;
        self.followed.drifted(&by);
        Ok(())
    }

    fn populate(
        &mut self,
        slot: usize,
        order: u32,
        count: u64,
        from: From,
        moved: &[i64],
        answer: Result<u64, Errno>,
    ) -> Result<Result<u64, Errno>, Failure> {
        let Ok(had) = answer else {
            let operation = Operation::Populate(slot, order, count, from);
            return Ok(self.modelled.apply(&operation));
        };
        let populate = Populate {
            slot,
            order,
            count,
            from,
            had,
            moved,
            outstanding_pages: self.now.domains[slot].map_or(0, |domain| domain.outstanding_pages),
        };
        let predicted = populate.follow(&mut self.modelled, &mut self.followed)?;
        self.next = predicted.next;
        Ok(predicted.answer)
    }

    /// Makes the model's free pages those of Xen, which may be so many more or less.
    fn follow(&mut self, most: u64) -> Result<(), Failure> {
        let by = self.modelled.adjust(&self.now.free_by_node)?;
        ensure!(
            by.iter().all(|by| by.unsigned_abs() <= most),
            "free on nodes are {by:?} pages more than in the model"
        );
        self.followed.drifted(&by);
        let all = &self.followed.structures;
        ensure!(
            all.iter().all(|all| all.unsigned_abs() <= STRUCTURE_PAGES),
            "{all:?} pages more are free on nodes than in the model"
        );
        Ok(())
    }

    /// What comes late comes back: while pages of one node are asked for, none of the others leave
    /// them. Else those of another node could pass for late ones.
    fn only_of(&mut self, node: usize, left: &[i64], moved: &[i64]) -> Result<(), Failure> {
        self.followed.exactly += 1;
        self.followed.undisturbed += u32::from(left == moved);
        let other = |of: &usize| *of != node && left[*of] > UNSURE_PAGES as i64;
        let others: Vec<usize> = (0..left.len()).filter(other).collect();
        ensure!(
            others.is_empty(),
            "{left:?} pages left the nodes, and only some of {node} were asked for"
        );
        Ok(())
    }
}

fn answered(answer: Result<u64, Errno>) -> Result<u64, Failure> {
    answer.map_err(|errno| Failure(errno.to_string()))
}

/// So many random operations on both.
pub fn run(host: &Host, seed: u64, count: u32) -> Found {
    let mut source = fastrand::Rng::with_seed(seed);
    let nodes = host.nodes_with_memory()?;
    let mut both = Lockstep::new(host)?;
    let mut last = VecDeque::new();
    let (mut accepted, mut moving, mut claims, mut on_nodes) = (0, 0, 0, 0);
    let mut refused = BTreeMap::new();
    for step in 0..count {
        let unclaimed = both.modelled.unclaimed_by_node();
        let mut draw = Draw {
            source: &mut source,
            nodes: &nodes,
            node_count: host.topology.node_count(),
            now: &both.now,
            unclaimed_by_node: &unclaimed,
            node_claims: both.seen.node_claims,
            claim_sets: both.seen.claim_sets,
            claimed_a_node: both.claimed_a_node,
        };
        let operation = draw.operation();
        let mut step = |both: &mut Lockstep, operation: &Operation| {
            let answer = both.step(operation).map_err(|Failure(why)| {
                for line in &last {
                    println!("# {line}");
                }
                Failure(format!(
                    "seed {seed}, operation {step}, {operation:?}: {why}"
                ))
            })?;
            if last.len() == SHOWN {
                last.pop_front();
            }
            last.push_back(format!("{step} {operation:?}: {answer:?}"));
            Ok::<_, Failure>(answer)
        };
        let answer = step(&mut both, &operation)?;
        if let Some(next) = both.next.take() {
            // What it comes to is compared, and not counted.
            let _ = step(&mut both, &next)?;
        }
        match answer {
            Ok(extents) => {
                accepted += 1;
                moving += u32::from(extents > 0);
                let claim = matches!(operation, Operation::ClaimHost(_, pages) if pages > 0);
                claims += u32::from(claim);
                on_nodes += u32::from(matches!(operation, Operation::ClaimNode(_, _, 1..)));
                on_nodes +=
                    u32::from(matches!(&operation, Operation::ClaimSet(_, set) if !set.is_empty()));
            }
            Err(errno) => *refused.entry(errno.to_string()).or_insert(0) += 1,
        }
    }
    let followed = &both.followed;
    followed.heeds_nodes()?;
    Ok(format!(
        "seed {seed}, {}: {count} operations, {accepted} done, of which {moving} moved \
         pages, {claims} claimed some and {on_nodes} some of nodes, refused {refused:?}; {} of {} \
         populates from anywhere landed as modelled, {} of {} from one node undisturbed; {} \
         pages a domain, {} off on a node at most; late pages {} times; {} GiB extents and {} \
         domains followed",
        both.modelled.flavour().name,
        followed.as_modelled,
        followed.anywhere,
        followed.undisturbed,
        followed.exactly,
        both.domain_pages,
        followed.wrong_by,
        followed.late,
        followed.scarce,
        followed.narrow
    ))
}
