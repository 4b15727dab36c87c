//! Several requests in order, each seeing what the earlier ones took.

use fastrand::Rng;
use xenopsd_numa_planner::*;

use crate::check::limits;
use crate::exact::{Kept, Question};
use crate::generate;
use crate::rotation::rotate;
use crate::world::{simple_world, Ask, World, PAGE};

/// Takes the memory of a placed request, and then its overhead, from the nodes of its plan.
/// Nothing is taken where the nodes' claimable pages do not hold both, which policy `Any` allows.
fn take_from(world: &mut World, ask: &Ask, kept: Kept, plan: &Plan) -> Option<()> {
    let question = Question::new(world, ask, kept);
    let headroom = question.headroom(plan.nodes.bits());
    if headroom.iter().sum::<u64>() < question.memory + question.overhead {
        return None;
    }
    let memory = rotate(question.memory, &headroom);
    let left: Vec<u64> = headroom
        .iter()
        .zip(&memory)
        .map(|(headroom, took)| headroom - took)
        .collect();
    let overhead = rotate(question.overhead, &left);
    for ((node, memory), overhead) in world.nodes.iter_mut().zip(memory).zip(overhead) {
        node.free_bytes -= (memory + overhead) * PAGE;
        world.host_free_bytes -= (memory + overhead) * PAGE;
    }
    Some(())
}

#[test]
fn a_batch_is_a_loop_of_single_plans() {
    let (mut placed, mut refused, mut after) = (0, 0, 0);
    for seed in 0..4_000 {
        let mut rng = Rng::with_seed(seed);
        let nodes = rng.usize(1..=6);
        let before = generate::world(&mut rng, nodes);
        let kept = generate::kept(&mut rng);
        if before.host_free_bytes / PAGE > 10_000 {
            continue;
        }
        let count = rng.usize(1..=6);
        let mut asks: Vec<Ask> = (0..count)
            .map(|_| generate::ask(&mut rng, &before, kept))
            .collect();
        for ask in &mut asks {
            // Smaller ones too, so that several of them fit.
            ask.memory_bytes = ask.memory_bytes.div_ceil(rng.u64(1..=4));
        }
        let host = before.host();
        let requests: Vec<Request> = asks.iter().map(|ask| ask.request(&host)).collect();
        let limits = limits(kept);

        let apart = plan_all(&host, &requests, &limits, true);
        let each: Vec<_> = requests
            .iter()
            .map(|one| plan(&host, one, &limits))
            .collect();
        assert_eq!(apart, each, "seed {seed}");

        let answers = plan_all(&host, &requests, &limits, false);
        assert_eq!(answers.len(), requests.len());
        assert_eq!(
            answers,
            plan_all(&host, &requests, &limits, false),
            "seed {seed}"
        );
        let mut world = before.clone();
        let mut refusals = 0;
        for (i, (ask, answer)) in asks.iter().zip(&answers).enumerate() {
            let right = plan(&world.host(), &requests[i], &limits);
            assert_eq!(
                *answer, right,
                "seed {seed}, request {i}: {ask:?}\n{world:?}"
            );
            match answer {
                Ok(plan) => {
                    placed += 1;
                    after += u32::from(refusals > 0);
                    if take_from(&mut world, ask, kept, plan).is_none() {
                        break;
                    }
                }
                Err(_) => {
                    refused += 1;
                    refusals += 1;
                }
            }
        }
    }
    let enough = placed > 3_000 && refused > 1_000 && after > 500;
    assert!(
        enough,
        "{placed} placed, {refused} refused, {after} placed after a refusal"
    );
}

/// Two nodes of 10 pages: 5 + 4 pages take 3 + 2 of memory, then 2 + 2 of overhead, and 5 + 6
/// are left.
#[test]
fn memory_goes_first_and_then_the_overhead() {
    let world = simple_world(&[(10, 1), (10, 1)], |_, _| Some(20));
    let host = world.host();
    let ask = |memory, overhead, vcpus| Ask {
        overhead_bytes: overhead * PAGE,
        ..Ask::new(memory, vcpus)
    };
    let asks = [
        ask(5, 4, 2),
        ask(12, 0, 1),
        ask(6, 0, 1),
        ask(6, 0, 1),
        ask(5, 0, 1),
        ask(1, 0, 1),
    ];
    let requests: Vec<_> = asks.iter().map(|ask| ask.request(&host)).collect();
    let answers = plan_all(&host, &requests, &Limits::default(), false);
    let pages: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().map(|plan| plan.pages[..2].to_vec()).ok())
        .collect();
    let right = [
        Some(vec![3, 2]),
        None,
        Some(vec![0, 6]),
        None,
        Some(vec![5, 0]),
        None,
    ];
    assert_eq!(pages, right);
}
