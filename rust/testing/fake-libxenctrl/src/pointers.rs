//! What comes and goes through a caller's pointers. A null pointer is EFAULT, as a bad address of
//! a buffer is to Xen.

use claims::Errno;

/// Writes one value.
// SAFETY: to be called with null, or where a `T` can be written to.
pub unsafe fn put<T: Copy>(to: *mut T, value: T) -> Result<(), Errno> {
    // SAFETY: one value is written, where the caller says that one can be.
    unsafe { put_all(to, &[value]) }
}

/// Writes values one after the other.
// SAFETY: to be called with null, or where so many can be written to.
pub unsafe fn put_all<T: Copy>(to: *mut T, values: &[T]) -> Result<(), Errno> {
    match to.is_null() {
        true => Err(Errno::EFAULT),
        false => {
            // SAFETY: the caller says so, and what is written is not the caller's.
            unsafe { to.copy_from_nonoverlapping(values.as_ptr(), values.len()) };
            Ok(())
        }
    }
}

/// Reads so many values.
// SAFETY: to be called with null, or where there are so many.
pub unsafe fn get_all<T: Copy>(from: *const T, count: usize) -> Result<Vec<T>, Errno> {
    if count == 0 {
        return Ok(Vec::new());
    }
    match from.is_null() {
        true => Err(Errno::EFAULT),
        // SAFETY: the caller says so.
        false => Ok(unsafe { std::slice::from_raw_parts(from, count) }.to_vec()),
    }
}

/// Reads one value.
// SAFETY: to be called with null, or where there is one.
pub unsafe fn get<T: Copy>(from: *const T) -> Result<T, Errno> {
    match from.is_null() {
        true => Err(Errno::EFAULT),
        // SAFETY: the caller says so.
        false => Ok(unsafe { from.read() }),
    }
}
