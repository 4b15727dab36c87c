//! How long a plan takes, on hosts of every size and shape: `cargo bench -p xenopsd-numa-planner`.
//!
//! Prints a page of the slowest cells; after `--`, `--write FILE` writes it there too, and
//! `--tables FILE` all cells. In the first table each plan is of another VM on a host that is
//! filled anew; in the second each cell is the same plan 10,000 times. Each plan is timed by
//! itself, the clock's own cost included.

mod hosts;

use std::fmt::{self, Write as _};
use std::time::{Duration, Instant};

use fastrand::Rng;
use hosts::{any_request, host, request, with_free, Free, Shape, NODE_GIB, SIZES};
use xenopsd_numa_planner::{explain, plan, Host, Limits, Request, Strategy};

const PLANS: usize = 10_000;

/// A cell ends after this time, however few plans it has.
const CELL_TIME: Duration = Duration::from_secs(2);

const HEADING: &str = "# How long a plan takes

Made by `./dev bench`, on two shared cores of an AMD EPYC: compare rows with each other, not with
other machines. `./dev bench FILE` writes to FILE each case of which the slowest are here, with what
it allocates, its steps and its explanation.

Nodes have 64 GiB, 16 CPUs and 8 cores. Distances: flat 21; line and ring grow by 3 and 6 a node;
two levels 12 in groups of 4 and 32; three levels 11 in groups of 4, 21 in groups of 16, and 31;
random ones of 11 to 59, or of three values, are symmetrical. Proven: no closer set exists.
";

const ANY_PAGE: &str = "
## Any request

Each plan is of another VM, on a host that is filled anew in one of four ways. p50 and p99 of the
slowest way, and how many plans of the least proven one are proven, where that is not all.

";

const SAME_PAGE: &str = "
## The same request

A VM of 4 vCPUs on nodes that are all empty or have 17 to 64 GiB free: p50 of the slowest shape.

| nodes | one node | half | all | fits nowhere |
|--|--|--|--|--|
";

const ANY: &str = "
## Any request

Each plan is of another VM, which the host has the memory for, on a host filled anew, by any of the
strategies: memory of any size up to all that is free, and 4 vCPUs or any number up to that of the
host's cores. Equal: all nodes empty; unequal: 17 to 64 GiB free; nearly all: 60 to 64 GiB free;
aged: anything free, and one node in four nearly full. Each cell is 10,000 plans, or as many as 2
seconds hold; each is made once before it is timed, as making the host leaves the caches cold.

";

const SAME: &str = "
## The same request

A VM of 4 vCPUs on nodes that are all empty (equal) or have 17 to 64 GiB free (unequal), planned
10,000 times, or as often as 2 seconds hold. A step is a node or class of nodes that the search
looks at; what is done before and after counts into the time of a step. Explained: how many times
as long the plan takes with its explanation.

";

/// Times of plans, sorted.
struct Times(Vec<Duration>);

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Times(times)
    }

    fn at(&self, share: f64) -> Duration {
        self.0[((self.0.len() - 1) as f64 * share) as usize]
    }

    fn both(&self) -> [Duration; 2] {
        [0.5, 0.99].map(|share| self.at(share))
    }

    fn cells(&self) -> String {
        let [p50, p99, worst] = [0.5, 0.99, 1.0].map(|share| shown(self.at(share)));
        format!("{p50} | {p99} | {worst}")
    }
}

fn shown(time: Duration) -> String {
    match time.as_nanos() {
        nanos @ 0..10_000 => format!("{:.2} µs", nanos as f64 / 1e3),
        nanos @ 10_000..10_000_000 => format!("{:.0} µs", nanos as f64 / 1e3),
        nanos => format!("{:.0} ms", nanos as f64 / 1e6),
    }
}

fn time<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let before = Instant::now();
    let result = std::hint::black_box(run());
    (before.elapsed(), result)
}

/// A cell of the page: the slowest of the cells that it stands for.
#[derive(Clone, Copy)]
struct Slowest {
    times: [Duration; 2],
    proven_percent: f64,
}

impl Slowest {
    const NONE: Slowest = Slowest {
        times: [Duration::ZERO; 2],
        proven_percent: 100.0,
    };

    fn or(self, other: Slowest) -> Slowest {
        let [a, b] = [self.times, other.times];
        Slowest {
            times: [a[0].max(b[0]), a[1].max(b[1])],
            proven_percent: self.proven_percent.min(other.proven_percent),
        }
    }
}

impl fmt::Display for Slowest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = self.times.map(shown);
        write!(f, "{p50}, {p99}")?;
        if self.proven_percent < 99.95 {
            write!(f, "; {:.1} %", self.proven_percent)?;
        }
        Ok(())
    }
}

