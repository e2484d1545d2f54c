//! Kinds with names, each written once: the kind, what it is, and what it is called in
//! tables and on the command line.

/// Makes an `enum` of what follows, of which all are known by their names.
macro_rules! named {
    ($(#[$about:meta])* pub enum $kind:ident {
        $($(#[$what:meta])* $one:ident = $name:literal,)+
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $kind {
            $($(#[$what])* $one,)+
        }

        impl $kind {
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$one),+];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$one => $name,)+
                }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.name() == name)
            }
        }

        impl $crate::harness::Named for $kind {
            fn all() -> &'static [Self] {
                &Self::ALL
            }

            fn name(self) -> &'static str {
                self.name()
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

pub(crate) use named;

#[cfg(test)]
mod tests {
    use crate::harness::Named;

    named! {
        pub enum Fruit {
            Apple = "apple",
            /// Not a vegetable.
            Pear = "pear",
        }
    }

    #[test]
    fn each_is_known_by_its_name() {
        assert_eq!(Fruit::ALL, [Fruit::Apple, Fruit::Pear]);
        assert_eq!(Fruit::from_name("pear"), Some(Fruit::Pear));
        assert_eq!(<Fruit as Named>::named("leek"), None);
        assert_eq!((Fruit::Pear.index(), Fruit::Pear.name()), (1, "pear"));
    }
}
