//! Exports of the modelled Xen.

use std::borrow::Borrow;
use std::sync::Arc;
use std::time::Duration;

use claims::{CallError, Domid, Errno, Error};
use model::{Flavour, Model, Xen};
use ocaml_interop::{
    DynBox, OCaml, OCamlFloat, OCamlInt, OCamlRuntime, OCamlUniformArray, ToOCaml,
};
use planner::{pages_up, Invalid};
use sig::sig;

use crate::abi::{FailureValue, FlavourValue, HostHandle, HypervisorHandle, ModelHandle};
use crate::convert::{domid_value, pages_value};
use crate::failure::guarded;
use crate::planning::boxed;
use crate::protocol::domid;

pub fn flavour(value: FlavourValue) -> Flavour {
    match value {
        FlavourValue::Xen_4_17 => Flavour::XEN_4_17,
        FlavourValue::Upstream => Flavour::UPSTREAM,
        FlavourValue::Xen_4_22 => Flavour::XEN_4_22,
        FlavourValue::Xs9 => Flavour::XS9,
        FlavourValue::Xs9_2025 => Flavour::XS9_2025,
        FlavourValue::V4 => Flavour::V4,
        FlavourValue::V4Fixed => Flavour::V4_FIXED,
        FlavourValue::V5 => Flavour::V5,
        FlavourValue::V7 => Flavour::V7,
        FlavourValue::V8 => Flavour::V8,
    }
}

fn shared(model: OCaml<DynBox<ModelHandle>>) -> Arc<Model> {
    let handle: &ModelHandle = model.borrow();
    handle.0.clone()
}

fn pages(field: &str, bytes: i64) -> Result<u64, Invalid> {
    crate::convert::checked(field, bytes, "bytes, at least 0").map(pages_up)
}

fn refused(call: &'static str, domid: Option<Domid>, doing: String) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Call {
        source: CallError { call, errno },
        domid,
        doing,
    }
}

#[sig("flavour_value -> host_handle -> (model_handle, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model(
    cr: &mut OCamlRuntime,
    flavour_value: OCaml<FlavourValue>,
    host: OCaml<DynBox<HostHandle>>,
) -> OCaml<Result<DynBox<ModelHandle>, FailureValue>> {
    let model = {
        let value: FlavourValue = flavour_value.to_rust();
        let host: &HostHandle = host.borrow();
        guarded(|| {
            Xen::check_host(&host.0)?;
            Ok(ModelHandle(Arc::new(Model::new(&host.0, flavour(value)))))
        })
    };
    boxed(cr, model)
}

#[sig("model_handle -> hypervisor_handle")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_hypervisor(
    cr: &mut OCamlRuntime,
    model: OCaml<DynBox<ModelHandle>>,
) -> OCaml<DynBox<HypervisorHandle>> {
    let model = shared(model);
    OCaml::box_value(cr, HypervisorHandle(model))
}

/// The number of a new domain.
#[sig("model_handle -> int -> int -> (int, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_create(
    cr: &mut OCamlRuntime,
    model: OCaml<DynBox<ModelHandle>>,
    vcpus: OCaml<OCamlInt>,
    max_bytes: OCaml<OCamlInt>,
) -> OCaml<Result<OCamlInt, FailureValue>> {
    let model = shared(model);
    let (vcpus, max_bytes) = (vcpus.to_i64(), max_bytes.to_i64());
    let created = guarded(|| {
        let pages = pages("max", max_bytes)?;
        let vcpus = crate::convert::checked("vcpus", vcpus, "at least 1")?;
        let doing = format!("creating a domain of {vcpus} vCPUs and {pages} pages");
        let created = model.create_domain(vcpus, pages);
        Ok(domid_value(
            created.map_err(refused("create", None, doing))?,
        ))
    });
    created.to_ocaml(cr)
}

