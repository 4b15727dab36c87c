//! What VMs are called: each has a name of its own, and several alike have one together.

use std::collections::BTreeMap;
use std::ops::Range;

use planner::Invalid;

use super::scenario::VmSpec;

/// The names of a scenario's VMs, which are numbered from 0.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    vms: Vec<String>,
    known: BTreeMap<String, Range<usize>>,
}

impl Names {
    /// The names of all VMs. None may be another's, nor that of several alike.
    pub fn of(specs: &[VmSpec]) -> Result<Self, Invalid> {
        let mut names = Names::default();
        for (i, spec) in specs.iter().enumerate() {
            let first = names.vms.len();
            match spec.count {
                1 => names.add(i, &spec.name, first..first + 1)?,
                _ => names.add(i, &spec.name, first..first + spec.count as usize)?,
            }
            for number in 1..=spec.count {
                let name = match spec.count {
                    1 => spec.name.clone(),
                    _ => format!("{}{number}", spec.name),
                };
                let vm = names.vms.len();
                if spec.count != 1 {
                    names.add(i, &name, vm..vm + 1)?;
                }
                names.vms.push(name);
            }
        }
        Ok(names)
    }

    fn add(&mut self, spec: usize, name: &str, vms: Range<usize>) -> Result<(), Invalid> {
        match self.known.insert(name.to_string(), vms) {
            None => Ok(()),
            Some(_) => Err(Invalid::new(
                format!("vms[{spec}].name"),
                format!("{name:?} again"),
                "a name that no other VM has, nor several alike",
            )),
        }
    }

    /// The names, by number.
    pub fn all(&self) -> &[String] {
        &self.vms
    }

    /// The VM of that name, or those alike of that name.
    pub fn get(&self, name: &str) -> Option<Range<usize>> {
        self.known.get(name).cloned()
    }

    /// The same; if there is none, `field` has it wrongly.
    pub fn find(&self, field: &str, name: &str) -> Result<Range<usize>, Invalid> {
        self.get(name).ok_or_else(|| {
            let expected = match self.vms.as_slice() {
                [] => "no VM, as there are none".to_string(),
                [only] => format!("the VM {only:?}"),
                [first, .., last] => format!("one of the VMs {first:?} to {last:?}"),
            };
            Invalid::new(field, format!("{name:?}"), expected)
        })
    }
}
