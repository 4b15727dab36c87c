//! What C and OCaml see.

use std::panic::catch_unwind;
use std::sync::{Mutex, PoisonError};

use table::{Exported, XenopsdNumaHypervisor};

use crate::declared::DECLARED;
use crate::handle::OpenError;
use crate::xen::Xen;

/// The one table of this process, from the first success on.
static OPENED: Mutex<Option<&'static Exported<Xen>>> = Mutex::new(None);

fn open() -> Result<*const XenopsdNumaHypervisor, OpenError> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let exported = match *opened {
        Some(exported) => exported,
        None => {
            // Any holder of the table's address may use it until the process ends.
            let exported: &'static _ = Box::leak(Box::new(Exported::new(Xen::open()?)));
            *opened = Some(exported);
            exported
        }
    };
    Ok(exported.as_ptr())
}

/// The address of a `struct xenopsd_numa_hypervisor` for the Xen that this process runs on, good
/// until the process ends; or a negative errno, EPROTO where Xen says EACCES because libxenctrl is
/// of another release; or 0 for a fault of this library.
///
/// Calls nothing of OCaml's runtime, so it may be declared `[@@noalloc]`.
#[no_mangle]
pub extern "C" fn xenopsd_numa_xenctrl_open(_unit: isize) -> isize {
    match catch_unwind(open) {
        Ok(Ok(address)) => address.addr() as isize,
        Ok(Err(error)) => -(error.errno().0 as isize),
        Err(_) => 0,
    }
}

/// [`xenopsd_numa_xenctrl_open`] for OCaml's bytecode, whose integers are tagged.
#[no_mangle]
pub extern "C" fn xenopsd_numa_xenctrl_open_bytecode(unit: isize) -> isize {
    xenopsd_numa_xenctrl_open(unit) << 1 | 1
}

/// Which calls of [`DECLARED`] this build has: a bit each, from the first on.
#[no_mangle]
pub extern "C" fn xenopsd_numa_xenctrl_declared(_unit: isize) -> isize {
    let bits = DECLARED.iter().enumerate();
    bits.map(|(bit, (_, has))| isize::from(*has) << bit).sum()
}

/// [`xenopsd_numa_xenctrl_declared`] for OCaml's bytecode.
#[no_mangle]
pub extern "C" fn xenopsd_numa_xenctrl_declared_bytecode(unit: isize) -> isize {
    xenopsd_numa_xenctrl_declared(unit) << 1 | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytecode_gets_the_same_number_tagged() {
        let number = xenopsd_numa_xenctrl_open(1);
        assert_eq!(xenopsd_numa_xenctrl_open_bytecode(1) >> 1, number);
        assert_eq!(xenopsd_numa_xenctrl_open_bytecode(1) & 1, 1);
    }

    #[test]
    fn each_call_has_its_bit() {
        let bits = xenopsd_numa_xenctrl_declared(1);
        for (bit, (call, has)) in DECLARED.iter().enumerate() {
            assert_eq!(bits >> bit & 1 == 1, *has, "{call}");
        }
        assert_eq!(bits >> DECLARED.len(), 0);
        assert_eq!(xenopsd_numa_xenctrl_declared_bytecode(1), bits << 1 | 1);
    }

    #[test]
    fn ocaml_names_the_calls_in_the_order_of_their_bits() {
        let ocaml = include_str!("../../../ocaml/xenctrl/xenopsd_numa_xenctrl.ml");
        let listed: Vec<&str> = (ocaml.split('"'))
            .filter(|text| text.starts_with("xc_"))
            .collect();
        assert_eq!(listed, DECLARED.map(|(call, _)| call));
    }

    #[test]
    fn the_table_is_one() {
        match open() {
            Ok(address) => assert_eq!(open(), Ok(address)),
            Err(error) => assert!(error.errno().0 > 0),
        }
    }
}