#[sig("model_handle -> int -> int -> (unit, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_set_pool(
    cr: &mut OCamlRuntime,
    model: OCaml<DynBox<ModelHandle>>,
    domid_value: OCaml<OCamlInt>,
    bytes: OCaml<OCamlInt>,
) -> OCaml<Result<(), FailureValue>> {
    let model = shared(model);
    let (number, bytes) = (domid_value.to_i64(), bytes.to_i64());
    let done = guarded(|| {
        let pages = pages("pool", bytes)?;
        let doing = format!("filling its pool with {pages} pages");
        let domid = domid(number)?;
        let filled = model.set_pool(domid, pages);
        Ok(filled.map_err(refused("set_pool", Some(domid), doing))?)
    });
    done.to_ocaml(cr)
}

/// The pages that could be had; from one node only if one is given.
#[sig("model_handle -> int -> int -> int option -> (int, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_populate(
    cr: &mut OCamlRuntime,
    model: OCaml<DynBox<ModelHandle>>,
    domid_value: OCaml<OCamlInt>,
    bytes: OCaml<OCamlInt>,
    exact_node: OCaml<Option<OCamlInt>>,
) -> OCaml<Result<OCamlInt, FailureValue>> {
    let model = shared(model);
    let (number, bytes) = (domid_value.to_i64(), bytes.to_i64());
    let exact_node: Option<i64> = exact_node.to_rust();
    let populated = guarded(|| {
        let node = |node| crate::convert::checked("exact_node", node, "a node of the host");
        let exact_node = exact_node.map(node).transpose()?;
        let pages = pages("memory", bytes)?;
        Ok(pages_value(model.populate(
            domid(number)?,
            pages,
            exact_node,
        )))
    });
    populated.to_ocaml(cr)
}

#[sig("model_handle -> int -> (unit, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_destroy(
    cr: &mut OCamlRuntime,
    model: OCaml<DynBox<ModelHandle>>,
    domid_value: OCaml<OCamlInt>,
) -> OCaml<Result<(), FailureValue>> {
    let model = shared(model);
    let number = domid_value.to_i64();
    let done = guarded(|| {
        let doing = "destroying it".to_string();
        let domid = domid(number)?;
        let destroyed = model.destroy(domid);
        Ok(destroyed.map_err(refused("destroy", Some(domid), doing))?)
    });
    done.to_ocaml(cr)
}

#[sig("model_handle -> float -> (unit, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_advance(
    cr: &mut OCamlRuntime,
    model: OCaml<DynBox<ModelHandle>>,
    seconds: OCaml<OCamlFloat>,
) -> OCaml<Result<(), FailureValue>> {
    let model = shared(model);
    let seconds: f64 = seconds.to_rust();
    let done = guarded(|| {
        let time = Duration::try_from_secs_f64(seconds)
            .map_err(|_| Invalid::new("seconds", seconds, "a time, at least 0"))?;
        model.advance(time);
        Ok(())
    });
    done.to_ocaml(cr)
}

/// Free and outstanding pages.
#[sig("model_handle -> ((int * int), failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_counters(
    cr: &mut OCamlRuntime,
    model: OCaml<DynBox<ModelHandle>>,
) -> OCaml<Result<(OCamlInt, OCamlInt), FailureValue>> {
    let model = shared(model);
    let counters = guarded(|| {
        Ok((
            pages_value(model.free_pages()),
            pages_value(model.outstanding_pages()),
        ))
    });
    counters.to_ocaml(cr)
}

/// A domain's pages by node.
#[sig("model_handle -> int -> ((int * int) array, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_domain_pages(
    cr: &mut OCamlRuntime,
    model: OCaml<DynBox<ModelHandle>>,
    domid_value: OCaml<OCamlInt>,
) -> OCaml<Result<OCamlUniformArray<(OCamlInt, OCamlInt)>, FailureValue>> {
    let model = shared(model);
    let number = domid_value.to_i64();
    let pages = guarded(|| {
        Ok((model.domain_pages(domid(number)?).into_iter())
            .map(|(node, pages)| (node as i64, pages_value(pages)))
            .collect::<Vec<(i64, i64)>>())
    });
    pages.to_ocaml(cr)
}

/// The version of the core.
#[sig("unit -> string")]
#[ocaml_interop::export]
pub fn xenopsd_numa_version(cr: &mut OCamlRuntime, _unit: OCaml<()>) -> OCaml<String> {
    env!("CARGO_PKG_VERSION").to_ocaml(cr)
}
