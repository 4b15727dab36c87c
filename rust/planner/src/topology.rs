//! What does not change while a host runs: nodes, their distances, and CPUs.

use crate::cpus::{CpuSet, MAX_CPUS};
use crate::matrix::Matrix;
use crate::nodes::{NodeSet, MAX_NODES};

/// The ACPI distance of a node to itself.
pub const LOCAL_DISTANCE: u32 = 10;

/// Distances from here on mean that the node cannot be reached (ACPI: 255).
pub const UNREACHABLE_DISTANCE: u32 = 255;

/// A value that a host, a request or a setting cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: found {found}, expected {expected}")]
pub struct Invalid {
    /// The path of the value, such as `distances[1][2]`.
    pub field: String,
    /// What was there.
    pub found: String,
    /// What could have been there.
    pub expected: String,
}

impl Invalid {
    /// An error about `field`.
    pub fn new(
        field: impl Into<String>,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Invalid {
            field: field.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }
}

/// Where the CPUs and distances of a host come from, not yet checked.
///
/// The three CPU vectors have one entry a CPU; `None` is offline or unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopologyDescription {
    /// `distances[from][to]`; `None` or at least [`UNREACHABLE_DISTANCE`]: unreachable.
    pub distances: Vec<Vec<Option<u32>>>,
    /// The node of each CPU.
    pub cpu_to_node: Vec<Option<u32>>,
    /// The core of each CPU, an opaque number.
    pub cpu_to_core: Vec<Option<i64>>,
    /// The socket of each CPU, an opaque number.
    pub cpu_to_socket: Vec<Option<i64>>,
}

/// A CPU whose node, core and socket are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cpu {
    node: u8,
    /// Dense number of the (node, socket, core) triple.
    core: u16,
}

/// The checked topology of a host: nodes, distances, CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    nodes: usize,
    online: NodeSet,
    matrix: Matrix,
    cpus: Vec<Option<Cpu>>,
    cpus_on: Vec<u32>,
    cores_on: Vec<u32>,
    /// The CPUs of each node that count.
    cpu_sets: Vec<CpuSet>,
}

/// CPUs and cores of each node that a request may use.
#[derive(Debug, Clone, Copy)]
pub struct Processors {
    /// CPUs of each node.
    pub cpus: [u32; MAX_NODES],
    /// Distinct (socket, core) pairs of each node.
    pub cores: [u32; MAX_NODES],
}

impl Topology {
    /// The topology of `description`, or what is wrong with it.
    ///
    /// A node whose distance to itself is `None` is offline; it must be unreachable from and to
    /// every other. O(nodes³ + CPUs log CPUs), and a bounded search for how near sets of each size
    /// can be: some 20 ms at most.
    pub fn new(description: &TopologyDescription) -> Result<Self, Invalid> {
        let (online, distances) = check_distances(&description.distances)?;
        let nodes = description.distances.len();
        let cpus = check_cpus(description, nodes)?;
        let mut topology = Topology {
            nodes,
            online,
            matrix: Matrix::new(nodes, distances),
            cpus,
            cpus_on: Vec::new(),
            cores_on: Vec::new(),
            cpu_sets: Vec::new(),
        };
        let all = topology.count_processors(None);
        topology.cpus_on = all.cpus[..nodes].to_vec();
        topology.cores_on = all.cores[..nodes].to_vec();
        let mut cpu_sets = vec![CpuSet::new(); nodes];
        for (id, cpu) in topology.counted() {
            cpu_sets[cpu.node as usize].insert(id);
        }
        topology.cpu_sets = cpu_sets;
        Ok(topology)
    }

    /// How many nodes the host has, offline ones included.
    pub fn node_count(&self) -> usize {
        self.nodes
    }

    /// How many CPUs the host has, offline and unknown ones included.
    pub fn cpu_count(&self) -> usize {
        self.cpus.len()
    }

    /// The nodes that are online.
    pub fn online(&self) -> NodeSet {
        self.online
    }

    /// The distance from one node to another, `None` if it cannot be reached.
    pub fn distance(&self, from: usize, to: usize) -> Option<u32> {
        let distance = self.matrix.raw(from, to);
        (distance < UNREACHABLE_DISTANCE).then_some(distance)
    }

    /// What follows from the distances.
    pub(crate) fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// The node of a CPU, and a number that it shares with the CPUs of its core and no other;
    /// `None` if the host has no such CPU, or it does not count.
    pub fn cpu(&self, cpu: usize) -> Option<(usize, usize)> {
        let cpu = (*self.cpus.get(cpu)?)?;
        Some((cpu.node as usize, cpu.core as usize))
    }

    /// The nodes that `node` reaches and that reach it, itself included if it is online.
    pub fn mutual(&self, node: usize) -> NodeSet {
        self.matrix.mutual(node)
    }

    /// CPUs and cores of each online node, limited to `allowed` if it is given. O(CPUs) then.
    pub fn processors(&self, allowed: Option<&CpuSet>) -> Processors {
        match allowed {
            Some(_) => self.count_processors(allowed),
            None => {
                let mut all = Processors::none();
                all.cpus[..self.nodes].copy_from_slice(&self.cpus_on);
                all.cores[..self.nodes].copy_from_slice(&self.cores_on);
                all
            }
        }
    }

