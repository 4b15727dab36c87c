//! Who waits for memory, or for builds to end, in the order in which they came.
//!
//! Whoever comes later may go first only a few times, unless all who came before wait for memory,
//! and what is left then is enough for them; and never before whoever could be placed, if too
//! little is left for that one then.

use std::time::Duration;

use crate::hypervisor::{DomainInfo, Domid};

/// How often whoever waits may be overtaken.
const MOST_OVERTAKEN: u32 = 4;

/// A placement that was not taken forward for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Memory.
    Memory,
    /// Builds to end, each of which is in its way however much memory there is.
    Builds,
    /// A nearer plan than it has: until then nobody takes the memory of the one that it has.
    NearerPlan,
    /// Nothing now: it only keeps its place.
    Nothing,
}

/// What would be left of the host if somebody went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Pages that are free and claimed by nobody.
    pub pages: u64,
    /// Of these, what whoever is short can count on.
    pub sure_pages: u64,
}

/// Those who wait.
#[derive(Debug, Default)]
pub(crate) struct Line(Vec<Ticket>);

#[derive(Debug)]
struct Ticket {
    domid: Domid,
    needed_pages: u64,
    seen: Duration,
    overtaken: u32,
    waits_for: For,
}

impl Ticket {
    fn waits(&self) -> bool {
        match self.waits_for {
            For::Memory | For::Builds | For::NearerPlan => true,
            For::Nothing => false,
        }
    }
}

impl Line {
    /// Forgets placements of domains that are gone, and those that nobody takes forward.
    pub fn tidy(&mut self, now: Duration, domains: &[DomainInfo]) {
        let alive = |domid| domains.iter().any(|d| d.domid == domid && !d.dying);
        self.0
            .retain(|ticket| alive(ticket.domid) && now.saturating_sub(ticket.seen) < FORGOTTEN);
    }

    /// It waits: at its place, or at the end if it has none.
    pub fn wait(&mut self, domid: Domid, needed_pages: u64, now: Duration, waits_for: For) {
        match self.0.iter_mut().find(|ticket| ticket.domid == domid) {
            Some(ticket) => {
                ticket.seen = now;
                ticket.waits_for = waits_for;
            }
            None => self.0.push(Ticket {
                domid,
                needed_pages,
                seen: now,
                overtaken: 0,
                waits_for,
            }),
        }
    }

    /// It has what it waited for, for now: it keeps its place, and holds nobody up.
    pub fn pause(&mut self, domid: Domid, now: Duration) {
        if let Some(ticket) = self.0.iter_mut().find(|ticket| ticket.domid == domid) {
            ticket.seen = now;
            ticket.waits_for = For::Nothing;
        }
    }

    /// It waits no more.
    pub fn leave(&mut self, domid: Domid) {
        self.0.retain(|ticket| ticket.domid != domid);
    }

    /// Those who came before `domid` and wait for builds, or for memory if what is left for all is
    /// not enough, or whose plan would be lost.
    fn before(&mut self, domid: Domid, rest: Rest) -> impl Iterator<Item = &mut Ticket> {
        let place = self.0.iter().position(|ticket| ticket.domid == domid);
        let place = place.unwrap_or(self.0.len());
        let before = &mut self.0[..place];
        let needed = |waits: &dyn Fn(&Ticket) -> bool| -> u64 {
            let waiting = before.iter().filter(|ticket| waits(ticket));
            waiting.map(|ticket| ticket.needed_pages).sum()
        };
        let enough = needed(&Ticket::waits) <= rest.sure_pages;
        let plans = needed(&|ticket| ticket.waits_for == For::NearerPlan);
        let plans_kept = plans <= rest.pages;
        before
            .iter_mut()
            .filter(move |ticket| match ticket.waits_for {
                For::Memory => !enough,
                For::Builds => true,
                For::NearerPlan => !plans_kept,
                For::Nothing => false,
            })
    }

