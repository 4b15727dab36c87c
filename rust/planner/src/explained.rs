//! Explanations in words, for a terminal and for a log.

use crate::explanation::{Alone, Behind, Explanation, Rejected, RunnerUp};
use crate::nodes::NodeSet;
use crate::plan::{Plan, Refusal};
use crate::request::Strategy;
use crate::strategy::Weighed;
use crate::topology::LOCAL_DISTANCE;
use crate::words::{apart, more, nodes_text, Bytes, Count};

/// Kinds of sets that are named first, and last, before the rest is only counted.
const FIRST_KINDS: usize = 4;
const LAST_KINDS: usize = 3;

/// Lines about single nodes before the rest is only counted.
const MOST_ALONE: usize = 8;

const WOULD_DO: &str = "would do";

impl Rejected {
    /// Sets within distance 10 are not one node alone where two nodes are that close.
    fn is_one_node(&self) -> bool {
        match self.size {
            Some(size) => size == 1,
            None => self.bound.nearest.len() <= 1 && self.maximum == LOCAL_DISTANCE,
        }
    }

    /// Whether all sets of this kind are of the other kind, too.
    fn is_within(&self, outer: &Rejected) -> bool {
        let size = |kind: &Rejected| kind.size.unwrap_or(usize::MAX);
        self.maximum <= outer.maximum && size(self) <= size(outer)
    }

    /// The kind, and what it is short of.
    pub fn line(&self) -> String {
        let kind = match self.size {
            _ if self.is_one_node() => "one node alone".to_string(),
            Some(size) => format!("up to {size} nodes within distance {}", self.maximum),
            None => format!("nodes within distance {}", self.maximum),
        };
        let Refusal { short, nearest, .. } = self.bound;
        // There are no nearest nodes where none may be used.
        match nearest.is_empty() {
            true => format!("{kind}: short by {short}"),
            false => format!("{kind}: short by {short} ({})", nodes_text(nearest)),
        }
    }
}

impl Alone {
    fn verdict(&self) -> String {
        match &self.answer {
            Ok(_) => WOULD_DO.to_string(),
            Err(refusal) => format!("short by {}", refusal.short),
        }
    }

    /// The node, and what it is short of.
    pub fn line(&self) -> String {
        alone_text(NodeSet::one(self.node), &self.verdict())
    }
}

fn alone_text(nodes: NodeSet, verdict: &str) -> String {
    let each = if nodes.len() > 1 && verdict != WOULD_DO {
        " each"
    } else {
        ""
    };
    format!("{} alone: {verdict}{each}", nodes_text(nodes))
}

impl Explanation {
    /// For a terminal, at most nineteen lines: what each node is short of by itself, what else was
    /// rejected, then [`Explanation::choice_lines`]. Of kinds that are short of the same only the
    /// widest has a line, and of many kinds the first and the last ones.
    pub fn lines(&self, answer: &Result<Plan, Refusal>) -> Vec<String> {
        let mut lines = self.alone_lines();
        lines.extend(self.rejected_lines());
        lines.extend(self.choice_lines(answer));
        lines
    }

    /// What was rejected beside single nodes, of which [`Explanation::alone`] says more.
    pub fn is_wider(&self, rejected: &Rejected) -> bool {
        self.alone.is_empty() || !rejected.is_one_node()
    }

    /// Nodes with the same verdict share a line.
    fn alone_lines(&self) -> Vec<String> {
        let mut groups: Vec<(NodeSet, String)> = Vec::new();
        for alone in &self.alone {
            let verdict = alone.verdict();
            match groups.last_mut() {
                Some((nodes, same)) if *same == verdict => *nodes = nodes.with(alone.node),
                Some(_) | None => groups.push((NodeSet::one(alone.node), verdict)),
            }
        }
        let line = |(nodes, verdict): &(NodeSet, String)| alone_text(*nodes, verdict);
        if groups.len() <= MOST_ALONE {
            return groups.iter().map(line).collect();
        }
        let (shown, left) = groups.split_at(MOST_ALONE - 1);
        let left: usize = left.iter().map(|(nodes, _)| nodes.len()).sum();
        let left = format!("and {left} more nodes alone, which are short");
        shown.iter().map(line).chain([left]).collect()
    }

    fn rejected_lines(&self) -> Vec<String> {
        let kinds = self.telling().into_iter();
        let lines: Vec<String> = (kinds.filter(|kind| self.is_wider(kind)))
            .map(Rejected::line)
            .collect();
        match lines.len().saturating_sub(FIRST_KINDS + LAST_KINDS) {
            0 | 1 => lines,
            left => {
                let (first, rest) = lines.split_at(FIRST_KINDS);
                let between = format!("and {left} more kinds of sets that are short");
                [first, &[between], &rest[left..]].concat()
            }
        }
    }

    /// A kind that is short of no less than a wider one says nothing beside it.
    fn telling(&self) -> Vec<&Rejected> {
        let mut kinds: Vec<&Rejected> = Vec::new();
        for kind in &self.rejected {
            if (kinds.last()).is_some_and(|last| last.is_within(kind) && last.bound == kind.bound) {
                kinds.pop();
            }
            kinds.push(kind);
        }
        kinds
    }

    /// What chose the plan, and how far behind the runner-up is.
    pub fn choice_lines(&self, answer: &Result<Plan, Refusal>) -> Vec<String> {
        match (answer, &self.weighed, &self.runner_up) {
            (Err(_), _, _) => Vec::new(),
            (Ok(_), None, _) => vec!["policy any: wherever there is memory".to_string()],
            (Ok(_), Some(_), None) => vec!["no other nodes would do".to_string()],
            (Ok(plan), Some(mine), Some(runner_up)) => {
                let mut lines: Vec<String> = self.chosen_line(runner_up).into_iter().collect();
                lines.push(self.next_best(plan, mine, runner_up));
                lines.push(format!(
                    "room: {} on {}, {} on {}",
                    Bytes::of_pages(mine.headroom_pages),
                    nodes_text(plan.nodes),
                    more(runner_up.weighed.headroom_pages, mine.headroom_pages),
                    nodes_text(runner_up.plan.nodes)
                ));
                lines
            }
        }
    }