    fn count_processors(&self, allowed: Option<&CpuSet>) -> Processors {
        let mut found = Processors::none();
        let mut seen = [0u64; MAX_CPUS / 64];
        for (id, cpu) in self.counted() {
            if !allowed.is_none_or(|allowed| allowed.contains(id)) {
                continue;
            }
            found.cpus[cpu.node as usize] += 1;
            let (word, bit) = (cpu.core as usize / 64, cpu.core % 64);
            if seen[word] >> bit & 1 == 0 {
                seen[word] |= 1 << bit;
                found.cores[cpu.node as usize] += 1;
            }
        }
        found
    }

    /// The CPUs of `nodes` that count, limited to `allowed` if it is given. O(nodes · CPUs / 64).
    pub fn cpus_of(&self, nodes: NodeSet, allowed: Option<&CpuSet>) -> CpuSet {
        let mut cpus = CpuSet::new();
        for node in nodes.iter().take_while(|node| *node < self.nodes) {
            cpus.insert_all(&self.cpu_sets[node]);
        }
        if let Some(allowed) = allowed {
            cpus.retain_all(allowed);
        }
        cpus
    }

    /// CPUs that are known and whose node is online.
    fn counted(&self) -> impl Iterator<Item = (usize, Cpu)> + '_ {
        self.cpus
            .iter()
            .enumerate()
            .filter_map(|(id, cpu)| cpu.map(|cpu| (id, cpu)))
            .filter(|(_, cpu)| self.online.contains(cpu.node as usize))
    }
}

impl Processors {
    fn none() -> Self {
        Processors {
            cpus: [0; MAX_NODES],
            cores: [0; MAX_NODES],
        }
    }
}

fn shown<T: ToString>(value: Option<T>) -> String {
    value.map_or("null".to_string(), |value| value.to_string())
}

fn check_distances(rows: &[Vec<Option<u32>>]) -> Result<(NodeSet, Vec<u32>), Invalid> {
    let nodes = rows.len();
    if nodes == 0 || nodes > MAX_NODES {
        let expected = format!("1 to {MAX_NODES} nodes");
        return Err(Invalid::new("distances", format!("{nodes} rows"), expected));
    }
    for (i, row) in rows.iter().enumerate() {
        if row.len() != nodes {
            let found = format!("{} distances", row.len());
            let expected = format!("{nodes}, as many as there are rows");
            return Err(Invalid::new(format!("distances[{i}]"), found, expected));
        }
    }
    let online: NodeSet = (0..nodes).filter(|i| rows[*i][*i].is_some()).collect();
    let mut distances = Vec::with_capacity(nodes * nodes);
    for (i, row) in rows.iter().enumerate() {
        for (j, distance) in row.iter().enumerate() {
            let fail = |expected: &str| {
                let field = format!("distances[{i}][{j}]");
                Err(Invalid::new(field, shown(*distance), expected))
            };
            match distance {
                Some(LOCAL_DISTANCE) if i == j => (),
                Some(_) if i == j => return fail("10 (a node to itself), or null if offline"),
                Some(distance) if *distance < LOCAL_DISTANCE => {
                    return fail("at least 10, or null if unreachable");
                }
                Some(distance)
                    if *distance < UNREACHABLE_DISTANCE
                        && !(online.contains(i) && online.contains(j)) =>
                {
                    return fail("null, because one of the two nodes is offline");
                }
                Some(_) | None => (),
            }
            distances.push(match distance {
                Some(distance) if *distance < UNREACHABLE_DISTANCE => *distance,
                Some(_) | None => u32::MAX,
            });
        }
    }
    Ok((online, distances))
}

fn check_cpus(
    description: &TopologyDescription,
    nodes: usize,
) -> Result<Vec<Option<Cpu>>, Invalid> {
    let count = description.cpu_to_node.len();
    if count > MAX_CPUS {
        let expected = format!("at most {MAX_CPUS}");
        return Err(Invalid::new(
            "cpu_to_node",
            format!("{count} CPUs"),
            expected,
        ));
    }
    for (field, length) in [
        ("cpu_to_core", description.cpu_to_core.len()),
        ("cpu_to_socket", description.cpu_to_socket.len()),
    ] {
        if length != count {
            let expected = format!("{count}, as many as cpu_to_node has");
            return Err(Invalid::new(field, format!("{length} CPUs"), expected));
        }
    }
    let triples: Vec<_> = (0..count)
        .map(|cpu| {
            let node = match description.cpu_to_node[cpu] {
                Some(node) if node as usize >= nodes => {
                    let expected = format!("a node of the host, 0 to {}, or null", nodes - 1);
                    let field = format!("cpu_to_node[{cpu}]");
                    return Err(Invalid::new(field, node, expected));
                }
                node => node,
            };
            let socket = description.cpu_to_socket[cpu];
            let core = description.cpu_to_core[cpu];
            Ok(node.zip(socket).zip(core))
        })
        .collect::<Result<_, _>>()?;
    let mut cores: Vec<_> = triples.iter().flatten().copied().collect();
    cores.sort_unstable();
    cores.dedup();
    let dense = |triple: &Option<((u32, i64), i64)>| {
        let triple = (*triple)?;
        let core = cores.binary_search(&triple).ok()?;
        Some(Cpu {
            node: triple.0 .0 as u8,
            core: core as u16,
        })
    };
    Ok(triples.iter().map(dense).collect())
}
