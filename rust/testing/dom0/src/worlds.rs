//! The two worlds in which a node is filled before a domain lands on it: the running Xen, and the
//! model.

use std::time::Duration;

use claims::{Domid, Hypervisor};
use model::{Flavour, Kind, Sizes, Timing, Xen};
use planner::NodeSet;
use xen::From;

use crate::cases::{Step, Who};
use crate::host::{Domain, Host};
use crate::layout::{free_clean, Layout};
use crate::report::{ensure, Failure};

/// Pages that an HVM builder populates one by one, before it tries larger extents.
const FIRST_PAGES: u64 = 0xA0;

/// The extents that a builder tries, and what they are tried within.
const EXTENTS: [(u32, u32); 3] = [(18, 63), (9, 18), (0, 9)];

/// How often it is looked whether a domain is gone, and when it is on the model.
const LOOKS: u32 = 30_000;
const GONE: Duration = Duration::from_secs(60);

/// Extents: frame and order.
pub type Extents = Vec<(u64, u32)>;

/// The same domains on the running Xen.
pub struct Running<'a> {
    host: &'a Host,
    dies: Domain,
    stays: Domain,
    /// Frames of those that stays got last, to be freed.
    kept: Extents,
}

impl<'a> Running<'a> {
    pub fn new(host: &'a Host, dies: Domain, stays: Domain) -> Self {
        Running {
            host,
            dies,
            stays,
            kept: Extents::new(),
        }
    }

    /// Does a step: how many extents were had.
    pub fn step(&mut self, step: &Step) -> Result<u64, Failure> {
        let xen = &self.host.xen;
        match *step {
            Step::Take {
                who,
                node,
                order,
                extents,
            } => {
                let domid = match who {
                    Who::Dies => self.dies.domid,
                    Who::Stays => self.stays.domid,
                };
                let mut done = 0;
                while done < extents {
                    let count = (extents - done).min(512);
                    let mut frames: Vec<u64> = (0..count).map(|i| i << order).collect();
                    let had = xen.populate(domid, order, From::Exactly(node), &mut frames)?;
                    done += had as u64;
                    if who == Who::Stays {
                        let kept = frames[..had].iter().map(|frame| (*frame, order));
                        self.kept.extend(kept);
                    }
                    if had < frames.len() {
                        break;
                    }
                }
                Ok(done)
            }
            Step::StaysFrees => {
                let freed = std::mem::take(&mut self.kept);
                free_clean(self.host, &self.stays, &freed)?;
                Ok(0)
            }
        }
    }

    /// Destroys the domain that dies, and waits until the node has its pages back. What the other
    /// one has.
    pub fn destroy(self, node: usize, pages: u64) -> Result<(Domain, Extents), Failure> {
        let before = self.host.free_by_node()?[node];
        self.dies.destroy()?;
        let mut looks = 0;
        while self.host.free_by_node()?[node] < before + pages {
            ensure!(looks < LOOKS, "the memory is not back");
            std::thread::sleep(Duration::from_millis(2));
            looks += 1;
        }
        Ok((self.stays, self.kept))
    }
}

/// And on the model.
pub struct Modelled {
    xen: Xen,
    dies: Domid,
    stays: Domid,
    new: Domid,
}

impl Modelled {
    /// With these free frames, all of which are clean, and CPUs that are never idle.
    pub fn new(host: &Host, flavour: Flavour, layout: &Layout) -> Result<Self, Failure> {
        let described =
            planner::Host::with_memory(host.topology.clone().into(), host.xen.memory()?);
        let mut xen = Xen::new(&described, flavour)
            .with_free_frames(&layout.frames, host.dma_width()?)
            .with_sizes(Sizes {
                domain_pages: 0,
                vcpu_pages: 0,
            })
            .with_timing(Timing {
                scrubbed_pages_per_second: 0,
                ..Timing::default()
            });
        let mut domain = || {
            let domid = xen.create(1).map_err(refused)?;
            xen.set_max(domid, u64::from(u32::MAX)).map_err(refused)?;
            Ok::<_, Failure>(domid)
        };
        let (dies, stays, new) = (domain()?, domain()?, domain()?);
        Ok(Modelled {
            xen,
            dies,
            stays,
            new,
        })
    }

    fn take(
        &mut self,
        domid: Domid,
        order: u32,
        count: u64,
        exactly: Option<usize>,
    ) -> Result<u64, Failure> {
        let mut done = 0;
        while done < count {
            let some = self.xen.populate_some(domid, order, count - done, exactly);
            done += match some.map_err(refused)? {
                0 => match self.xen.take(domid, Kind::Memory, 1 << order, exactly) {
                    Ok(extent) => self.xen.assign(extent).map(|()| 1).map_err(refused)?,
                    Err(_) => break,
                },
                some => some,
            };
        }
        Ok(done)
    }

    /// Does a step: how many extents were had.
    pub fn step(&mut self, step: &Step) -> Result<u64, Failure> {
        match *step {
            Step::Take {
                who,
                node,
                order,
                extents,
            } => {
                let domid = match who {
                    Who::Dies => self.dies,
                    Who::Stays => self.stays,
                };
                self.take(domid, order, extents, Some(node))
            }
            Step::StaysFrees => {
                for (node, pages) in self.xen.domain_pages(self.stays) {
                    self.xen.free(self.stays, node, pages).map_err(refused)?;
                }
                Ok(0)
            }
        }
    }

    /// Destroys the domain that dies, and builds the new one on the node: the pages it has there.
    pub fn land(&mut self, node: usize, pages: u64, from: From) -> Result<u64, Failure> {
        let new = self.new;
        let exactly = match from {
            From::Exactly(node) => Some(node),
            From::Anywhere | From::Preferably(_) => None,
        };
        self.xen.destroy(self.dies).map_err(refused)?;
        self.xen.advance_to(self.xen.now() + GONE);
        (self.xen.set_node_affinity(new, NodeSet::one(node))).map_err(refused)?;
        let had = build(pages, |order, _, count| {
            self.take(new, order, count, exactly)
        })?;
        ensure!(had == pages, "{had} of {pages} pages were had on the model");
        let by_node = self.xen.domain_pages(new);
        let on_node = by_node.into_iter().find(|(other, _)| *other == node);
        Ok(on_node.map_or(0, |(_, pages)| pages))
    }
}

fn refused(errno: claims::Errno) -> Failure {
    Failure(format!("the model refuses: {errno}"))
}

/// Asks for a domain's memory as an HVM builder does: `take` gets the order of extents, the guest
/// frame of the first and how many, and says how many there were. How many pages were had.
pub fn build(
    pages: u64,
    mut take: impl FnMut(u32, u64, u64) -> Result<u64, Failure>,
) -> Result<u64, Failure> {
    let mut frame = 0;
    while frame < pages {
        let mut done = 0;
        for (order, within) in EXTENTS {
            let small = frame < FIRST_PAGES && order > 0;
            if small || frame % (1 << order) != 0 || (pages - frame) >> order == 0 {
                continue;
            }
            let most = (frame + 1).next_multiple_of(1 << within) - frame;
            done = take(order, frame, most.min(pages - frame) >> order)? << order;
            if done > 0 {
                break;
            }
        }
        if done == 0 {
            break;
        }
        frame += done;
    }
    Ok(frame)
}
