//! Exports of the claim protocol.

use std::borrow::Borrow;
use std::sync::Arc;

use claims::{
    Accounting, Builder, ClaimKind, Claims, Config, Domid, Hypervisor, Outcome, Placement,
    Protocol, Rung, Switch,
};
use ocaml_interop::{DynBox, OCaml, OCamlInt, OCamlRuntime, OCamlUniformArray, ToOCaml};
use planner::{Invalid, Refusal};
use sig::sig;
use table::{Table, XenopsdNumaHypervisor};

use crate::abi::{
    ClaimsHandle, ConfigValue, DomainAuditValue, DomainClaimValue, FailureValue, HostValue,
    HypervisorHandle, NamedValue, OutcomeValue, PinnedHandle, PlacedHandle, PlacementValue,
    PolicyValue, ProbedValue, RefusalValue, ReportValue, StatusValue,
};
use crate::convert::{self, domid_value, domids_value, pages_value};
use crate::failure::{guarded, panics};
use crate::planning::boxed;

pub fn domid(value: i64) -> Result<Domid, Invalid> {
    // 0 is the control domain, which is not placed; Xen's own numbers start at 0x7FF0.
    match value {
        1..0x7FF0 => Ok(Domid(value as u16)),
        value => Err(Invalid::new("domid", value, "1 to 32751")),
    }
}

fn claims_of(always: bool) -> Claims {
    match always {
        true => Claims::Always,
        false => Claims::Never,
    }
}

fn outcome_value(outcome: &Outcome, handle: &PlacedHandle) -> OutcomeValue {
    let (claimed_node, unplaced_because) = match &outcome.rung {
        Rung::NodeClaim(node) => (Some(*node as i64), None),
        Rung::Unplaced(why) => (None, Some(why.clone())),
        Rung::ClaimSet
        | Rung::HostClaim
        | Rung::Anywhere
        | Rung::ClaimedByBuilder
        | Rung::Unclaimed => (None, None),
    };
    OutcomeValue {
        kind: convert::named_value(outcome.rung.kind()),
        claimed_node,
        unplaced_because,
        plan: (outcome.plan.as_ref())
            .map(|plan| convert::plan_value(plan, handle.0.topology(), handle.0.request())),
        claimed_pages: pages_value(outcome.claimed_pages),
        replans: i64::from(outcome.replans),
        waited_seconds: outcome.waited.as_secs_f64(),
        queued_seconds: outcome.queued.as_secs_f64(),
    }
}

/// The kinds of claims.
#[sig("unit -> named_value array")]
#[ocaml_interop::export]
pub fn xenopsd_numa_claim_kinds(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<OCamlUniformArray<NamedValue>> {
    convert::list_value::<ClaimKind>().to_ocaml(cr)
}

/// The switches of xenopsd.conf: keys, and what they are for.
#[sig("unit -> named_value array")]
#[ocaml_interop::export]
pub fn xenopsd_numa_switches(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<OCamlUniformArray<NamedValue>> {
    let value = |switch: &Switch| NamedValue {
        name: switch.key.to_string(),
        about: switch.doc(),
    };
    let switches: Vec<_> = Config::SWITCHES.iter().map(value).collect();
    switches.to_ocaml(cr)
}

/// The switches as they are by themselves.
#[sig("unit -> config_value")]
#[ocaml_interop::export]
pub fn xenopsd_numa_default_config(cr: &mut OCamlRuntime, _unit: OCaml<()>) -> OCaml<ConfigValue> {
    convert::config_value(&Config::default()).to_ocaml(cr)
}

/// The same with one more switch read from its text.
#[sig("config_value -> string -> string -> (config_value, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_set_switch(
    cr: &mut OCamlRuntime,
    config_value: OCaml<ConfigValue>,
    key: OCaml<String>,
    text: OCaml<String>,
) -> OCaml<Result<ConfigValue, FailureValue>> {
    let value: ConfigValue = config_value.to_rust();
    let (key, text): (String, String) = (key.to_rust(), text.to_rust());
    let set = guarded(|| {
        let config = convert::config(&value)?.with(&key, &text)?;
        Ok(convert::config_value(&config))
    });
    set.to_ocaml(cr)
}

/// The hypervisor whose calls are in the C table at an address.
#[sig("int -> (hypervisor_handle, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_of_table(
    cr: &mut OCamlRuntime,
    address: OCaml<OCamlInt>,
) -> OCaml<Result<DynBox<HypervisorHandle>, FailureValue>> {
    let address = address.to_i64();
    let hypervisor = guarded(|| {
        // SAFETY: the manual of `Hypervisor.of_table` asks the caller for the address of a table
        // that stays in place; what can be checked of it is checked.
        let table = unsafe { Table::new(address as usize as *const XenopsdNumaHypervisor) };
        let table = table.map_err(|error| {
            let expected = "the address of a struct xenopsd_numa_hypervisor";
            Invalid::new("table", error, expected)
        })?;
        Ok(HypervisorHandle(Arc::new(table)))
    });
    boxed(cr, hypervisor)
}

