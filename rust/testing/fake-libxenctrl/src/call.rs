//! How a function answers: with a number, or with -1 and errno where something is wrong.

use std::ffi::{c_int, c_uint};
use std::panic::{catch_unwind, AssertUnwindSafe};

use claims::{Domid, Errno};
use xenctrl_sys as xc;

use crate::pointers::{get, put, put_all};
use crate::world::World;

/// A handle, by what it says of itself.
pub struct Handle(u64);

/// What one says that is open.
const OPEN: u64 = 0x7874_616e_6469_6e78;

impl Handle {
    pub fn open() -> Self {
        Handle(OPEN)
    }
}

/// libxenctrl's numbers of domains are wider than Xen's, which gets the lower half.
pub fn domid(number: u32) -> Domid {
    Domid(number as u16)
}

/// Sets errno, as C does.
pub fn refused(errno: Errno) -> c_int {
    // SAFETY: it is this thread's own errno.
    unsafe { *libc::__errno_location() = errno.0 };
    -1
}

/// Runs a call on the Xen of this process; a fault of this library is EIO.
// SAFETY: to be called with null or an open handle.
pub unsafe fn answer(
    xch: *mut xc::xc_interface,
    call: impl FnOnce(&World) -> Result<c_int, Errno>,
) -> c_int {
    // SAFETY: it is null or a handle that was opened.
    let handle = unsafe { xch.cast::<Handle>().as_ref() };
    if handle.is_none_or(|handle| handle.0 != OPEN) {
        return refused(Errno(libc::EBADF));
    }
    let answered = catch_unwind(AssertUnwindSafe(|| {
        World::of_process()
            .map_err(|_| Errno::EINVAL)
            .and_then(call)
    }));
    answered.unwrap_or(Err(Errno::EIO)).unwrap_or_else(refused)
}

/// Functions of libxenctrl: each gets an open handle, and answers from its world.
macro_rules! libxenctrl {
    ($(fn $name:ident($world:ident $(, $argument:ident: $Type:ty)*) $body:block)+) => {$(
        // SAFETY: as libxenctrl's: an open handle, and what the arguments point to is as large as
        // they say.
        #[no_mangle]
        pub unsafe extern "C" fn $name(
            xch: *mut ::xenctrl_sys::xc_interface
            $(, $argument: $Type)*
        ) -> ::std::ffi::c_int {
            // SAFETY: what the caller promises.
            unsafe { $crate::call::answer(xch, |$world| $body) }
        }
    )+};
}

pub(crate) use libxenctrl;

pub fn done(answer: Result<(), Errno>) -> Result<c_int, Errno> {
    answer.map(|()| 0)
}

/// Writes the entries of a table of which there must be room for all, and how many there are; a
/// caller without a table asks for the number.
// SAFETY: to be called with null, or a number and room for as many.
pub unsafe fn table<T: Copy>(count: *mut c_uint, to: *mut T, all: &[T]) -> Result<(), Errno> {
    // SAFETY: the caller says so.
    unsafe {
        if !to.is_null() {
            if (get(count)? as usize) < all.len() {
                return Err(Errno::ENOBUFS);
            }
            put_all(to, all)?;
        }
        put(count, all.len() as c_uint)
    }
}
