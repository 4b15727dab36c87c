//! Exports of the planner.

use std::borrow::Borrow;
use std::sync::Arc;

use claims::Config;
use crossing::{boxed, bytes_value, checked, pages_value, HostValue};
use ocaml_interop::{DynBox, OCaml, OCamlInt, OCamlRuntime, OCamlUniformArray, ToOCaml};
use planner::{
    default_budget_plans, explain, plan, plan_all, plan_batch, Host, Invalid, Limits, Request,
};
use sig::sig;

use crate::abi::{
    AnswerValue, BatchFailureValue, BatchValue, ExplainedValue, FailureValue, HostHandle,
    LeftOutValue, LimitsValue, RequestValue,
};
use crate::convert;
use crate::failure::guarded;

fn asked(host: &Host, request: &RequestValue) -> Result<Request, Invalid> {
    let topology = host.topology();
    let Config {
        policy, strategy, ..
    } = Config::default();
    convert::request(request, topology, policy, strategy)
}

/// Plans on hosts of so many nodes take microseconds, less than it takes to let another thread in.
const QUICK_NODES: usize = 16;

/// Runs `run`, on large hosts without OCaml's runtime lock.
fn unlocked_if_large<T>(cr: &mut OCamlRuntime, host: &Host, run: impl FnOnce() -> T) -> T {
    match host.topology().node_count() {
        0..=QUICK_NODES => run(),
        _ => cr.releasing_runtime(run),
    }
}

fn shared(host: OCaml<DynBox<HostHandle>>) -> Arc<Host> {
    let handle: &HostHandle = host.borrow();
    handle.0.clone()
}

#[sig("host_value -> (host_handle, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_host(
    cr: &mut OCamlRuntime,
    host: OCaml<HostValue>,
) -> OCaml<Result<DynBox<HostHandle>, FailureValue>> {
    let value: HostValue = host.to_rust();
    let host = guarded(|| Ok(HostHandle(Arc::new(crossing::host(&value)?))));
    boxed(cr, host)
}

/// The nodes that no plan uses though the host is told to have them.
#[sig("host_handle -> left_out_value array")]
#[ocaml_interop::export]
pub fn xenopsd_numa_host_left_out(
    cr: &mut OCamlRuntime,
    host: OCaml<DynBox<HostHandle>>,
) -> OCaml<OCamlUniformArray<LeftOutValue>> {
    let left_out = convert::left_out_values(&shared(host));
    left_out.to_ocaml(cr)
}

#[sig("host_handle -> limits_value -> request_value -> (answer_value, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_plan(
    cr: &mut OCamlRuntime,
    host: OCaml<DynBox<HostHandle>>,
    limits: OCaml<LimitsValue>,
    request: OCaml<RequestValue>,
) -> OCaml<Result<AnswerValue, FailureValue>> {
    let limits: LimitsValue = limits.to_rust();
    let request: RequestValue = request.to_rust();
    let host = shared(host);
    let answer = unlocked_if_large(cr, &host, || {
        guarded(|| {
            let request = asked(&host, &request)?;
            let answer = plan(&host, &request, &convert::limits(&limits)?);
            Ok(convert::answer_value(&answer, host.topology(), &request))
        })
    });
    answer.to_ocaml(cr)
}

#[sig("host_handle -> limits_value -> request_value -> (explained_value, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_explain(
    cr: &mut OCamlRuntime,
    host: OCaml<DynBox<HostHandle>>,
    limits: OCaml<LimitsValue>,
    request: OCaml<RequestValue>,
) -> OCaml<Result<ExplainedValue, FailureValue>> {
    let limits: LimitsValue = limits.to_rust();
    let request: RequestValue = request.to_rust();
    let host = shared(host);
    let explained = unlocked_if_large(cr, &host, || {
        guarded(|| {
            let request = asked(&host, &request)?;
            let (answer, explanation) = explain(&host, &request, &convert::limits(&limits)?);
            let topology = host.topology();
            Ok(convert::explained_value(
                &answer,
                &explanation,
                topology,
                &request,
            ))
        })
    });
    explained.to_ocaml(cr)
}