#[sig("hypervisor_handle -> config_value -> (claims_handle, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_claims_open(
    cr: &mut OCamlRuntime,
    hypervisor: OCaml<DynBox<HypervisorHandle>>,
    config_value: OCaml<ConfigValue>,
) -> OCaml<Result<DynBox<ClaimsHandle>, FailureValue>> {
    let hypervisor: Arc<dyn Hypervisor> = {
        let handle: &HypervisorHandle = hypervisor.borrow();
        handle.0.clone()
    };
    let value: ConfigValue = config_value.to_rust();
    let claims = cr.releasing_runtime(|| {
        guarded(|| {
            let protocol = Protocol::open(hypervisor, convert::config(&value)?)?;
            Ok(ClaimsHandle(Arc::new(protocol)))
        })
    });
    boxed(cr, claims)
}

type Shared = Arc<Protocol<Arc<dyn Hypervisor>>>;

fn shared(claims: OCaml<DynBox<ClaimsHandle>>) -> Shared {
    let handle: &ClaimsHandle = claims.borrow();
    handle.0.clone()
}

#[sig("claims_handle -> placement_value -> (placed_handle, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_place(
    cr: &mut OCamlRuntime,
    claims: OCaml<DynBox<ClaimsHandle>>,
    placement: OCaml<PlacementValue>,
) -> OCaml<Result<DynBox<PlacedHandle>, FailureValue>> {
    let protocol = shared(claims);
    let value: PlacementValue = placement.to_rust();
    let placed = cr.releasing_runtime(|| {
        guarded(|| {
            let domid = domid(value.domid)?;
            let request = protocol.request(&convert::description(&value.request)?)?;
            let builder = match value.hvm {
                true => Builder::Hvm,
                false => Builder::Pv,
            };
            let placement = Placement::new(domid, request)
                .with_builder(builder)
                .with_hard_pinned(value.hard_pinned);
            Ok(PlacedHandle(protocol.place(placement)?))
        })
    });
    boxed(cr, placed)
}

#[sig("placed_handle -> (outcome_value, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_outcome(
    cr: &mut OCamlRuntime,
    placed: OCaml<DynBox<PlacedHandle>>,
) -> OCaml<Result<OutcomeValue, FailureValue>> {
    let outcome = {
        let handle: &PlacedHandle = placed.borrow();
        guarded(|| Ok(outcome_value(handle.0.outcome(), handle)))
    };
    outcome.to_ocaml(cr)
}

#[sig("claims_handle -> placed_handle -> (pinned_handle, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_pin(
    cr: &mut OCamlRuntime,
    claims: OCaml<DynBox<ClaimsHandle>>,
    placed: OCaml<DynBox<PlacedHandle>>,
) -> OCaml<Result<DynBox<PinnedHandle>, FailureValue>> {
    let protocol = shared(claims);
    let placed = {
        let handle: &PlacedHandle = placed.borrow();
        handle.0.clone()
    };
    let pinned = cr.releasing_runtime(|| guarded(|| Ok(PinnedHandle(protocol.pin(placed)?))));
    boxed(cr, pinned)
}

