//! Exports of the claim protocol.

use std::borrow::Borrow;
use std::sync::Arc;
use std::time::Duration;

use claims::{
    Accounting, Builder, BuilderClaims, Claims, Config, Hypervisor, Outcome, Placement, Protocol,
    Rung,
};
use crossing::{boxed, checked, domid, domid_value, pages_value, HostValue};
use ocaml_interop::{DynBox, OCaml, OCamlInt, OCamlRuntime, OCamlUniformArray, ToOCaml};
use planner::{Invalid, Policy, Strategy};
use sig::sig;
use table::{Table, XenopsdNumaHypervisor};

use crate::abi::{
    BuilderClaimsValue, ClaimsHandle, ConfigValue, DomainAuditValue, DomainClaimValue,
    FailureValue, HypervisorHandle, OutcomeValue, PinnedHandle, PlacedHandle, PlacementValue,
    PolicyValue, ProbedValue, ReasonValue, ReportValue, RungValue, StatusValue,
};
use crate::convert;
use crate::failure::{guarded, panics};

fn config(value: &ConfigValue) -> Result<Config, Invalid> {
    let limits = convert::limits(&value.config_limits)?;
    let seconds = checked(
        "memory_wait_seconds",
        value.memory_wait_seconds,
        "at least 0",
    )?;
    Ok(Config {
        claims: claims_of(value.always_claim),
        builder_claims: match value.builder_claims {
            BuilderClaimsValue::NoBuilder => BuilderClaims::None,
            BuilderClaimsValue::PvBuilder => BuilderClaims::Pv,
            BuilderClaimsValue::AllBuilders => BuilderClaims::All,
        },
        policy: Policy::from(value.config_policy),
        strategy: Strategy::from(value.config_strategy),
        reserve: limits.reserve,
        memory_wait: Duration::from_secs(seconds),
        plan_budget_steps: limits.budget_steps,
    })
}

fn claims_of(always: bool) -> Claims {
    match always {
        true => Claims::Always,
        false => Claims::Never,
    }
}

fn outcome_value(outcome: &Outcome, handle: &PlacedHandle) -> OutcomeValue {
    OutcomeValue {
        rung: match &outcome.rung {
            Rung::NodeClaim(node) => RungValue::NodeClaim(*node as i64),
            Rung::ClaimSet => RungValue::ClaimSet,
            Rung::HostClaim => RungValue::HostClaim,
            Rung::Anywhere => RungValue::Anywhere,
            Rung::Unplaced(why) => RungValue::Unplaced(why.clone()),
            Rung::ClaimedByBuilder => RungValue::ClaimedByBuilder,
            Rung::Unclaimed => RungValue::Unclaimed,
        },
        plan: (outcome.plan.as_ref())
            .map(|plan| convert::plan_value(plan, handle.0.topology(), handle.0.request())),
        claimed_pages: pages_value(outcome.claimed_pages),
        replans: i64::from(outcome.replans),
        waited_seconds: outcome.waited.as_secs_f64(),
        queued_seconds: outcome.queued.as_secs_f64(),
    }
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
            let protocol = Protocol::open(hypervisor, config(&value)?)?;
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
            let config = protocol.config();
            let (policy, strategy) = (config.policy, config.strategy);
            let topology = protocol.topology();
            let placement = Placement {
                domid: domid(value.domid)?,
                request: convert::request(&value.request, topology, policy, strategy)?,
                builder: match value.hvm {
                    true => Builder::Hvm,
                    false => Builder::Pv,
                },
                hard_pinned: value.hard_pinned,
            };
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
            protocol.configure(config(&value)?);
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
    let always = |claims: Claims| match claims {
        Claims::Always => true,
        Claims::Never => false,
    };
    let status = cr.releasing_runtime(|| {
        guarded(|| {
            let status = protocol.status();
            Ok(StatusValue {
                in_force: always(status.config.claims),
                pending: status.pending.map(always),
                builds: status.builds.into_iter().map(domid_value).collect(),
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
#[sig("reason_value -> policy_value -> bool -> bool")]
#[ocaml_interop::export]
pub fn xenopsd_numa_starts_unplaced(
    cr: &mut OCamlRuntime,
    reason: OCaml<ReasonValue>,
    policy: OCaml<PolicyValue>,
    always_claim: OCaml<bool>,
) -> OCaml<bool> {
    let reason: ReasonValue = reason.to_rust();
    let policy: PolicyValue = policy.to_rust();
    let claims = claims_of(always_claim.to_bool());
    claims::starts_unplaced(reason.into(), policy.into(), claims).to_ocaml(cr)
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
