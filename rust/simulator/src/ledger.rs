//! What is written down of a run while it goes on.

use std::time::Duration;

use super::lifecycle::Lifecycle;
use super::result::Start;
use super::run::Run;

/// Pages claimed beyond what their domains can still take, over time.
#[derive(Debug, Default)]
pub(super) struct Overclaimed {
    pages: u64,
    since: Duration,
    page_nanos: u128,
}

impl Overclaimed {
    pub(super) fn now_is(&mut self, now: Duration, pages: u64) {
        let elapsed = now.saturating_sub(self.since).as_nanos();
        self.page_nanos += elapsed * u128::from(self.pages);
        self.since = now;
        self.pages = pages;
    }

    pub(super) fn page_seconds(&self) -> u64 {
        u64::try_from(self.page_nanos / 1_000_000_000).unwrap_or(u64::MAX)
    }
}

impl Run {
    pub(super) fn record(
        &mut self,
        vm: usize,
        started: bool,
        failure: Option<String>,
        now: Duration,
    ) {
        let lifecycle = &self.engine.vms[vm];
        let (claim, claimed_pages, nodes, why) = lifecycle.came_to(&self.engine.protocol);
        let pages_on = if started {
            lifecycle.pages_on.clone()
        } else {
            Vec::new()
        };
        self.result.starts.push(Start {
            vm: lifecycle.vm.name.clone(),
            variant: self.settings.variant,
            phase: self.phase.clone(),
            nodes,
            requested_pages: lifecycle.requested_pages(),
            claimed_pages,
            claim,
            remote_pages: if started {
                lifecycle.remote_pages(nodes)
            } else {
                0
            },
            pages_on,
            started,
            reason: failure.unwrap_or(why),
            queued: lifecycle.waits.0,
            waited: lifecycle.waits.1,
            build: if started {
                lifecycle.build
            } else {
                Duration::ZERO
            },
            times: (lifecycle.began, now),
        });
        if started {
            let took = now.saturating_sub(self.phase_began);
            self.result.all_running = self.result.all_running.max(took);
        }
    }

    /// What is claimed beyond what domains can still take.
    pub(super) fn look_at_claims(&mut self, now: Duration) {
        let model = self.engine.model();
        let vms = &self.engine.vms;
        let pages = model.with(|xen| {
            let beyond = |lifecycle: &Lifecycle| {
                let claimed = lifecycle.domid.map_or(0, |domid| xen.claimed_pages(domid));
                claimed.saturating_sub(lifecycle.left_pages())
            };
            vms.iter().map(beyond).sum()
        });
        self.overclaimed.now_is(now, pages);
    }
}
