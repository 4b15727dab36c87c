//! The oracle itself, on examples that were computed by hand.

use xenopsd_numa_planner::{NodeSet, Plan, Policy, Strategy};

use crate::check::Kind;
use crate::exact::{Answer, Far, Kept, Question, Short};
use crate::frame::{request, Amounts, Frame};
use crate::world::{simple_world, Ask, Cpu, World, PAGE};

fn placed(world: &World, ask: &Ask) -> (Far, Vec<u64>) {
    match Question::new(world, ask, Kept::default()).answer() {
        Answer::Placed { best, sets } => (best, sets),
        Answer::Refused { short } => panic!("refused: {short:?}"),
    }
}

fn refused(world: &World, ask: &Ask) -> Short {
    match Question::new(world, ask, Kept::default()).answer() {
        Answer::Placed { sets, .. } => panic!("placed on {sets:?}"),
        Answer::Refused { short } => short,
    }
}

fn far(maximum: u32, sum: u64, pairs: u64) -> Far {
    Far {
        maximum,
        sum,
        pairs,
    }
}

/// Two pairs of nodes, 12 within a pair and 21 between them.
fn pairs(nodes: &[(u64, u32)]) -> World {
    simple_world(nodes, |a, b| Some(if a / 2 == b / 2 { 12 } else { 21 }))
}

#[test]
fn the_nearest_sets_are_found() {
    let world = pairs(&[(4, 2), (4, 2), (4, 2), (4, 2)]);
    let one = far(10, 10, 1);
    assert_eq!(placed(&world, &Ask::new(4, 2)), (one, vec![1, 2, 4, 8]));
    let two = far(12, 44, 4);
    assert_eq!(placed(&world, &Ask::new(5, 1)), (two, vec![0b11, 0b1100]));
    assert_eq!(placed(&world, &Ask::new(1, 3)), (two, vec![0b11, 0b1100]));
    // Three nodes: 30 + 2 x 12 + 4 x 21.
    let three = far(21, 138, 9);
    let sets = vec![0b111, 0b1011, 0b1101, 0b1110];
    assert_eq!(placed(&world, &Ask::new(9, 1)), (three, sets));
    // Four nodes: 40 + 4 x 12 + 8 x 21.
    assert_eq!(
        placed(&world, &Ask::new(16, 8)),
        (far(21, 256, 16), vec![15])
    );
}

#[test]
fn a_smaller_maximum_comes_before_a_smaller_average() {
    // {0,1} has an average of 20, {0,2,3} of 22.7.
    let distance = |a: usize, b: usize| Some(if a == 1 || b == 1 { 30 } else { 29 });
    let world = simple_world(&[(4, 1), (4, 1), (2, 1), (2, 1)], distance);
    let answer = placed(&world, &Ask::new(8, 1));
    assert_eq!(answer, (far(29, 204, 9), vec![0b1101]));
}

#[test]
fn a_set_with_a_useless_node_is_no_candidate() {
    // Node 1 is near to both; {0,1,2} has the smaller average, but {0,2} suffices.
    let distance = |a: usize, b: usize| Some(if a == 1 || b == 1 { 11 } else { 40 });
    let world = simple_world(&[(4, 1), (1, 1), (4, 1)], distance);
    assert_eq!(
        placed(&world, &Ask::new(8, 1)),
        (far(40, 100, 4), vec![0b101])
    );
}

#[test]
fn nodes_without_cpus_are_a_last_resort() {
    let distance = |a: usize, b: usize| Some(if a + b == 3 { 90 } else { 15 });
    let world = simple_world(&[(4, 2), (4, 0), (4, 0), (4, 2)], distance);
    assert_eq!(placed(&world, &Ask::new(8, 1)).1, [0b1001]);
    assert_eq!(placed(&world, &Ask::new(4, 1)).1, [0b1, 0b1000]);
    // Node 0 alone may be used with a memory-only node.
    let mut ask = Ask::new(8, 1);
    ask.allowed_cpus = Some(vec![0]);
    assert_eq!(placed(&world, &ask).1, [0b11, 0b101]);
    ask.allowed_nodes = Some(vec![0, 3]);
    assert_eq!(placed(&world, &ask).1, [0b1001]);
}