    /// A count of 1 does not say that no other set is as near.
    fn chosen_line(&self, runner_up: &RunnerUp) -> Option<String> {
        let (strategy, count) = (self.strategy, self.equals);
        match (count, runner_up.behind) {
            (2.., _) => Some(format!(
                "{strategy} chose: {count} equally near sets of nodes were compared"
            )),
            (_, Behind::Strategy | Behind::Numbers) => {
                Some(format!("{strategy} chose: other sets of nodes are as near"))
            }
            (_, Behind::WithoutCpus | Behind::Maximum | Behind::Average | Behind::Budget) => None,
        }
    }

    fn next_best(&self, plan: &Plan, mine: &Weighed, runner_up: &RunnerUp) -> String {
        let nodes = nodes_text(runner_up.plan.nodes);
        let next = match (runner_up.behind, runner_up.plan.optimal) {
            (Behind::Budget, _) => "better, not met in time",
            (_, true) => "next best",
            (_, false) => "next best found",
        };
        let against = match runner_up.behind {
            Behind::WithoutCpus => "not all with CPUs".to_string(),
            Behind::Maximum | Behind::Average | Behind::Budget => distances(plan, &runner_up.plan),
            Behind::Strategy => preference(self.strategy, mine, &runner_up.weighed),
            Behind::Numbers => "as good, but the lower numbers are taken".to_string(),
        };
        format!("{next}: {nodes}, {against}")
    }

    /// All of it in one line of less than 512 bytes.
    pub fn log_line(&self, answer: &Result<Plan, Refusal>) -> String {
        let mut parts = vec![head(answer)];
        parts.extend(self.log_rejected(answer));
        parts.extend(self.choice_lines(answer));
        parts.join("; ")
    }

    /// Of a plan the widest kind, for which it is no closer or smaller; of a refusal the narrowest,
    /// as the widest is the refusal itself.
    fn log_rejected(&self, answer: &Result<Plan, Refusal>) -> Option<String> {
        let kind = match answer {
            Ok(_) => self.rejected.last(),
            Err(_) => self.rejected.first(),
        };
        let (line, left, what) = match kind {
            Some(kind) => (kind.line(), self.rejected.len() - 1, "kind"),
            None => {
                let mut short = self.alone.iter().filter(|alone| alone.answer.is_err());
                (short.next()?.line(), short.count(), "node")
            }
        };
        Some(match left {
            0 => line,
            left => format!(
                "{line}, {left} more {what}{} short",
                if left == 1 { "" } else { "s" }
            ),
        })
    }
}

/// The distances of the plan `other` beside those of `plan`.
fn distances(plan: &Plan, other: &Plan) -> String {
    let far = |plan: &Plan| plan.distance.map_or(0, |distance| distance.maximum);
    let average = |plan: &Plan| plan.distance.map_or(0.0, |distance| distance.average());
    let (its, mine) = apart(2, average(other), average(plan));
    match (far(other) == far(plan), its == mine) {
        (true, true) => "as near".to_string(),
        (true, false) => format!("distance {its} on average, not {mine}"),
        (false, _) => format!(
            "distance {} at most, not {}; average {its}, not {mine}",
            far(other),
            far(plan)
        ),
    }
}

/// What the strategy has against nodes that are as near.
fn preference(strategy: Strategy, mine: &Weighed, its: &Weighed) -> String {
    match (strategy, mine.ended_holes, its.ended_holes) {
        (Strategy::Pack, _, _) => "as near, with more room".to_string(),
        (Strategy::Spread, _, _) => {
            let (its, mine) = apart(1, 100.0 * its.used_share, 100.0 * mine.used_share);
            format!("as near, but {its} % used then, not {mine} %")
        }
        (Strategy::Balance, Some(mine), Some(its)) if mine != its => {
            format!("as near, but ends {}, not {mine}", Count(its, "large hole"))
        }
        (Strategy::Balance, Some(_), Some(its)) => {
            format!("as near, ends as many large holes ({its}), but has more room")
        }
        (Strategy::Balance, Some(_), None) => "as near, but not one node alone".to_string(),
        (Strategy::Balance, None, _) if mine.emptiest_pages != its.emptiest_pages => format!(
            "as near, but its emptiest node has {}, {}",
            Bytes::of_pages(its.emptiest_pages),
            more(its.emptiest_pages, mine.emptiest_pages)
        ),
        (Strategy::Balance, None, _) => "as near, with as empty a node, but more room".to_string(),
    }
}

fn head(answer: &Result<Plan, Refusal>) -> String {
    match answer {
        Err(Refusal {
            reason,
            short,
            nearest,
        }) => {
            let short = match (short.is_none(), nearest.is_empty()) {
                (true, _) => "nothing is short".to_string(),
                (false, true) => format!("short by {short}"),
                (false, false) => format!("{} short by {short}", nodes_text(*nearest)),
            };
            format!("refused, {reason}: {short}")
        }
        Ok(plan) => {
            let distance = plan.distance.map_or(String::new(), |distance| {
                let (maximum, average) = (distance.maximum, distance.average());
                format!(", distance {maximum} at most, {average:.2} on average")
            });
            let proven = if plan.optimal {
                ""
            } else {
                ", not proven nearest"
            };
            format!("{}{distance}{proven}", nodes_text(plan.nodes))
        }
    }
}
