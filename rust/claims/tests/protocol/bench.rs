//! The modelled host on which the checks run.

use std::time::Duration;

use claims::{Config, Domid};
use conformance::bench::Bench;
use model::{Flavour, Model};

pub use conformance::modelled::host;

/// Pages in a GiB.
pub const GIB: u64 = 1 << 18;

pub fn bench(flavour: Flavour) -> Bench<Model> {
    bench_with(flavour, Config::default())
}

pub fn bench_with(flavour: Flavour, config: Config) -> Bench<Model> {
    Bench::with(host(flavour, 2), config)
}

/// A domain for which another process has claimed memory.
pub fn claimed_by_another(bench: &Bench<Model>, pages: u64) -> Domid {
    let other = bench.create(pages);
    let claimed = bench.xen.backend.with(|xen| xen.claim_host(other, pages));
    claimed.unwrap();
    other
}

/// The default switches, but for the longest wait.
pub fn waiting(seconds: u64) -> Config {
    Config::default().with_memory_wait(Duration::from_secs(seconds))
}
