//! The tables as Markdown.

use std::fmt::{self, Write};

use crate::bars::Against;
use crate::ideas::Idea;
use crate::level::Levels;
use crate::placers::Rule;
use crate::run::Figures;
use crate::table::Row;

/// What a rule made of a law, against xenopsd-multi.
pub struct Elsewhere {
    /// The law and the seeds.
    pub what: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// What came of it.
    pub against: Against,
}

/// What an idea for `balance` made of the ten rows.
pub struct Tried {
    /// The idea.
    pub idea: &'static Idea,
    /// Beside xenopsd-multi.
    pub against: Against,
    /// On the row that more was hoped for on: [`AIMED_AT`].
    pub aimed_at: Figures,
}

/// The host and the load that more was hoped for on.
pub const AIMED_AT: (&str, f64) = ("epyc-2p-nps4", 0.9);

/// The whole page.
pub fn page(
    rules: &[Rule],
    rows: &[Row],
    levels: &Levels,
    tried: &[Tried],
    elsewhere: &[Elsewhere],
) -> Result<String, fmt::Error> {
    let mut page = String::from(INTRODUCTION);
    main_table(&mut page, rules, rows)?;
    page.push_str(BALANCE);
    tried_table(&mut page, tried)?;
    page.push_str(ELSEWHERE);
    elsewhere_table(&mut page, elsewhere)?;
    page.push_str(SPREAD);
    spread_tables(&mut page, levels)?;
    page.push_str(WEAK);
    Ok(page)
}

fn main_table(page: &mut String, rules: &[Rule], rows: &[Row]) -> fmt::Result {
    page.push_str(MAIN_HEAD);
    for row in rows {
        for (rule, figures) in rules.iter().zip(&row.figures) {
            let percent = |share: f64| share * 100.0;
            writeln!(
                page,
                "| {} | {:.0} % | {} | {:.1} % ({:.1} %) | {:.1} % / {:.1} % \
                 | {:.2} | {:.0} % | {:.2} |",
                row.host,
                percent(row.load),
                rule.name(),
                percent(figures.started_on_one),
                percent(figures.possible),
                percent(figures.running_on_one),
                percent(figures.repacked),
                figures.distance,
                percent(figures.imbalance),
                figures.hottest,
            )?;
        }
    }
    Ok(())
}

fn tried_table(page: &mut String, tried: &[Tried]) -> fmt::Result {
    page.push_str(TRIED_HEAD);
    against_head(page);
    for tried in tried {
        write!(page, "| {} | {} |", tried.idea.name, tried.idea.what)?;
        let Figures {
            running_on_one,
            imbalance,
            ..
        } = tried.aimed_at;
        let (on_one, imbalance) = (running_on_one * 100.0, imbalance * 100.0);
        write!(page, " {on_one:.1} % at {imbalance:.1} % |")?;
        against_cells(page, &tried.against)?;
    }
    Ok(())
}

fn elsewhere_table(page: &mut String, elsewhere: &[Elsewhere]) -> fmt::Result {
    page.push_str("\n| law | seeds | rule |");
    against_head(page);
    for Elsewhere {
        what,
        rule,
        against,
    } in elsewhere
    {
        write!(page, "| {what} | {rule} |")?;
        against_cells(page, against)?;
    }
    Ok(())
}

fn spread_tables(page: &mut String, levels: &Levels) -> fmt::Result {
    page.push_str(BESIDE_HEAD);
    for row in levels.beside() {
        write!(page, "| {} | {:.0} % |", row.host, row.load * 100.0)?;
        for [spread, least] in [row.alike, row.different] {
            let points = [spread, least, spread - least].map(|share| share * 100.0);
            let [spread, least, more] = points;
            write!(page, " {spread:.2} % | {least:.2} % | {more:+.2} |")?;
        }
        page.push('\n');
    }
    page.push_str(LEVEL_HEAD);
    for tried in levels.tried() {
        write!(page, "| {} | {} |", tried.name, tried.what)?;
        for excess in tried.excess {
            let (most, mean) = (excess.most * 100.0, excess.mean * 100.0);
            write!(page, " {most:+.2} | {mean:+.2} | {} |", excess.rows)?;
        }
        page.push('\n');
    }
    Ok(())
}

/// The end of a table's head after columns of its own.
fn against_head(page: &mut String) {
    let own = page.lines().last().unwrap_or_default().matches('|').count();
    page.push_str(
        " least lead in VMs on one node | most distance | most imbalance | better rows | bars |\n",
    );
    page.push_str(&"|--".repeat(own - 1 + 5));
    page.push_str("|\n");
}

