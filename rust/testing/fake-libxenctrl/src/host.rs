//! The host that is modelled, and the kind of Xen on it.

use model::Flavour;
use planner::{Host, HostDescription, Invalid, NodeDescription, TopologyDescription};
use serde::Deserialize;

/// The variable that names a snapshot.
const HOST: &str = "XENOPSD_NUMA_FAKE_HOST";

/// The variable that names a flavour.
const FLAVOUR: &str = "XENOPSD_NUMA_FAKE_FLAVOUR";

/// The format of snapshots that is understood.
const FORMAT: &str = "xenopsd-numa-host/1";

/// Nodes of the host that is modelled if none is named, their memory, and of it what the control
/// domain has. On smaller nodes the protocol would rather wait for builds in flight than claim on a
/// node, as long as it does not know how the Xen accounts.
const NODES: usize = 2;
const NODE_BYTES: u64 = 8 << 30;
const CONTROL_BYTES: u64 = 64 << 20;
const CPUS_PER_NODE: usize = 2;

/// Why no host can be modelled.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The snapshot cannot be read.
    #[error("{HOST}: {0}: {1}")]
    Unreadable(String, std::io::Error),
    /// It is no snapshot.
    #[error("{HOST}: {0}: {1}")]
    Syntax(String, serde_json::Error),
    /// It has a format that is not known here.
    #[error("{HOST}: format: found {0}, expected {FORMAT}")]
    Format(String),
    /// It describes a host that cannot be.
    #[error("{HOST}: {0}")]
    Invalid(#[from] Invalid),
    /// The flavour has no such name.
    #[error("{FLAVOUR}: found {0}, expected one of {names}", names = names())]
    Flavour(String),
}

fn names() -> String {
    Flavour::ALL.map(|flavour| flavour.name).join(", ")
}

#[derive(Deserialize)]
struct Snapshot {
    format: String,
    distances: Vec<Vec<Option<u32>>>,
    cpu_to_node: Vec<Option<u32>>,
    cpu_to_core: Vec<Option<i64>>,
    cpu_to_socket: Vec<Option<i64>>,
    nodes: Vec<Node>,
    host_free_bytes: u64,
}

#[derive(Deserialize)]
struct Node {
    size_bytes: Option<u64>,
    free_bytes: Option<u64>,
}

/// A host to model: with the numbers of cores and sockets, which a checked host has no more.
#[derive(Debug)]
pub struct ModelledHost {
    pub host: Host,
    pub cpus: TopologyDescription,
    pub flavour: Flavour,
}

impl ModelledHost {
    /// As the environment says.
    pub fn of_environment() -> Result<Self, Unusable> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        let flavour = match variable(FLAVOUR).map(text) {
            None => Flavour::XEN_4_17,
            Some(name) => Flavour::by_name(&name).ok_or(Unusable::Flavour(name))?,
        };
        let description = match variable(HOST).map(text) {
            None => small(),
            Some(path) => {
                let read = std::fs::read_to_string(&path);
                let json = read.map_err(|error| Unusable::Unreadable(path.clone(), error))?;
                snapshot(&json, &path)?
            }
        };
        ModelledHost::new(description, flavour)
    }

    pub fn new(description: HostDescription, flavour: Flavour) -> Result<Self, Unusable> {
        Ok(ModelledHost {
            host: Host::new(&description)?,
            cpus: description.topology,
            flavour,
        })
    }
}

/// The host of a snapshot. What is claimed there is not: a Xen begins without claims.
pub fn snapshot(json: &str, path: &str) -> Result<HostDescription, Unusable> {
    let read: Snapshot =
        serde_json::from_str(json).map_err(|error| Unusable::Syntax(path.to_string(), error))?;
    if read.format != FORMAT {
        return Err(Unusable::Format(read.format));
    }
    let node = |node: Node| NodeDescription {
        size_bytes: node.size_bytes,
        free_bytes: node.free_bytes,
        claimed_bytes: 0,
    };
    Ok(HostDescription {
        topology: TopologyDescription {
            distances: read.distances,
            cpu_to_node: read.cpu_to_node,
            cpu_to_core: read.cpu_to_core,
            cpu_to_socket: read.cpu_to_socket,
        },
        nodes: read.nodes.into_iter().map(node).collect(),
        host_free_bytes: read.host_free_bytes,
        host_outstanding_bytes: 0,
    })
}

/// The host that is modelled if none is named.
pub fn small() -> HostDescription {
    let cpus = 0..NODES * CPUS_PER_NODE;
    let node_of = |cpu: usize| cpu / CPUS_PER_NODE;
    let distance = |from, to| Some(if from == to { 10 } else { 21 });
    HostDescription {
        topology: TopologyDescription {
            distances: (0..NODES)
                .map(|from| (0..NODES).map(|to| distance(from, to)).collect())
                .collect(),
            cpu_to_node: cpus.clone().map(|cpu| Some(node_of(cpu) as u32)).collect(),
            cpu_to_core: cpus.clone().map(|cpu| Some(cpu as i64)).collect(),
            cpu_to_socket: cpus.map(|cpu| Some(node_of(cpu) as i64)).collect(),
        },
        nodes: vec![
            NodeDescription {
                size_bytes: Some(NODE_BYTES),
                free_bytes: Some(NODE_BYTES - CONTROL_BYTES),
                claimed_bytes: 0,
            };
            NODES
        ],
        host_free_bytes: NODES as u64 * (NODE_BYTES - CONTROL_BYTES),
        host_outstanding_bytes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_of_the_tests_can_be_modelled() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/hosts");
        let mut modelled = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let json = std::fs::read_to_string(&path).unwrap();
                let description = snapshot(&json, "a host").unwrap();
                ModelledHost::new(description, Flavour::UPSTREAM).unwrap();
                modelled += 1;
            }
        }
        assert!(modelled >= 10);
        assert!(ModelledHost::new(small(), Flavour::XS9).is_ok());
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        let refusal = |json| snapshot(json, "x").unwrap_err().to_string();
        assert!(refusal("{").starts_with("XENOPSD_NUMA_FAKE_HOST: x: "));
        let other = r#"{"format": "2", "distances": [], "cpu_to_node": [], "cpu_to_core": [],
            "cpu_to_socket": [], "nodes": [], "host_free_bytes": 0}"#;
        assert_eq!(
            refusal(other),
            "XENOPSD_NUMA_FAKE_HOST: format: found 2, expected xenopsd-numa-host/1"
        );
        let flavour = Unusable::Flavour("5.0".to_string()).to_string();
        assert!(flavour.contains("found 5.0, expected one of 4.17, upstream"));
    }
}
