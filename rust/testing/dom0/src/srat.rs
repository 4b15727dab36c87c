//! Which node a machine frame belongs to, by the firmware's own table: an account of where pages
//! are that does not come from the hypervisor under test.

use crate::report::{ensure, Failure};

const TABLE: &str = "/sys/firmware/acpi/tables/SRAT";

/// Length of the table's head, before its first entry.
const HEAD: usize = 48;

/// The kind of entry that describes memory, and its length.
const MEMORY: u8 = 1;
const MEMORY_BYTES: usize = 40;

/// Ranges of machine frames with their node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srat {
    ranges: Vec<(std::ops::Range<u64>, usize)>,
}

impl Srat {
    /// The table of this machine.
    pub fn read() -> Result<Self, Failure> {
        Srat::parse(&std::fs::read(TABLE)?)
    }

    fn parse(table: &[u8]) -> Result<Self, Failure> {
        let mut ranges = Vec::new();
        let mut at = HEAD;
        while at + 2 <= table.len() {
            let (kind, length) = (table[at], table[at + 1] as usize);
            ensure!(
                length >= 2 && at + length <= table.len(),
                "SRAT: a bad entry at {at}"
            );
            if kind == MEMORY && length >= MEMORY_BYTES {
                let entry = &table[at..at + length];
                let number = |first: usize, bytes: usize| {
                    let bytes = entry[first..first + bytes].iter().rev();
                    bytes.fold(0u64, |number, byte| number << 8 | u64::from(*byte))
                };
                let (base, size) = (number(8, 8) >> 12, number(16, 8) >> 12);
                if number(28, 4) & 1 == 1 && size > 0 {
                    ranges.push((base..base + size, number(2, 4) as usize));
                }
            }
            at += length;
        }
        Ok(Srat { ranges })
    }

    /// The node of a machine frame. Xen numbers nodes as QEMU numbers proximity domains.
    pub fn node(&self, frame: u64) -> Option<usize> {
        let found = self.ranges.iter().find(|(range, _)| range.contains(&frame));
        found.map(|(_, node)| *node)
    }

    /// Pages of extents (machine frame, order) by node, page by page.
    pub fn pages_by_node(&self, extents: &[(u64, u32)], nodes: usize) -> Result<Vec<u64>, Failure> {
        let mut pages = vec![0; nodes];
        for (frame, order) in extents {
            for frame in *frame..*frame + (1 << order) {
                let node = self.node(frame).filter(|node| *node < nodes);
                let node = node.ok_or_else(|| format!("frame {frame:#x} is on no node"))?;
                pages[node] += 1;
            }
        }
        Ok(pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_in_their_ranges() {
        let mut table = vec![0; HEAD];
        table.extend([0; 16].map(|_| 0)); // an entry of another kind
        table[HEAD + 1] = 16;
        for (base, size, node) in [(0u64, 1u64 << 31, 0u32), (1 << 32, 1 << 31, 1)] {
            let mut entry = [0; MEMORY_BYTES];
            entry[0] = MEMORY;
            entry[1] = MEMORY_BYTES as u8;
            entry[2..6].copy_from_slice(&node.to_le_bytes());
            entry[8..16].copy_from_slice(&base.to_le_bytes());
            entry[16..24].copy_from_slice(&size.to_le_bytes());
            entry[28] = 1;
            table.extend(entry);
        }
        let srat = Srat::parse(&table).unwrap();
        assert_eq!(srat.node(0x7_ffff), Some(0));
        assert_eq!(srat.node(0x8_0000), None);
        assert_eq!(srat.node(0x10_0000), Some(1));
        let pages = srat.pages_by_node(&[(0, 9), (0x10_0000, 0)], 2).unwrap();
        assert_eq!(pages, [512, 1]);
        table.truncate(table.len() - 1);
        assert!(Srat::parse(&table).is_err());
    }
}