#[test]
fn overhead_and_the_host_count() {
    let mut world = pairs(&[(4, 1), (4, 1), (4, 1), (4, 1)]);
    let mut ask = Ask::new(4, 1);
    ask.overhead_bytes = 1;
    assert_eq!(placed(&world, &ask).1, [0b11, 0b1100]);
    ask.memory_bytes -= PAGE - 1;
    assert_eq!(placed(&world, &ask).1, [0b11, 0b1100]);
    ask.memory_bytes -= 1;
    assert_eq!(placed(&world, &ask).1, [1, 2, 4, 8]);
    world.host_outstanding_bytes = 13 * PAGE - 1;
    let short = |pages| Short {
        pages,
        ..Short::default()
    };
    assert_eq!(refused(&world, &ask), short(1));
    world.host_outstanding_bytes += 1;
    assert_eq!(refused(&world, &ask), short(1));
    world.host_outstanding_bytes += 1;
    assert_eq!(refused(&world, &ask), short(2));
}

#[test]
fn shortfalls_are_reported_against_the_nearest_set() {
    let distance = |a: usize, b: usize| (a / 2 == b / 2).then_some(20);
    let world = simple_world(&[(5, 1), (4, 1), (6, 0), (4, 0)], distance);
    let short = |pages, cpus, cores| Short { pages, cpus, cores };
    assert_eq!(refused(&world, &Ask::new(11, 1)), short(1, 1, 0));
    assert_eq!(refused(&world, &Ask::new(10, 2)), short(0, 2, 0));
    assert_eq!(refused(&world, &Ask::new(9, 3)), short(0, 1, 0));
    let mut ask = Ask::new(7, 2);
    ask.cores = None;
    assert_eq!(placed(&world, &ask).1, [0b11]);
    ask.policy = Policy::Strict;
    assert_eq!(refused(&world, &ask), short(1, 2, 2));
}

#[test]
fn cores_are_pairs_of_socket_and_core() {
    let mut world = simple_world(&[(4, 0), (4, 0)], |_, _| Some(20));
    let known = |node, core, socket| Cpu {
        node: Some(node),
        core: Some(core),
        socket: Some(socket),
    };
    // Node 0: 4 CPUs, 3 cores. Node 1: 2 CPUs, the same core.
    let (a, b, c) = (known(0, 0, 0), known(0, 0, 1), known(0, -1, 0));
    world.cpus = vec![a, a, b, c, known(1, 0, 0), known(1, 0, 0)];
    world.cpus.push(Cpu { core: None, ..a });
    world.cpus.push(Cpu { node: None, ..a });
    world.cpus.push(Cpu { socket: None, ..a });
    let has = |set| {
        let offer = Question::new(&world, &Ask::new(1, 1), Kept::default()).offer(set);
        (offer.cpus, offer.cores)
    };
    assert_eq!((has(0b1), has(0b10), has(0b11)), ((4, 3), (2, 1), (6, 4)));
}

#[test]
fn unreachable_in_one_direction_is_unreachable() {
    for unreachable in [None, Some(255), Some(1000)] {
        let distance = |a: usize, b: usize| {
            if (a, b) == (1, 0) {
                unreachable
            } else {
                Some(20)
            }
        };
        let world = simple_world(&[(4, 1), (4, 1), (3, 1)], distance);
        assert_eq!(placed(&world, &Ask::new(7, 1)).1, [0b101, 0b110]);
        assert_eq!(refused(&world, &Ask::new(8, 1)).pages, 1);
    }
    let world = simple_world(&[(4, 1), (4, 1)], |_, _| Some(254));
    assert_eq!(placed(&world, &Ask::new(8, 1)).0, far(254, 528, 4));
}

