//! What an administrator can switch, per host: each switch is one entry of [`Config::SWITCHES`].

use std::time::Duration;

use planner::{named, Invalid, Limits, Named, Policy, Reserve, Strategy, PAGE_BYTES};

named! {
    /// Whether a host claims memory for its domains: for every one, or for none.
    Claims {
        Always = "always": "for every domain, whatever its policy or affinity",
        Never = "never": "for none",
    }
}

named! {
    /// Which domain builders claim memory themselves, so that the protocol must not.
    BuilderClaims {
        None = "none": "none",
        Pv = "pv": "that of PV domains",
        All = "all": "all",
    }
}

/// The switches of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    placement: bool,
    prio_mem_only: bool,
    pub(crate) claims: Claims,
    pub(crate) builder_claims: BuilderClaims,
    pub(crate) strategy: Strategy,
    pub(crate) reserve: Reserve,
    pub(crate) memory_wait: Duration,
    pub(crate) plan_budget_steps: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            placement: true,
            prio_mem_only: false,
            claims: Claims::Always,
            builder_claims: BuilderClaims::None,
            strategy: Strategy::default(),
            reserve: Reserve {
                // What squeezed keeps free when it makes room for a domain, less its margin.
                host_pages: 64 * PAGES_PER_MIB,
                node_pages: 0,
            },
            memory_wait: Duration::from_secs(600),
            plan_budget_steps: planner::DEFAULT_BUDGET_STEPS,
        }
    }
}

/// A switch of xenopsd.conf: how its text is read and printed.
pub struct Switch {
    /// Its key.
    pub key: &'static str,
    /// What it is for.
    pub about: &'static str,
    values: Values,
}

/// What a switch can be, and where it is kept.
enum Values {
    /// The names of a list, the one in force, and how to put another one in force.
    OneOf(
        fn() -> Vec<&'static str>,
        fn(&Config) -> &'static str,
        fn(&mut Config, &str),
    ),
    /// The largest number, the one in force, and how to put another one in force.
    Number(u64, fn(&Config) -> u64, fn(&mut Config, u64)),
}

const PAGES_PER_MIB: u64 = (1 << 20) / PAGE_BYTES;
const LARGEST_MIB: u64 = 1 << 40;
const LONGEST_WAIT_SECONDS: u64 = 86_400;
const LARGEST_BUDGET_STEPS: u64 = 1_000_000_000;

const BOOLEANS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "1", "0"];

fn is_true(name: &str) -> bool {
    matches!(name, "true" | "yes" | "on" | "1")
}

/// A switch that is on or off.
const fn boolean(get: fn(&Config) -> &'static str, put: fn(&mut Config, &str)) -> Values {
    Values::OneOf(|| BOOLEANS.to_vec(), get, put)
}

fn bool_name(value: bool) -> &'static str {
    if value {
        "true"
    } else {
        "false"
    }
}

fn names<T: Named>() -> Vec<&'static str> {
    T::ALL.iter().map(|one| one.name()).collect()
}

fn put<T: Named>(place: &mut T, name: &str) {
    *place = T::by_name(name).unwrap_or(*place);
}

