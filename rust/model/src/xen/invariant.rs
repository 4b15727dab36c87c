//! What must hold between any two steps.

use super::node::Reach;
use super::{Finding, Xen};

/// An invariant that does not hold, and is not known to be broken by the flavour: a fault of the
/// model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// I1: the host's outstanding pages are the sum of the domains'.
    #[error("{outstanding_pages} pages are outstanding, but the domains' add up to {sum_pages}")]
    Outstanding {
        /// Of the host.
        outstanding_pages: u64,
        /// Of the domains, those that leaked theirs included.
        sum_pages: u64,
    },
    /// I2: a node's claimed pages are the sum of the claims on it.
    #[error("{claimed_pages} pages of node {node} are claimed, but its claims are {sum_pages}")]
    NodeClaimed {
        /// The node.
        node: usize,
        /// Of the node.
        claimed_pages: u64,
        /// Of the domains.
        sum_pages: u64,
    },
    /// I3, I4, I6, I8: something was found that this flavour is not known for.
    #[error("this Xen is not known for {}", .0.name())]
    Unexpected(Finding),
    /// I5: the host's free pages are the sum of the nodes', and a node's are those of its blocks.
    #[error("{free_pages} pages are free, but the parts add up to {sum_pages}")]
    Free {
        /// Of the host, or of a node.
        free_pages: u64,
        /// Of its parts.
        sum_pages: u64,
    },
    /// I5: no more is dirty than free, and what is dirty is in dirty blocks.
    #[error("{dirty_pages} of {free_pages} free pages of node {node} are dirty")]
    Dirty {
        /// The node.
        node: usize,
        /// Of it.
        dirty_pages: u64,
        /// Of it.
        free_pages: u64,
    },
    /// I6: a domain's memory is on its nodes.
    #[error("a domain has {has_pages} pages, but {sum_pages} on its nodes")]
    Domain {
        /// Memory and extra pages.
        has_pages: u64,
        /// On the nodes.
        sum_pages: u64,
    },
    /// I7: no page is lost, none is there twice.
    #[error("node {node} has {node_pages} pages, but {sum_pages} are accounted for")]
    Conservation {
        /// The node.
        node: usize,
        /// That it has.
        node_pages: u64,
        /// Free, in flight, and taken.
        sum_pages: u64,
    },
    /// I7: a page is in two places.
    #[error("page {page:#x} of node {node} is in two places")]
    Twice {
        /// The node.
        node: usize,
        /// Counted from the node's first.
        page: u64,
    },
}

impl Xen {
    /// Checks every invariant that is a matter of counters. A crashed host has none.
    pub fn check(&self) -> Result<(), Violation> {
        if self.crash.is_some() {
            return Ok(());
        }
        for finding in Finding::ALL {
            if self.found(finding) > 0 && !finding.is_known_of(&self.flavour) {
                return Err(Violation::Unexpected(finding));
            }
        }
        self.check_claims()?;
        self.check_pages()
    }

    fn check_claims(&self) -> Result<(), Violation> {
        let outstanding_pages = self.outstanding_pages;
        let claimed = self.domains.values().map(|d| d.claim.outstanding_pages);
        let sum_pages = claimed.sum::<u64>() + self.leaked_pages;
        if sum_pages != outstanding_pages {
            return Err(Violation::Outstanding {
                outstanding_pages,
                sum_pages,
            });
        }
        // A node claim leaks with its domain, so that sums are known only until then.
        if self.unsound || self.leaked_pages > 0 {
            return Ok(());
        }
        for node in 0..self.free.len() {
            let of = |d: &super::Domain| match d.claim.on == Some(node) {
                true => d.claim.outstanding_pages,
                false => d.claim.on_nodes[node],
            };
            let sum_pages = self.domains.values().map(of).sum();
            let claimed_pages = self.node_claimed[node];
            if sum_pages != claimed_pages {
                return Err(Violation::NodeClaimed {
                    node,
                    claimed_pages,
                    sum_pages,
                });
            }
        }
        Ok(())
    }

    fn check_pages(&self) -> Result<(), Violation> {
        let add_up = |free_pages, sum_pages| match free_pages == sum_pages {
            true => Ok(()),
            false => Err(Violation::Free {
                free_pages,
                sum_pages,
            }),
        };
        add_up(self.free_pages, self.free.iter().sum())?;
        for domain in self.domains.values() {
            let has_pages = domain.tot_pages + domain.extra_pages;
            let sum_pages = domain.pages.iter().map(|held| held.pages()).sum();
            if has_pages != sum_pages {
                return Err(Violation::Domain {
                    has_pages,
                    sum_pages,
                });
            }
        }
        for (node, heap) in self.heap.iter().enumerate() {
            let free_pages = self.free[node];
            add_up(free_pages, heap.free_pages(Reach::All))?;
            let dirty_pages = heap.dirty_pages();
            if dirty_pages > free_pages {
                return Err(Violation::Dirty {
                    node,
                    dirty_pages,
                    free_pages,
                });
            }
            let taken: u64 = self.domains.values().map(|d| d.held_pages(node)).sum();
            let lost = self.unowned[node].pages() + self.broken_pages[node];
            let sum_pages = free_pages + lost + taken;
            let node_pages = self.node_pages[node];
            if sum_pages != node_pages {
                return Err(Violation::Conservation {
                    node,
                    node_pages,
                    sum_pages,
                });
            }
        }
        Ok(())
    }

    /// Checks that no page is in two places: every free block and everything that is held. Slow.
    pub fn check_addresses(&self) -> Result<(), Violation> {
        for (node, heap) in self.heap.iter().enumerate() {
            let free = (heap.zones().iter())
                .flat_map(|zone| zone.every_block())
                .map(|(first, order, _)| (first, 1 << order));
            let held = self.domains.values().flat_map(|d| d.held(node));
            let held = held.chain(std::iter::once(&self.unowned[node]));
            let held = held.flat_map(|held| held.runs().iter().map(|run| (run.first, run.pages)));
            let mut runs: Vec<(u64, u64)> = free.chain(held).collect();
            runs.sort_unstable();
            for pair in runs.windows(2) {
                if let [(first, pages), (next, _)] = pair {
                    if first + pages > *next {
                        return Err(Violation::Twice {
                            node,
                            page: next - super::heap::base(node),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// Every free block of a node: its first page counted from the node's, its order, whether it
    /// is dirty, and whether it is under the DMA width.
    pub fn free_blocks(&self, node: usize) -> Vec<(u64, u32, bool, bool)> {
        let Some(heap) = self.heap.get(node) else {
            return Vec::new();
        };
        let base = super::heap::base(node);
        let mut blocks: Vec<_> = (heap.sides())
            .flat_map(|(zone, low)| zone.every_block().map(move |block| (block, low)))
            .map(|((first, order, dirty), low)| (first - base, order, dirty, low))
            .collect();
        blocks.sort_unstable();
        blocks
    }
}
