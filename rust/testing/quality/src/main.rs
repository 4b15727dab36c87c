//! Prints what strategies are worth, writes it to `docs/quality.md`, and fails if a bar is broken.
//! `--tables FILE` writes each row of each rule to FILE.

use std::process::ExitCode;

use planner::Strategy;
use xenopsd_numa_quality::arrivals::Sizes;
use xenopsd_numa_quality::bars::{broken, broken_by_spread, excess_of_spread, Against};
use xenopsd_numa_quality::fault::Fault;
use xenopsd_numa_quality::placers::Rule;
use xenopsd_numa_quality::report::{page, tables, Elsewhere};
use xenopsd_numa_quality::table::{rows, Hosts, Law, RULES};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/quality.md");

fn main() -> ExitCode {
    match measure() {
        Ok(broken) if broken.is_empty() => ExitCode::SUCCESS,
        Ok(broken) => {
            for bar in &broken {
                eprintln!("bar broken: {bar}");
            }
            ExitCode::FAILURE
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(2)
        }
    }
}

/// Measures, prints and writes; the bars that are broken.
fn measure() -> Result<Vec<String>, Fault> {
    let alike = rows(Law::PLAIN, &RULES, 1..=200)?;
    let half_nodes = Law {
        sizes: Sizes::Plain,
        hosts: Hosts::HalfNodes,
    };
    let different = rows(half_nodes, &RULES, 1..=200)?;
    let page = page(&RULES, &alike, &different, &elsewhere()?)?;
    print!("{page}");
    std::fs::write(PAGE, &page)?;
    let mut arguments = std::env::args().skip_while(|argument| argument != "--tables");
    if let Some(file) = arguments.nth(1) {
        std::fs::write(file, tables(&RULES, &alike)?)?;
    }
    let mut broken = broken(&alike, &RULES)?;
    broken.extend(broken_by_spread(
        excess_of_spread(&alike, &RULES)?,
        excess_of_spread(&different, &RULES)?,
    ));
    Ok(broken)
}

/// `balance` under other laws.
fn elsewhere() -> Result<Vec<Elsewhere>, Fault> {
    let rules = [Rule::XenopsdMulti, Rule::Ours(Strategy::Balance)];
    let laws = [
        ("as above | 1 to 200", Sizes::Plain, Hosts::Plain, 1..=200),
        (
            "as above | 201 to 1200",
            Sizes::Plain,
            Hosts::Plain,
            201..=1200,
        ),
        ("ragged | 1 to 200", Sizes::Ragged, Hosts::Plain, 1..=200),
        (
            "held back | 1 to 200",
            Sizes::Plain,
            Hosts::HeldBack,
            1..=200,
        ),
        (
            "ragged, held back | 1 to 200",
            Sizes::Ragged,
            Hosts::HeldBack,
            1..=200,
        ),
        (
            "half nodes | 1 to 200",
            Sizes::Plain,
            Hosts::HalfNodes,
            1..=200,
        ),
    ];
    let elsewhere = laws.into_iter().map(|(what, sizes, hosts, seeds)| {
        let rows = rows(Law { sizes, hosts }, &rules, seeds)?;
        Ok(Elsewhere {
            what,
            against: Against::new(&rows, 1, 0),
        })
    });
    elsewhere.collect()
}