/// The same plan again and again: its p50, times, and what else the table says.
fn same(host: &Host, request: &Request) -> (Duration, String) {
    let limits = Limits::default();
    let run = || plan(std::hint::black_box(host), request, &limits);
    let explained = || explain(std::hint::black_box(host), request, &limits);
    let repeat = |run: &dyn Fn() -> Duration, most: usize| {
        let start = Instant::now();
        let mut times = vec![run()];
        while times.len() < most && start.elapsed() < CELL_TIME {
            times.push(run());
        }
        Times::of(times)
    };
    let bytes = allocation_counter::measure(|| drop(std::hint::black_box(run()))).bytes_total;
    let times = repeat(&|| time(run).0, PLANS);
    let explaining = repeat(&|| time(explained).0, PLANS / 100);
    let (answer, explanation) = explained();
    let proven = answer.map_or(true, |plan| plan.optimal);
    let p50 = times.at(0.5).as_nanos() as f64;
    let per_step = match explanation.steps {
        0 => "–".to_string(),
        steps => format!("{:.3} µs", p50 / 1e3 / steps as f64),
    };
    let cells = format!(
        "{} | {bytes} | {} | {per_step} | {:.1} | {}",
        times.cells(),
        explanation.steps,
        explaining.at(0.5).as_nanos() as f64 / p50,
        if proven { "yes" } else { "no" },
    );
    (times.at(0.5), cells)
}

/// Another plan each time.
fn any(bare: &Host, free: Free) -> (Slowest, String) {
    let mut rng = Rng::with_seed(1);
    let limits = Limits::default();
    let (mut times, mut several, mut unproven) = (Vec::with_capacity(PLANS), 0, 0);
    let start = Instant::now();
    while times.len() < PLANS && start.elapsed() < CELL_TIME {
        let host = with_free(bare, |_| free.pages(&mut rng));
        let request = any_request(&mut rng, &host);
        let run = || plan(std::hint::black_box(&host), &request, &limits);
        // Making the host left the caches full of other things.
        let _ = std::hint::black_box(run());
        let (time, answer) = time(run);
        if let Ok(plan) = answer {
            several += usize::from(plan.nodes.len() > 1);
            unproven += usize::from(!plan.optimal);
        }
        times.push(time);
    }
    let percent = |count: usize| 100.0 * count as f64 / times.len() as f64;
    let (several, proven) = (percent(several), 100.0 - percent(unproven));
    let times = Times::of(times);
    let slowest = Slowest {
        times: times.both(),
        proven_percent: proven,
    };
    let cells = format!("{} | {several:.0} % | {proven:.1} %", times.cells());
    (slowest, cells)
}

fn any_table(page: &mut String, tables: &mut String) {
    tables.push_str(
        "| shape | nodes | free | p50 | p99 | worst | on several nodes | proven |\n\
         |--|--|--|--|--|--|--|--|\n",
    );
    let mut rows = SIZES.map(|nodes| format!("| {nodes} |"));
    for (shape, name) in Shape::ALL {
        for (nodes, row) in SIZES.into_iter().zip(&mut rows) {
            let bare = host(shape, nodes);
            let mut slowest = Slowest::NONE;
            for (free, free_name) in Free::ALL {
                let (cell, cells) = any(&bare, free);
                let _ = writeln!(tables, "| {name} | {nodes} | {free_name} | {cells} |");
                slowest = slowest.or(cell);
            }
            let _ = write!(row, " {slowest} |");
        }
    }
    let names = Shape::ALL.map(|(_, name)| name).join(" | ");
    let rule = "--|".repeat(Shape::ALL.len() + 1);
    let _ = writeln!(page, "| nodes | {names} |\n|{rule}\n{}", rows.join("\n"));
}

fn same_table(page: &mut String, tables: &mut String) {
    tables.push_str(
        "| shape | nodes | free | request | p50 | p99 | worst | bytes allocated | steps | a step \
         | explained | proven |\n|--|--|--|--|--|--|--|--|--|--|--|--|\n",
    );
    let mut slowest = [[Duration::ZERO; 4]; SIZES.len()];
    for (shape, name) in Shape::ALL {
        for (nodes, slowest) in SIZES.into_iter().zip(&mut slowest) {
            let bare = host(shape, nodes);
            let uneven = |node: usize| (NODE_GIB - (node as u64 * 29) % 48) << 18;
            for (free_name, host) in [
                ("equal", bare.clone()),
                ("unequal", with_free(&bare, uneven)),
            ] {
                let total = host.memory().host_free_pages;
                let asked = [
                    ("one node", (NODE_GIB - 48) << 18),
                    ("half", total / 2),
                    ("all", total),
                    ("fits nowhere", total + 1),
                ];
                for ((what, pages), slowest) in asked.into_iter().zip(slowest.iter_mut()) {
                    let request = request(&host, pages, 4, Strategy::Balance);
                    let (p50, cells) = same(&host, &request);
                    let _ = writeln!(
                        tables,
                        "| {name} | {nodes} | {free_name} | {what} | {cells} |"
                    );
                    *slowest = p50.max(*slowest);
                }
            }
        }
    }
    for (nodes, slowest) in SIZES.into_iter().zip(slowest) {
        let _ = writeln!(page, "| {nodes} | {} |", slowest.map(shown).join(" | "));
    }
}

/// Writes `text` to the file that follows `option` on the command line, if there is one.
fn write_to(option: &str, text: &str) {
    let mut arguments = std::env::args().skip_while(|argument| argument != option);
    if let Some(file) = arguments.nth(1) {
        if let Err(error) = std::fs::write(&file, text) {
            eprintln!("{file}: {error}");
            std::process::exit(1);
        }
    }
}

fn main() {
    let mut page = format!("{HEADING}{ANY_PAGE}");
    let mut tables = String::from(ANY);
    any_table(&mut page, &mut tables);
    page.push_str(SAME_PAGE);
    tables.push_str(SAME);
    same_table(&mut page, &mut tables);
    print!("{page}");
    write_to("--write", &page);
    write_to("--tables", &tables);
}
