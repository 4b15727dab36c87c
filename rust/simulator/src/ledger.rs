//! What is written down of a run while it goes on.

use std::time::Duration;

use super::lifecycle::Life;
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
        let life = &self.engine.lives[vm];
        let (claim, claimed_pages, nodes, why) = life.came_to(&self.engine.protocol);
        let pages_on = if started {
            life.pages_on.clone()
        } else {
            Vec::new()
        };
        self.played.starts.push(Start {
            vm: life.vm.name.clone(),
            variant: self.settings.variant,
            phase: self.phase.clone(),
            nodes,
            requested_pages: life.requested_pages(),
            claimed_pages,
            claim,
            remote_pages: if started { life.remote_pages(nodes) } else { 0 },
            pages_on,
            started,
            reason: failure.unwrap_or(why),
            queued: life.waits.0,
            waited: life.waits.1,
            build: if started { life.build } else { Duration::ZERO },
            times: (life.began, now),
        });
        if started {
            let took = now.saturating_sub(self.phase_began);
            self.played.all_running = self.played.all_running.max(took);
        }
    }

    /// What is claimed beyond what domains can still take.
    pub(super) fn look_at_claims(&mut self, now: Duration) {
        let model = self.engine.model();
        let lives = &self.engine.lives;
        let pages = model.with(|xen| {
            let beyond = |life: &Life| {
                let claimed = life.domid.map_or(0, |domid| xen.claimed_pages(domid));
                claimed.saturating_sub(life.left_pages())
            };
            lives.iter().map(beyond).sum()
        });
        self.overclaimed.now_is(now, pages);
    }
}