#[test]
fn what_is_spoken_for_is_not_claimable() {
    let mut world = simple_world(&[(20, 1), (20, 1), (20, 1)], |_, _| Some(20));
    world.nodes[0].claimed_bytes = 5 * PAGE + 1;
    world.nodes[0].committed_pages = 3;
    world.nodes[1].claimed_bytes = 2 * PAGE;
    world.nodes[1].committed_pages = 9;
    world.nodes[1].reserved_pages = 4;
    world.nodes[2].claimed_bytes = 30 * PAGE;
    world.nodes[2].free_bytes += PAGE - 1;
    world.host_outstanding_bytes = 10 * PAGE + 1;
    world.host_reserved_pages = 2;
    let kept = Kept { host: 1, node: 3 };
    let question = Question::new(&world, &Ask::new(1, 1), kept);
    let pages: Vec<_> = question.offers.iter().map(|offer| offer.pages).collect();
    assert_eq!((pages, question.host_pages), (vec![11, 4, 0], 46));
}

/// The oracle for small hosts takes the right answer, and none that is a little wrong.
#[test]
fn a_wrong_answer_is_seen() {
    let distances = [[10, 12, 20], [12, 10, 20], [20, 20, 10]].map(|row| row.map(Some).to_vec());
    let frame = Frame::new(&distances, [1, 1, 1, 0]);
    let amounts = Amounts {
        headroom: [3, 2, 3, 0],
        size: [3, 3, 3, 0],
    };
    let case = frame.with(amounts);
    let asked = request(3, 1, Strategy::Pack);
    let right = case.answer(&asked).expect("a plan");
    assert_eq!((right.nodes, right.equals), (NodeSet::one(0), 2));
    let agrees = |plan: Plan| case.small.agrees(&asked, &Ok(plan)).is_some();
    assert!(agrees(right.clone()));
    let wrong: [fn(&mut Plan); 8] = [
        |plan| (plan.nodes, plan.cpu_nodes) = (NodeSet::one(2), NodeSet::one(2)),
        |plan| (plan.nodes, plan.cpu_nodes) = (NodeSet::first(2), NodeSet::first(2)),
        |plan| plan.cpu_nodes = NodeSet::first(2),
        |plan| plan.equals = 0,
        |plan| plan.equals = 3,
        |plan| plan.optimal = false,
        |plan| plan.distance = None,
        |plan| (plan.pages[0], plan.pages[1]) = (2, 1),
    ];
    for (i, change) in wrong.iter().enumerate() {
        let mut plan = right.clone();
        change(&mut plan);
        assert!(!agrees(plan), "change {i}");
    }
    let asked = request(9, 1, Strategy::Pack);
    let refused = case.answer(&asked);
    assert_eq!(case.small.agrees(&asked, &refused), Some(Kind::Refused));
    assert_eq!(case.small.agrees(&asked, &Ok(right)), None);
    let mut other = refused.expect_err("a refusal");
    other.short.pages += 1;
    assert_eq!(case.small.agrees(&asked, &Err(other)), None);
}

#[test]
fn strategies_prefer_by_their_words() {
    use crate::strategies::Nodes;
    let nodes = Nodes {
        headroom: &[20, 60, 40, 10],
        size: &[64; 4],
        largest: 64,
        need: 8,
    };
    let prefers = |strategy, of: &[u64]| nodes.preferred(strategy, of.iter().copied());
    let single = [1, 2, 4, 8];
    assert_eq!(prefers(Strategy::Pack, &single), 8);
    assert_eq!(prefers(Strategy::Spread, &single), 2);
    // 20 -> 12 ends a quarter, 60 -> 52 and 40 -> 32 nothing, 10 -> 2 an eighth.
    assert_eq!(prefers(Strategy::Balance, &single), 4);
    let pairs = [0b0011, 0b0110, 0b1010, 0b1100];
    assert_eq!(prefers(Strategy::Pack, &pairs), 0b1100);
    assert_eq!(prefers(Strategy::Spread, &pairs), 0b0110);
    assert_eq!(prefers(Strategy::Balance, &pairs), 0b1010);
    // The lists 0,3 and 1,2 have the same headroom; 0 comes before 1.
    let alike = Nodes {
        headroom: &[5; 4],
        ..nodes
    };
    assert_eq!(
        alike.preferred(Strategy::Pack, [0b0110, 0b1001].into_iter()),
        0b1001
    );
}