#[sig("claims_handle -> pinned_handle -> (report_value, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_built(
    cr: &mut OCamlRuntime,
    claims: OCaml<DynBox<ClaimsHandle>>,
    pinned: OCaml<DynBox<PinnedHandle>>,
) -> OCaml<Result<ReportValue, FailureValue>> {
    let protocol = shared(claims);
    let pinned = {
        let handle: &PinnedHandle = pinned.borrow();
        handle.0.clone()
    };
    let report = cr.releasing_runtime(|| {
        guarded(|| {
            let report = protocol.built(pinned)?;
            let all = |pages: Vec<u64>| pages.into_iter().map(pages_value).collect();
            Ok(ReportValue {
                unused_pages: pages_value(report.unused_pages),
                pages_by_node: report.pages_by_node.map(all),
                elsewhere_pages: report.elsewhere_pages.map(pages_value),
            })
        })
    });
    report.to_ocaml(cr)
}

#[sig("claims_handle -> int -> (unit, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_abandoned(
    cr: &mut OCamlRuntime,
    claims: OCaml<DynBox<ClaimsHandle>>,
    domid_value: OCaml<OCamlInt>,
) -> OCaml<Result<(), FailureValue>> {
    let protocol = shared(claims);
    let value = domid_value.to_i64();
    let done = cr.releasing_runtime(|| guarded(|| Ok(protocol.abandoned(domid(value)?)?)));
    done.to_ocaml(cr)
}

#[sig("claims_handle -> config_value -> (unit, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_configure(
    cr: &mut OCamlRuntime,
    claims: OCaml<DynBox<ClaimsHandle>>,
    config_value: OCaml<ConfigValue>,
) -> OCaml<Result<(), FailureValue>> {
    let protocol = shared(claims);
    let value: ConfigValue = config_value.to_rust();
    let done = cr.releasing_runtime(|| {
        guarded(|| {
            protocol.configure(convert::config(&value)?);
            Ok(())
        })
    });
    done.to_ocaml(cr)
}

#[sig("claims_handle -> (status_value, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_status(
    cr: &mut OCamlRuntime,
    claims: OCaml<DynBox<ClaimsHandle>>,
) -> OCaml<Result<StatusValue, FailureValue>> {
    let protocol = shared(claims);
    let status = cr.releasing_runtime(|| {
        guarded(|| {
            let status = protocol.status();
            Ok(StatusValue {
                in_force: convert::config_value(&status.config),
                pending: status.pending.map(convert::always),
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
        })
    });
    status.to_ocaml(cr)
}

#[sig("claims_handle -> (probed_value, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_probe(
    cr: &mut OCamlRuntime,
    claims: OCaml<DynBox<ClaimsHandle>>,
) -> OCaml<Result<ProbedValue, FailureValue>> {
    let protocol = shared(claims);
    let probed = cr.releasing_runtime(|| {
        guarded(|| {
            let probed = protocol.probe()?;
            Ok(ProbedValue {
                claims_on_host: probed.host,
                claims_on_node: probed.node,
                claims_on_several: probed.set,
            })
        })
    });
    probed.to_ocaml(cr)
}

#[sig("claims_handle -> (domain_claim_value array, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_domain_claims(
    cr: &mut OCamlRuntime,
    claims: OCaml<DynBox<ClaimsHandle>>,
) -> OCaml<Result<OCamlUniformArray<DomainClaimValue>, FailureValue>> {
    let protocol = shared(claims);
    let claims = cr.releasing_runtime(|| {
        guarded(|| {
            let claim = |claim: &claims::DomainClaim| DomainClaimValue {
                claim_domid: domid_value(claim.domid),
                outstanding_pages: pages_value(claim.outstanding_pages),
                claim_nodes: convert::nodes_value(claim.nodes),
                being_built: claim.being_built,
            };
            Ok(protocol.claims()?.iter().map(claim).collect::<Vec<_>>())
        })
    });
    claims.to_ocaml(cr)
}

