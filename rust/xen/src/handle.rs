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
    /// This library speaks another release's language than the Xen that runs; a security policy
    /// (XSM) that forbids the call answers the same.
    #[error(
        "libxenctrl and this Xen do not belong together: {0}; after an upgrade reboot, or build \
         with this Xen's headers"
    )]
    Mismatch(CallError),
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
            // Of the device it is a right that is missing, of a hypercall an interface version.
            Errno::EACCES if error.call == OPEN => OpenError::Denied(error),
            Errno::EACCES => OpenError::Mismatch(error),
            _ => OpenError::Silent(error),
        }
    }

    /// The errno behind it; EPROTO for a mismatch, so that the number alone says which it is.
    pub fn errno(&self) -> Errno {
        match self {
            OpenError::NotDom0(error) | OpenError::Denied(error) | OpenError::Silent(error) => {
                error.errno
            }
            OpenError::Mismatch(_) => EPROTO,
        }
    }
}

/// The call that opens the device.
const OPEN: &str = "xc_interface_open";

/// What stands for a mismatch: Xen's own EACCES is also what a missing right is.
const EPROTO: Errno = Errno(libc::EPROTO);

/// What opening the device answers where there is no Xen under it.
const ENXIO: Errno = Errno(libc::ENXIO);

/// libxenctrl's handle.
#[derive(Debug)]
pub(crate) struct Handle(*mut xc::xc_interface);

// SAFETY: without XC_OPENFLAG_NON_REENTRANT libxenctrl's handle may be used from any thread.
unsafe impl Send for Handle {}

// Without a lock C writes two things: how many CPUs and nodes there are, the same each time; and of
// calls that fail at once, the text of the handle's last error, within its bounds, which nothing
// here reads: only xc_get_last_error would, and a logger that looks at what it is given.
// SAFETY: and from several at once, but for what is said above, which is harmless.
unsafe impl Sync for Handle {}

impl Handle {
    pub(crate) fn open() -> Result<Self, OpenError> {
        let logger = (&raw const SILENT).cast_mut();
        // SAFETY: the logger is never written to, and lives for ever.
        let handle = unsafe { xc::xc_interface_open(logger, logger, 0) };
        match handle.is_null() {
            false => Ok(Handle(handle)),
            true => Err(OpenError::of(last_error(OPEN))),
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

/// A logger that says nothing: every failure is returned to the caller, who has a log of its own.
static SILENT: xc::xentoollog_logger = xc::xentoollog_logger {
    vmessage: Some(vmessage),
    progress: Some(progress),
    destroy: Some(destroy),
};

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
    fn errnos_are_distinguished() {
        let of = |errno| OpenError::of(CallError { call: OPEN, errno });
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

    #[test]
    fn another_interface_is_not_a_missing_right() {
        let of = |call| {
            OpenError::of(CallError {
                call,
                errno: Errno::EACCES,
            })
        };
        assert_eq!(of(OPEN).errno(), Errno::EACCES);
        assert!(of(OPEN).to_string().contains("run it as root"));
        for call in ["xc_physinfo", "xc_domain_node_getaffinity"] {
            let error = of(call);
            assert!(matches!(error, OpenError::Mismatch(_)));
            assert_eq!(error.errno(), EPROTO);
            assert!(error.to_string().contains("do not belong together"));
        }
    }

    #[test]
    fn ocaml_has_a_text_for_each_errno() {
        let ocaml = include_str!("../../../ocaml/xenctrl/xenopsd_numa_xenctrl.ml");
        for (errno, text) in [
            (Errno::EACCES, "may not be opened (EACCES)"),
            (EPROTO, "do not belong together"),
        ] {
            let arm = format!("  | {} ->\n", errno.0);
            let said = ocaml.split_once(&arm).map(|(_, said)| said);
            let said = said.and_then(|said| said.split("  | ").next());
            assert!(said.is_some_and(|said| said.contains(text)), "{errno}");
        }
    }
}
