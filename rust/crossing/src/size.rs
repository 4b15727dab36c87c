//! Types that OCaml has another idea of than Rust.

use std::ops::Deref;

use ocaml_interop::{FromOCaml, OCaml, OCamlInt, OCamlRuntime, OCamlUniformArray, ToOCaml};
use planner::{pages_up, Bytes};

/// An amount of memory: OCaml's `Size.t`, an int of bytes that is never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(u64);

/// OCaml's ints have 63 bits.
const MAX_INT: u64 = (1 << 62) - 1;

impl Size {
    /// So many pages.
    pub fn of_pages(pages: u64) -> Self {
        Size(Bytes::of_pages(pages).0.min(MAX_INT))
    }

    /// Its bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// The pages that hold it.
    pub fn pages_up(self) -> u64 {
        pages_up(self.0)
    }
}

// SAFETY: as the int.
unsafe impl ToOCaml<OCamlInt> for Size {
    fn to_ocaml<'a>(&self, cr: &'a mut OCamlRuntime) -> OCaml<'a, OCamlInt> {
        (self.0 as i64).to_ocaml(cr)
    }
}

// SAFETY: as the int.
unsafe impl FromOCaml<OCamlInt> for Size {
    fn from_ocaml(value: OCaml<OCamlInt>) -> Self {
        Size(value.to_i64().max(0) as u64)
    }
}

/// What is an array in OCaml; a `Vec` is a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array<T>(Vec<T>);

impl<T> Deref for Array<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> FromIterator<T> for Array<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Array(items.into_iter().collect())
    }
}

// SAFETY: as the vector.
unsafe impl<T: ToOCaml<M>, M: 'static> ToOCaml<OCamlUniformArray<M>> for Array<T> {
    fn to_ocaml<'a>(&self, cr: &'a mut OCamlRuntime) -> OCaml<'a, OCamlUniformArray<M>> {
        self.0.to_ocaml(cr)
    }
}

// SAFETY: as the vector.
unsafe impl<T: FromOCaml<M>, M> FromOCaml<OCamlUniformArray<M>> for Array<T> {
    fn from_ocaml(value: OCaml<OCamlUniformArray<M>>) -> Self {
        Array(value.to_rust())
    }
}