#[sig("claims_handle -> (domain_audit_value array, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_audit(
    cr: &mut OCamlRuntime,
    claims: OCaml<DynBox<ClaimsHandle>>,
) -> OCaml<Result<OCamlUniformArray<DomainAuditValue>, FailureValue>> {
    let protocol = shared(claims);
    let all = |pages: Vec<u64>| pages.into_iter().map(pages_value).collect();
    let value = |audit: claims::DomainAudit| DomainAuditValue {
        audit_domid: domid_value(audit.domid),
        audit_nodes: audit.nodes.iter().map(|node| node as i64).collect(),
        tot_pages: pages_value(audit.tot_pages),
        claimed_left_pages: pages_value(audit.outstanding_pages),
        on_nodes: audit.pages_by_node.map(all),
        away_pages: audit.elsewhere_pages.map(pages_value),
        in_build: audit.being_built,
    };
    let audits = cr.releasing_runtime(|| {
        guarded(|| Ok(protocol.audit()?.into_iter().map(value).collect::<Vec<_>>()))
    });
    audits.to_ocaml(cr)
}

/// The host as the next placement would see it.
#[sig("claims_handle -> (host_value, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_claims_host(
    cr: &mut OCamlRuntime,
    claims: OCaml<DynBox<ClaimsHandle>>,
) -> OCaml<Result<HostValue, FailureValue>> {
    let protocol = shared(claims);
    let host = cr.releasing_runtime(|| guarded(|| Ok(convert::host_value(&protocol.host()?))));
    host.to_ocaml(cr)
}

/// Whether a domain that is refused for this reason starts all the same, on a host that always
/// claims or never does.
#[sig("refusal_value -> policy_value -> bool -> bool")]
#[ocaml_interop::export]
pub fn xenopsd_numa_starts_unplaced(
    cr: &mut OCamlRuntime,
    refusal: OCaml<RefusalValue>,
    policy: OCaml<PolicyValue>,
    always_claim: OCaml<bool>,
) -> OCaml<bool> {
    let refusal: RefusalValue = refusal.to_rust();
    let policy: PolicyValue = policy.to_rust();
    let claims = claims_of(always_claim.to_bool());
    let starts = |refusal: Refusal| claims::starts_unplaced(refusal.reason, policy.into(), claims);
    convert::refusal(&refusal).is_ok_and(starts).to_ocaml(cr)
}

/// The bytes that an HVM domain needs beside its memory.
#[sig("int -> int -> int")]
#[ocaml_interop::export]
pub fn xenopsd_numa_overhead(
    cr: &mut OCamlRuntime,
    vcpus: OCaml<OCamlInt>,
    memory_bytes: OCaml<OCamlInt>,
) -> OCaml<OCamlInt> {
    let vcpus = u32::try_from(vcpus.to_i64().max(0)).unwrap_or(u32::MAX);
    let memory = planner::pages_up(memory_bytes.to_i64().max(0) as u64);
    let overhead = claims::overhead_pages(vcpus, memory) * planner::PAGE_BYTES;
    pages_value(overhead).to_ocaml(cr)
}

/// The bytes that a placement leaves of the host at least, whatever reserve is configured.
#[sig("int -> int")]
#[ocaml_interop::export]
pub fn xenopsd_numa_least_reserve(
    cr: &mut OCamlRuntime,
    vcpus: OCaml<OCamlInt>,
) -> OCaml<OCamlInt> {
    let vcpus = u32::try_from(vcpus.to_i64().max(0)).unwrap_or(u32::MAX);
    pages_value(claims::least_structure_pages(vcpus) * planner::PAGE_BYTES).to_ocaml(cr)
}
