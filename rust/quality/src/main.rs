//! Prints what strategies are worth, writes it to `docs/quality.md`, and fails if a bar is broken.

use std::process::ExitCode;

use planner::Strategy;
use xenopsd_numa_quality::arrivals::Sizes;
use xenopsd_numa_quality::bars::{broken, Against};
use xenopsd_numa_quality::fault::Fault;
use xenopsd_numa_quality::ideas::{for_balance, Idea};
use xenopsd_numa_quality::placers::Rule;
use xenopsd_numa_quality::report::{page, Elsewhere};
use xenopsd_numa_quality::table::{rows, Hosts, Law, RULES};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/quality.md");

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
    let main_rows = rows(Law::PLAIN, &RULES, 1..=200)?;
    let page = page(&RULES, &main_rows, &tried()?, &elsewhere()?)?;
    print!("{page}");
    std::fs::write(PAGE, &page)?;
    broken(&main_rows, &RULES)
}

fn tried() -> Result<Vec<(&'static Idea, Against)>, Fault> {
    let mut rules = vec![Rule::XenopsdMulti];
    rules.extend(for_balance().map(Rule::Tried));
    let rows = rows(Law::PLAIN, &rules, 1..=200)?;
    let against = |(i, idea)| (idea, Against::new(&rows, i + 1, 0));
    Ok(for_balance().enumerate().map(against).collect())
}

fn elsewhere() -> Result<Vec<Elsewhere>, Fault> {
    let rules = [Rule::XenopsdMulti, Rule::Ours(Strategy::Balance)];
    let law = |sizes, hosts| Law { sizes, hosts };
    let laws = [
        (
            "as above | 1 to 200",
            law(Sizes::Plain, Hosts::Plain),
            1..=200,
        ),
        (
            "as above | 201 to 1200",
            law(Sizes::Plain, Hosts::Plain),
            201..=1200,
        ),
        (
            "ragged | 1 to 200",
            law(Sizes::Ragged, Hosts::Plain),
            1..=200,
        ),
        (
            "held back | 1 to 200",
            law(Sizes::Plain, Hosts::HeldBack),
            1..=200,
        ),
        (
            "ragged, held back | 1 to 200",
            law(Sizes::Ragged, Hosts::HeldBack),
            1..=200,
        ),
        (
            "half nodes | 1 to 200",
            law(Sizes::Plain, Hosts::HalfNodes),
            1..=200,
        ),
    ];
    let measured = laws.into_iter().map(|(what, law, seeds)| {
        let against = Against::new(&rows(law, &rules, seeds)?, 1, 0);
        Ok(Elsewhere { what, against })
    });
    measured.collect()
}
