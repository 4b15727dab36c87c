//! Reads a scenario, and checks that it can be run.

use std::fmt::Display;

use model::MAX_NODE_PAGES;
use planner::{Invalid, MAX_NODES, MAX_VCPUS};

use super::call::Call;
use super::error::RunError;
use super::job::{FaultSpec, JobSpec};
use super::names::Names;
use super::order;
use super::scenario::{MemorySpec, Scenario, FORMAT};
use claims::Errno;

/// The most pages of anything: 4 PiB.
const MAX_PAGES: u64 = 1 << 40;

/// The most VMs.
const MAX_VMS: u64 = 10_000;

/// The most CPUs of a node.
const MAX_CPUS: u32 = 4096;

/// The longest time that a job or a fault takes: some four months.
const MAX_SECONDS: u64 = 10_000_000;

impl Scenario {
    /// Reads a scenario from its JSON text.
    pub fn from_json(text: &str) -> Result<Scenario, RunError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let mut track = serde_path_to_error::Track::new();
        let read = serde_path_to_error::Deserializer::new(&mut json, &mut track);
        let scenario: Scenario = match serde::Deserialize::deserialize(read) {
            Ok(scenario) => scenario,
            Err(error) => return Err(syntax(&error, track.path().to_string())),
        };
        json.end().map_err(|error| syntax(&error, String::new()))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// What its types do not say.
    fn check(&self) -> Result<(), Invalid> {
        if self.format != FORMAT {
            return Err(Invalid::new("format", quoted(&self.format), quoted(FORMAT)));
        }
        within(
            "reserve_pages",
            self.reserve_pages.unwrap_or(0),
            0,
            MAX_PAGES,
        )?;
        within("node_reserve_pages", self.node_reserve_pages, 0, MAX_PAGES)?;
        within("noise_pages", self.noise_pages, 0, MAX_PAGES)?;
        let scrubbed = self.scrubbed_pages_per_second.unwrap_or(0);
        within("scrubbed_pages_per_second", scrubbed, 0, MAX_PAGES)?;
        self.check_host()?;
        self.check_vms()?;
        let names = Names::of(&self.vms)?;
        for (i, phase) in self.phases.iter().enumerate() {
            let lists = [
                ("at_once", &phase.at_once),
                ("in_sequence", &phase.in_sequence),
            ];
            for (list, jobs) in lists {
                for (j, job) in jobs.iter().enumerate() {
                    self.check_job(&format!("phases[{i}].{list}[{j}]"), job, &names)?;
                }
            }
        }
        for (i, fault) in self.faults.iter().enumerate() {
            check_fault(&format!("faults[{i}]"), fault, &names)?;
        }
        order::check(&self.phases, &names)
    }

    fn check_host(&self) -> Result<(), Invalid> {
        let host = &self.host;
        within("host.nodes", host.nodes.len(), 1, MAX_NODES)?;
        for (i, node) in host.nodes.iter().enumerate() {
            within(
                &format!("host.nodes[{i}].size_pages"),
                node.size_pages,
                1,
                MAX_NODE_PAGES,
            )?;
            let field = format!("host.nodes[{i}].free_pages");
            within(&field, node.free_pages, 0, node.size_pages)?;
        }
        within("host.cpus_per_node", host.cpus_per_node, 0, MAX_CPUS)?;
        within("host.threads_per_core", host.threads_per_core, 1, MAX_CPUS)?;
        within(
            "host.low_pages",
            host.low_pages.unwrap_or(0),
            0,
            MAX_NODE_PAGES,
        )?;
        // The seed only makes less free.
        let made = host.host(&mut fastrand::Rng::with_seed(0));
        made.map(|_| ()).map_err(|invalid| Invalid {
            field: format!("host.{}", invalid.field),
            ..invalid
        })
    }

