//! Exports of the claim protocol.

use std::sync::Arc;

use claims::{Accounting, Builder, ClaimKind, Config, Placement, Protocol, Switch};
use crossing::{
    domid, domid_value, domids_value, nodes_value, pages_value, panics, Array, ErrorValue,
    FailureValue, HostValue, NamedValue, RefusalValue, Size,
};
use planner::Invalid;
use sig::sig;
use table::{Table, XenopsdNumaHypervisor};

use crate::abi::{
    AuditValue, BuilderValue, ClaimValue, ClaimsHandle, ClaimsValue, ConfigValue, HypervisorHandle,
    OutcomeValue, PinnedHandle, PlacedHandle, PlacementValue, PolicyValue, ProbedValue,
    ReportValue, StatusValue,
};
use crate::convert;

/// The kinds of claims.
#[sig(held)]
fn claim_kinds() -> Vec<NamedValue> {
    crossing::list_value::<ClaimKind>()
}

/// The switches of xenopsd.conf: keys, and what they are for.
#[sig(held)]
fn switches() -> Vec<NamedValue> {
    let value = |switch: &Switch| NamedValue {
        name: switch.key.to_string(),
        about: switch.doc(),
    };
    Config::SWITCHES.iter().map(value).collect()
}

/// The switches as they are by themselves.
#[sig(held)]
fn default_config() -> ConfigValue {
    convert::config_value(&Config::default())
}

/// The same with one more switch read from its text.
#[sig(held)]
fn set_switch(config: ConfigValue, key: String, text: String) -> Result<ConfigValue, ErrorValue> {
    let config = convert::config(&config)?.with(&key, &text)?;
    Ok(convert::config_value(&config))
}

/// The hypervisor whose calls are in the C table at an address.
#[sig(held)]
fn of_table(address: i64) -> Result<HypervisorHandle, ErrorValue> {
    // SAFETY: the manual of `Hypervisor.of_table` asks the caller for the address of a table that
    // stays in place; what can be checked of it is checked.
    let table = unsafe { Table::new(address as usize as *const XenopsdNumaHypervisor) };
    let expected = "the address of a struct xenopsd_numa_hypervisor";
    let table = table.map_err(|error| Invalid::new("table", error, expected))?;
    Ok(HypervisorHandle(Arc::new(table)))
}

#[sig]
fn claims_open(
    hypervisor: HypervisorHandle,
    config: ConfigValue,
) -> Result<ClaimsHandle, FailureValue> {
    let protocol = Protocol::open(hypervisor.0, convert::config(&config)?)?;
    Ok(ClaimsHandle(Arc::new(protocol)))
}

#[sig]
fn place(claims: ClaimsHandle, placement: PlacementValue) -> Result<PlacedHandle, FailureValue> {
    let domid = domid(placement.domid)?;
    let request = (claims.0).request(&convert::description(&placement.request)?)?;
    let builder = match placement.builder {
        BuilderValue::HvmBuilder => Builder::Hvm,
        BuilderValue::PvBuilder => Builder::Pv,
    };
    let placement = Placement::new(domid, request)
        .with_builder(builder)
        .with_hard_pinned(placement.hard_pinned);
    Ok(PlacedHandle(claims.0.place(placement)?))
}

#[sig(held)]
fn outcome(placed: PlacedHandle) -> OutcomeValue {
    convert::outcome_value(&placed.0)
}

#[sig]
fn pin(claims: ClaimsHandle, placed: PlacedHandle) -> Result<PinnedHandle, FailureValue> {
    Ok(PinnedHandle(claims.0.pin(placed.0)?))
}

#[sig]
fn finish(claims: ClaimsHandle, pinned: PinnedHandle) -> Result<ReportValue, FailureValue> {
    let report = claims.0.finish(pinned.0)?;
    Ok(ReportValue {
        unused_pages: pages_value(report.unused_pages),
        pages_by_node: report.pages_by_node.map(pages_values),
        elsewhere_pages: report.elsewhere_pages.map(pages_value),
    })
}

fn pages_values(pages: Vec<u64>) -> Array<i64> {
    pages.into_iter().map(pages_value).collect()
}

#[sig]
fn abandon(claims: ClaimsHandle, number: i64) -> Result<(), FailureValue> {
    Ok(claims.0.abandon(domid(number)?)?)
}

#[sig]
fn configure(claims: ClaimsHandle, config: ConfigValue) -> Result<(), FailureValue> {
    claims.0.configure(convert::config(&config)?);
    Ok(())
}

#[sig]
fn status(claims: ClaimsHandle) -> Result<StatusValue, FailureValue> {
    let status = claims.0.status();
    Ok(StatusValue {
        config: convert::config_value(&status.config),
        pending: status.pending.map(ClaimsValue::from),
        builds: domids_value(&status.builds),
        host_claims: status.host_claims,
        node_claims: status.node_claims,
        claim_sets: status.claim_sets,
        late_accounting: match status.accounting {
            Accounting::Late => true,
            Accounting::AtAllocation => false,
        },
        degraded: status.degraded,
        panics: panics(),
    })
}

#[sig]
fn probe(claims: ClaimsHandle) -> Result<ProbedValue, FailureValue> {
    let probed = claims.0.probe()?;
    Ok(ProbedValue {
        on_host: probed.host,
        on_single_nodes: probed.node,
        on_several_nodes: probed.set,
    })
}

#[sig]
fn domain_claims(claims: ClaimsHandle) -> Result<Vec<ClaimValue>, FailureValue> {
    let claim = |claim: &claims::DomainClaim| ClaimValue {
        domid: domid_value(claim.domid),
        outstanding_pages: pages_value(claim.outstanding_pages),
        nodes: nodes_value(claim.nodes),
        being_built: claim.being_built,
    };
    Ok(claims.0.claims()?.iter().map(claim).collect())
}

#[sig]
fn audit(claims: ClaimsHandle) -> Result<Vec<AuditValue>, FailureValue> {
    let audit = |audit: claims::DomainAudit| AuditValue {
        domid: domid_value(audit.domid),
        nodes: nodes_value(audit.nodes),
        tot_pages: pages_value(audit.tot_pages),
        outstanding_pages: pages_value(audit.outstanding_pages),
        pages_by_node: audit.pages_by_node.map(pages_values),
        elsewhere_pages: audit.elsewhere_pages.map(pages_value),
        being_built: audit.being_built,
    };
    Ok(claims.0.audit()?.into_iter().map(audit).collect())
}

/// The host as the next placement would see it.
#[sig]
fn claims_host(claims: ClaimsHandle) -> Result<HostValue, FailureValue> {
    Ok(convert::host_value(&claims.0.host()?))
}

/// Whether a domain that is refused so starts all the same, on a host that always claims or never
/// does.
#[sig(held)]
fn starts_unplaced(refusal: RefusalValue, policy: PolicyValue, claims: ClaimsValue) -> bool {
    convert::refusal(&refusal)
        .is_ok_and(|refusal| claims::starts_unplaced(refusal.reason, policy.into(), claims.into()))
}

fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

/// What an HVM domain needs beside its memory.
#[sig(held)]
fn overhead(vcpus: i64, memory: Size) -> Size {
    Size::of_pages(claims::overhead_pages(count(vcpus), memory.pages_up()))
}

/// What a placement leaves of the host at least, whatever reserve is configured.
#[sig(held)]
fn least_reserve(vcpus: i64) -> Size {
    Size::of_pages(claims::least_structure_pages(count(vcpus)))
}

/// The version of the core.
#[sig(held)]
fn version() -> String {
    env!("CARGO_PKG_VERSION").to_string()
}
