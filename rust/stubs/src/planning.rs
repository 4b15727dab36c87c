//! Exports of the planner.

use std::borrow::Borrow;
use std::sync::Arc;

use ocaml_interop::{DynBox, OCaml, OCamlInt, OCamlRuntime, OCamlUniformArray, ToOCaml};
use planner::{
    default_budget_plans, explain, plan, plan_all, plan_batch, Behind, Host, Invalid, Limits,
    Reason, Request,
};
use sig::sig;

use crate::abi::{
    AnswerValue, BatchFailureValue, BatchValue, ExplainedHandle, ExplainedValue, FailureValue,
    HostHandle, HostValue, LeftOutValue, LimitsValue, NamedValue, RefusalValue, RequestValue,
    WordsValue,
};
use crate::convert;
use crate::failure::guarded;

fn asked(host: &Host, request: &RequestValue) -> Result<Request, Invalid> {
    Request::new(&convert::description(request)?, host.topology())
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
    let host = guarded(|| Ok(HostHandle(Arc::new(convert::host(&value)?))));
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

#[sig("request_value -> (unit, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_check_request(
    cr: &mut OCamlRuntime,
    request: OCaml<RequestValue>,
) -> OCaml<Result<(), FailureValue>> {
    let request: RequestValue = request.to_rust();
    let checked = guarded(|| Ok(convert::description(&request)?.check()?));
    checked.to_ocaml(cr)
}

#[sig("host_handle -> limits_value -> request_value -> ((explained_value * explained_handle), failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_explain(
    cr: &mut OCamlRuntime,
    host: OCaml<DynBox<HostHandle>>,
    limits: OCaml<LimitsValue>,
    request: OCaml<RequestValue>,
) -> OCaml<Result<(ExplainedValue, DynBox<ExplainedHandle>), FailureValue>> {
    let limits: LimitsValue = limits.to_rust();
    let request: RequestValue = request.to_rust();
    let host = shared(host);
    let explained = unlocked_if_large(cr, &host, || {
        guarded(|| {
            let request = asked(&host, &request)?;
            let (answer, why) = explain(&host, &request, &convert::limits(&limits)?);
            let value = convert::explained_value(&answer, &why, host.topology(), &request);
            Ok((value, ExplainedHandle(answer, why)))
        })
    });
    let explained = explained.map(|(value, handle)| {
        let handle = OCaml::box_value(cr, handle).root();
        (value, handle)
    });
    explained.to_ocaml(cr)
}

#[sig("explained_handle -> words_value")]
#[ocaml_interop::export]
pub fn xenopsd_numa_explanation_words(
    cr: &mut OCamlRuntime,
    explained: OCaml<DynBox<ExplainedHandle>>,
) -> OCaml<WordsValue> {
    let words = {
        let ExplainedHandle(answer, explanation) = explained.borrow();
        convert::words_value(answer, explanation)
    };
    words.to_ocaml(cr)
}

/// A refusal in a sentence.
#[sig("refusal_value -> string")]
#[ocaml_interop::export]
pub fn xenopsd_numa_refusal_text(
    cr: &mut OCamlRuntime,
    refusal: OCaml<RefusalValue>,
) -> OCaml<String> {
    let value: RefusalValue = refusal.to_rust();
    let text = match convert::refusal(&value) {
        Ok(refusal) => refusal.to_string(),
        Err(invalid) => invalid.to_string(),
    };
    text.to_ocaml(cr)
}

/// Reasons of refusals, and why plans were not taken.
#[sig("unit -> (named_value array * named_value array)")]
#[ocaml_interop::export]
pub fn xenopsd_numa_reasons(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<(OCamlUniformArray<NamedValue>, OCamlUniformArray<NamedValue>)> {
    let lists = (
        convert::list_value::<Reason>(),
        convert::list_value::<Behind>(),
    );
    lists.to_ocaml(cr)
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
            Ok(convert::bytes_value(pages))
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
                Some(plans) => convert::checked("budget_plans", plans, "plans, at least 0")?,
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
            let failure: Result<ocaml_interop::BoxRoot<DynBox<T>>, _> = Err(failure);
            failure.to_ocaml(cr)
        }
    }
}
