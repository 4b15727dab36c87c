//! When a version of Xen takes allocated pages off a claim. The only place where a version is read.

use claims::Accounting;

/// What is sure of every Xen of a version, major and minor number.
///
/// | version | pages leave a claim |
/// |---|---|
/// | before 4.19 | when they are assigned |
/// | 4.19 to 4.21 | when they are allocated, since releases of early 2026; before, as 4.18 |
/// | from 4.22 on | when they are allocated |
///
/// What is not sure is taken for late: that costs only time where it is wrong.
pub(crate) fn of_version(version: (u32, u32)) -> Accounting {
    match version {
        (0..=3, _) | (4, 0..=21) => Accounting::Late,
        (4.., _) => Accounting::AtAllocation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_sure_is_late() {
        for version in [(3, 4), (4, 0), (4, 17), (4, 20), (4, 21)] {
            assert_eq!(of_version(version), Accounting::Late, "{version:?}");
        }
        for version in [(4, 22), (4, 23), (5, 0)] {
            assert_eq!(of_version(version), Accounting::AtAllocation, "{version:?}");
        }
    }
}
