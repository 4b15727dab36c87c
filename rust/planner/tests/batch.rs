//! Requests placed together: never worse than one by one, true, and as good as any order.

use fastrand::Rng;
use xenopsd_numa_planner::*;

const GIB: u64 = 1 << 30;
const CPUS_PER_NODE: u32 = 4;

fn host(free_gib: &[u64], distance: impl Fn(usize, usize) -> Option<u32>) -> Host {
    let nodes = free_gib.len();
    let cpus = 0..CPUS_PER_NODE * nodes as u32;
    let own = |a, b| if a == b { Some(10) } else { distance(a, b) };
    let row = |a| (0..nodes).map(|b| own(a, b)).collect();
    Host::new(&HostDescription {
        topology: TopologyDescription {
            distances: (0..nodes).map(row).collect(),
            cpu_to_node: cpus.clone().map(|cpu| Some(cpu / CPUS_PER_NODE)).collect(),
            cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu))).collect(),
            cpu_to_socket: cpus.map(|_| Some(0)).collect(),
        },
        nodes: (free_gib.iter())
            .map(|gib| NodeDescription {
                size_bytes: Some(64 * GIB),
                free_bytes: Some(gib * GIB),
                claimed_bytes: 0,
            })
            .collect(),
        host_free_bytes: free_gib.iter().sum::<u64>() * GIB,
        host_outstanding_bytes: 0,
    })
    .unwrap()
}

fn description(gib: u64) -> RequestDescription {
    RequestDescription::new(gib * GIB, 1).with_strategy(Strategy::Balance)
}

fn vms(
    host: &Host,
    gib: &[u64],
    vm: impl Fn(RequestDescription) -> RequestDescription,
) -> Vec<Request> {
    let vms = gib.iter().map(|gib| vm(description(*gib)));
    vms.map(|vm| Request::new(&vm, host.topology()).unwrap())
        .collect()
}

fn one_of<T: Clone>(rng: &mut Rng, values: &[T]) -> T {
    values[rng.usize(0..values.len())].clone()
}

fn random_host(rng: &mut Rng) -> Host {
    let nodes = rng.usize(1..=4);
    let free: Vec<u64> = (0..nodes).map(|_| rng.u64(0..=20)).collect();
    let far = one_of(rng, &[10, 21, 40]);
    let cut = rng.u8(0..6) == 0;
    host(&free, |a, b| match (a / 2 == b / 2, cut) {
        (true, _) => Some(16),
        (false, false) => Some(far),
        (false, true) => None,
    })
}

fn random_requests(rng: &mut Rng, host: &Host, most: usize) -> Vec<Request> {
    let nodes = host.topology().node_count() as u32;
    let count = rng.usize(0..=most);
    let mixed = rng.bool();
    let ask = |_| {
        let policies = match mixed {
            true => &[Policy::Any, Policy::PrioMemOnly, Policy::Strict][..],
            false => &[Policy::BestEffort],
        };
        let lists_node = mixed && rng.u8(0..4) == 0;
        let overhead_bytes = rng.u64(0..2) * GIB;
        let vcpus = one_of(rng, &[1, 1, 2, 2, 3, 3, 5, 9]);
        let (policy, strategy) = (one_of(rng, policies), one_of(rng, Strategy::ALL));
        let allowed_nodes = lists_node.then(|| vec![rng.u32(0..nodes)]);
        let request = RequestDescription::new(rng.u64(1..=15) * GIB, vcpus)
            .with_overhead_bytes(overhead_bytes)
            .with_policy(policy)
            .with_strategy(strategy)
            .with_allowed_nodes(allowed_nodes);
        Request::new(&request, host.topology()).unwrap()
    };
    (0..count).map(ask).collect()
}

fn random_limits(rng: &mut Rng) -> Limits {
    Limits {
        reserve: Reserve {
            host_pages: rng.u64(0..2) << 18,
            node_pages: rng.u64(0..2) << 18,
        },
        ..Limits::default()
    }
}

