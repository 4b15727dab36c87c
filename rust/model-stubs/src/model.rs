//! Exports of the modelled Xen.

use std::borrow::Borrow;
use std::time::Duration;

use crossing::{boxed, checked, domid, domid_value, pages_value, HostValue};
use model::{Flavour, Model, Xen};
use ocaml_interop::{
    DynBox, OCaml, OCamlFloat, OCamlInt, OCamlRuntime, OCamlUniformArray, ToOCaml,
};
use planner::{pages_up, Invalid};
use sig::sig;
use table::Exported;

use crate::abi::{FailureValue, ModelHandle, NamedValue};
use crate::convert::{flavour, named};
use crate::failure::{guarded, refused};

fn shared(model: OCaml<DynBox<ModelHandle>>) -> &'static Exported<Model> {
    let handle: &ModelHandle = model.borrow();
    handle.0
}

fn pages(field: &str, bytes: i64) -> Result<u64, Invalid> {
    crossing::bytes(field, bytes).map(pages_up)
}

/// Every kind of Xen.
#[sig("unit -> named_value array")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_flavours(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<OCamlUniformArray<NamedValue>> {
    let all = Flavour::ALL.map(|flavour| named(flavour.name, flavour.about));
    Vec::from(all).to_ocaml(cr)
}

/// A Xen of the flavour of that name.
#[sig("string -> host_value -> (model_handle, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model(
    cr: &mut OCamlRuntime,
    name: OCaml<String>,
    host: OCaml<HostValue>,
) -> OCaml<Result<DynBox<ModelHandle>, FailureValue>> {
    let name: String = name.to_rust();
    let value: HostValue = host.to_rust();
    let model = guarded(|| {
        let host = crossing::host(&value)?;
        Xen::check_host(&host)?;
        let exported = Exported::new(Model::new(&host, flavour(&name)?));
        // Whoever has the table's address may use it until the process ends.
        Ok(ModelHandle(Box::leak(Box::new(exported))))
    });
    boxed(cr, model)
}

/// The address of its C table.
#[sig("model_handle -> int")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_table(
    cr: &mut OCamlRuntime,
    model: OCaml<DynBox<ModelHandle>>,
) -> OCaml<OCamlInt> {
    (shared(model).as_ptr().addr() as i64).to_ocaml(cr)
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
    let model = shared(model).hypervisor();
    let (vcpus, max_bytes) = (vcpus.to_i64(), max_bytes.to_i64());
    let created = guarded(|| {
        let pages = pages("max", max_bytes)?;
        let vcpus = checked("vcpus", vcpus, "at least 1")?;
        let doing = format!("creating a domain of {vcpus} vCPUs and {pages} pages");
        let created = model.create_domain(vcpus, pages);
        created
            .map(domid_value)
            .map_err(refused("create", None, doing))
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
    let model = shared(model).hypervisor();
    let (number, bytes) = (domid_value.to_i64(), bytes.to_i64());
    let done = guarded(|| {
        let pages = pages("pool", bytes)?;
        let (domid, doing) = (
            domid(number)?,
            format!("filling its pool with {pages} pages"),
        );
        let filled = model.set_pool(domid, pages);
        filled.map_err(refused("set_pool", Some(domid), doing))
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
    let model = shared(model).hypervisor();
    let (number, bytes) = (domid_value.to_i64(), bytes.to_i64());
    let exact_node: Option<i64> = exact_node.to_rust();
    let populated = guarded(|| {
        let node = |node| checked("exact_node", node, "a node of the host");
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
    let model = shared(model).hypervisor();
    let number = domid_value.to_i64();
    let done = guarded(|| {
        let domid = domid(number)?;
        let destroyed = model.destroy(domid);
        destroyed.map_err(refused("destroy", Some(domid), "destroying it"))
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
    let model = shared(model).hypervisor();
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
    let model = shared(model).hypervisor();
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
    let model = shared(model).hypervisor();
    let number = domid_value.to_i64();
    let pages = guarded(|| {
        Ok((model.domain_pages(domid(number)?).into_iter())
            .map(|(node, pages)| (node as i64, pages_value(pages)))
            .collect::<Vec<(i64, i64)>>())
    });
    pages.to_ocaml(cr)
}
