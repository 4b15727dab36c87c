//! Holds the planner against an oracle that knows only the rules: it looks at every set of nodes.
// Matrices are filled on both sides of the diagonal, which iterators cannot say.
#![allow(clippy::needless_range_loop)]

mod batches;
mod budget;
mod check;
mod cliques;
mod exact;
mod explained;
mod families;
mod frame;
mod generate;
mod hand;
mod parts;
mod random;
mod real;
mod reasons;
mod rotation;
mod run;
mod shrinking;
mod small;
mod strategies;
mod structured;
mod wide;
mod world;
