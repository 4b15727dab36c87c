//! What a running hypervisor says of its nodes and CPUs, taken as far as it makes sense: a host
//! whose firmware reports nonsense of one node still runs domains.

use crate::nodes::{NodeSet, MAX_NODES};
use crate::topology::{TopologyDescription, LOCAL_DISTANCE};

impl TopologyDescription {
    /// The same without what cannot be: a node that is not 10 from itself has no distances, unless
    /// it is alone, and two nodes that are closer to each other than to themselves do not reach
    /// each other; a CPU of a node that is not there has none. [`Topology::new`] accepts it if it
    /// has 1 to 64 rows and no more CPUs than fit.
    ///
    /// [`Topology::new`]: crate::Topology::new
    pub fn repaired(mut self) -> Self {
        let nodes = self.distances.len();
        for row in &mut self.distances {
            row.resize(nodes, None);
        }
        let reported =
            (0..nodes.min(MAX_NODES)).filter(|node| self.distances[*node][*node].is_some());
        let reported: NodeSet = reported.collect();
        let mut repaired = self.with_local_distance(reported);
        let rows = &repaired.distances;
        let online: Vec<bool> = (0..nodes)
            .map(|node| rows[node][node] == Some(LOCAL_DISTANCE))
            .collect();
        for (from, row) in repaired.distances.iter_mut().enumerate() {
            for (to, distance) in row.iter_mut().enumerate() {
                let reached = online[from] && online[to];
                *distance = distance.filter(|distance| reached && *distance >= LOCAL_DISTANCE);
            }
        }
        let cpus = repaired.cpu_to_node.len();
        for node in &mut repaired.cpu_to_node {
            *node = node.filter(|node| (*node as usize) < nodes);
        }
        repaired.cpu_to_core.resize(cpus, None);
        repaired.cpu_to_socket.resize(cpus, None);
        repaired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Topology, UNREACHABLE_DISTANCE};

    fn description(distances: &[&[u32]], cpu_to_node: &[u32]) -> TopologyDescription {
        let known = |value: &u32| Some(*value).filter(|value| *value != u32::MAX);
        TopologyDescription {
            distances: (distances.iter())
                .map(|row| row.iter().map(known).collect())
                .collect(),
            cpu_to_node: cpu_to_node.iter().map(known).collect(),
            cpu_to_core: cpu_to_node.iter().map(|_| Some(0)).collect(),
            cpu_to_socket: cpu_to_node.iter().map(|_| Some(0)).collect(),
        }
    }

    #[test]
    fn what_makes_sense_is_left_as_it_is() {
        let sound = description(&[&[10, 21], &[31, 10]], &[0, 1, u32::MAX]);
        assert_eq!(sound.clone().repaired(), sound);
    }

    #[test]
    fn any_report_is_repaired_to_a_topology() {
        let values = [0, 9, 10, 11, 254, UNREACHABLE_DISTANCE, 300, u32::MAX];
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let nodes = rng.usize(1..5);
            let row = |rng: &mut fastrand::Rng| -> Vec<u32> {
                let length = if rng.u8(..10) == 0 {
                    rng.usize(0..6)
                } else {
                    nodes
                };
                (0..length)
                    .map(|_| values[rng.usize(..values.len())])
                    .collect()
            };
            let rows: Vec<Vec<u32>> = (0..nodes).map(|_| row(&mut rng)).collect();
            let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
            let cpus: Vec<u32> = (0..rng.usize(0..6)).map(|_| rng.u32(0..7)).collect();
            let mut reported = description(&rows, &cpus);
            if rng.bool() {
                reported.cpu_to_core.truncate(rng.usize(0..3));
            }
            let repaired = reported.clone().repaired();
            assert_eq!(repaired.clone().repaired(), repaired);
            let topology = Topology::new(&repaired).unwrap_or_else(|e| panic!("{e}: {reported:?}"));
            for (node, row) in rows.iter().enumerate() {
                let local = row.get(node) == Some(&10);
                assert!(!local || topology.online().contains(node), "{reported:?}");
            }
        }
    }
}