fn against_cells(page: &mut String, against: &Against) -> fmt::Result {
    writeln!(
        page,
        " {:+.1} | {:+.1} % | {:+.1} | {} | {} |",
        against.share * 100.0,
        against.distance * 100.0,
        against.imbalance * 100.0,
        against.better_rows,
        if against.holds() { "hold" } else { "broken" },
    )
}

const INTRODUCTION: &str = "\
# What strategies are worth

Written by `cargo run --release -p xenopsd-numa-quality`, which fails if a bar below is broken.
The same seeds give the same page on every machine.

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
";

const MAIN_HEAD: &str = "
| host | load | rule | started on one node (possible) | running on one node / repack \
| distance | imbalance | vCPU max/mean |
|--|--|--|--|--|--|--|--|
";

const BALANCE: &str = "
The figures of the first five rules agree with those of xenopsd's own OCaml code under the same law
(other random numbers): `tests/agreement.rs` compares them, within what 200 seeds scatter.

## How `balance` was found

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
nodes lend their CPUs (`lent` below).

Hoped for, and not reached by anything tried: 88 % on one node at 50 % imbalance on epyc-2p-nps4 at
90 %, where `balance` has 87.1 % at 52 %. The ideas lie near one line there: a point more on one
node costs more than two points of imbalance. What had 88 % had 54 % imbalance or more; what had
50 % imbalance or less had 86.2 % at most.

Most ideas that look ahead take the sizes of the last 32 VMs for those of the next ones. A caller
would have to tell the planner these sizes, and vCPU load too. With vCPUs as its second word
`balance` loses its lead. `next, least used` has hardly more imbalance than xenopsd-multi on these
rows. `two ahead` is where `balance` is, with less imbalance, and holds the bars under all laws
tried, also where nodes differ in size and `balance` does not (see Other laws): what to take up if
the planner is ever told sizes. On hosts whose nodes are alike it is not worth the telling. With
sizes assumed instead of seen (`two halvings ahead`) it is behind.

Simpler rules that also reach the bars here, `power of two` and `8 GiB up`, fall up to 1.6 and 0.6
points below xenopsd-multi where a part of each node is held back (see Other laws): no hole is then
a whole power of two.

Tried, on the same ten rows, worst row each; leads and imbalances in points; and what is on one
node, at which imbalance, where more was hoped for:
";

const TRIED_HEAD: &str = "
| idea | one node; several nodes | epyc-2p-nps4 at 90 % |";

const BESIDE_HEAD: &str = "
| host | load | spread | least of the others | more \
| half nodes: spread | least of the others | more |
|--|--|--|--|--|--|--|--|
";

const LEVEL_HEAD: &str = "
Tried, on the same rows; imbalance above the least of the others, in points:

| idea | takes | most | mean | rows above | half nodes: most | mean | rows above |
|--|--|--|--|--|--|--|--|
";

const SPREAD: &str = "
## How `spread` was found

Bar: the least imbalance of all that honour plans of several nodes, within 0.9 points on the ten
rows; with no tolerance where every second node has half the memory.

`spread` takes the set that is least used, as a share of its memory, once the VM is there. For one
of nodes that are alike that is worst fit's choice. Where nodes differ in size it is not: worst fit
fills large nodes until they have no more room than small ones.

On rows where it stays behind it is behind worst fit, and not by its choice but by what it chooses
from. Where a VM needs several nodes, worst fit takes the nearest of all sets that fit, and a set is
often nearer on average with nodes that it could do without: a whole socket and one node of the
other are 18 from each other on epyc-2p-nps4, two nodes across are 21. Such a set cuts the VM into
more parts. The planner never takes a node that can be spared. With worst fit's sets `spread` is
level with worst fit (the last idea), and no order among the planner's own sets makes up for them.
";

const ELSEWHERE: &str = "
## Other laws

The rule should not hang on sizes that fit exactly, nor on nodes that are alike. Ragged: each size
up to 15 % more or less. Held back: 3 % of each node's span are not free, as on a host where Xen and
dom0 run. Half nodes: every second node has half the memory; `balance` keeps large nodes empty
there, which is imbalance. Against xenopsd-multi:
";

const WEAK: &str = "
## What this does not show

Nothing here boots: no claims, no pools, no late accounting, and a full node is exactly full. vCPUs
do not run, so CPU contention is seen only as vCPU max/mean, where `balance` is up to 0.15 above
xenopsd-multi; the planner knows no vCPU load. Sizes are those of the law: on a host whose
VMs are all much smaller than an eighth of a node, `balance` chooses as `pack` does, but for the
holes that it keeps.
";
