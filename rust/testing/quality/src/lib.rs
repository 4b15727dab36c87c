//! Measures what placing rules make of a host on which VMs arrive and depart at random.
//!
//! A tool of the developers, no part of what is installed.
#![forbid(unsafe_code)]

pub mod arrivals;
pub mod bars;
pub mod cluster;
pub mod fault;
pub mod hosts;
pub mod placers;
pub mod report;
pub mod run;
pub mod sets;
pub mod table;
