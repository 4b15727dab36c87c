//! Follows pages: checks that what left or entered a node's free memory is what may have, and
//! that its blocks are the right ones.

use xenopsd_numa_model::Xen;

use super::state::{Block, Dirt, Node, Oracle, Owner};
use super::walk::{Found, Zone};

/// What leaves a node's free memory.
pub enum Leaving<'a> {
    /// One extent, from such a block, with so many dirty pages.
    Extent {
        found: Found,
        order: u32,
        dirty_pages: u64,
    },
    /// Single pages, after which a zone has such blocks.
    Singles(&'a [Zone; 2]),
    /// That many pages, whichever.
    Any(u64),
}

/// The free pages of a node as the model has them.
fn seen(xen: &Xen, node: usize, len: usize) -> (Vec<bool>, Vec<Block>) {
    let mut free = vec![false; len];
    let mut blocks = Vec::new();
    for (first, order, dirty, low) in xen.free_blocks(node) {
        let block = Block {
            first,
            order,
            dirty,
            low,
        };
        for page in block.range() {
            assert!(page < len && !free[page], "page {page} of node {node}");
            free[page] = true;
        }
        blocks.push(block);
    }
    (free, blocks)
}

impl Oracle {
    /// Pages of one node were taken for `owner`.
    pub fn left(&mut self, xen: &Xen, at: usize, leaving: &Leaving, owner: Owner) {
        let node = self.node_mut(at);
        let (free, _) = seen(xen, at, node.pages.len());
        let mut taken = Vec::new();
        for (i, page) in node.pages.iter().enumerate() {
            match (page.owner == Owner::Free, free[i]) {
                (true, false) => taken.push(i),
                (false, true) => panic!("page {i} of node {at} got free"),
                (true, true) | (false, false) => (),
            }
        }
        let (least, most) = node.dirt_of(&taken);
        match leaving {
            Leaving::Extent {
                found,
                order,
                dirty_pages,
            } => {
                node.check_extent(&taken, found, *order);
                let possible = least..=most;
                assert!(possible.contains(dirty_pages), "{dirty_pages} dirty pages");
            }
            Leaving::Singles(after) => {
                for (low, after) in [false, true].into_iter().zip(after.iter()) {
                    let before = Zone::of(node, low).pages();
                    let of_zone = |i: &&usize| ((**i as u64) < node.low) == low;
                    let left = taken.iter().filter(of_zone).count() as u64;
                    assert_eq!(left, before - after.pages(), "node {at}, low: {low}");
                }
            }
            Leaving::Any(count) => assert_eq!(taken.len() as u64, *count, "of node {at}"),
        }
        node.blur(&taken);
        for i in taken {
            node.pages[i].owner = owner;
        }
        let dirty_pages = self.check_blocks(xen, at);
        let node = self.node_mut(at);
        let gone = node
            .dirty_pages
            .checked_sub(dirty_pages)
            .expect("fewer dirty pages");
        match leaving {
            Leaving::Extent { dirty_pages, .. } => assert_eq!(gone, *dirty_pages),
            Leaving::Singles(after) => {
                assert!((least..=most).contains(&gone), "{gone} dirty pages gone");
                let now = [false, true].map(|low| Zone::of(node, low).orders());
                assert_eq!(
                    now,
                    after.each_ref().map(Zone::orders),
                    "blocks of node {at}"
                );
            }
            Leaving::Any(_) => assert!((least..=most).contains(&gone), "{gone} gone"),
        }
        node.dirty_pages = dirty_pages;
    }

    /// Pages of one node that were somebody's got free: which.
    pub fn entered(
        &mut self,
        xen: &Xen,
        at: usize,
        from: impl Fn(Owner) -> bool,
        dirt: Dirt,
    ) -> Vec<Owner> {
        let node = self.node_mut(at);
        let (free, _) = seen(xen, at, node.pages.len());
        let mut owners = Vec::new();
        for (i, page) in node.pages.iter_mut().enumerate() {
            if page.owner == Owner::Free {
                assert!(free[i], "page {i} of node {at} was taken");
            } else if free[i] {
                assert!(
                    from(page.owner),
                    "page {i} of node {at} was {:?}",
                    page.owner
                );
                owners.push(page.owner);
                page.owner = Owner::Free;
                page.dirt = dirt;
            }
        }
        let dirty_pages = self.check_blocks(xen, at);
        let node = self.node_mut(at);
        let more = dirty_pages.wrapping_sub(node.dirty_pages);
        match dirt {
            Dirt::Clean => assert_eq!(more, 0, "dirty pages of node {at}"),
            Dirt::Dirty => assert_eq!(more, owners.len() as u64, "dirty pages of node {at}"),
            Dirt::Either => assert!(dirty_pages <= node.dirty_pages + owners.len() as u64),
        }
        node.dirty_pages = dirty_pages;
        owners
    }

