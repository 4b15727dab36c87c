//! The oracle's state: every page of every node, and plain counters for claims.

use std::collections::BTreeMap;

use claims::Errno;
use xenopsd_numa_model::{Crash, Flavour, NodeClaims, MAX_ORDER};

/// Whose a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Free,
    /// A domain's memory, extra pages included.
    Guest(u16),
    Pool(u16),
    /// A domain's own structures.
    Structure(u16),
    /// Left the heap for a domain, not assigned yet.
    Flight(u16),
    Unowned,
    Broken,
}

/// Whether a free page is dirty. What a cut of a block that was dirty in part leaves where, is not
/// specified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dirt {
    Clean,
    Dirty,
    Either,
}

#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub owner: Owner,
    pub dirt: Dirt,
}

/// A free block: the largest aligned one in its zone that is wholly free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    pub first: u64,
    pub order: u32,
    pub dirty: bool,
    pub low: bool,
}

impl Block {
    pub fn range(&self) -> std::ops::Range<usize> {
        self.first as usize..(self.first + (1 << self.order)) as usize
    }
}

#[derive(Debug, Clone)]
pub struct Node {
    pub pages: Vec<Page>,
    /// Pages before this one are under the DMA width.
    pub low: u64,
    /// As last seen and found right.
    pub blocks: Vec<Block>,
    /// Dirty pages, as last seen and found possible.
    pub dirty_pages: u64,
}

impl Node {
    pub fn new(free: u64, all: u64, low: u64) -> Self {
        let page = |i| Page {
            owner: match i < free {
                true => Owner::Free,
                false => Owner::Guest(0),
            },
            dirt: Dirt::Clean,
        };
        let mut node = Node {
            pages: (0..all).map(page).collect(),
            low,
            blocks: Vec::new(),
            dirty_pages: 0,
        };
        node.blocks = node.maximal_blocks();
        node
    }

    pub fn count(&self, owner: Owner) -> u64 {
        self.pages.iter().filter(|page| page.owner == owner).count() as u64
    }

    /// The blocks of the free pages when every two free buddies are joined.
    pub fn maximal_blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut first = 0;
        while first < self.pages.len() as u64 {
            let mut order = 0;
            if !self.is_free(first, 0) {
                first += 1;
                continue;
            }
            while order < MAX_ORDER && self.is_free(first, order + 1) {
                order += 1;
            }
            blocks.push(Block {
                first,
                order,
                dirty: false,
                low: first < self.low,
            });
            first += 1 << order;
        }
        blocks
    }

    /// Whether an aligned block is wholly free and in one zone.
    fn is_free(&self, first: u64, order: u32) -> bool {
        let (len, end) = (self.pages.len() as u64, first + (1 << order));
        let one_zone = end <= self.low || first >= self.low;
        first % (1 << order) == 0
            && end <= len
            && one_zone
            && (first..end).all(|page| self.pages[page as usize].owner == Owner::Free)
    }
}

/// A claim as its flavour keeps it.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    /// What is not in `of_nodes`; a single node's claim too.
    pub pages: u64,
    /// The node of a single claim.
    pub node: Option<usize>,
    /// With claim sets.
    pub of_nodes: Vec<u64>,
}

impl Claim {
    pub fn all(&self) -> u64 {
        self.pages + self.of_nodes.iter().sum::<u64>()
    }
}

/// CPUs, a bit each; `None`: all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vcpu {
    pub hard: Option<u64>,
    pub soft: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct Dom {
    pub alive: bool,
    /// Until it runs for the first time.
    pub creating: bool,
    pub max: u64,
    pub tot: u64,
    pub extra: u64,
    pub claim: Claim,
    pub vcpus: u32,
    pub created: Vec<Vcpu>,
    pub auto: bool,
    /// Nodes, a bit each.
    pub affinity: u64,
    pub last_node: usize,
    pub foreign: u64,
    pub extents: u64,
}

/// Why a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fail {
    Errno(Errno),
    Crash(Crash),
}

impl From<Errno> for Fail {
    fn from(errno: Errno) -> Self {
        Fail::Errno(errno)
    }
}

pub type Outcome<T = ()> = Result<T, Fail>;

#[derive(Debug, Clone)]
pub struct Oracle {
    pub flavour: Flavour,
    /// `None`: offline.
    pub nodes: Vec<Option<Node>>,
    pub doms: BTreeMap<u16, Dom>,
    pub last_domid: u16,
    pub outstanding: u64,
    pub node_out: Vec<u64>,
    pub domain_pages: u64,
    pub vcpu_pages: u64,
}

impl Oracle {
    pub fn new(flavour: Flavour, nodes: Vec<Option<Node>>, sizes: (u64, u64)) -> Self {
        let mut oracle = Oracle {
            flavour,
            node_out: vec![0; nodes.len()],
            nodes,
            doms: BTreeMap::new(),
            last_domid: 0,
            outstanding: 0,
            domain_pages: sizes.0,
            vcpu_pages: sizes.1,
        };
        let tot = oracle.held(Owner::Guest(0));
        let mut control = oracle.dom(0);
        (control.creating, control.tot, control.max) = (false, tot, tot);
        oracle.doms.insert(0, control);
        oracle
    }

    /// A domain that has nothing.
    pub fn dom(&self, vcpus: u32) -> Dom {
        Dom {
            alive: true,
            creating: true,
            max: 0,
            tot: 0,
            extra: 0,
            claim: Claim {
                of_nodes: vec![0; self.nodes.len()],
                ..Claim::default()
            },
            vcpus,
            created: Vec::new(),
            auto: true,
            affinity: u64::MAX,
            last_node: 0,
            foreign: 0,
            extents: 0,
        }
    }

    /// Online nodes, a bit each.
    pub fn online(&self) -> u64 {
        let bits = self.nodes.iter().enumerate();
        bits.filter(|(_, node)| node.is_some())
            .map(|(i, _)| 1 << i)
            .sum()
    }

    pub fn is_online(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(Option::is_some)
    }

    pub fn online_nodes(&self) -> Vec<usize> {
        (0..self.nodes.len())
            .filter(|i| self.is_online(*i))
            .collect()
    }

    pub fn node(&self, node: usize) -> &Node {
        self.nodes[node].as_ref().expect("an online node")
    }

    pub fn node_mut(&mut self, node: usize) -> &mut Node {
        self.nodes[node].as_mut().expect("an online node")
    }

    /// How many pages of all nodes are somebody's.
    pub fn held(&self, owner: Owner) -> u64 {
        self.nodes.iter().flatten().map(|n| n.count(owner)).sum()
    }

    pub fn known(&self, domid: u16) -> Outcome<&Dom> {
        Ok(self.doms.get(&domid).ok_or(Errno::ESRCH)?)
    }

    pub fn known_mut(&mut self, domid: u16) -> Outcome<&mut Dom> {
        Ok(self.doms.get_mut(&domid).ok_or(Errno::ESRCH)?)
    }

    pub fn living(&mut self, domid: u16) -> Outcome<&mut Dom> {
        let dom = self.known_mut(domid)?;
        match dom.alive {
            true => Ok(dom),
            false => Err(Errno::EINVAL.into()),
        }
    }

    pub fn is_v4(&self) -> bool {
        matches!(self.flavour.node_claims, NodeClaims::V4 { .. })
    }

    pub fn is_xs9(&self) -> bool {
        self.flavour.node_claims == NodeClaims::Xs9
    }
}
