//! Exports of scenarios.

use std::borrow::Borrow;
use std::sync::Arc;

use crossing::boxed;
use model::Finding;
use ocaml_interop::{DynBox, OCaml, OCamlRuntime, OCamlUniformArray, ToOCaml};
use sig::sig;
use simulator::{minimal_failure, play, BuiltIn, Scenario, Toolstack};

use crate::abi::{
    AboutValue, ChoiceValue, FailureValue, NamedValue, RunValue, ScenarioFaultValue,
    ScenarioHandle, SettingsValue,
};
use crate::convert::{choices_value, fault_value, named, run_value, settings};
use crate::failure::guarded;

/// Names and texts of the scenarios that come with the library.
#[sig("unit -> (string * string) array")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_scenarios(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<OCamlUniformArray<(String, String)>> {
    let scenarios: Vec<(String, String)> = (BuiltIn::ALL.iter())
        .map(|scenario| (scenario.name.to_string(), scenario.text.to_string()))
        .collect();
    scenarios.to_ocaml(cr)
}

/// Every toolstack, this project's first.
#[sig("unit -> named_value array")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_toolstacks(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<OCamlUniformArray<NamedValue>> {
    let all = Toolstack::ALL.map(|toolstack| named(toolstack.name, toolstack.about));
    Vec::from(all).to_ocaml(cr)
}

/// Everything that a Xen is known to get wrong.
#[sig("unit -> named_value array")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_findings(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<OCamlUniformArray<NamedValue>> {
    let all = Finding::ALL.map(|finding| named(finding.name(), finding.about()));
    Vec::from(all).to_ocaml(cr)
}

/// A scenario from its text.
#[sig("string -> (scenario_handle, scenario_fault_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_scenario(
    cr: &mut OCamlRuntime,
    text: OCaml<String>,
) -> OCaml<Result<DynBox<ScenarioHandle>, ScenarioFaultValue>> {
    let text: String = text.to_rust();
    let scenario = table::caught(|| Scenario::from_json(&text))
        .map_err(ScenarioFaultValue::Broken)
        .and_then(|read| read.map_err(fault_value))
        .map(|scenario| ScenarioHandle(Arc::new(scenario)));
    boxed(cr, scenario)
}

#[sig("scenario_handle -> about_value")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_scenario_about(
    cr: &mut OCamlRuntime,
    scenario: OCaml<DynBox<ScenarioHandle>>,
) -> OCaml<AboutValue> {
    let scenario = shared(scenario);
    let about = AboutValue {
        name: scenario.name.clone(),
        about: scenario.about.clone(),
        has_variants: scenario.has_variants(),
    };
    about.to_ocaml(cr)
}

#[sig("scenario_handle -> settings_value -> (run_value, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_play(
    cr: &mut OCamlRuntime,
    scenario: OCaml<DynBox<ScenarioHandle>>,
    settings_value: OCaml<SettingsValue>,
) -> OCaml<Result<RunValue, FailureValue>> {
    let scenario = shared(scenario);
    let value: SettingsValue = settings_value.to_rust();
    let played =
        cr.releasing_runtime(|| guarded(|| Ok(run_value(&play(&scenario, &settings(&value)?)?))));
    played.to_ocaml(cr)
}

/// The fewest choices with which a run still fails as it does with those of its trace.
#[sig("scenario_handle -> settings_value -> (choice_value array, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_model_minimal_trace(
    cr: &mut OCamlRuntime,
    scenario: OCaml<DynBox<ScenarioHandle>>,
    settings_value: OCaml<SettingsValue>,
) -> OCaml<Result<OCamlUniformArray<ChoiceValue>, FailureValue>> {
    let scenario = shared(scenario);
    let value: SettingsValue = settings_value.to_rust();
    let trace = cr.releasing_runtime(|| {
        guarded(|| {
            let choices = minimal_failure(&scenario, &settings(&value)?)?;
            Ok(choices_value(&choices))
        })
    });
    trace.to_ocaml(cr)
}

fn shared(scenario: OCaml<DynBox<ScenarioHandle>>) -> Arc<Scenario> {
    let handle: &ScenarioHandle = scenario.borrow();
    handle.0.clone()
}
