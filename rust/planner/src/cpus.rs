//! A set of physical CPUs, printed as Xen's tools print it: `0-7,16`.

use std::fmt;

/// The most CPUs that a host can have (the upper end of Xen's `NR_CPUS`, rounded up).
pub const MAX_CPUS: usize = 16384;

/// A set of CPU numbers.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct CpuSet(Vec<u64>);

impl CpuSet {
    /// No CPU.
    pub fn new() -> Self {
        CpuSet::default()
    }

    /// Adds `cpu`.
    pub fn insert(&mut self, cpu: usize) {
        let word = cpu / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (cpu % 64);
    }

    /// Whether `cpu` is in the set.
    pub fn contains(&self, cpu: usize) -> bool {
        self.0
            .get(cpu / 64)
            .is_some_and(|word| word >> (cpu % 64) & 1 == 1)
    }

    /// How many CPUs are in the set.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no CPU is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The CPUs of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let mut from = 0;
        std::iter::from_fn(move || {
            let cpu = self.next(from, true)?;
            from = cpu + 1;
            Some(cpu)
        })
    }

    /// Adds the CPUs of `other`.
    pub(crate) fn insert_all(&mut self, other: &CpuSet) {
        if other.0.len() > self.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    /// Removes the CPUs that are not in `other`.
    pub(crate) fn retain_all(&mut self, other: &CpuSet) {
        self.0.truncate(other.0.len());
        for (word, kept) in self.0.iter_mut().zip(&other.0) {
            *word &= kept;
        }
        // Equal sets have as many words.
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// The first CPU at or after `from` that is in the set, or that is not; `None` if there is none
    /// within its words.
    fn next(&self, from: usize, is_in: bool) -> Option<usize> {
        let flip = if is_in { 0 } else { u64::MAX };
        let mut mask = u64::MAX << (from % 64);
        for (i, word) in self.0.iter().enumerate().skip(from / 64) {
            let bits = (word ^ flip) & mask;
            if bits != 0 {
                return Some(i * 64 + bits.trailing_zeros() as usize);
            }
            mask = u64::MAX;
        }
        None
    }
}

impl FromIterator<usize> for CpuSet {
    fn from_iter<I: IntoIterator<Item = usize>>(cpus: I) -> Self {
        let mut set = CpuSet::new();
        cpus.into_iter().for_each(|cpu| set.insert(cpu));
        set
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut from = 0;
        while let Some(first) = self.next(from, true) {
            from = self.next(first, false).unwrap_or(self.0.len() * 64);
            match from - first {
                1 => write!(f, "{separator}{first}")?,
                _ => write!(f, "{separator}{first}-{}", from - 1)?,
            }
            separator = ",";
        }
        Ok(())
    }
}

impl fmt::Debug for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn text(cpus: &BTreeSet<usize>) -> String {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for cpu in cpus {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == *cpu => *last = *cpu,
                Some(_) | None => runs.push((*cpu, *cpu)),
            }
        }
        let run = |(first, last): &(usize, usize)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        runs.iter().map(run).collect::<Vec<_>>().join(",")
    }

    fn some_cpus() -> impl Strategy<Value = BTreeSet<usize>> {
        let runs = proptest::collection::vec((0usize..250, 1usize..70), 0..6);
        runs.prop_map(|runs| {
            let run = |(first, count)| first..first + count;
            runs.into_iter().flat_map(run).collect()
        })
    }

    proptest! {
        #[test]
        fn is_a_set(a in some_cpus(), b in some_cpus()) {
            let set = |cpus: &BTreeSet<usize>| cpus.iter().copied().collect::<CpuSet>();
            prop_assert_eq!(set(&a).iter().collect::<BTreeSet<_>>(), a.clone());
            prop_assert_eq!(set(&a).to_string(), text(&a));
            prop_assert_eq!(set(&a).len(), a.len());
            let mut both = set(&a);
            both.insert_all(&set(&b));
            prop_assert_eq!(both, set(&a.union(&b).copied().collect()));
            let mut common = set(&a);
            common.retain_all(&set(&b));
            prop_assert_eq!(common, set(&a.intersection(&b).copied().collect()));
        }
    }
}
