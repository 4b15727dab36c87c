//! Exports of the modelled Xen.

use std::time::Duration;

use claims::{CallError, Domid, Errno, Error};
use crossing::{
    checked, domid, domid_value, pages_value, FailureValue, HostValue, NamedValue, Size,
};
use model::{Flavour, Model, Xen};
use planner::Invalid;
use sig::sig;
use table::Exported;

use crate::abi::ModelHandle;
use crate::convert::{flavour, flavour_value};

fn refused(
    call: &'static str,
    domid: Option<Domid>,
    doing: impl Into<String>,
) -> impl FnOnce(Errno) -> Error {
    let doing = doing.into();
    move |errno| Error::Call {
        source: CallError { call, errno },
        domid,
        doing,
    }
}

/// Every kind of Xen.
#[sig(held)]
fn model_flavours() -> Vec<NamedValue> {
    Flavour::ALL.iter().map(flavour_value).collect()
}

/// The flavour where none is said.
#[sig(held)]
fn model_upstream() -> NamedValue {
    flavour_value(&Flavour::UPSTREAM)
}

/// A Xen of the flavour of that name.
#[sig(held)]
fn model_new(name: String, host: HostValue) -> Result<ModelHandle, FailureValue> {
    let host = crossing::host(&host)?;
    Xen::check_host(&host)?;
    let exported = Exported::new(Model::new(&host, flavour(&name)?));
    // Its table may be used until the process ends.
    Ok(ModelHandle(Box::leak(Box::new(exported))))
}

/// The address of its C table.
#[sig(held)]
fn model_table(model: ModelHandle) -> i64 {
    model.0.as_ptr().addr() as i64
}

/// The number of a new domain.
#[sig(held)]
fn model_create(model: ModelHandle, vcpus: i64, max: Size) -> Result<i64, FailureValue> {
    let pages = max.pages_up();
    let vcpus = checked("vcpus", vcpus, "at least 1")?;
    let doing = format!("creating a domain of {vcpus} vCPUs and {pages} pages");
    let created = model.0.hypervisor().create_domain(vcpus, pages);
    Ok(domid_value(
        created.map_err(refused("create", None, doing))?,
    ))
}

#[sig(held)]
fn model_set_pool(model: ModelHandle, number: i64, pool: Size) -> Result<(), FailureValue> {
    let (domid, pages) = (domid(number)?, pool.pages_up());
    let doing = format!("filling its pool with {pages} pages");
    let filled = model.0.hypervisor().set_pool(domid, pages);
    Ok(filled.map_err(refused("set_pool", Some(domid), doing))?)
}

/// The pages that could be had; from one node only if one is given.
#[sig(held)]
fn model_populate(
    model: ModelHandle,
    number: i64,
    memory: Size,
    exact_node: Option<i64>,
) -> Result<i64, FailureValue> {
    let node = |node| checked("exact_node", node, "a node of the host");
    let exact_node = exact_node.map(node).transpose()?;
    let xen = model.0.hypervisor();
    let populated = xen.populate(domid(number)?, memory.pages_up(), exact_node);
    Ok(pages_value(populated))
}

#[sig(held)]
fn model_destroy(model: ModelHandle, number: i64) -> Result<(), FailureValue> {
    let domid = domid(number)?;
    let destroyed = model.0.hypervisor().destroy(domid);
    Ok(destroyed.map_err(refused("destroy", Some(domid), "destroying it"))?)
}

#[sig]
fn model_advance(model: ModelHandle, seconds: f64) -> Result<(), FailureValue> {
    let time = Duration::try_from_secs_f64(seconds)
        .map_err(|_| Invalid::new("seconds", seconds, "a time, at least 0"))?;
    model.0.hypervisor().advance(time);
    Ok(())
}

/// Free and outstanding pages.
#[sig(held)]
fn model_counters(model: ModelHandle) -> Result<(i64, i64), FailureValue> {
    let xen = model.0.hypervisor();
    Ok((
        pages_value(xen.free_pages()),
        pages_value(xen.outstanding_pages()),
    ))
}

/// A domain's pages by node.
#[sig(held)]
fn model_domain_pages(model: ModelHandle, number: i64) -> Result<Vec<(i64, i64)>, FailureValue> {
    let pages = model.0.hypervisor().domain_pages(domid(number)?);
    let value = |(node, pages): (usize, u64)| (node as i64, pages_value(pages));
    Ok(pages.into_iter().map(value).collect())
}
