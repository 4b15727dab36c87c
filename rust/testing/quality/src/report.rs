//! The page and the tables, as Markdown.

use std::fmt::{self, Write};

use crate::bars::{index_of, spread_and_least, Against};
use crate::fault::Fault;
use crate::placers::Rule;
use crate::run::Figures;
use crate::table::Row;

/// What `balance` made of a law, against xenopsd-multi.
pub struct Elsewhere {
    /// The law and the seeds.
    pub what: &'static str,
    /// What came of it.
    pub against: Against,
}

/// The page, of rows whose nodes are alike, of the same where every second node has half the
/// memory, and of other laws.
pub fn page(
    rules: &[Rule],
    alike: &[Row],
    different: &[Row],
    elsewhere: &[Elsewhere],
) -> Result<String, Fault> {
    let mut page = String::from(INTRODUCTION);
    mean_table(&mut page, rules, alike)?;
    page.push_str(BALANCE);
    balance_table(&mut page, rules, alike)?;
    page.push_str(ELSEWHERE);
    elsewhere_table(&mut page, elsewhere)?;
    page.push_str(SPREAD);
    spread_table(&mut page, rules, alike, different)?;
    page.push_str(WEAK);
    Ok(page)
}

/// What each rule made of each row.
pub fn tables(rules: &[Rule], rows: &[Row]) -> Result<String, fmt::Error> {
    let mut tables = String::from(MAIN_HEAD.trim_start());
    for row in rows {
        for (rule, figures) in rules.iter().zip(&row.figures) {
            let load = row.load * 100.0;
            write!(tables, "| {} | {load:.0} % | {} |", row.host, rule.name())?;
            figure_cells(&mut tables, figures)?;
        }
    }
    Ok(tables)
}

fn mean_table(page: &mut String, rules: &[Rule], rows: &[Row]) -> fmt::Result {
    page.push_str(MEAN_HEAD);
    for (i, rule) in rules.iter().enumerate() {
        let mean = |of: fn(&Figures) -> f64| {
            rows.iter().map(|row| of(&row.figures[i])).sum::<f64>() / rows.len() as f64
        };
        write!(page, "| {} |", rule.name())?;
        let figures = Figures {
            started_on_one: mean(|figures| figures.started_on_one),
            possible: mean(|figures| figures.possible),
            running_on_one: mean(|figures| figures.running_on_one),
            repacked: mean(|figures| figures.repacked),
            distance: mean(|figures| figures.distance),
            imbalance: mean(|figures| figures.imbalance),
            hottest: mean(|figures| figures.hottest),
        };
        figure_cells(page, &figures)?;
    }
    Ok(())
}

fn figure_cells(page: &mut String, figures: &Figures) -> fmt::Result {
    let percent = |share: f64| share * 100.0;
    writeln!(
        page,
        " {:.1} % ({:.1} %) | {:.1} % / {:.1} % | {:.2} | {:.0} % | {:.2} |",
        percent(figures.started_on_one),
        percent(figures.possible),
        percent(figures.running_on_one),
        percent(figures.repacked),
        figures.distance,
        percent(figures.imbalance),
        figures.hottest,
    )
}

fn balance_table(page: &mut String, rules: &[Rule], rows: &[Row]) -> Result<(), Fault> {
    page.push_str(BALANCE_HEAD);
    let [balance, multi] = [
        index_of(rules, "balance")?,
        index_of(rules, "xenopsd-multi")?,
    ];
    for row in rows {
        let [ours, theirs] = [&row.figures[balance], &row.figures[multi]];
        writeln!(
            page,
            "| {} | {:.0} % | {:.1} % | {:.1} % | {:.2} | {:.2} | {:.0} % | {:.0} % |",
            row.host,
            row.load * 100.0,
            ours.running_on_one * 100.0,
            theirs.running_on_one * 100.0,
            ours.distance,
            theirs.distance,
            ours.imbalance * 100.0,
            theirs.imbalance * 100.0,
        )?;
    }
    Ok(())
}

fn elsewhere_table(page: &mut String, elsewhere: &[Elsewhere]) -> fmt::Result {
    page.push_str(ELSEWHERE_HEAD);
    for Elsewhere { what, against } in elsewhere {
        writeln!(
            page,
            "| {what} | {:+.1} | {:+.1} % | {:+.1} | {} | {} |",
            against.share * 100.0,
            against.distance * 100.0,
            against.imbalance * 100.0,
            against.better_rows,
            if against.holds() { "hold" } else { "broken" },
        )?;
    }
    Ok(())
}

fn spread_table(
    page: &mut String,
    rules: &[Rule],
    alike: &[Row],
    different: &[Row],
) -> Result<(), Fault> {
    page.push_str(BESIDE_HEAD);
    for (alike, different) in alike.iter().zip(different) {
        write!(page, "| {} | {:.0} % |", alike.host, alike.load * 100.0)?;
        for row in [alike, different] {
            let [spread, least] = spread_and_least(row, rules)?.map(|share| share * 100.0);
            let more = spread - least;
            write!(page, " {spread:.2} % | {least:.2} % | {more:+.2} |")?;
        }
        page.push('\n');
    }
    Ok(())
}

const INTRODUCTION: &str = "\
# What strategies are worth

Written by `cargo run --release -p xenopsd-numa-quality`, which fails if a bar below is broken.
The same seeds give the same page on every machine. With `-- --tables FILE` each host and load of
each rule is written to FILE.

