//! Which frames are free on each node: what a model must start from to say where memory lands.

use std::ops::Range;

use xen::From;

use crate::host::{Domain, Host, ORDERS};
use crate::report::{ensure, Failure};

/// Extents that are asked for or freed by one call.
const BATCH: usize = 512;

/// The free frames of each node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub frames: Vec<Vec<Range<u64>>>,
}

impl Layout {
    /// Takes all that is free of one node after the other for a PV domain, which knows the
    /// frames, and frees it again. As it is the domain that frees it, it is clean then.
    pub fn probe(host: &Host, prober: &Domain) -> Result<Self, Failure> {
        let nodes = 0..host.topology.node_count();
        let online = host.topology.online();
        let frames = nodes.map(|node| match online.contains(node) {
            true => free_frames(host, prober, node),
            false => Ok(Vec::new()),
        });
        Ok(Layout {
            frames: frames.collect::<Result<_, _>>()?,
        })
    }

    /// Free pages of a node from that frame on.
    pub fn pages_from(&self, node: usize, first: u64) -> u64 {
        let pages = |range: &Range<u64>| range.end.saturating_sub(range.start.max(first));
        self.frames[node].iter().map(pages).sum()
    }

    /// Free pages of a node.
    pub fn pages(&self, node: usize) -> u64 {
        self.pages_from(node, 0)
    }

    /// How many pages of these extents were free on that node.
    pub fn pages_on(&self, node: usize, extents: &[(u64, u32)]) -> u64 {
        let on = |(frame, _): &&(u64, u32)| {
            let ranges = &self.frames[node];
            ranges.iter().any(|range| range.contains(frame))
        };
        extents.iter().filter(on).map(|(_, order)| 1 << order).sum()
    }
}

/// Extents, by order from the largest, as adjacent frames.
fn joined(mut extents: Vec<(u64, u32)>) -> Vec<Range<u64>> {
    extents.sort_unstable();
    let mut frames: Vec<Range<u64>> = Vec::new();
    for (first, order) in extents {
        let end = first + (1 << order);
        match frames.last_mut() {
            Some(last) if last.end == first => last.end = end,
            Some(_) | None => frames.push(first..end),
        }
    }
    frames
}

fn free_frames(host: &Host, prober: &Domain, node: usize) -> Result<Vec<Range<u64>>, Failure> {
    let mut taken = Vec::new();
    for order in ORDERS {
        loop {
            let mut frames: Vec<u64> = (0..BATCH as u64).map(|i| i << order).collect();
            let from = From::Exactly(node);
            let done = (host.xen).populate(prober.domid, order, from, &mut frames)?;
            taken.extend(frames[..done].iter().map(|frame| (*frame, order)));
            if done < frames.len() {
                break;
            }
        }
    }
    free_clean(host, prober, &taken)?;
    Ok(joined(taken))
}

/// Lets a domain free extents: they are clean then, unlike those of a domain that is destroyed.
pub fn free_clean(host: &Host, domain: &Domain, extents: &[(u64, u32)]) -> Result<(), Failure> {
    for order in ORDERS {
        let of_order = extents.iter().filter(|extent| extent.1 == order);
        let mut frames: Vec<u64> = of_order.map(|(frame, _)| *frame).collect();
        for frames in frames.chunks_mut(BATCH) {
            let wanted = frames.len();
            let done = host.xen.decrease(domain.domid, order, frames)?;
            ensure!(done == wanted, "{done} of {wanted} extents were freed");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_are_joined() {
        let frames = joined(vec![(1536, 0), (1024, 9), (0, 9)]);
        assert_eq!(frames, [0..512, 1024..1537]);
        let layout = Layout {
            frames: vec![frames, Vec::new()],
        };
        assert_eq!((layout.pages(0), layout.pages_from(0, 256)), (1025, 769));
        assert_eq!(layout.pages_on(0, &[(256, 8), (512, 9), (1536, 0)]), 257);
    }
}
