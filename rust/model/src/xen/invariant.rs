//! What must hold between any two steps.

use super::Xen;
use crate::flavour::Consume;

/// An invariant that does not hold.
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
    /// I3: no more is outstanding than free. Only where claims are consumed at allocation, and
    /// always by what is allocated: not with claims on single nodes.
    #[error("{outstanding_pages} pages are outstanding, but only {free_pages} are free")]
    Overclaimed {
        /// Of the host.
        outstanding_pages: u64,
        /// Of the host.
        free_pages: u64,
    },
    /// I5: the host's free pages are the sum of the nodes'.
    #[error("{free_pages} pages are free, but those of the nodes add up to {sum_pages}")]
    Free {
        /// Of the host.
        free_pages: u64,
        /// Of the nodes.
        sum_pages: u64,
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
}

impl Xen {
    /// Checks every invariant. A crashed host has none.
    pub fn check(&self) -> Result<(), Violation> {
        if self.crash.is_some() {
            return Ok(());
        }
        self.check_claims()?;
        self.check_pages()
    }

    fn check_claims(&self) -> Result<(), Violation> {
        let outstanding_pages = self.outstanding_pages;
        let claimed = self.domains.values().map(|d| d.outstanding_pages);
        let sum_pages = claimed.sum::<u64>() + self.leaked_pages;
        if sum_pages != outstanding_pages {
            return Err(Violation::Outstanding {
                outstanding_pages,
                sum_pages,
            });
        }
        let free_pages = self.free_pages;
        let exact = match self.flavour.consume {
            Consume::AtAllocation => !self.flavour.node_claims,
            Consume::AtAssign => false,
        };
        if exact && outstanding_pages > free_pages {
            return Err(Violation::Overclaimed {
                outstanding_pages,
                free_pages,
            });
        }
        // A node claim leaks with its domain, so that sums are known only until then.
        if self.unsound || self.leaked_pages > 0 {
            return Ok(());
        }
        for node in 0..self.free.len() {
            let on_node = (self.domains.values()).filter(|d| d.claimed_on == Some(node));
            let sum_pages = on_node.map(|d| d.outstanding_pages).sum();
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
        let (free_pages, sum_pages) = (self.free_pages, self.free.iter().sum());
        if sum_pages != free_pages {
            return Err(Violation::Free {
                free_pages,
                sum_pages,
            });
        }
        for domain in self.domains.values() {
            let has_pages = domain.tot_pages + domain.extra_pages;
            let sum_pages = domain.pages.iter().sum();
            if has_pages != sum_pages {
                return Err(Violation::Domain {
                    has_pages,
                    sum_pages,
                });
            }
        }
        for node in 0..self.free.len() {
            let taken = (self.domains.values())
                .map(|d| d.pages[node] + d.pool[node] + d.structures[node] + d.inflight[node]);
            let sum_pages = self.free[node] + self.unowned[node] + taken.sum::<u64>();
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
}
