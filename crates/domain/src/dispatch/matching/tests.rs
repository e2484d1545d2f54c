use proptest::prelude::*;

use super::*;

fn total(costs: &Table, columns: &[Option<usize>]) -> f64 {
    let pairs = columns.iter().enumerate();
    pairs
        .filter_map(|(row, column)| column.map(|column| costs.at(row, column)))
        .sum()
}

/// The most pairs that are allowed, and of those the cheapest.
fn best(costs: &Table, row: usize, taken: &mut Vec<usize>) -> (usize, f64) {
    if row == costs.rows() {
        return (0, 0.0);
    }
    let mut found = best(costs, row + 1, taken);
    for column in 0..costs.columns() {
        let cost = costs.at(row, column);
        if cost < FORBIDDEN && !taken.contains(&column) {
            taken.push(column);
            let (pairs, rest) = best(costs, row + 1, taken);
            taken.pop();
            if pairs + 1 > found.0 || (pairs + 1 == found.0 && rest + cost < found.1) {
                found = (pairs + 1, rest + cost);
            }
        }
    }
    found
}

fn table() -> impl Strategy<Value = Table> {
    (1_usize..6, 1_usize..6).prop_flat_map(|(rows, columns)| {
        let cell = prop_oneof![9 => (0_u16..50).prop_map(f64::from), 1 => Just(FORBIDDEN)];
        proptest::collection::vec(cell, rows * columns)
            .prop_map(move |cells| Table::from_fn(rows, columns, |r, c| cells[r * columns + c]))
    })
}

proptest! {
    #[test]
    fn no_assignment_is_cheaper(costs in table()) {
        let columns = assign(&costs);
        prop_assert_eq!(columns.len(), costs.rows());
        let mut taken: Vec<usize> = columns.iter().flatten().copied().collect();
        let (pairs, cost) = best(&costs, 0, &mut Vec::new());
        prop_assert_eq!(taken.len(), pairs);
        prop_assert!((total(&costs, &columns) - cost).abs() < 1e-6, "{columns:?} {cost}");
        taken.sort_unstable();
        taken.dedup();
        prop_assert_eq!(taken.len(), pairs, "a column twice");
    }

    #[test]
    fn turned_it_costs_the_same(costs in table()) {
        let (one, other) = (assign(&costs), assign(&costs.turned()));
        let turned = total(&costs.turned(), &other);
        prop_assert!((total(&costs, &one) - turned).abs() < 1e-6);
    }
}

#[test]
fn nothing_to_assign_is_no_assignment() {
    assert_eq!(assign(&Table::default()), []);
    assert_eq!(assign(&Table::new(3)), []);
}

#[test]
fn a_detour_for_one_can_save_more_for_the_other() {
    let costs = [[1.0, 2.0], [1.5, 9.0]];
    let costs = Table::from_fn(2, 2, |row, column| costs[row][column]);
    assert_eq!(assign(&costs), [Some(1), Some(0)]);
}

#[test]
fn what_is_forbidden_is_left_out() {
    let costs = [[FORBIDDEN, FORBIDDEN], [1.0, 2.0]];
    let costs = Table::from_fn(2, 2, |row, column| costs[row][column]);
    assert_eq!(assign(&costs), [None, Some(0)]);
}
