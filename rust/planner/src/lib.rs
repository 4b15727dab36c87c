//! Decides on which NUMA nodes of a Xen host a VM's memory and vCPUs should live, and says why.
//!
//! The crate is pure: a [`Host`] (a snapshot of one instant) and a [`Request`] go in, a [`Plan`]
//! or a [`Refusal`] comes out. No I/O, no clock, no hidden state; the same input gives the same
//! plan. Memory is counted in pages of 4 KiB ([`PAGE_BYTES`]).
#![forbid(unsafe_code)]

mod answer;
mod batch;
mod board;
mod bounds;
mod counts;
mod cpus;
mod explained;
mod explanation;
mod host;
mod incumbent;
mod left_out;
mod matrix;
mod named;
mod nodes;
mod offer;
mod order;
mod plan;
mod repair;
mod request;
mod rotation;
mod search;
mod selection;
mod shortfall;
mod strategy;
mod tightest;
mod topology;
mod tree;
mod units;
mod words;

pub use answer::{plan, Limits, DEFAULT_BUDGET_STEPS};
pub use batch::{default_budget_plans, plan_all, plan_batch, take, Answer, Batch, Score};
pub use cpus::{CpuSet, MAX_CPUS};
pub use explanation::{explain, Alone, Behind, Explanation, Rejected, RunnerUp};
pub use host::{Host, HostDescription, Memory, NodeDescription, NodeMemory, Reserve};
pub use left_out::{LeftOut, WhyLeftOut};
pub use named::Named;
pub use nodes::{NodeSet, MAX_NODES};
pub use plan::{Distance, Plan, Reason, Refusal, Shortfall};
pub use request::{Policy, Request, RequestDescription, Strategy, MAX_VCPUS};
pub use strategy::Weighed;
pub use topology::{
    Invalid, Processors, Topology, TopologyDescription, LOCAL_DISTANCE, UNREACHABLE_DISTANCE,
};
pub use units::{pages_down, pages_up, MAX_BYTES, PAGE_BYTES};
pub use words::Bytes;