/// The overhead with which a placement would be planned, in bytes.
#[sig("host_handle -> limits_value -> request_value -> (int, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_planned_overhead(
    cr: &mut OCamlRuntime,
    host: OCaml<DynBox<HostHandle>>,
    limits: OCaml<LimitsValue>,
    request: OCaml<RequestValue>,
) -> OCaml<Result<OCamlInt, FailureValue>> {
    let limits: LimitsValue = limits.to_rust();
    let request: RequestValue = request.to_rust();
    let host = shared(host);
    let overhead = unlocked_if_large(cr, &host, || {
        guarded(|| {
            let request = asked(&host, &request)?;
            let limits = convert::limits(&limits)?;
            let pages = claims::planned_overhead_pages(&host, &request, &limits);
            Ok(bytes_value(pages))
        })
    });
    overhead.to_ocaml(cr)
}

#[sig("host_handle -> limits_value -> bool -> request_value array -> (answer_value array, batch_failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_plan_all(
    cr: &mut OCamlRuntime,
    host: OCaml<DynBox<HostHandle>>,
    limits: OCaml<LimitsValue>,
    independent: OCaml<bool>,
    requests: OCaml<OCamlUniformArray<RequestValue>>,
) -> OCaml<Result<OCamlUniformArray<AnswerValue>, BatchFailureValue>> {
    let independent = independent.to_bool();
    let asked = Asked::new(host, limits, requests);
    // A batch may take long.
    let answers = cr.releasing_runtime(|| {
        asked.planned(|host, requests, limits| {
            let answers = plan_all(host, requests, limits, independent);
            Ok(convert::answer_values(&answers, host.topology(), requests))
        })
    });
    answers.to_ocaml(cr)
}

#[sig("host_handle -> limits_value -> int option -> request_value array -> (batch_value, batch_failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_plan_batch(
    cr: &mut OCamlRuntime,
    host: OCaml<DynBox<HostHandle>>,
    limits: OCaml<LimitsValue>,
    budget_plans: OCaml<Option<OCamlInt>>,
    requests: OCaml<OCamlUniformArray<RequestValue>>,
) -> OCaml<Result<BatchValue, BatchFailureValue>> {
    let budget_plans: Option<i64> = budget_plans.to_rust();
    let asked = Asked::new(host, limits, requests);
    let batch = cr.releasing_runtime(|| {
        asked.planned(|host, requests, limits| {
            let budget_plans = match budget_plans {
                Some(plans) => checked("budget_plans", plans, "plans, at least 0")?,
                None => default_budget_plans(host, requests.len()),
            };
            let batch = plan_batch(host, requests, limits, budget_plans);
            Ok(convert::batch_value(&batch, host.topology(), requests))
        })
    });
    batch.to_ocaml(cr)
}

/// Several requests, as they crossed.
struct Asked {
    host: Arc<Host>,
    limits: LimitsValue,
    requests: Vec<RequestValue>,
}

impl Asked {
    fn new(
        host: OCaml<DynBox<HostHandle>>,
        limits: OCaml<LimitsValue>,
        requests: OCaml<OCamlUniformArray<RequestValue>>,
    ) -> Self {
        Asked {
            host: shared(host),
            limits: limits.to_rust(),
            requests: requests.to_rust(),
        }
    }

    /// What `plan` makes of the requests, checked.
    fn planned<T>(
        &self,
        plan: impl FnOnce(&Host, &[Request], &Limits) -> Result<T, FailureValue>,
    ) -> Result<T, BatchFailureValue> {
        let mut at = 0;
        let planned = guarded(|| {
            let requests: Vec<_> = (self.requests.iter().zip(0..))
                .map(|(request, i)| {
                    at = i;
                    asked(&self.host, request)
                })
                .collect::<Result<_, _>>()?;
            plan(&self.host, &requests, &convert::limits(&self.limits)?)
        });
        planned.map_err(|failure| BatchFailureValue { at, failure })
    }
}

/// The steps that a plan may take unless said otherwise.
#[sig("unit -> int")]
#[ocaml_interop::export]
pub fn xenopsd_numa_default_budget_steps(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<OCamlInt> {
    pages_value(planner::DEFAULT_BUDGET_STEPS).to_ocaml(cr)
}

/// The version of the core.
#[sig("unit -> string")]
#[ocaml_interop::export]
pub fn xenopsd_numa_version(cr: &mut OCamlRuntime, _unit: OCaml<()>) -> OCaml<String> {
    env!("CARGO_PKG_VERSION").to_ocaml(cr)
}
