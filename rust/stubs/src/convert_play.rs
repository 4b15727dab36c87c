//! Between the values of scenarios and the model's types.

use model::Finding;
use planner::Invalid;
use simulator::{Choice, Ending, Event, Film, Happening, PlayError, Played, Sample, Start};

use crate::abi::{FailureValue, InvalidValue, StrategyValue};
use crate::abi_play::{
    EndingValue, EventValue, FilmValue, FindingValue, HappeningValue, PlayedValue, SampleValue,
    ScenarioFaultValue, StartValue,
};
use crate::convert::{checked, nodes_value, pages_value};

impl From<PlayError> for FailureValue {
    fn from(error: PlayError) -> Self {
        match error {
            PlayError::Syntax { field, message, .. } => syntax_value(field, &message).into(),
            PlayError::Invalid(invalid) => invalid.into(),
            PlayError::Protocol(error) => error.into(),
        }
    }
}

impl From<InvalidValue> for FailureValue {
    fn from(invalid: InvalidValue) -> Self {
        FailureValue::Invalid(invalid)
    }
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

pub fn fault_value(error: PlayError) -> ScenarioFaultValue {
    let position = match &error {
        PlayError::Syntax { line, column, .. } => {
            Some((pages_value(*line as u64), pages_value(*column as u64)))
        }
        PlayError::Invalid(_) | PlayError::Protocol(_) => None,
    };
    ScenarioFaultValue {
        position,
        wrong: error.into(),
    }
}

pub fn choices_value(choices: &[Choice]) -> Vec<(i64, i64)> {
    (choices.iter())
        .map(|choice| (pages_value(choice.event), pages_value(choice.actor as u64)))
        .collect()
}

pub fn choices_of(choices: &[(i64, i64)]) -> Result<Vec<Choice>, Invalid> {
    (choices.iter().enumerate())
        .map(|(i, (event, actor))| {
            let field = format!("trace[{i}]");
            Ok(Choice {
                event: checked(&field, *event, "an event, from 0")?,
                actor: checked(&field, *actor, "an actor, from 0")?,
            })
        })
        .collect()
}

pub fn played_value(played: &Played) -> PlayedValue {
    PlayedValue {
        played_strategy: StrategyValue::from(played.strategy),
        played_starts: played.starts.iter().map(start_value).collect(),
        played_failed: pages_value(played.failed_starts() as u64),
        played_one_node: pages_value(played.on_one_node() as u64),
        played_remote_pages: pages_value(played.remote_pages()),
        played_overclaimed: pages_value(played.overclaimed_page_seconds),
        played_running_seconds: played.all_running.as_secs_f64(),
        played_findings: (played.findings.iter())
            .map(|(finding, count)| (finding_value(*finding), pages_value(*count)))
            .collect(),
        played_ending: ending_value(&played.ending),
        played_choices: choices_value(&played.choices),
        played_film: film_value(&played.film),
    }
}

fn start_value(start: &Start) -> StartValue {
    StartValue {
        vm: start.vm.clone(),
        is_aligned: match start.variant {
            simulator::Variant::Aligned => true,
            simulator::Variant::Unaligned => false,
        },
        phase: start.phase.clone(),
        start_nodes: nodes_value(start.nodes),
        requested_pages: pages_value(start.requested_pages),
        start_claimed_pages: pages_value(start.claimed_pages),
        claim: start.claim.to_string(),
        pages_on: (start.pages_on.iter())
            .map(|(node, pages)| (*node as i64, pages_value(*pages)))
            .collect(),
        start_remote_pages: pages_value(start.remote_pages),
        started: start.started,
        reason: start.reason.clone(),
        start_queued_seconds: start.queued.as_secs_f64(),
        start_waited_seconds: start.waited.as_secs_f64(),
        build_seconds: start.build.as_secs_f64(),
        began_seconds: start.times.0.as_secs_f64(),
        ended_seconds: start.times.1.as_secs_f64(),
    }
}

fn finding_value(finding: Finding) -> FindingValue {
    match finding {
        Finding::HostOverclaimed => FindingValue::HostOverclaimed,
        Finding::NodeOverclaimed => FindingValue::NodeOverclaimed,
        Finding::StickyNode => FindingValue::StickyNode,
        Finding::BeyondMaximum => FindingValue::BeyondMaximum,
        Finding::ClaimNotHonoured => FindingValue::ClaimNotHonoured,
        Finding::Refilled => FindingValue::Refilled,
        Finding::Leaked => FindingValue::Leaked,
    }
}

fn ending_value(ending: &Result<(), Ending>) -> EndingValue {
    match ending {
        Ok(()) => EndingValue::AsBefore,
        Err(Ending::Left {
            outstanding_pages,
            missing_pages,
            builds,
        }) => EndingValue::Left(
            pages_value(*outstanding_pages),
            pages_value(*missing_pages),
            pages_value(*builds as u64),
        ),
        Err(Ending::Crashed(crash)) => EndingValue::Crashed(crash.to_string()),
        Err(Ending::Violated(violation)) => EndingValue::Violated(violation.to_string()),
        Err(Ending::Stuck { who, why, events }) => {
            EndingValue::Stuck(who.clone(), why.clone(), pages_value(*events))
        }
    }
}

fn happening_value(happening: Happening) -> HappeningValue {
    match happening {
        Happening::Phase => HappeningValue::Phase,
        Happening::Restart => HappeningValue::Restart,
        Happening::Destroy => HappeningValue::Destroy,
        Happening::Create => HappeningValue::Create,
        Happening::SetMaximum => HappeningValue::SetMaximum,
        Happening::LookForMemory => HappeningValue::LookForMemory,
        Happening::Place => HappeningValue::Place,
        Happening::FillPool => HappeningValue::FillPool,
        Happening::CreateVcpus => HappeningValue::CreateVcpus,
        Happening::PlanAndClaim => HappeningValue::PlanAndClaim,
        Happening::Pin => HappeningValue::Pin,
        Happening::Build => HappeningValue::Build,
        Happening::EndOfBuild => HappeningValue::EndOfBuild,
        Happening::StartDevices => HappeningValue::StartDevices,
        Happening::Runs => HappeningValue::Runs,
        Happening::Fails => HappeningValue::Fails,
        Happening::Gone => HappeningValue::Gone,
    }
}

fn film_value(film: &Film) -> FilmValue {
    let pages = |pages: &[u64]| pages.iter().map(|pages| pages_value(*pages)).collect();
    let sample = |sample: &Sample| SampleValue {
        sample_seconds: sample.at.as_secs_f64(),
        sample_free: pages(&sample.free_pages),
        sample_claimed: pages(&sample.claimed_pages),
        sample_outstanding: pages_value(sample.outstanding_pages),
    };
    let event = |event: &Event| EventValue {
        event_seconds: event.at.as_secs_f64(),
        what: event.what.clone(),
        happened: happening_value(event.happened),
    };
    FilmValue {
        film_node_pages: pages(&film.node_pages),
        film_samples: film.samples.iter().map(sample).collect(),
        film_events: film.events.iter().map(event).collect(),
    }
}
