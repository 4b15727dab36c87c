//! Exports of scenarios.

use std::sync::Arc;

use crossing::{Array, FailureValue, NamedValue};
use model::Finding;
use sig::sig;
use simulator::{minimal_failure, run, BuiltIn, Scenario, Toolstack};

use crate::abi::{
    AboutValue, ChoiceValue, RunValue, ScenarioFaultValue, ScenarioHandle, SettingsValue,
};
use crate::convert::{
    choices_value, failure, fault_value, named, run_value, settings, toolstack_value,
};

/// Names and texts of the scenarios that come with the library.
#[sig(held)]
fn model_scenarios() -> Vec<(String, String)> {
    (BuiltIn::ALL.iter())
        .map(|scenario| (scenario.name.to_string(), scenario.text.to_string()))
        .collect()
}

/// Every toolstack, this project's first.
#[sig(held)]
fn model_toolstacks() -> Vec<NamedValue> {
    Toolstack::ALL.iter().map(toolstack_value).collect()
}

/// This project's.
#[sig(held)]
fn model_our_toolstack() -> NamedValue {
    toolstack_value(&Toolstack::ALL[0])
}

/// Everything that a Xen is known to get wrong.
#[sig(held)]
fn model_findings() -> Vec<NamedValue> {
    let value = |finding: &Finding| named(finding.name(), finding.about());
    Finding::ALL.iter().map(value).collect()
}

/// A scenario from its text.
#[sig(held)]
fn model_scenario(text: String) -> Result<ScenarioHandle, ScenarioFaultValue> {
    let read = table::caught(|| Scenario::from_json(&text)).map_err(ScenarioFaultValue::Broken)?;
    Ok(ScenarioHandle(Arc::new(read.map_err(fault_value)?)))
}

#[sig(held)]
fn model_scenario_about(scenario: ScenarioHandle) -> AboutValue {
    AboutValue {
        name: scenario.0.name.clone(),
        about: scenario.0.about.clone(),
        has_variants: scenario.0.has_variants(),
    }
}

#[sig]
fn model_run(scenario: ScenarioHandle, value: SettingsValue) -> Result<RunValue, FailureValue> {
    let settings = settings(&value)?;
    let result = run(&scenario.0, &settings).map_err(failure)?;
    Ok(run_value(&result, &settings))
}

/// The fewest choices with which a run still fails as it does with those of its trace.
#[sig]
fn model_minimal_trace(
    scenario: ScenarioHandle,
    value: SettingsValue,
) -> Result<Array<ChoiceValue>, FailureValue> {
    let choices = minimal_failure(&scenario.0, &settings(&value)?).map_err(failure)?;
    Ok(choices_value(&choices))
}
