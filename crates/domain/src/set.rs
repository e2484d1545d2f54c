//! Sets, made one by one.

use std::collections::BTreeSet;

/// What `collect` makes, without its way there: it sorts first, and a sort is some
/// kilobytes of code for every type, which workers have to carry.
pub fn set_of<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}
