//! Between the values that cross and the types of the model and the simulator.

use crossing::{
    checked, pages_value, Array, FailureValue, InvalidValue, NamedValue, StrategyValue,
};
use model::{Finding, Flavour};
use planner::{Invalid, Strategy};
use simulator::{
    Choice, Ending, Event, RunError, RunResult, Sample, Schedule, Settings, Start, Timeline,
    Toolstack,
};

use crate::abi::{
    ChoiceValue, EndingValue, EventValue, RunValue, SampleValue, ScenarioFaultValue, ScheduleValue,
    SettingsValue, StartValue, TimelineValue,
};

/// One of a list.
pub fn named(name: &str, about: &str) -> NamedValue {
    NamedValue {
        name: name.to_string(),
        about: about.to_string(),
    }
}

pub fn flavour_value(flavour: &Flavour) -> NamedValue {
    named(flavour.name, flavour.about)
}

pub fn toolstack_value(toolstack: &Toolstack) -> NamedValue {
    named(toolstack.name, toolstack.about)
}

/// What `find` finds by that name; an error has the names there are.
pub fn by_name<T>(
    field: &str,
    name: &str,
    find: impl FnOnce(&str) -> Option<T>,
    names: &[&str],
) -> Result<T, Invalid> {
    find(name).ok_or_else(|| {
        let expected = format!("one of {}", names.join(", "));
        Invalid::new(field, format!("{name:?}"), expected)
    })
}

/// The flavour of that name.
pub fn flavour(name: &str) -> Result<Flavour, Invalid> {
    let names = Flavour::ALL.map(|flavour| flavour.name);
    by_name("flavour", name, Flavour::by_name, &names)
}

/// Settings, checked.
pub fn settings(value: &SettingsValue) -> Result<Settings, Invalid> {
    let schedule = match &value.schedule {
        ScheduleValue::Timed => Schedule::Timed,
        ScheduleValue::RoundRobin => Schedule::RoundRobin,
        ScheduleValue::Random(one_in) => Schedule::Random {
            one_in: checked("schedule", *one_in, "a number, at least 0")?,
        },
        ScheduleValue::Trace(choices) => Schedule::Trace(choices_of(choices)?),
    };
    let toolstacks = Toolstack::ALL.map(|toolstack| toolstack.name);
    Ok(Settings {
        seed: checked("seed", value.seed, "a number, at least 0")?,
        flavour: flavour(&value.flavour)?,
        toolstack: by_name(
            "toolstack",
            &value.toolstack,
            Toolstack::by_name,
            &toolstacks,
        )?,
        strategy: value.strategy.map(Strategy::from),
        variant: value.variant.into(),
        schedule,
        timeline: value.timeline,
    })
}

/// What serde says is most often "invalid type: X, expected Y".
fn syntax_value(field: String, message: &str) -> InvalidValue {
    let (found, expected) = message
        .split_once(", expected ")
        .unwrap_or((message, "a scenario in JSON"));
    let found = (found.strip_prefix("invalid type: "))
        .or(found.strip_prefix("invalid value: "))
        .unwrap_or(found);
    let (found, expected) = match found.strip_prefix("missing ") {
        Some(missing) => (format!("no {missing}"), "one"),
        None => (
            found.replace("EOF while parsing", "the end of the text in"),
            expected,
        ),
    };
    InvalidValue {
        field,
        found,
        expected: expected.to_string(),
    }
}

/// What is wrong with a text, and where.
pub fn fault_value(error: RunError) -> ScenarioFaultValue {
    match error {
        RunError::Syntax {
            line,
            column,
            field,
            message,
        } => {
            let position = (pages_value(line as u64), pages_value(column as u64));
            ScenarioFaultValue::Wrong(Some(position), syntax_value(field, &message))
        }
        RunError::Invalid(invalid) => ScenarioFaultValue::Wrong(None, invalid.into()),
        // Reading a scenario opens no protocol.
        RunError::Protocol(error) => ScenarioFaultValue::Broken(error.to_string()),
    }
}

/// Why a run could not be made.
pub fn failure(error: RunError) -> FailureValue {
    match error {
        RunError::Protocol(error) => error.into(),
        RunError::Invalid(invalid) => invalid.into(),
        RunError::Syntax { field, message, .. } => {
            Invalid::new(field, message, "a scenario in JSON").into()
        }
    }
}

