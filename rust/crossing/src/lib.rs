//! What the core's library of stubs and the model's both need: the values that cross from either,
//! and how numbers, hosts and results do.

mod values;

use claims::Domid;
use ocaml_interop::{BoxRoot, DynBox, OCaml, OCamlRuntime, ToOCaml};
use planner::{
    Host, HostDescription, Invalid, NodeDescription, Strategy, TopologyDescription, PAGE_BYTES,
};

pub use values::{CallValue, HostValue, InvalidValue, StrategyValue};

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
            cpu_to_core: value.cpu_to_core.clone(),
            cpu_to_socket: value.cpu_to_socket.clone(),
        },
        nodes: (0..value.size_bytes.len())
            .map(node)
            .collect::<Result<_, _>>()?,
        host_free_bytes: bytes("host_free_bytes", value.host_free_bytes)?,
        host_outstanding_bytes: bytes("host_outstanding_bytes", value.host_outstanding_bytes)?,
    })
}

impl From<Invalid> for InvalidValue {
    fn from(invalid: Invalid) -> Self {
        let Invalid {
            field,
            found,
            expected,
        } = invalid;
        InvalidValue {
            field,
            found,
            expected,
        }
    }
}

impl From<StrategyValue> for Strategy {
    fn from(value: StrategyValue) -> Self {
        match value {
            StrategyValue::Pack => Strategy::Pack,
            StrategyValue::Spread => Strategy::Spread,
            StrategyValue::Balance => Strategy::Balance,
        }
    }
}

impl From<Strategy> for StrategyValue {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Pack => StrategyValue::Pack,
            Strategy::Spread => StrategyValue::Spread,
            Strategy::Balance => StrategyValue::Balance,
        }
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

/// A result whose value stays in Rust.
pub fn boxed<T: 'static, E: ToOCaml<E> + 'static>(
    cr: &mut OCamlRuntime,
    result: Result<T, E>,
) -> OCaml<'_, Result<DynBox<T>, E>> {
    match result {
        Ok(value) => {
            let value = OCaml::box_value(cr, value).root();
            let value: Result<_, E> = Ok(value);
            value.to_ocaml(cr)
        }
        Err(failure) => {
            let failure: Result<BoxRoot<DynBox<T>>, _> = Err(failure);
            failure.to_ocaml(cr)
        }
    }
}