    fn check_vms(&self) -> Result<(), Invalid> {
        let mut count = 0;
        for (i, vm) in self.vms.iter().enumerate() {
            if vm.name.is_empty() {
                return Err(Invalid::new(format!("vms[{i}].name"), "\"\"", "a name"));
            }
            count += u64::from(vm.count);
            within(&format!("vms[{i}].count"), u64::from(vm.count), 1, MAX_VMS)?;
            within("vms", count, 0, MAX_VMS)?;
            within(&format!("vms[{i}].vcpus"), vm.vcpus, 1, MAX_VCPUS)?;
            for (j, node) in vm.bound_to_nodes.iter().flatten().enumerate() {
                let field = format!("vms[{i}].bound_to_nodes[{j}]");
                within(&field, *node, 0, self.host.nodes.len() - 1)?;
            }
            let memory = format!("vms[{i}].memory");
            match vm.memory {
                MemorySpec::Pages(pages) => {
                    within(&format!("{memory}.pages"), pages, 1, MAX_PAGES)?;
                }
                MemorySpec::Share { parts, more_pages } => {
                    within(&format!("{memory}.share.parts"), parts, 1, MAX_PAGES)?;
                    let most = MAX_PAGES as i64;
                    within(
                        &format!("{memory}.share.more_pages"),
                        more_pages,
                        -most,
                        most,
                    )?;
                }
            }
        }
        Ok(())
    }

    fn check_job(&self, field: &str, job: &JobSpec, names: &Names) -> Result<(), Invalid> {
        let node = |name: &str, node: usize| {
            within(
                &format!("{field}.{name}"),
                node,
                0,
                self.host.nodes.len() - 1,
            )
        };
        let pages =
            |name: &str, pages: u64| within(&format!("{field}.{name}.pages"), pages, 0, MAX_PAGES);
        match job {
            JobSpec::Start(vm) => known(&format!("{field}.start"), vm, names),
            JobSpec::Shutdown(vm) => known(&format!("{field}.shutdown"), vm, names),
            JobSpec::Reboot(vm) => known(&format!("{field}.reboot"), vm, names),
            JobSpec::Receive {
                vm,
                estimate_off_pages,
            } => {
                let (off, most) = (
                    format!("{field}.receive.estimate_off_pages"),
                    MAX_PAGES as i64,
                );
                within(&off, *estimate_off_pages, -most, most)?;
                known(&format!("{field}.receive.vm"), vm, names)
            }
            JobSpec::Balloon {
                vm,
                node: of,
                pages: many,
                pages_per_second,
                scattered: _,
            } => {
                if let Some(vm) = vm {
                    known(&format!("{field}.balloon.vm"), vm, names)?;
                }
                if let Some(of) = of {
                    node("balloon.node", *of)?;
                }
                pages("balloon", *many)?;
                let rate = format!("{field}.balloon.pages_per_second");
                let least = (many / MAX_SECONDS).max(1);
                within(&rate, *pages_per_second, least, MAX_PAGES)
            }
            JobSpec::Kill(vm) => known(&format!("{field}.kill"), vm, names),
            JobSpec::Later { millis, job } => {
                let later = format!("{field}.later");
                within(&format!("{later}.millis"), *millis, 0, MAX_SECONDS * 1000)?;
                self.check_job(&format!("{later}.job"), job, names)
            }
            JobSpec::WaitSeconds(seconds) => {
                within(&format!("{field}.wait_seconds"), *seconds, 0, MAX_SECONDS)
            }
            JobSpec::RestartToolstack { after_millis } => {
                let after = format!("{field}.restart_toolstack.after_millis");
                within(&after, *after_millis, 0, MAX_SECONDS * 1000)
            }
            JobSpec::Offline {
                node: of,
                pages: many,
            } => {
                node("offline.node", *of)?;
                pages("offline", *many)
            }
            JobSpec::MapForeign {
                vm,
                pages: many,
                seconds,
            } => {
                pages("map_foreign", *many)?;
                within(
                    &format!("{field}.map_foreign.seconds"),
                    *seconds,
                    0,
                    MAX_SECONDS,
                )?;
                known(&format!("{field}.map_foreign.vm"), vm, names)
            }
        }
    }
}