/// Choices of a run.
pub fn choices_value(choices: &[Choice]) -> Array<ChoiceValue> {
    let value = |choice: &Choice| ChoiceValue {
        event: pages_value(choice.event),
        actor: pages_value(choice.actor as u64),
    };
    choices.iter().map(value).collect()
}

fn choices_of(choices: &[ChoiceValue]) -> Result<Vec<Choice>, Invalid> {
    (choices.iter().enumerate())
        .map(|(i, choice)| {
            let field = format!("trace[{i}]");
            Ok(Choice {
                event: checked(&field, choice.event, "an event, from 0")?,
                actor: checked(&field, choice.actor, "an actor, from 0")?,
            })
        })
        .collect()
}

/// The result of a run.
pub fn run_value(result: &RunResult, settings: &Settings) -> RunValue {
    RunValue {
        scenario: result.scenario.clone(),
        seed: pages_value(result.seed),
        flavour: flavour_value(&result.flavour),
        toolstack: toolstack_value(&result.toolstack),
        variant: result.variant.into(),
        strategy: StrategyValue::from(result.strategy),
        starts: result.starts.iter().map(start_value).collect(),
        failed_starts: pages_value(result.failed_starts() as u64),
        starts_on_one_node: pages_value(result.on_one_node() as u64),
        remote_pages: pages_value(result.remote_pages()),
        overclaimed_page_seconds: pages_value(result.overclaimed_page_seconds),
        seconds_to_all_running: result.all_running.as_secs_f64(),
        found: (result.findings.iter())
            .map(|(finding, count)| (finding_value(*finding), pages_value(*count)))
            .collect(),
        ending: ending_value(&result.ending),
        choices: choices_value(&result.choices),
        timeline: (settings.timeline).then(|| timeline_value(&result.timeline)),
    }
}

fn start_value(start: &Start) -> StartValue {
    StartValue {
        vm: start.vm.clone(),
        variant: start.variant.into(),
        phase: start.phase.clone(),
        nodes: start.nodes.iter().map(|node| node as i64).collect(),
        requested_pages: pages_value(start.requested_pages),
        claimed_pages: pages_value(start.claimed_pages),
        claim: start.claim.to_string(),
        pages_on: (start.pages_on.iter())
            .map(|(node, pages)| (*node as i64, pages_value(*pages)))
            .collect(),
        remote_pages: pages_value(start.remote_pages),
        started: start.started,
        reason: start.reason.clone(),
        queued_seconds: start.queued.as_secs_f64(),
        waited_seconds: start.waited.as_secs_f64(),
        build_seconds: start.build.as_secs_f64(),
        began_seconds: start.times.0.as_secs_f64(),
        ended_seconds: start.times.1.as_secs_f64(),
    }
}

fn finding_value(finding: Finding) -> NamedValue {
    named(finding.name(), finding.about())
}

fn ending_value(ending: &Result<(), Ending>) -> EndingValue {
    match ending {
        Ok(()) => EndingValue::AsBefore,
        Err(ending @ Ending::Left { .. }) => EndingValue::Left(ending.to_string()),
        Err(ending @ Ending::Crashed(_)) => EndingValue::Crashed(ending.to_string()),
        Err(ending @ Ending::Violated(_)) => EndingValue::Violated(ending.to_string()),
        Err(ending @ Ending::Stuck { .. }) => EndingValue::Stuck(ending.to_string()),
    }
}

fn timeline_value(timeline: &Timeline) -> TimelineValue {
    let pages =
        |pages: &[u64]| -> Array<i64> { pages.iter().map(|pages| pages_value(*pages)).collect() };
    let sample = |sample: &Sample| SampleValue {
        at_seconds: sample.at.as_secs_f64(),
        free_pages: pages(&sample.free_pages),
        claimed_pages: pages(&sample.claimed_pages),
        outstanding_pages: pages_value(sample.outstanding_pages),
    };
    let event = |event: &Event| EventValue {
        at_seconds: event.at.as_secs_f64(),
        what: event.what.clone(),
        happened: event.happened.into(),
    };
    TimelineValue {
        node_pages: pages(&timeline.node_pages),
        samples: timeline.samples.iter().map(sample).collect(),
        events: timeline.events.iter().map(event).collect(),
    }
}
