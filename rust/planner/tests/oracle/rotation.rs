//! Pages one by one in turn over the nodes in ascending order; a full node drops out.

/// The pages that each node gives. The nodes together must have `total`.
pub fn rotate(total: u64, headroom: &[u64]) -> Vec<u64> {
    let mut pages = vec![0; headroom.len()];
    let mut left = total;
    while left > 0 {
        let before = left;
        for (taken, headroom) in pages.iter_mut().zip(headroom) {
            if left > 0 && *taken < *headroom {
                *taken += 1;
                left -= 1;
            }
        }
        assert!(left < before, "{headroom:?} does not hold {total} pages");
    }
    pages
}

/// Whether `pages` is what [`rotate`] gives, judged by what must be true of it, for numbers of
/// pages that are too large for a loop.
pub fn is_rotation(total: u64, headroom: &[u64], pages: &[u64]) -> bool {
    let rounds = pages.iter().copied().max().unwrap_or(0);
    let nodes = || headroom.iter().zip(pages);
    // In the last round, the first of the nodes that still have room give a page.
    let without: Vec<bool> = nodes()
        .filter(|(headroom, _)| **headroom >= rounds)
        .map(|(_, pages)| *pages < rounds)
        .collect();
    pages.len() == headroom.len()
        && pages.iter().sum::<u64>() == total
        && without.is_sorted()
        && nodes().all(|(headroom, pages)| match *headroom >= rounds {
            true => *pages + 1 >= rounds,
            false => pages == headroom,
        })
}

#[test]
fn rotation_by_hand() {
    assert_eq!(rotate(7, &[10, 10, 10]), [3, 2, 2]);
    assert_eq!(rotate(7, &[1, 0, 10]), [1, 0, 6]);
    assert_eq!(rotate(9, &[2, 5, 2]), [2, 5, 2]);
    assert_eq!(rotate(8, &[2, 5, 2]), [2, 4, 2]);
    assert_eq!(rotate(5, &[2, 5, 2]), [2, 2, 1]);
    assert_eq!(rotate(0, &[2]), [0]);
}

/// Every split of small totals over small headrooms: the quick test agrees with the loop.
#[test]
fn rotation_is_recognised() {
    let digits = |mut number: u64, base: u64| {
        let mut digits = [0; 3];
        for digit in &mut digits {
            *digit = number % base;
            number /= base;
        }
        digits
    };
    let mut recognised = 0;
    for headroom in (0..64).map(|number| digits(number, 4)) {
        for total in 0..=headroom.iter().sum() {
            let right = rotate(total, &headroom);
            for pages in (0..125).map(|number| digits(number, 5)) {
                let same = pages[..] == right[..];
                assert_eq!(
                    is_rotation(total, &headroom, &pages),
                    same,
                    "{headroom:?} {pages:?}"
                );
                recognised += u32::from(same);
            }
        }
    }
    assert!(recognised > 300);
}
