//! A run in parts that two threads share, the same whichever thread takes which part.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::run::Run;

const THREADS: usize = 2;

/// Does the parts 0 to `parts - 1`; what they saw. `done` is called after each, with how
/// many are done.
pub fn share(parts: u64, part: impl Fn(u64, &mut Run) + Sync, done: impl Fn(u64) + Sync) -> Run {
    let (next, ended) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        let mut run = Run::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= parts {
                return run;
            }
            part(number, &mut run);
            done(ended.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    let mut run = Run::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            run.merge(thread.join().expect("no panic in a part"));
        }
    });
    run
}