    /// Whether `domid` must let somebody go first who came before: whoever was overtaken often
    /// enough, or would lose the plan that it has.
    pub fn holds_up(&mut self, domid: Domid, rest: Rest) -> bool {
        self.before(domid, rest)
            .any(|ticket| ticket.overtaken >= MOST_OVERTAKEN || ticket.waits_for == For::NearerPlan)
    }

    /// `domid` goes on, before those who came before it.
    pub fn overtake(&mut self, domid: Domid, rest: Rest) {
        for ticket in self.before(domid, rest) {
            ticket.overtaken += 1;
        }
    }

    /// Those who came before `domid` and wait.
    pub fn ahead_of(&self, domid: Domid) -> Vec<Domid> {
        let place = self.0.iter().position(|ticket| ticket.domid == domid);
        let before = &self.0[..place.unwrap_or(self.0.len())];
        let waiting = before.iter().filter(|ticket| ticket.waits());
        waiting.map(|ticket| ticket.domid).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn alive(domids: &[u16]) -> Vec<DomainInfo> {
        (domids.iter())
            .map(|domid| DomainInfo {
                domid: Domid(*domid),
                dying: false,
                tot_pages: 0,
                outstanding_pages: 0,
                max_pages: 0,
            })
            .collect()
    }

    fn rest(pages: u64) -> Rest {
        Rest {
            pages,
            sure_pages: pages,
        }
    }

    #[test]
    fn whoever_waits_is_overtaken_a_few_times_and_no_more() {
        let mut line = Line::default();
        line.wait(Domid(1), 1000, NOW, For::Memory);
        for later in 2..2 + MOST_OVERTAKEN as u16 {
            assert!(!line.holds_up(Domid(later), rest(0)));
            line.overtake(Domid(later), rest(0));
        }
        assert!(line.holds_up(Domid(50), rest(999)));
        assert!(
            !line.holds_up(Domid(50), rest(1000)),
            "enough is left for it"
        );
        assert!(
            !line.holds_up(Domid(1), rest(0)),
            "nobody waits for himself"
        );
        line.wait(Domid(50), 1, NOW, For::Memory);
        assert_eq!(line.ahead_of(Domid(50)), [Domid(1)]);
        line.pause(Domid(1), NOW);
        assert!(!line.holds_up(Domid(50), rest(0)));
        line.wait(Domid(1), 1000, NOW, For::Memory);
        assert!(line.holds_up(Domid(50), rest(0)), "it has kept its place");
        line.leave(Domid(1));
        assert!(!line.holds_up(Domid(50), rest(0)));
    }

    #[test]
    fn builds_are_in_the_way_however_much_memory_there_is() {
        let mut line = Line::default();
        line.wait(Domid(1), 1000, NOW, For::Builds);
        for later in 2..2 + MOST_OVERTAKEN as u16 {
            assert!(!line.holds_up(Domid(later), rest(1 << 40)));
            line.overtake(Domid(later), rest(1 << 40));
        }
        assert!(line.holds_up(Domid(50), rest(1 << 40)));
    }

    #[test]
    fn nobody_takes_the_plan_of_whoever_waits_for_a_nearer_one() {
        let mut line = Line::default();
        line.wait(Domid(1), 1000, NOW, For::NearerPlan);
        line.wait(Domid(2), 5000, NOW, For::Memory);
        assert!(line.holds_up(Domid(3), rest(999)));
        assert!(!line.holds_up(Domid(3), rest(1000)));
        let late = Rest {
            pages: 1000,
            sure_pages: 0,
        };
        assert!(!line.holds_up(Domid(3), late));
        assert!(!line.holds_up(Domid(1), rest(0)));
    }

    #[test]
    fn who_is_gone_or_silent_is_forgotten() {
        let mut line = Line::default();
        line.wait(Domid(1), 1000, NOW, For::Memory);
        line.wait(Domid(2), 1000, NOW + FORGOTTEN / 2, For::Memory);
        line.wait(Domid(3), 1000, NOW + FORGOTTEN, For::Memory);
        line.tidy(NOW + FORGOTTEN, &alive(&[1, 2]));
        assert_eq!(line.ahead_of(Domid(9)), [Domid(2)]);
    }
}
