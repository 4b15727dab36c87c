//! The modelled Xen as a toolstack meets it: some calls fail, or take their time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claims::{CallError, Claim, Domid, Errno, Hypervisor, Intercept};
use model::{Model, Xen};

use super::call::Call;
use super::job::FaultSpec;

/// A call that goes wrong.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub call: Call,
    /// For which VM.
    pub vm: Option<usize>,
    pub nth: Option<u64>,
    pub errno: Option<Errno>,
    pub delay: Duration,
    /// Whether the toolstack dies when it has had its effect.
    pub dies: bool,
    /// How many of its calls there were.
    pub seen: u64,
}

#[derive(Debug, Default)]
struct Acting {
    faults: Vec<Fault>,
    /// The VM that calls are made for.
    vm: Option<usize>,
    /// What calls took longer since it was last asked.
    delay: Duration,
    /// Whether the toolstack is dead: none of its calls reaches Xen any more.
    dead: bool,
    /// In which call it died last.
    died_in: Option<Call>,
}

/// A Xen with faults. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub model: Model,
    acting: Arc<Mutex<Acting>>,
    faultless: bool,
}

impl Fault {
    /// The fault of `spec`, if its call and its errno are known.
    pub fn of(spec: &FaultSpec, vm: Option<usize>) -> Option<Self> {
        let errno = match &spec.errno {
            None => None,
            Some(name) => Some(Errno::by_name(name)?),
        };
        Some(Fault {
            call: Call::by_name(&spec.call)?,
            vm,
            nth: spec.nth,
            errno,
            delay: Duration::from_millis(spec.delay_millis),
            dies: spec.dies,
            seen: 0,
        })
    }
}

impl Stage {
    pub fn new(xen: Xen, faults: Vec<Fault>) -> Self {
        Stage {
            model: Model::of(xen),
            faultless: faults.is_empty(),
            acting: Arc::new(Mutex::new(Acting {
                faults,
                ..Acting::default()
            })),
        }
    }

    fn acting<T>(&self, act: impl FnOnce(&mut Acting) -> T) -> T {
        act(&mut self.acting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls are made for that VM from now on.
    pub fn acts_for(&self, vm: Option<usize>) {
        if !self.faultless {
            self.acting(|acting| acting.vm = vm);
        }
    }

    /// What calls took longer since this was last asked.
    pub fn take_delay(&self) -> Duration {
        match self.faultless {
            true => Duration::ZERO,
            false => self.acting(|acting| std::mem::take(&mut acting.delay)),
        }
    }

    /// Whether the toolstack died.
    pub fn is_dead(&self) -> bool {
        !self.faultless && self.acting(|acting| acting.dead)
    }

    /// In which call the toolstack died last.
    pub fn died_in(&self) -> Option<Call> {
        self.acting(|acting| acting.died_in)
    }

    /// How many calls go wrong.
    pub fn faults(&self) -> usize {
        self.acting(|acting| acting.faults.len())
    }

    /// It comes back.
    pub fn comes_back(&self) {
        if !self.faultless {
            self.acting(|acting| acting.dead = false);
        }
    }

    fn fault(&self, call: Call) -> Result<(), Errno> {
        if self.faultless {
            return Ok(());
        }
        self.acting(|acting| {
            if acting.dead {
                return Err(Errno::EIO);
            }
            let vm = acting.vm;
            for fault in &mut acting.faults {
                if fault.call != call || (fault.vm.is_some() && fault.vm != vm) {
                    continue;
                }
                fault.seen += 1;
                if fault.nth.is_none_or(|nth| nth == fault.seen) {
                    acting.delay += fault.delay;
                    // This call is its last.
                    if fault.dies {
                        acting.dead = true;
                        acting.died_in = Some(call);
                    }
                    if let Some(errno) = fault.errno {
                        return Err(errno);
                    }
                }
            }
            Ok(())
        })
    }

    /// A call of the toolstack.
    pub fn call<T>(
        &self,
        call: Call,
        step: impl FnOnce(&mut Xen) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.fault(call)?;
        self.model.with(step)
    }

    /// Claims memory of the host, as a toolstack does that does without the protocol.
    pub fn claim_host(&self, domid: Domid, pages: u64) -> Result<(), Errno> {
        (self.claim(domid, Claim::Host { pages })).map_err(|error| error.errno)
    }
}

impl Intercept for Stage {
    type Inner = Model;

    fn inner(&self) -> &Model {
        &self.model
    }

    fn before(&self, call: &claims::Call<'_>) -> Result<(), CallError> {
        let call = Call::of(call);
        self.fault(call).map_err(|errno| CallError {
            call: call.name(),
            errno,
        })
    }
}
