//! That bindgen, for xenctrl-sys, saw the header that `build.rs` sees now: sizes and places of what
//! is passed to libxenctrl, by the C compiler, or the build stops.

use std::mem::offset_of;

use xenctrl_sys as xc;

include!(concat!(env!("OUT_DIR"), "/layout.rs"));
