//! Hosts of at most four nodes whose distances and CPUs stay while their memory varies, and what
//! the planner answers on them.

use std::sync::Arc;

use xenopsd_numa_planner::*;

use crate::check::check_answer;
use crate::exact::{Kept, Question};
use crate::run::Run;
use crate::small::{Shape, Small, MOST};
use crate::world::{simple_world, Ask, World, PAGE};

/// Distances and CPUs, each CPU a core of its own.
pub struct Frame {
    bare: World,
    cpus: [u64; MOST],
    topology: Arc<Topology>,
    shape: Shape,
}

/// Pages of each node: claimable ones, and the span.
#[derive(Debug, Clone, Copy)]
pub struct Amounts {
    pub headroom: [u64; MOST],
    pub size: [u64; MOST],
}

/// A host, and what the oracle knows of it.
pub struct Case<'a> {
    frame: &'a Frame,
    amounts: Amounts,
    host: Host,
    pub small: Small<'a>,
}

impl Frame {
    pub fn new(distances: &[Vec<Option<u32>>], cpus: [u64; MOST]) -> Self {
        let bare: Vec<_> = (0..distances.len())
            .map(|node| (0, cpus[node] as u32))
            .collect();
        let bare = simple_world(&bare, |a, b| distances[a][b]);
        Frame {
            cpus,
            topology: bare.host().topology().clone(),
            shape: Shape::new(&bare.distances),
            bare,
        }
    }

    pub fn with(&self, amounts: Amounts) -> Case<'_> {
        let nodes = self.bare.nodes.len();
        let memory = |node| {
            Some(NodeMemory {
                size_pages: amounts.size[node],
                free_pages: amounts.headroom[node],
                ..NodeMemory::default()
            })
        };
        let memory = Memory {
            nodes: (0..nodes).map(memory).collect(),
            host_free_pages: amounts.headroom[..nodes].iter().sum(),
            host_outstanding_pages: 0,
            host_reserved_pages: 0,
        };
        Case {
            frame: self,
            amounts,
            host: Host::with_memory(self.topology.clone(), memory),
            small: Small::new(&self.shape, amounts.headroom, amounts.size, self.cpus),
        }
    }
}

impl Case<'_> {
    /// The planner's answer.
    pub fn answer(&self, request: &Request) -> Result<Plan, Refusal> {
        plan(&self.host, request, &Limits::default())
    }

    /// Asks the planner, and records in `run` whether the answer is right, or else what is wrong
    /// with it under this name.
    pub fn ask(&self, request: &Request, run: &mut Run, name: impl Fn() -> String) {
        let answer = self.answer(request);
        if let Some(kind) = self.small.agrees(request, &answer) {
            run.right(kind);
            return;
        }
        let (world, ask) = (self.world(), ask(request));
        let kept = Kept::default();
        let why = match check_answer(&world, &ask, kept, &answer) {
            Err(why) => why,
            Ok(_) => format!("one oracle only says that this is wrong: {answer:?}"),
        };
        run.add(&name(), &world, &ask, kept, &why);
    }

    /// Records in `run` if the plainer oracle knows another answer.
    pub fn compare_oracles(&self, request: &Request, run: &mut Run) {
        let (world, ask) = (self.world(), ask(request));
        let kept = Kept::default();
        let answer = Question::new(&world, &ask, kept).answer();
        if !self.small.is_as(request, &answer) {
            run.add("oracles", &world, &ask, kept, "the oracles differ");
        }
    }

    fn world(&self) -> World {
        let mut world = self.frame.bare.clone();
        for (i, node) in world.nodes.iter_mut().enumerate() {
            node.size_bytes = self.amounts.size[i] * PAGE;
            node.free_bytes = self.amounts.headroom[i] * PAGE;
        }
        world.sum_up();
        world
    }
}

/// A request for memory, in pages, and vCPUs; no cores, no masks.
pub fn request(pages: u64, vcpus: u32, strategy: Strategy) -> Request {
    let mut request = Request::of_pages(pages, vcpus);
    request.cores = 0;
    request.strategy = strategy;
    request
}

fn ask(request: &Request) -> Ask {
    Ask {
        memory_bytes: request.memory_pages * PAGE,
        overhead_bytes: request.overhead_pages * PAGE,
        cores: Some(request.cores),
        policy: request.policy,
        strategy: request.strategy,
        ..Ask::new(1, request.vcpus)
    }
}
