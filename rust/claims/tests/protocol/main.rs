//! The protocol on the modelled Xen.

// As the crate is called where the same checks run on a real one.
extern crate xenopsd_numa_claims as claims;

mod arithmetic;
mod attempts;
mod bench;
mod calls;
mod degraded;
mod errnos;
mod lost_claims;
mod neighbours;
mod restart;
mod sets;
mod switch;
mod vanishing;
mod waiting;

/// Each check as a test, on every flavour.
macro_rules! on_the_model {
    ($($file:ident::$check:ident),+ $(,)?) => {
        mod on_every_flavour {
            $(#[test]
            fn $check() {
                for flavour in model::Flavour::ALL {
                    conformance::$file::$check(&|| crate::bench::host(flavour, 2));
                }
            })+
        }
    };
}

conformance::every_check!(on_the_model);
