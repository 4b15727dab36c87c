//! A handle on libxenctrl that writes nothing to anyone's standard error.

use std::ffi::{c_char, c_int, c_ulong};

use claims::{CallError, Errno};
use xenctrl_sys as xc;

/// Why Xen cannot be talked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The kernel offers no way to Xen, or this is not the control domain.
    #[error("not a Xen dom0: {0}; use --host FILE")]
    NotDom0(CallError),
    /// There is a way, which this process may not take.
    #[error("no access to Xen: {0}; run it as root")]
    Denied(CallError),
    /// Anything else.
    #[error("Xen does not answer: {0}")]
    Silent(CallError),
}

impl OpenError {
    /// What `error`, in opening a handle or in its first call, means.
    pub(crate) fn of(error: CallError) -> Self {
        match error.errno {
            Errno::ENOENT | Errno::ENODEV | Errno::EPERM | Errno::ENOSYS | ENXIO => {
                OpenError::NotDom0(error)
            }
            Errno::EACCES => OpenError::Denied(error),
            _ => OpenError::Silent(error),
        }
    }

    /// The errno behind it.
    pub fn errno(&self) -> Errno {
        match self {
            OpenError::NotDom0(error) | OpenError::Denied(error) | OpenError::Silent(error) => {
                error.errno
            }
        }
    }
}

/// What opening the device answers where there is no Xen under it.
const ENXIO: Errno = Errno(libc::ENXIO);

/// libxenctrl's handle.
#[derive(Debug)]
pub(crate) struct Handle(*mut xc::xc_interface);

// SAFETY: without XC_OPENFLAG_NON_REENTRANT libxenctrl's handle may be used from any thread.
unsafe impl Send for Handle {}

// SAFETY: and from several at once.
unsafe impl Sync for Handle {}

impl Handle {
    pub(crate) fn open() -> Result<Self, OpenError> {
        let logger = (&raw const SILENT.0).cast_mut();
        // SAFETY: the logger is never written to, and lives for ever.
        let handle = unsafe { xc::xc_interface_open(logger, logger, 0) };
        match handle.is_null() {
            false => Ok(Handle(handle)),
            true => Err(OpenError::of(last_error("xc_interface_open"))),
        }
    }

    /// The handle as libxenctrl's functions take it.
    pub(crate) fn get(&self) -> *mut xc::xc_interface {
        self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle was opened, and this is its last use.
        unsafe { xc::xc_interface_close(self.0) };
    }
}

/// The errno that `call` has just set.
pub(crate) fn last_error(call: &'static str) -> CallError {
    let errno = std::io::Error::last_os_error().raw_os_error();
    let errno = match errno {
        Some(errno) if errno > 0 => Errno(errno),
        Some(_) | None => Errno::EIO,
    };
    CallError { call, errno }
}

/// What `call` returned: libxenctrl's functions answer a negative number and set errno.
pub(crate) fn check(call: &'static str, status: c_int) -> Result<c_int, CallError> {
    match status {
        0.. => Ok(status),
        _ => Err(last_error(call)),
    }
}

struct Silent(xc::xentoollog_logger);

// SAFETY: it is never written to, and its functions do nothing.
unsafe impl Sync for Silent {}

/// A logger that says nothing: every failure is returned to the caller, who has a log of its own.
static SILENT: Silent = Silent(xc::xentoollog_logger {
    vmessage: Some(vmessage),
    progress: Some(progress),
    destroy: Some(destroy),
});

// SAFETY: does nothing with what it is given.
unsafe extern "C" fn vmessage(
    _: *mut xc::xentoollog_logger,
    _: xc::xentoollog_level,
    _: c_int,
    _: *const c_char,
    _: *const c_char,
    _: *mut xc::__va_list_tag,
) {
}

// SAFETY: does nothing with what it is given.
unsafe extern "C" fn progress(
    _: *mut xc::xentoollog_logger,
    _: *const c_char,
    _: *const c_char,
    _: c_int,
    _: c_ulong,
    _: c_ulong,
) {
}

// SAFETY: does nothing with what it is given.
unsafe extern "C" fn destroy(_: *mut xc::xentoollog_logger) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where there is no Xen, this is all that can be opened.
    #[test]
    fn what_cannot_be_opened_is_not_left_open() {
        let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let first = Handle::open().err();
        let before = files();
        for _ in 0..100_000 {
            assert_eq!(Handle::open().err(), first);
        }
        // Tests beside this one have files of their own.
        assert!(files() < before + 100);
    }

    #[test]
    fn errnos_are_told_apart() {
        let of = |errno| {
            OpenError::of(CallError {
                call: "xc_interface_open",
                errno,
            })
        };
        let text = of(Errno::ENOENT).to_string();
        assert_eq!(
            text,
            "not a Xen dom0: xc_interface_open: ENOENT; use --host FILE"
        );
        assert!(matches!(of(Errno::EPERM), OpenError::NotDom0(_)));
        assert!(matches!(of(Errno::EACCES), OpenError::Denied(_)));
        assert!(matches!(of(Errno::ENOMEM), OpenError::Silent(_)));
        assert_eq!(of(Errno::ENOMEM).errno(), Errno::ENOMEM);
    }
}
