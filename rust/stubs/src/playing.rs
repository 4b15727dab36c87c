//! Exports of scenarios.

use std::borrow::Borrow;
use std::sync::Arc;

use ocaml_interop::{DynBox, OCaml, OCamlInt, OCamlRuntime, OCamlUniformArray, ToOCaml};
use planner::{Invalid, Strategy};
use sig::sig;
use simulator::{
    minimal_trace, play, BuiltIn, Choice, Played, Scenario, Schedule, Settings, Toolstack, Variant,
};

use crate::abi::FailureValue;
use crate::abi_play::{
    AboutValue, PlayedValue, ScenarioFaultValue, ScenarioHandle, ScheduleValue, SettingsValue,
    ToolstackValue,
};
use crate::convert::checked;
use crate::convert_play::{choices_of, choices_value, fault_value, played_value};
use crate::failure::guarded;
use crate::planning::boxed;
use crate::simulation::flavour;

/// Names and texts of the scenarios that come with the library.
#[sig("unit -> (string * string) array")]
#[ocaml_interop::export]
pub fn xenopsd_numa_scenarios(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<OCamlUniformArray<(String, String)>> {
    let scenarios: Vec<(String, String)> = (BuiltIn::ALL.iter())
        .map(|scenario| (scenario.name.to_string(), scenario.text.to_string()))
        .collect();
    scenarios.to_ocaml(cr)
}

/// Every toolstack, this project's first.
#[sig("unit -> toolstack_value array")]
#[ocaml_interop::export]
pub fn xenopsd_numa_toolstacks(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<OCamlUniformArray<ToolstackValue>> {
    let toolstacks = Toolstack::ALL.map(|toolstack| ToolstackValue {
        toolstack_name: toolstack.name.to_string(),
        toolstack_about: toolstack.about.to_string(),
    });
    Vec::from(toolstacks).to_ocaml(cr)
}

/// A scenario from its text.
#[sig("string -> (scenario_handle, scenario_fault_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_scenario(
    cr: &mut OCamlRuntime,
    text: OCaml<String>,
) -> OCaml<Result<DynBox<ScenarioHandle>, ScenarioFaultValue>> {
    let text: String = text.to_rust();
    let read = guarded(|| Ok(Scenario::from_json(&text)));
    let scenario = read
        .map_err(|wrong| ScenarioFaultValue {
            position: None,
            wrong,
        })
        .and_then(|read| match read {
            Ok(scenario) => Ok(ScenarioHandle(Arc::new(scenario))),
            Err(error) => Err(fault_value(error)),
        });
    boxed(cr, scenario)
}

#[sig("scenario_handle -> about_value")]
#[ocaml_interop::export]
pub fn xenopsd_numa_scenario_about(
    cr: &mut OCamlRuntime,
    scenario: OCaml<DynBox<ScenarioHandle>>,
) -> OCaml<AboutValue> {
    let scenario = shared(scenario);
    let about = AboutValue {
        scenario_name: scenario.name.clone(),
        scenario_about: scenario.about.clone(),
        scenario_has_variants: scenario.has_variants(),
    };
    about.to_ocaml(cr)
}

#[sig("scenario_handle -> settings_value -> (played_value, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_play(
    cr: &mut OCamlRuntime,
    scenario: OCaml<DynBox<ScenarioHandle>>,
    settings: OCaml<SettingsValue>,
) -> OCaml<Result<PlayedValue, FailureValue>> {
    let scenario = shared(scenario);
    let value: SettingsValue = settings.to_rust();
    let played = cr.releasing_runtime(|| {
        guarded(|| Ok(played_value(&play(&scenario, &settings_of(&value)?)?)))
    });
    played.to_ocaml(cr)
}

/// The fewest choices with which a run still fails as it does with those of its trace.
#[sig("scenario_handle -> settings_value -> ((int * int) array, failure_value) result")]
#[ocaml_interop::export]
pub fn xenopsd_numa_minimal_trace(
    cr: &mut OCamlRuntime,
    scenario: OCaml<DynBox<ScenarioHandle>>,
    settings: OCaml<SettingsValue>,
) -> OCaml<Result<OCamlUniformArray<(OCamlInt, OCamlInt)>, FailureValue>> {
    let scenario = shared(scenario);
    let value: SettingsValue = settings.to_rust();
    let trace = cr.releasing_runtime(|| {
        guarded(|| {
            let settings = settings_of(&value)?;
            let played = play(&scenario, &settings)?;
            if played.ending.is_ok() && played.failed_starts() == 0 {
                return Ok(choices_value(&played.choices));
            }
            let fails = |trace: &[Choice]| {
                let settings = Settings {
                    schedule: Schedule::Trace(trace.to_vec()),
                    ..settings.clone()
                };
                play(&scenario, &settings).is_ok_and(|again| fails_like(&again, &played))
            };
            Ok(choices_value(&minimal_trace(&played.choices, fails)))
        })
    });
    trace.to_ocaml(cr)
}

/// Whether a run fails in the way in which another one does.
fn fails_like(run: &Played, other: &Played) -> bool {
    match &other.ending {
        Err(ending) => {
            let kind = std::mem::discriminant(ending);
            (run.ending.as_ref()).is_err_and(|ending| std::mem::discriminant(ending) == kind)
        }
        Ok(()) => run.failed_starts() > 0,
    }
}

fn shared(scenario: OCaml<DynBox<ScenarioHandle>>) -> Arc<Scenario> {
    let handle: &ScenarioHandle = scenario.borrow();
    handle.0.clone()
}

fn settings_of(value: &SettingsValue) -> Result<Settings, Invalid> {
    let names = Toolstack::ALL.map(|toolstack| toolstack.name).join(", ");
    let unknown = || {
        let found = format!("{:?}", value.toolstack);
        Invalid::new("toolstack", found, format!("one of {names}"))
    };
    let schedule = match &value.schedule {
        ScheduleValue::Timed => Schedule::Timed,
        ScheduleValue::RoundRobin => Schedule::RoundRobin,
        ScheduleValue::Random(one_in) => Schedule::Random {
            one_in: checked("schedule", *one_in, "a number, at least 0")?,
        },
        ScheduleValue::Trace(choices) => Schedule::Trace(choices_of(choices)?),
    };
    Ok(Settings {
        seed: checked("seed", value.seed, "a number, at least 0")?,
        flavour: flavour(value.flavour),
        toolstack: Toolstack::by_name(&value.toolstack).ok_or_else(unknown)?,
        strategy: value.play_strategy.map(Strategy::from),
        variant: match value.play_aligned {
            true => Variant::Aligned,
            false => Variant::Unaligned,
        },
        schedule,
        film: value.filmed,
    })
}
