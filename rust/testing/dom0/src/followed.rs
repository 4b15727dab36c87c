//! How much of what the running Xen did the model only followed, and how much of that is too much.

use crate::report::{ensure, Failure};

/// How often what the model followed made a difference.
#[derive(Debug, Default)]
pub struct Followed {
    /// Populates that may take pages of any node, and those of them that landed as the model said.
    pub anywhere: u32,
    pub as_modelled: u32,
    /// Extents of a GiB that only one of them had.
    pub scarce: u32,
    /// Domains created with so little unclaimed that their structures decide.
    pub narrow: u32,
    /// Operations during which Xen's own pages came back or went.
    pub late: u32,
    /// Populates of one node that had some, and those of them that no late page disturbed.
    pub exactly: u32,
    pub undisturbed: u32,
    /// What the model's pages for structures are wrong by on each node, over all domains so far,
    /// and the most of any node.
    pub structures: Vec<i64>,
    pub wrong_by: u64,
}

/// Of so many populates and more, a share must be as it is predicted.
const MANY: u32 = 40;

impl Followed {
    /// Notes by how much the model's free pages were wrong on each node.
    pub fn drifted(&mut self, by: &[i64]) {
        self.structures.resize(by.len(), 0);
        for (all, by) in self.structures.iter_mut().zip(by) {
            *all += by;
            self.wrong_by = self.wrong_by.max(all.unsigned_abs());
        }
    }

    /// That pages come from the nodes that they are asked of: of a Xen that does not heed these,
    /// each populate alone might be one that the model cannot know.
    pub fn heeds_nodes(&self) -> Result<(), Failure> {
        for (what, all, as_asked, share) in [
            ("from anywhere", self.anywhere, self.as_modelled, 2.0 / 3.0),
            ("from one node", self.exactly, self.undisturbed, 1.0 / 2.0),
        ] {
            ensure!(
                all < MANY || f64::from(as_asked) >= share * f64::from(all),
                "{as_asked} of {all} populates {what} landed as modelled"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_xen_that_does_not_heed_nodes_is_found() {
        let landed = |anywhere, as_modelled| Followed {
            anywhere,
            as_modelled,
            ..Followed::default()
        };
        assert!(landed(100, 80).heeds_nodes().is_ok());
        assert!(landed(39, 0).heeds_nodes().is_ok());
        assert!(landed(100, 66).heeds_nodes().is_err());
    }
}