VMs arrive and depart at random on a host that is kept near a load, and every rule places the same
arrivals. A run has 500 steps; seeds 1 to 200. In a step a running VM, any as likely, departs if
the memory in use is above the load, or else with a chance of 35 %; otherwise one arrives, of 2, 4,
4, 8, 8, 8, 16, 16, 32, 48 or 64 GiB, each as likely, with a vCPU for each 2, 3, 4 or 5 GiB and as
many cores; what the host has no memory for is refused. Hosts (nodes x threads x GiB a node; two
threads a core): 2s 2x32x128, distance 21; 4s-ring 4x24x96, 21 to neighbours and 31 across; snc2-2s
4x28x96, 11 in a socket and 21 across; epyc-2p-nps4 8x32x64, 12 in a socket and 32 across; opteron
8x16x64, distances of a recorded one.

Rules: `xenopsd` is the planner that xenopsd has, with its usage counters and its order of sets; a
plan of several nodes is dropped, and the VM striped over all nodes. `xenopsd-multi` is the same
with plans of several nodes honoured. `worstfit`, `bestfit` and `leastvcpu` take the node with
most free memory, with least that suffices, with fewest vCPUs; where no node suffices, the nearest
set with most free memory. `pack`, `spread` and `balance` are this planner's strategies, by its
real code.

- on one node: a VM's memory is on one node. In brackets: one node had memory and cores for it.
  Running VMs are looked at each 10 steps after the first 50. `repack`: what first-fit-decreasing
  would put on one node, by memory and cores. It can be exceeded: a VM that needs the cores of two
  nodes has its memory on one if the other is full.
- distance: the mean, over the nodes on whose CPUs a VM runs, of the distance to its pages when it
  starts; weighted by memory.
- imbalance: used share of the fullest node less that of the emptiest; the mean over the steps after
  the first 50. vCPU max/mean: vCPUs of the node with most, over the mean.

Means of the five hosts at 75 and at 90 %:
";

const MEAN_HEAD: &str = "
| rule | started on one node (possible) | running on one node / repack | distance | imbalance \
| vCPU max/mean |
|--|--|--|--|--|--|
";

const MAIN_HEAD: &str = "
| host | load | rule | started on one node (possible) | running on one node / repack \
| distance | imbalance | vCPU max/mean |
|--|--|--|--|--|--|--|--|
";

const BALANCE: &str = "
The figures of the first five rules agree with those of xenopsd's own OCaml code under the same law
(other random numbers): `tests/agreement.rs` compares them, within what 200 seeds scatter.

## What `balance` does

Bars, against xenopsd-multi, on all ten rows: VMs on one node at most 0.3 points fewer, distance at
most 1 % more, imbalance at most 5 points more; and both of the first two better on six rows. `pack`
must have at least as many VMs on one node as `bestfit`.

A hole is a piece of free memory that a typical VM fits in. `balance` counts how many of these end
on a node when the VM takes it: the whole of the host's largest node (twice), half, quarter, eighth
of it. The fewest that end win, then the fullest node. So small VMs fill up what is of no use to
large ones, an empty node stays empty while others do, and the counting stops at an eighth, below
which levelling is not paid for. Holes are counted 1/32 smaller than they are, because an empty node
has less free than its span. Where a VM needs several nodes, the set with the emptiest node is
taken, then the one with the least room, so that the VM's memory is mostly on one node and full
nodes lend their CPUs.
";

const BALANCE_HEAD: &str = "
| host | load | on one node: balance | xenopsd-multi | distance: balance | xenopsd-multi \
| imbalance: balance | xenopsd-multi |
|--|--|--|--|--|--|--|--|
";

const ELSEWHERE: &str = "
## Other laws

The rule should not hang on sizes that fit exactly, nor on nodes that are alike. Ragged: each size
up to 15 % more or less. Held back: 3 % of each node's span are not free, as on a host where Xen and
dom0 run. Half nodes: every second node has half the memory; `balance` keeps large nodes empty
there, which is imbalance. Against xenopsd-multi:
";

const ELSEWHERE_HEAD: &str = "
| law | seeds | least lead in VMs on one node | most distance | most imbalance | better rows \
| bars |
|--|--|--|--|--|--|--|
";

const SPREAD: &str = "
## What `spread` does

Bar: the least imbalance of all that honour plans of several nodes, within 0.9 points on the ten
rows; with no tolerance where every second node has half the memory.

`spread` takes the set that is least used, as a share of its memory, once the VM is there. For one
of nodes that are alike that is worst fit's choice. Where nodes differ in size it is not: worst fit
fills large nodes until they have no more room than small ones.

On rows where it stays behind it is behind worst fit, and not by its choice but by what it chooses
from. Where a VM needs several nodes, worst fit takes the nearest of all sets that fit, and a set is
often closer on average with nodes that it could do without: a whole socket and one node of the
other are 18 from each other on epyc-2p-nps4, two nodes across are 21. Such a set cuts the VM into
more parts. The planner never takes a node that can be spared.
";

const BESIDE_HEAD: &str = "
| host | load | spread | least of the others | more \
| half nodes: spread | least of the others | more |
|--|--|--|--|--|--|--|--|
";

const WEAK: &str = "
## What this does not show

Nothing here boots: no claims, no pools, no late accounting, and a full node is exactly full. vCPUs
do not run, so CPU contention is seen only as vCPU max/mean, where `balance` is up to 0.15 above
xenopsd-multi; the planner knows no vCPU load. Sizes are those of the law: on a host whose
VMs are all much smaller than an eighth of a node, `balance` chooses as `pack` does, but for the
holes that it keeps.
";