fn check_fault(field: &str, fault: &FaultSpec, names: &Names) -> Result<(), Invalid> {
    if let Some(vm) = &fault.vm {
        known(&format!("{field}.vm"), vm, names)?;
    }
    let delay = format!("{field}.delay_millis");
    within(&delay, fault.delay_millis, 0, MAX_SECONDS * 1000)?;
    if let Some(errno) = fault.errno.as_ref().filter(|e| Errno::by_name(e).is_none()) {
        let expected = "an errno of Xen's, such as \"ENOMEM\"";
        return Err(Invalid::new(
            format!("{field}.errno"),
            quoted(errno),
            expected,
        ));
    }
    let Some(call) = Call::by_name(&fault.call) else {
        let names: Vec<&str> = Call::all().into_iter().map(Call::name).collect();
        let expected = format!("one of {}", names.join(", "));
        return Err(Invalid::new(
            format!("{field}.call"),
            quoted(&fault.call),
            expected,
        ));
    };
    if fault.nth == Some(0) {
        let expected = "the number of a call, from 1";
        return Err(Invalid::new(format!("{field}.nth"), 0, expected));
    }
    // A domain that was destroyed need not be destroyed again; whatever else is cut short begins
    // anew, and comes to the same call.
    let ends = call == Call::DESTROY && fault.errno.is_none();
    match fault.dies && fault.nth.is_none() && !ends {
        true => Err(Invalid::new(
            format!("{field}.dies"),
            "no nth beside it",
            "the number of the call in which the toolstack dies; it would die in each, for ever",
        )),
        false => Ok(()),
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn within<T: PartialOrd + Display>(
    field: &str,
    found: T,
    least: T,
    most: T,
) -> Result<(), Invalid> {
    match found >= least && found <= most {
        true => Ok(()),
        false => {
            let expected = format!("a number from {least} to {most}");
            Err(Invalid::new(field, found, expected))
        }
    }
}

/// Looks that `vm` is a VM's name, or that of several alike.
fn known(field: &str, vm: &str, names: &Names) -> Result<(), Invalid> {
    names.find(field, vm).map(|_| ())
}

/// What serde_json found, without the position at the end of its text.
fn syntax(error: &serde_json::Error, field: String) -> RunError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let position = format!(" at line {line} column {column}");
    RunError::Syntax {
        // An empty text has no first line for serde_json.
        line: line.max(1),
        column: column.max(1),
        field: match field.as_str() {
            "." | "?" => String::new(),
            _ => field,
        },
        message: text.strip_suffix(&position).unwrap_or(&text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BuiltIn;

    fn with(before: &str, after: &str) -> String {
        let text = BuiltIn::by_name("boot-storm").expect("it is built in").text;
        assert!(text.contains(before), "{before}");
        match Scenario::from_json(&text.replacen(before, after, 1)) {
            Ok(_) => "read".to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn it_says_where_and_what() {
        let cases = [
            ("\"vcpus\": 6", "\"vcpus\": 7", "read"),
            (
                "\"vcpus\": 6",
                "\"vcpus\": \"6\"",
                "line 17, column 44: vms[0].vcpus: invalid type: string \"6\", expected u32",
            ),
            (
                "\"parts\": 3",
                "\"parts\": 0",
                "vms[0].memory.share.parts: found 0, expected a number from 1 to 1099511627776",
            ),
            (
                "\"reboot\": \"vm1\"",
                "\"reboot\": \"vm4\"",
                "phases[3].at_once[0].reboot: found \"vm4\", \
                 expected one of the VMs \"vm1\" to \"vm3\"",
            ),
            (
                "scenario/1",
                "scenario/2",
                "format: found \"xenopsd-numa-scenario/2\", expected \"xenopsd-numa-scenario/1\"",
            ),
            (
                "\"size_pages\": 134217728",
                "\"size_pages\": 68719476736",
                "read",
            ),
            (
                "\"size_pages\": 134217728",
                "\"size_pages\": 68719476737",
                "host.nodes[0].size_pages: found 68719476737, \
                 expected a number from 1 to 68719476736",
            ),
            (
                "\"free_pages\": 129400000",
                "\"free_pages\": 1294000000",
                "host.nodes[0].free_pages: found 1294000000, \
                 expected a number from 0 to 134217728",
            ),
        ];
        for (before, after, expected) in cases {
            assert_eq!(with(before, after), expected, "{after}");
        }
    }

    #[test]
    fn nothing_panics() {
        let text = BuiltIn::by_name("boot-storm").expect("it is built in").text;
        for end in (0..text.len() - 1).filter(|end| text.is_char_boundary(*end)) {
            assert!(Scenario::from_json(&text[..end]).is_err() || text[end..].trim().is_empty());
        }
        assert!(Scenario::from_json(&"[".repeat(100_000)).is_err());
        assert!(Scenario::from_json(&format!("{text} {text}")).is_err());
    }
}