fn batch(host: &Host, requests: &[Request], limits: &Limits) -> Batch {
    let budget = default_budget_plans(host, requests.len());
    plan_batch(host, requests, limits, budget)
}

/// What the documentation of `Score` says, once more.
type Expected = (usize, u64, u128, usize);

fn expected(requests: &[Request], answers: &[Answer]) -> Expected {
    let (mut score, mut pairs) = ((0, 0, 0, 0), requests.iter().zip(answers));
    pairs.try_for_each(|(request, answer)| {
        let Ok(plan) = answer else {
            score.0 += 1;
            score.1 += request.memory_pages;
            return Some(());
        };
        let Some(distance) = plan.distance else {
            return Some(());
        };
        let millionths = distance.sum.checked_mul(1_000_000)? / distance.pairs;
        score.2 += u128::from(request.memory_pages) * u128::from(millionths);
        score.3 += usize::from(plan.nodes.len() > 1);
        Some(())
    });
    score
}

/// The answers to requests placed in `order`.
fn replayed(host: &Host, requests: &[Request], limits: &Limits, order: &[usize]) -> Vec<Answer> {
    let in_order: Vec<Request> = order.iter().map(|i| requests[*i].clone()).collect();
    let mut answers: Vec<_> = (order.iter().copied())
        .zip(plan_all(host, &in_order, limits, false))
        .collect();
    answers.sort_by_key(|(i, _)| *i);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn check_true(host: &Host, requests: &[Request], limits: &Limits, batch: &Batch) {
    let mut once = batch.order.clone();
    once.sort_unstable();
    assert_eq!(once, (0..requests.len()).collect::<Vec<_>>());
    let answers = replayed(host, requests, limits, &batch.order);
    assert_eq!(batch.answers, answers);
    // Those left out are last, in the order of the requests.
    let left_out: Vec<usize> = (0..requests.len())
        .filter(|i| batch.answers[*i].is_err())
        .collect();
    assert!(batch.order.ends_with(&left_out), "{batch:?}");
    assert_eq!(batch.score, Score::of_all(requests, &batch.answers));
    let Score {
        left_out: count,
        left_out_pages,
        weighted_distance,
        on_several_nodes,
        weighed_pages: _,
    } = batch.score;
    let reported = (
        count as usize,
        left_out_pages as u64,
        weighted_distance,
        on_several_nodes as usize,
    );
    assert_eq!(reported, expected(requests, &answers));
}

#[test]
fn batches_are_true_and_never_worse_than_one_by_one() {
    let (mut better, mut fewer_left_out, mut same) = (0, 0, 0);
    for seed in 0..6_000 {
        let mut rng = Rng::with_seed(seed);
        let host = random_host(&mut rng);
        let requests = random_requests(&mut rng, &host, 12);
        let limits = random_limits(&mut rng);
        let one_by_one = plan_all(&host, &requests, &limits, false);

        let batch = batch(&host, &requests, &limits);
        check_true(&host, &requests, &limits, &batch);
        assert_eq!(batch.one_by_one, Score::of_all(&requests, &one_by_one));
        let together = expected(&requests, &batch.answers);
        let apart = expected(&requests, &one_by_one);
        assert!(together <= apart, "seed {seed}: {together:?} {apart:?}");
        let budget = default_budget_plans(&host, requests.len());
        let again = plan_batch(&host, &requests, &limits, budget);
        assert_eq!(batch, again);
        better += u32::from(together < apart);
        fewer_left_out += u32::from(together.0 < apart.0);
        same += u32::from(together == apart);

        // However small the budget.
        let budget = rng.u64(0..60);
        let hasty = plan_batch(&host, &requests, &limits, budget);
        check_true(&host, &requests, &limits, &hasty);
        let hasty_score = expected(&requests, &hasty.answers);
        assert!(
            together <= hasty_score && hasty_score <= apart,
            "seed {seed}"
        );
    }
    println!("{better} better, {fewer_left_out} with fewer left out, {same} the same");
    assert!(better > 1_500 && fewer_left_out > 500 && same > 500);
}

/// The best of all orders, by looking at each.
fn best_of_all(host: &Host, requests: &[Request], limits: &Limits) -> Expected {
    fn permute(order: &mut Vec<usize>, fixed: usize, visit: &mut dyn FnMut(&[usize])) {
        if fixed == order.len() {
            visit(order);
        }
        for i in fixed..order.len() {
            order.swap(fixed, i);
            permute(order, fixed + 1, visit);
            order.swap(fixed, i);
        }
    }
    let mut best = None;
    let mut order: Vec<usize> = (0..requests.len()).collect();
    permute(&mut order, 0, &mut |order| {
        let score = expected(requests, &replayed(host, requests, limits, order));
        best = Some(best.map_or(score, |best| score.min(best)));
    });
    best.unwrap()
}

#[test]
fn small_batches_are_the_best_of_all_orders() {
    let (mut improvable, mut hasty_best, mut all) = (0, 0, 0);
    for seed in 0..2_000 {
        let mut rng = Rng::with_seed(seed);
        let host = random_host(&mut rng);
        let requests = random_requests(&mut rng, &host, 5);
        let limits = random_limits(&mut rng);
        let best = best_of_all(&host, &requests, &limits);
        let batch = batch(&host, &requests, &limits);
        assert_eq!(expected(&requests, &batch.answers), best, "seed {seed}");
        assert!(batch.optimal && batch.complete, "seed {seed}");
        // Without the budget to try every order, rules and moves must do.
        let hasty = plan_batch(&host, &requests, &limits, 40);
        let one_by_one = plan_all(&host, &requests, &limits, false);
        if expected(&requests, &one_by_one) > best {
            improvable += 1;
            hasty_best += u32::from(expected(&requests, &hasty.answers) == best);
        }
        assert!(!hasty.optimal || expected(&requests, &hasty.answers) == best);
        all += 1;
    }
    println!("{hasty_best} of {improvable} improvable ones (of {all}) are best by 40 plans");
    assert!(improvable > 300 && hasty_best * 100 > improvable * 80);
}

/// With seven requests not every order can be tried; what is said to be proven must be so.
#[test]
fn what_is_proven_is_true() {
    let (mut best_found, mut proven, mut all) = (0, 0, 0);
    for seed in 0..60 {
        let mut rng = Rng::with_seed(seed);
        let host = random_host(&mut rng);
        let mut requests = random_requests(&mut rng, &host, 0);
        while requests.len() < 7 {
            requests.extend(random_requests(&mut rng, &host, 7 - requests.len()));
        }
        let limits = Limits::default();
        let best = best_of_all(&host, &requests, &limits);
        let batch = batch(&host, &requests, &limits);
        let found = expected(&requests, &batch.answers) == best;
        assert!(found || !batch.optimal, "seed {seed}");
        best_found += u32::from(found);
        proven += u32::from(batch.optimal);
        all += 1;
    }
    println!("of {all} batches of seven, {best_found} are the best, {proven} proven");
    assert!(best_found * 100 >= all * 95 && proven * 100 >= all * 90);
}

fn nodes_of(answers: &[Answer]) -> Vec<Option<NodeSet>> {
    let nodes = |answer: &Answer| answer.as_ref().ok().map(|plan| plan.nodes);
    answers.iter().map(nodes).collect()
}

/// 30, 20, 40 and 30 GiB on two nodes of 64: the first two share a node, the third takes the
/// other, and the fourth is split. 30 + 30 and 20 + 40 are all on one node each.
#[test]
fn a_boot_storm_of_mixed_sizes() {
    let host = host(&[64, 64], |_, _| Some(21));
    let requests = vms(&host, &[30, 20, 40, 30], |vm| vm);
    let limits = Limits::default();
    let one_by_one = plan_all(&host, &requests, &limits, false);
    assert_eq!(one_by_one[3].as_ref().unwrap().nodes, NodeSet::first(2));
    let batch = batch(&host, &requests, &limits);
    assert_eq!(batch.score.on_several_nodes, 0);
    assert_eq!(batch.score.average_distance(), Some(10.0));
    assert_eq!(batch.one_by_one.on_several_nodes, 1);
    assert_eq!(batch.one_by_one.average_distance(), Some(11.375));
    assert!(batch.optimal && batch.complete);
}

/// Twenty VMs of four sizes that fill four nodes, small ones first, spread as they come.
#[test]
fn a_larger_boot_storm() {
    let host = host(&[64, 64, 64, 64], |_, _| Some(21));
    let sizes = [
        2, 2, 2, 2, 6, 6, 6, 6, 6, 6, 6, 6, 16, 16, 16, 16, 16, 40, 40, 40,
    ];
    for strategy in [Strategy::Pack, Strategy::Spread, Strategy::Balance] {
        let requests = vms(&host, &sizes, |vm| vm.with_strategy(strategy));
        let batch = batch(&host, &requests, &Limits::default());
        println!("{strategy:?}: {:?} {:?}", batch.one_by_one, batch.score);
        assert_eq!((batch.score.left_out, batch.score.on_several_nodes), (0, 0));
        if strategy == Strategy::Spread {
            assert_eq!(batch.one_by_one.on_several_nodes, 3);
        }
    }
}

/// VMs bound to one node each come to a host with 30 and 20 GiB free: the first takes the large
/// hole, and the second has none.
#[test]
fn an_evacuation_to_a_nearly_full_host() {
    let host = host(&[30, 20], |_, _| Some(21));
    let strict = |vm: RequestDescription| {
        vm.with_policy(Policy::Strict)
            .with_strategy(Strategy::Spread)
    };
    let requests = vms(&host, &[18, 25], strict);
    let batch = batch(&host, &requests, &Limits::default());
    assert_eq!(batch.one_by_one.left_out, 1);
    assert_eq!(batch.score.left_out, 0);
    assert_eq!(batch.order, [1, 0]);
    let nodes = nodes_of(&batch.answers);
    assert_eq!(nodes, [Some(NodeSet::one(1)), Some(NodeSet::one(0))]);
}

/// Where not all fit, as many as can start do, and the refusal says what is left for the other.
#[test]
fn what_is_left_out_and_why() {
    let host = host(&[30, 20], |_, _| Some(21));
    let requests = vms(&host, &[40, 24, 18, 100], |vm| vm);
    let batch = batch(&host, &requests, &Limits::default());
    assert_eq!(batch.one_by_one.left_out, 3);
    assert_eq!(batch.score.left_out, 2);
    assert_eq!(batch.score.left_out_pages, 140 << 18);
    assert_eq!(batch.order, [1, 2, 0, 3]);
    let short = |i: usize| batch.answers[i].as_ref().unwrap_err().short.pages >> 18;
    assert_eq!((short(0), short(3)), (32, 92));
}

#[test]
fn one_by_one_stays_where_nothing_is_gained() {
    let host = host(&[64, 64], |_, _| Some(21));
    let requests = vms(&host, &[8, 60, 4], |vm| vm);
    let batch = batch(&host, &requests, &Limits::default());
    assert_eq!(batch.order, [0, 1, 2]);
    assert_eq!(batch.orders_tried, 1);
    assert!(batch.optimal && batch.complete);
    assert_eq!(batch.score, batch.one_by_one);
}

/// A batch as long as a line may be, with nothing that goes well: bounded all the same.
#[test]
fn long_batches_are_bounded() {
    let host = host(&[20, 20, 20, 20], |_, _| Some(21));
    let mut rng = Rng::with_seed(1);
    let sizes: Vec<u64> = (0..65_536).map(|_| rng.u64(1..=30)).collect();
    let requests = vms(&host, &sizes, |vm| vm);
    let one_by_one = plan_all(&host, &requests, &Limits::default(), false);
    let batch = batch(&host, &requests, &Limits::default());
    println!(
        "{} orders, complete: {}",
        batch.orders_tried, batch.complete
    );
    assert!(expected(&requests, &batch.answers) < expected(&requests, &one_by_one));
    assert!(batch.orders_tried < 10);
    // 80 VMs of 1 GiB each.
    assert_eq!(batch.score.left_out, 65_536 - 80);
}
