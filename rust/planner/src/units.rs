//! Pages, the unit of everything inside, and how bytes at the edges become pages.

/// Bytes in a page of x86 Xen.
pub const PAGE_BYTES: u64 = 4096;

/// The largest number of bytes that is accepted anywhere: what an OCaml `int` holds.
/// Sums over 64 nodes of this many bytes, counted in pages, stay far below `u64::MAX`.
pub const MAX_BYTES: u64 = (1 << 62) - 1;

/// Pages that hold `bytes`: how requests, claims, outstanding pages and reserves are counted.
pub const fn pages_up(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_BYTES)
}

/// Whole pages in `bytes`: how free memory is counted.
pub const fn pages_down(bytes: u64) -> u64 {
    bytes / PAGE_BYTES
}
