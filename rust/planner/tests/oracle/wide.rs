//! The same answers as [`Question::answer`], quickly enough for ten thousand hosts of 16 nodes.
//!
//! Sums of a set are those of the set without its lowest node, and that node's. What a set holds
//! is kept from one question to the next only as memory that need not be asked for again.

use crate::exact::{Answer, Far, Offer, Question, Short};

/// What is known of one set of nodes.
#[derive(Debug, Clone, Copy, Default)]
struct Set {
    has: Offer,
    together: bool,
    all_have_cpus: bool,
    /// Whether it, or a subset of it, fits.
    holds: bool,
}

/// Room for what is known of every set of nodes.
#[derive(Default)]
pub struct Wide {
    sets: Vec<Set>,
}

impl Wide {
    /// The answer for every policy but `Any`. O(nodes 2^nodes).
    pub fn answer(&mut self, question: &Question) -> Answer {
        let irreducible = self.irreducible(question);
        let with_cpus = |set: &u64| self.sets[*set as usize].all_have_cpus;
        let any_with_cpus = irreducible.iter().any(with_cpus);
        let mut best: Option<Far> = None;
        let mut sets = Vec::new();
        for set in irreducible {
            if any_with_cpus && !with_cpus(&set) {
                continue;
            }
            let far = question.far(set);
            if best.is_none_or(|best| far.closer(&best)) {
                best = Some(far);
                sets.clear();
            }
            if best.is_some_and(|best| far.as_near(&best)) {
                sets.push(set);
            }
        }
        match best {
            Some(best) => Answer::Placed { best, sets },
            None => Answer::Refused {
                short: self.short(question),
            },
        }
    }

    /// The sets that fit and have no subset that does; fills in all sets.
    fn irreducible(&mut self, question: &Question) -> Vec<u64> {
        let need = question.memory + question.overhead;
        let host_suffices = question.host_pages >= need;
        let count = 1u64 << question.offers.len();
        let mut irreducible = Vec::new();
        self.sets.clear();
        self.sets.push(Set {
            together: true,
            all_have_cpus: true,
            ..Set::default()
        });
        for set in 1..count {
            let node = set.trailing_zeros() as usize;
            let rest = self.sets[(set & (set - 1)) as usize];
            let offer = question.offers[node];
            let has = Offer {
                pages: rest.has.pages + offer.pages,
                cpus: rest.has.cpus + offer.cpus,
                cores: rest.has.cores + offer.cores,
            };
            let reached = question.usable & question.mutual[node];
            let together = rest.together && set & !reached == 0;
            let mut within = false;
            for other in node..question.offers.len() {
                within |= set >> other & 1 == 1 && self.sets[(set & !(1 << other)) as usize].holds;
            }
            let fits = host_suffices
                && together
                && has.pages >= need
                && has.cpus >= question.vcpus
                && has.cores >= question.cores
                && question.size_allowed(set);
            if fits && !within {
                irreducible.push(set);
            }
            self.sets.push(Set {
                has,
                together,
                all_have_cpus: rest.all_have_cpus && offer.cpus > 0,
                holds: within || fits,
            });
        }
        irreducible
    }

    /// What the nearest set is short of.
    fn short(&self, question: &Question) -> Short {
        let of = |set: u64, has: &Offer| Short {
            pages: (question.short_pages(set, has.pages)).max(question.host_short()),
            cpus: question.vcpus.saturating_sub(has.cpus),
            cores: question.cores.saturating_sub(has.cores),
        };
        let sets = self.sets.iter().enumerate().skip(1);
        sets.filter(|(set, known)| known.together && question.size_allowed(*set as u64))
            .map(|(set, known)| of(set as u64, &known.has))
            .min()
            .unwrap_or_else(|| of(0, &Offer::default()))
    }
}
