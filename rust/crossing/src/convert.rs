//! Between the values that cross and the types of the crates behind, as far as several libraries
//! need it.

use claims::Domid;
use planner::{
    Host, HostDescription, Invalid, Named, NodeDescription, NodeSet, Refusal, TopologyDescription,
    PAGE_BYTES,
};

use crate::values::{HostValue, NamedValue, RefusalValue};

/// A count as an OCaml int, which has 63 bits.
pub fn pages_value(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).min((1 << 62) - 1)
}

/// Pages as bytes, in an OCaml int.
pub fn bytes_value(pages: u64) -> i64 {
    pages_value(pages.saturating_mul(PAGE_BYTES))
}

/// A domain's number.
pub fn domid_value(domid: Domid) -> i64 {
    i64::from(domid.0)
}

/// Domains' numbers.
pub fn domids_value(domids: &[Domid]) -> Vec<i64> {
    domids.iter().copied().map(domid_value).collect()
}

/// A member of a list.
pub fn named_value(named: impl Named) -> NamedValue {
    NamedValue {
        name: named.name().to_string(),
        about: named.about().to_string(),
    }
}

/// A whole list.
pub fn list_value<T: Named>() -> Vec<NamedValue> {
    T::ALL.iter().copied().map(named_value).collect()
}

/// Nodes, ascending.
pub fn nodes_value(nodes: NodeSet) -> Vec<i64> {
    nodes.iter().map(|node| node as i64).collect()
}

/// A number that must be within `T`.
pub fn checked<T: TryFrom<i64>>(field: &str, value: i64, expected: &str) -> Result<T, Invalid> {
    T::try_from(value).map_err(|_| Invalid::new(field, value, expected))
}

/// Bytes, which must not be negative.
pub fn bytes(field: &str, value: i64) -> Result<u64, Invalid> {
    checked(field, value, "bytes, at least 0")
}

fn each<T>(field: &str, values: &[Option<i64>], expected: &str) -> Result<Vec<Option<T>>, Invalid>
where
    T: TryFrom<i64>,
{
    (values.iter().enumerate())
        .map(|(i, value)| match value {
            None => Ok(None),
            Some(value) => checked(&format!("{field}[{i}]"), *value, expected).map(Some),
        })
        .collect()
}

/// The host of a description; an error names what cannot be by its path.
pub fn host(value: &HostValue) -> Result<Host, Invalid> {
    let distances = (value.distances.iter().enumerate())
        .map(|(i, row)| {
            let expected = "a distance, or null if unreachable";
            // What is beyond the range of a distance is unreachable like 255.
            let row: Vec<_> = (row.iter())
                .map(|distance| distance.map(|d| d.min(i64::from(u32::MAX))))
                .collect();
            each(&format!("distances[{i}]"), &row, expected)
        })
        .collect::<Result<_, _>>()?;
    let node = |i: usize| -> Result<NodeDescription, Invalid> {
        let optional = |name: &str, value: Option<i64>| match value {
            Some(value) => bytes(&format!("nodes[{i}].{name}"), value).map(Some),
            None => Ok(None),
        };
        Ok(NodeDescription {
            size_bytes: optional("size_bytes", value.size_bytes.get(i).copied().flatten())?,
            free_bytes: optional("free_bytes", value.free_bytes.get(i).copied().flatten())?,
            claimed_bytes: optional("claimed_bytes", value.claimed_bytes.get(i).copied())?
                .unwrap_or(0),
        })
    };
    Host::new(&HostDescription {
        topology: TopologyDescription {
            distances,
            cpu_to_node: each("cpu_to_node", &value.cpu_to_node, "a node, or null")?,
            cpu_to_core: value.cpu_to_core.to_vec(),
            cpu_to_socket: value.cpu_to_socket.to_vec(),
        },
        nodes: (0..value.size_bytes.len())
            .map(node)
            .collect::<Result<_, _>>()?,
        host_free_bytes: bytes("host_free_bytes", value.host_free_bytes)?,
        host_outstanding_bytes: bytes("host_outstanding_bytes", value.host_outstanding_bytes)?,
    })
}

/// A refusal as it crosses.
pub fn refusal_value(refusal: &Refusal) -> RefusalValue {
    RefusalValue {
        reason: named_value(refusal.reason),
        short_by_bytes: bytes_value(refusal.short.pages),
        short_by_cpus: i64::from(refusal.short.cpus),
        short_by_cores: i64::from(refusal.short.cores),
        nearest: nodes_value(refusal.nearest),
    }
}

/// The domain of that number, which must be one that can be placed.
pub fn domid(value: i64) -> Result<Domid, Invalid> {
    // 0 is the control domain, which is not placed; Xen's own numbers start at 0x7FF0.
    match value {
        1..0x7FF0 => Ok(Domid(value as u16)),
        value => Err(Invalid::new("domid", value, "1 to 32751")),
    }
}
