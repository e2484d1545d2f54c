//! The assignment of rows to columns at the least total cost.
//!
//! Shortest augmenting paths over a rectangular table: a first sweep gives each row its
//! cheapest column where that one is free, and every row left over finds the shortest path
//! to a free column by Dijkstra's method over reduced costs. It is written out here since
//! what there is either wants squares and an array library or whole numbers, is several
//! times slower, and weighs more than these lines. Nothing is left to chance, so the same
//! table has the same answer everywhere.
//!
//! Costs must be finite: what is forbidden gets [`FORBIDDEN`], and a pair that costs as
//! much is not returned.

/// More than any sum of real costs.
pub const FORBIDDEN: f64 = 1e9;

/// A table of numbers, row by row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    columns: usize,
    cells: Vec<f64>,
}

impl Table {
    pub fn new(columns: usize) -> Self {
        Self {
            columns,
            cells: Vec::new(),
        }
    }

    pub fn from_fn(rows: usize, columns: usize, cell: impl Fn(usize, usize) -> f64) -> Self {
        let cell = &cell;
        Self {
            columns,
            cells: (0..rows)
                .flat_map(|row| (0..columns).map(move |column| cell(row, column)))
                .collect(),
        }
    }

    pub fn filled(rows: usize, columns: usize, cell: f64) -> Self {
        Self {
            columns,
            cells: vec![cell; rows.saturating_mul(columns)],
        }
    }

    pub fn set(&mut self, row: usize, column: usize, value: f64) {
        let cell = row.saturating_mul(self.columns).saturating_add(column);
        if column < self.columns {
            set(&mut self.cells, cell, value);
        }
    }

    pub fn push_row(&mut self, row: impl Iterator<Item = f64>) {
        self.cells.extend(row.take(self.columns));
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn rows(&self) -> usize {
        self.cells.len().checked_div(self.columns).unwrap_or(0)
    }

    pub fn row(&self, row: usize) -> &[f64] {
        let from = row.saturating_mul(self.columns);
        self.cells
            .get(from..from.saturating_add(self.columns))
            .unwrap_or(&[])
    }

    /// What is not there costs more than anything.
    #[inline]
    pub fn at(&self, row: usize, column: usize) -> f64 {
        let cell = row.saturating_mul(self.columns).saturating_add(column);
        self.cells.get(cell).copied().unwrap_or(FORBIDDEN)
    }

    fn turned(&self) -> Self {
        Self::from_fn(self.columns, self.rows(), |row, column| {
            self.at(column, row)
        })
    }
}

/// For each row its column, if it has one.
pub fn assign(costs: &Table) -> Vec<Option<usize>> {
    let (rows, columns) = (costs.rows(), costs.columns());
    if rows <= columns {
        let mut search = Search::new(costs);
        search.run();
        return allowed(costs, search.column_of);
    }
    let mut search = Search::new(&costs.turned());
    search.run();
    allowed(costs, search.row_of)
}

fn allowed(costs: &Table, columns: Vec<Option<usize>>) -> Vec<Option<usize>> {
    let pairs = columns.into_iter().enumerate();
    pairs
        .map(|(row, column)| column.filter(|column| costs.at(row, *column) < FORBIDDEN))
        .collect()
}

struct Search {
    costs: Table,
    row_price: Vec<f64>,
    column_price: Vec<f64>,
    column_of: Vec<Option<usize>>,
    row_of: Vec<Option<usize>>,
}

/// How a column is reached from the row that looks for one.
#[derive(Clone, Copy)]
struct Reach {
    column: usize,
    length: f64,
    from: usize,
}

impl Search {
    fn new(costs: &Table) -> Self {
        let (rows, columns) = (costs.rows(), costs.columns());
        Self {
            costs: costs.clone(),
            row_price: vec![0.0; rows],
            column_price: vec![0.0; columns],
            column_of: vec![None; rows],
            row_of: vec![None; columns],
        }
    }

    fn run(&mut self) {
        for row in 0..self.costs.rows() {
            self.take_cheapest(row);
        }
        for row in 0..self.costs.rows() {
            if self.column_of.get(row).copied().flatten().is_none() {
                self.augment(row);
            }
        }
    }

    fn take_cheapest(&mut self, row: usize) {
        let cells = self.costs.row(row).iter().copied().enumerate();
        let Some((column, cost)) = cells.min_by(|(_, a), (_, b)| a.total_cmp(b)) else {
            return;
        };
        set(&mut self.row_price, row, cost);
        if let Some(free @ None) = self.row_of.get_mut(column) {
            *free = Some(row);
            set(&mut self.column_of, row, Some(column));
        }
    }

    /// Finds the shortest path from a row to a free column, and trades along it.
    fn augment(&mut self, start: usize) {
        let mut open: Vec<Reach> = (0..self.costs.columns())
            .map(|column| Reach {
                column,
                length: f64::INFINITY,
                from: start,
            })
            .collect();
        let mut closed: Vec<Reach> = Vec::new();
        let (mut row, mut so_far) = (start, 0.0);
        let end = loop {
            let price = so_far - self.row_price.get(row).copied().unwrap_or(0.0);
            let cells = self.costs.row(row);
            let (mut best, mut nearest) = (None, f64::INFINITY);
            for (place, reach) in open.iter_mut().enumerate() {
                let cost = cells.get(reach.column).copied().unwrap_or(FORBIDDEN);
                let own = self.column_price.get(reach.column).copied().unwrap_or(0.0);
                let length = price + cost - own;
                if length < reach.length {
                    reach.length = length;
                    reach.from = row;
                }
                if reach.length < nearest {
                    nearest = reach.length;
                    best = Some(place);
                }
            }
            // There are no fewer columns than rows, so one of them is always free.
            let Some(place) = best else { return };
            let reach = open.swap_remove(place);
            so_far = reach.length;
            closed.push(reach);
            match self.row_of.get(reach.column).copied().flatten() {
                Some(holder) => row = holder,
                None => break reach,
            }
        };
        self.reprice(start, so_far, &closed);
        self.trade(start, end, &closed);
    }

    fn reprice(&mut self, start: usize, length: f64, closed: &[Reach]) {
        if let Some(price) = self.row_price.get_mut(start) {
            *price += length;
        }
        for reach in closed {
            let change = length - reach.length;
            if let Some(price) = self.column_price.get_mut(reach.column) {
                *price -= change;
            }
            let holder = self.row_of.get(reach.column).copied().flatten();
            if let Some(price) = holder.and_then(|row| self.row_price.get_mut(row)) {
                *price += change;
            }
        }
    }

    fn trade(&mut self, start: usize, end: Reach, closed: &[Reach]) {
        let mut reach = end;
        // Each step goes one closed column back, so there are no more steps than those.
        for _ in closed {
            set(&mut self.row_of, reach.column, Some(reach.from));
            let given = self.column_of.get(reach.from).copied().flatten();
            set(&mut self.column_of, reach.from, Some(reach.column));
            if reach.from == start {
                return;
            }
            let Some(before) = closed.iter().find(|one| Some(one.column) == given) else {
                return;
            };
            reach = *before;
        }
    }
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(cell) = list.get_mut(index) {
        *cell = value;
    }
}

#[cfg(test)]
mod tests;
