//! A run in parts that two threads share, the same whichever thread takes which part.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::failures::Failures;

const THREADS: usize = 2;

/// Does the parts 0 to `parts - 1`; each tells how many cases it had. The sum, and what failed.
/// `done` is told how many parts are done, after each.
pub fn share(
    parts: u64,
    part: impl Fn(u64, &mut Failures) -> u64 + Sync,
    done: impl Fn(u64) + Sync,
) -> (u64, Failures) {
    let (next, ended) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        let (mut cases, mut failures) = (0, Failures::default());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= parts {
                return (cases, failures);
            }
            cases += part(number, &mut failures);
            done(ended.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    let (mut cases, mut failures) = (0, Failures::default());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let (more, failed) = thread.join().expect("no panic in a part");
            cases += more;
            failures.merge(failed);
        }
    });
    (cases, failures)
}