    /// Idle CPUs may have cleaned anything dirty of that node.
    pub fn may_be_scrubbed(&mut self, at: usize) {
        for page in &mut self.node_mut(at).pages {
            if page.dirt == Dirt::Dirty {
                page.dirt = Dirt::Either;
            }
        }
    }

    /// Checks the model's blocks, and learns from them what was not determined. How many pages are
    /// dirty, which is checked as far as it is determined.
    fn check_blocks(&mut self, xen: &Xen, at: usize) -> u64 {
        let node = self.node_mut(at);
        let (_, blocks) = seen(xen, at, node.pages.len());
        let mut dirty_orders = 0;
        let (mut least, mut most) = (0, 0);
        for block in &blocks {
            let pages = &mut node.pages[block.range()];
            let sure = pages.iter().filter(|p| p.dirt == Dirt::Dirty).count();
            let unsure = pages.iter().filter(|p| p.dirt == Dirt::Either).count();
            match block.dirty {
                // Perhaps none of its pages is, since it was cut from one that was dirty in part.
                true => assert!(sure + unsure > 0, "{block:?} of node {at} is clean"),
                false => assert_eq!(sure, 0, "{block:?} of node {at} is dirty"),
            }
            if unsure > 0 && !block.dirty {
                pages.iter_mut().for_each(|page| page.dirt = Dirt::Clean);
            }
            if block.dirty {
                dirty_orders += 1;
                least += sure as u64;
                most += (sure + unsure) as u64;
            }
        }
        let expected = node.maximal_blocks();
        let shape = |b: &Block| (b.first, b.order, b.low);
        let shapes = |blocks: &[Block]| blocks.iter().map(shape).collect::<Vec<_>>();
        assert_eq!(shapes(&blocks), shapes(&expected), "blocks of node {at}");
        node.blocks = blocks;
        let dirty_pages = xen.node(at).expect("an online node").dirty_pages;
        assert!(
            (least..=most).contains(&dirty_pages),
            "node {at}: {dirty_pages} dirty pages in {dirty_orders} blocks, {least} to {most}"
        );
        dirty_pages
    }
}

impl Node {
    /// Whether an extent of `order` was rightly cut: aligned, from one block of the right size,
    /// zone and state.
    fn check_extent(&self, taken: &[usize], found: &Found, order: u32) {
        assert_eq!(taken.len(), 1 << order, "pages of an extent");
        let first = taken[0];
        assert_eq!(taken[taken.len() - 1] - first, taken.len() - 1, "adjacent");
        assert_eq!(first % (1 << order), 0, "aligned");
        let block = self.block_of(first);
        let was = (block.order, block.dirty, block.low);
        assert_eq!(
            was,
            (found.block, found.dirty, found.low),
            "cut from {block:?}"
        );
    }

    fn block_of(&self, page: usize) -> &Block {
        let found = self.blocks.iter().find(|b| b.range().contains(&page));
        found.expect("a free page is in a block")
    }

    /// How many of these free pages are dirty, at least and at most.
    fn dirt_of(&self, taken: &[usize]) -> (u64, u64) {
        let (mut least, mut most) = (0, 0);
        for block in &self.blocks {
            let range = block.range();
            let count = taken.iter().filter(|i| range.contains(i)).count();
            let pages = &self.pages[range.clone()];
            let sure = pages.iter().filter(|p| p.dirt == Dirt::Dirty).count();
            let clean = pages.iter().filter(|p| p.dirt == Dirt::Clean).count();
            let here = |dirt| {
                let with = |i: &&usize| range.contains(i) && self.pages[**i].dirt == dirt;
                taken.iter().filter(with).count()
            };
            let mixed = sure < pages.len() && clean < pages.len();
            least += match mixed {
                true => count.saturating_sub(pages.len() - sure),
                false => here(Dirt::Dirty),
            } as u64;
            most += match mixed {
                true => count.min(pages.len() - clean),
                false => here(Dirt::Dirty),
            } as u64;
        }
        (least, most)
    }

    /// A block that was dirty in part was cut: where the dirt is, is not specified.
    fn blur(&mut self, taken: &[usize]) {
        for block in &self.blocks {
            let range = block.range();
            if !taken.iter().any(|i| range.contains(i)) {
                continue;
            }
            let pages = &mut self.pages[range];
            let first = pages[0].dirt;
            if first == Dirt::Either || pages.iter().any(|page| page.dirt != first) {
                pages.iter_mut().for_each(|page| page.dirt = Dirt::Either);
            }
        }
    }
}
