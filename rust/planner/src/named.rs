//! Lists whose members have a name and a sentence, each declared once.

/// A member of a list that may grow: known by its name in files and on other sides of a border.
pub trait Named: Copy + Eq + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// Its name in files.
    fn name(self) -> &'static str;

    /// What it means, in a sentence for people.
    fn about(self) -> &'static str;

    /// The one of that name. O(members).
    fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }
}

/// Declares an enum without data whose members are [`Named`] and are shown by name. What a member
/// is about is its documentation too.
#[macro_export]
macro_rules! named {
    (
        $(#[$of_list:meta])*
        $list:ident { $($(#[$of_member:meta])* $member:ident = $name:literal: $about:literal,)+ }
    ) => {
        $(#[$of_list])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $list {
            $(#[doc = $about] $(#[$of_member])* $member,)+
        }

        impl $list {
            /// Its name in files.
            pub const fn name(self) -> &'static str {
                match self { $($list::$member => $name,)+ }
            }

            /// What it means.
            pub const fn about(self) -> &'static str {
                match self { $($list::$member => $about,)+ }
            }
        }

        impl $crate::Named for $list {
            const ALL: &'static [Self] = &[$($list::$member),+];

            fn name(self) -> &'static str {
                self.name()
            }

            fn about(self) -> &'static str {
                self.about()
            }
        }

        impl ::std::fmt::Display for $list {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
