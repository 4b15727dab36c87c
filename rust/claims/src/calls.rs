//! What becomes of the list of a hypervisor's calls, which is in `hypervisor.rs`: the trait, the
//! calls and their answers as values, and the one hypervisor that passes calls on to another.

/// A line of the list is `Variant: method(arguments) -> answer = name;`, with as many names of
/// libxenctrl's as the call has kinds.
macro_rules! calls {
    ($(
        $(#[$doc:meta])+
        $Call:ident: $method:ident$(<$life:lifetime>)?($($argument:ident: $kind:ty),*) -> $answer:ty
            = $($name:literal)|+;
    )+) => {
        /// A hypervisor, and the clock beside it.
        ///
        /// Implementations answer with Xen's errnos and change nothing when they fail. They are
        /// called from several threads at once.
        pub trait Hypervisor: Send + Sync {
            $(
                $(#[$doc])+
                fn $method$(<$life>)?(&self, $($argument: $kind),*) -> Result<$answer, CallError>;
            )+

            /// What it is like, the same each time: read once, when a host is opened.
            fn capabilities(&self) -> Capabilities;

            /// Time since some fixed instant.
            fn now(&self) -> Duration;

            /// Lets time pass.
            fn sleep(&self, time: Duration);
        }

        /// A call, and what is asked.
        #[derive(Debug, Clone, Copy)]
        #[allow(missing_docs, reason = "Hypervisor's methods say what each argument is")]
        pub enum Call<'a> {
            $($(#[$doc])+ $Call { $($argument: $kind),* },)+
        }

        impl Call<'_> {
            /// The names of all calls, as libxenctrl has them.
            pub const NAMES: &'static [&'static str] = &[$($($name),+),+];

            /// The methods of [`Hypervisor`], one for each call.
            pub const METHODS: &'static [&'static str] = &[$(stringify!($method)),+];

            /// Its name in libxenctrl, which errors have.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Call::$Call { .. } => [$($name),+][self.kind()],)+
                }
            }
        }

        /// What a call answers, to be looked at or changed.
        #[derive(Debug)]
        pub enum Answer<'a> {
            $($(#[$doc])+ $Call(&'a mut Result<$answer, CallError>),)+
        }

        impl<T: Intercept> Hypervisor for T {
            $(
                fn $method$(<$life>)?(&self, $($argument: $kind),*) -> Result<$answer, CallError> {
                    let mut answer = (self.before(&Call::$Call { $($argument),* }))
                        .and_then(|()| self.inner().$method($($argument),*));
                    self.after(Answer::$Call(&mut answer));
                    answer
                }
            )+

            fn capabilities(&self) -> Capabilities {
                self.inner().capabilities()
            }

            fn now(&self) -> Duration {
                self.time(self.inner().now())
            }

            fn sleep(&self, time: Duration) {
                self.before_sleep(time);
                self.inner().sleep(time);
            }
        }
    };
}
