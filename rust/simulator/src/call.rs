//! The calls that a toolstack makes of Xen, by their names in libxenctrl.

/// A call that a fault may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Call(&'static str);

macro_rules! toolstack_calls {
    ($($constant:ident = $name:literal),+ $(,)?) => {
        $(pub(super) const $constant: Call = Call($name);)+

        /// Those that the protocol does not make.
        const TOOLSTACK: &[&str] = &[$($name),+];
    };
}

impl Call {
    toolstack_calls! {
        CREATE = "xc_domain_create",
        DESTROY = "xc_domain_destroy",
        MAX_VCPUS = "xc_domain_max_vcpus",
        POPULATE_PHYSMAP = "xc_domain_populate_physmap",
        SET_MAX_MEM = "xc_domain_setmaxmem",
        SHADOW_CONTROL = "xc_shadow_control",
        VERSION = "xc_version",
    }

    /// All of them, the protocol's included, in the order of their names.
    pub fn all() -> Vec<Call> {
        let names = [claims::Call::NAMES, Call::TOOLSTACK].concat();
        let mut all: Vec<Call> = names.into_iter().map(Call).collect();
        all.sort_unstable_by_key(|call| call.name());
        all
    }

    /// A call of the protocol.
    pub(super) fn of(call: &claims::Call<'_>) -> Call {
        Call(call.name())
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// The one of that name.
    pub fn by_name(name: &str) -> Option<Call> {
        Call::all().into_iter().find(|call| call.name() == name)
    }
}
