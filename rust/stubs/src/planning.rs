//! Exports of the planner.

use std::sync::Arc;

use planner::{
    default_budget_plans, explain as explained, plan_all as planned_all, plan_batch as batched,
    Behind, Host, Invalid, Limits, Reason, Request,
};
use sig::sig;

use crossing::{guarded, ErrorValue, HostValue, NamedValue, RefusalValue, Size};

use crate::abi::{
    BatchValue, DescriptionValue, ExplanationValue, HostHandle, LeftOutValue, LimitsValue,
    PlanValue, WordsHandle, WordsValue,
};
use crate::convert;

/// Whether plans on a host take less time than it takes to let another thread in.
fn is_quick(host: &HostHandle) -> bool {
    host.0.topology().node_count() <= 16
}

fn asked(host: &Host, request: &DescriptionValue) -> Result<Request, Invalid> {
    Request::new(&convert::description(request)?, host.topology())
}

#[sig(held)]
fn host(value: HostValue) -> Result<HostHandle, ErrorValue> {
    Ok(HostHandle(Arc::new(crossing::host(&value)?)))
}

/// The nodes that no plan uses though the host is said to have them.
#[sig(held)]
fn host_left_out(host: HostHandle) -> Vec<LeftOutValue> {
    host.0
        .left_out()
        .iter()
        .map(convert::left_out_value)
        .collect()
}

#[sig(held)]
fn check_request(request: DescriptionValue) -> Result<(), ErrorValue> {
    Ok(convert::description(&request)?.check()?)
}

#[sig(held = is_quick(host))]
fn plan(
    host: HostHandle,
    limits: LimitsValue,
    request: DescriptionValue,
) -> Result<Result<PlanValue, RefusalValue>, ErrorValue> {
    let request = asked(&host.0, &request)?;
    let answer = planner::plan(&host.0, &request, &convert::limits(&limits)?);
    Ok(convert::answer(&answer, host.0.topology(), &request))
}

#[sig(held = is_quick(host))]
fn explain(
    host: HostHandle,
    limits: LimitsValue,
    request: DescriptionValue,
) -> Result<ExplanationValue, ErrorValue> {
    let request = asked(&host.0, &request)?;
    let explained = explained(&host.0, &request, &convert::limits(&limits)?);
    Ok(convert::explanation_value(
        explained,
        host.0.topology(),
        &request,
    ))
}

#[sig(held)]
fn explanation_words(explained: WordsHandle) -> WordsValue {
    let (answer, explanation) = &*explained.0;
    convert::words_value(answer, explanation)
}

/// A refusal in a sentence.
#[sig(held)]
fn refusal_text(refusal: RefusalValue) -> String {
    match convert::refusal(&refusal) {
        Ok(refusal) => refusal.to_string(),
        Err(invalid) => invalid.to_string(),
    }
}

/// Reasons of refusals.
#[sig(held)]
fn reasons() -> Vec<NamedValue> {
    crossing::list_value::<Reason>()
}

/// Why plans were not taken.
#[sig(held)]
fn behinds() -> Vec<NamedValue> {
    crossing::list_value::<Behind>()
}

/// The overhead with which a placement would be planned.
#[sig(held = is_quick(host))]
fn planned_overhead(
    host: HostHandle,
    limits: LimitsValue,
    request: DescriptionValue,
) -> Result<Size, ErrorValue> {
    let request = asked(&host.0, &request)?;
    let limits = convert::limits(&limits)?;
    let pages = claims::planned_overhead_pages(&host.0, &request, &limits);
    Ok(Size::of_pages(pages))
}

#[sig]
fn plan_all(
    host: HostHandle,
    limits: LimitsValue,
    independent: bool,
    requests: Vec<DescriptionValue>,
) -> Result<Vec<Result<PlanValue, RefusalValue>>, (i64, ErrorValue)> {
    together(&host.0, &limits, &requests, |requests, limits| {
        let answers = planned_all(&host.0, requests, limits, independent);
        Ok(convert::answers(&answers, host.0.topology(), requests))
    })
}

#[sig]
fn plan_batch(
    host: HostHandle,
    limits: LimitsValue,
    budget_plans: Option<i64>,
    requests: Vec<DescriptionValue>,
) -> Result<BatchValue, (i64, ErrorValue)> {
    together(&host.0, &limits, &requests, |requests, limits| {
        let budget_plans = match budget_plans {
            Some(plans) => crossing::checked("budget_plans", plans, "plans, at least 0")?,
            None => default_budget_plans(&host.0, requests.len()),
        };
        let batch = batched(&host.0, requests, limits, budget_plans);
        Ok(convert::batch_value(&batch, host.0.topology(), requests))
    })
}

/// What `plan` makes of several requests; what is wrong has the position of its request.
fn together<T>(
    host: &Host,
    limits: &LimitsValue,
    requests: &[DescriptionValue],
    plan: impl FnOnce(&[Request], &Limits) -> Result<T, Invalid>,
) -> Result<T, (i64, ErrorValue)> {
    let mut at = 0;
    let planned = guarded(|| -> Result<T, ErrorValue> {
        let requests: Vec<_> = (requests.iter().zip(0..))
            .map(|(request, i)| {
                at = i;
                asked(host, request)
            })
            .collect::<Result<_, _>>()?;
        Ok(plan(&requests, &convert::limits(limits)?)?)
    });
    planned.map_err(|error| (at, error))
}
