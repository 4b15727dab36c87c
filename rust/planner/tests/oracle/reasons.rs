//! Which reasons for a refusal say something true.

use xenopsd_numa_planner::{Policy, Reason};

use crate::exact::{Answer, Kept, Question, Short};
use crate::world::{Ask, World};

/// The reasons whose sentence in the planner's documentation is true of this refused request.
pub fn true_reasons(world: &World, ask: &Ask, kept: Kept) -> Vec<Reason> {
    let asked = Question::new(world, ask, kept);
    let unmasked = Ask {
        allowed_cpus: None,
        allowed_nodes: None,
        ..ask.clone()
    };
    let unmasked = Question::new(world, &unmasked, kept);
    let several = Question {
        policy: Policy::BestEffort,
        ..asked.clone()
    };
    if ask.policy == Policy::Any {
        let host_short = unmasked.short_anywhere() > 0;
        return vec![if host_short {
            Reason::HostMemory
        } else {
            Reason::Mask
        }];
    }
    let host_short = asked.host_pages < asked.memory + asked.overhead;
    let nearest = (0..1u64 << asked.offers.len())
        .filter(|set| asked.together(*set) && asked.size_allowed(*set))
        .map(|set| asked.short(set))
        .min_by_key(|short| (short.pages, short.cpus, short.cores))
        .unwrap_or(asked.short(0));
    let placed = |question: &Question| matches!(question.answer(), Answer::Placed { .. });
    let holds = |reason| match reason {
        Reason::HostMemory => host_short,
        Reason::Memory => !host_short && nearest.pages > 0,
        Reason::Cpus => nearest.pages == 0 && nearest.cpus > 0,
        Reason::Cores => nearest.pages == 0 && nearest.cpus == 0 && nearest.cores > 0,
        Reason::Reachability => {
            let all = asked.usable;
            asked.short(all) == Short::default() && !asked.together(all)
        }
        Reason::Mask => placed(&unmasked),
        Reason::SingleNode => ask.policy == Policy::Strict && placed(&several),
    };
    let all = [
        Reason::Memory,
        Reason::Cpus,
        Reason::Cores,
        Reason::Reachability,
        Reason::Mask,
        Reason::SingleNode,
        Reason::HostMemory,
    ];
    all.into_iter().filter(|reason| holds(*reason)).collect()
}