impl Config {
    /// Every switch, in the order of the documentation.
    pub const SWITCHES: &'static [Switch] = &[
        Switch {
            key: "numa-placement",
            about: "Place VMs near their memory where the host has no policy of its own",
            values: boolean(
                |config| bool_name(config.placement),
                |config, name| config.placement = is_true(name),
            ),
        },
        Switch {
            key: "numa-best-effort-prio-mem-only",
            about: "Ask for memory only, not for a core for each vCPU",
            values: boolean(
                |config| bool_name(config.prio_mem_only),
                |config, name| config.prio_mem_only = is_true(name),
            ),
        },
        Switch {
            key: "numa-claims",
            about: "Claim memory in Xen, for every VM or for none",
            values: Values::OneOf(
                names::<Claims>,
                |config| config.claims.name(),
                |config, name| put(&mut config.claims, name),
            ),
        },
        Switch {
            key: "numa-strategy",
            about: "Which of the sets of nodes at the same distance is taken",
            values: Values::OneOf(
                names::<Strategy>,
                |config| config.strategy.name(),
                |config, name| put(&mut config.strategy, name),
            ),
        },
        Switch {
            key: "numa-reserve-mib",
            about: "MiB of the host that VMs must leave alone",
            values: Values::Number(
                LARGEST_MIB,
                |config| config.reserve.host_pages / PAGES_PER_MIB,
                |config, mib| config.reserve.host_pages = mib * PAGES_PER_MIB,
            ),
        },
        Switch {
            key: "numa-node-reserve-mib",
            about: "MiB of each node that VMs must leave alone",
            values: Values::Number(
                LARGEST_MIB,
                |config| config.reserve.node_pages / PAGES_PER_MIB,
                |config, mib| config.reserve.node_pages = mib * PAGES_PER_MIB,
            ),
        },
        Switch {
            key: "numa-memory-wait-seconds",
            about: "Seconds that a VM start waits for memory that is being given back, or for \
                    builds that must end first",
            values: Values::Number(
                LONGEST_WAIT_SECONDS,
                |config| config.memory_wait.as_secs(),
                |config, seconds| config.memory_wait = Duration::from_secs(seconds),
            ),
        },
        Switch {
            key: "numa-plan-budget-steps",
            about: "Steps that a plan may take on a host of more than 16 nodes",
            values: Values::Number(
                LARGEST_BUDGET_STEPS,
                |config| config.plan_budget_steps,
                |config, steps| config.plan_budget_steps = steps,
            ),
        },
        Switch {
            key: "builder-claims",
            about: "Which domain builders claim memory themselves",
            values: Values::OneOf(
                names::<BuilderClaims>,
                |config| config.builder_claims.name(),
                |config, name| put(&mut config.builder_claims, name),
            ),
        },
    ];

    /// The same with the switch `key` read from its text; an unknown key or value is an error that
    /// names what is accepted. O(switches).
    pub fn with(mut self, key: &str, text: &str) -> Result<Self, Invalid> {
        let Some(switch) = Self::SWITCHES.iter().find(|switch| switch.key == key) else {
            let keys: Vec<_> = Self::SWITCHES.iter().map(|switch| switch.key).collect();
            let expected = format!("one of {}", keys.join(", "));
            return Err(Invalid::new(key, "an unknown key", expected));
        };
        let invalid = || Invalid::new(key, format!("{text:?}"), switch.accepted());
        match &switch.values {
            Values::OneOf(names, _, put) => match names().contains(&text) {
                true => put(&mut self, text),
                false => return Err(invalid()),
            },
            Values::Number(largest, _, put) => {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                let number = text.parse().ok();
                let number = number.filter(|number: &u64| digits && number <= largest);
                put(&mut self, number.ok_or_else(invalid)?);
            }
        }
        Ok(self)
    }

    /// Every switch and its text, as [`Config::with`] reads it.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        Self::SWITCHES.iter().map(|switch| {
            let text = match &switch.values {
                Values::OneOf(_, get, _) => get(self).to_string(),
                Values::Number(_, get, _) => get(self).to_string(),
            };
            (switch.key, text)
        })
    }

    /// The policy of domains that have none of their own, on a host that has none either.
    pub fn policy(&self) -> Policy {
        match (self.placement, self.prio_mem_only) {
            (false, _) => Policy::Any,
            (true, true) => Policy::PrioMemOnly,
            (true, false) => Policy::BestEffort,
        }
    }

    /// Whether memory is claimed.
    pub fn claims(&self) -> Claims {
        self.claims
    }

    /// What chooses between sets of nodes at the same distance.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// What is left alone.
    pub fn reserve(&self) -> Reserve {
        self.reserve
    }

    /// What bounds a plan.
    pub fn limits(&self) -> Limits {
        Limits {
            reserve: self.reserve,
            budget_steps: self.plan_budget_steps,
        }
    }

    /// The same with this mode of claims.
    pub fn with_claims(self, claims: Claims) -> Self {
        Config { claims, ..self }
    }

    /// The same with these builders that claim for themselves.
    pub fn with_builder_claims(self, builder_claims: BuilderClaims) -> Self {
        Config {
            builder_claims,
            ..self
        }
    }

    /// The same with this strategy.
    pub fn with_strategy(self, strategy: Strategy) -> Self {
        Config { strategy, ..self }
    }

    /// The same with this reserve.
    pub fn with_reserve(self, reserve: Reserve) -> Self {
        Config { reserve, ..self }
    }

    /// The same with this longest wait for memory and for builds.
    pub fn with_memory_wait(self, memory_wait: Duration) -> Self {
        Config {
            memory_wait,
            ..self
        }
    }
}

impl Switch {
    fn accepted(&self) -> String {
        match &self.values {
            Values::OneOf(names, _, _) => format!("one of {}", names().join(", ")),
            Values::Number(largest, _, _) => format!("a number, 0 to {largest}"),
        }
    }

    /// What it is for, and what it can be where that is a list.
    pub fn doc(&self) -> String {
        match &self.values {
            Values::OneOf(names, _, _) => format!("{} ({})", self.about, names().join(", ")),
            Values::Number(_, _, _) => self.about.to_string(),
        }
    }
}
