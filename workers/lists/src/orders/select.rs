//! The statements of a list. One thing that is asked for leads: the words, else whose orders, else how
//! they stand, else time. The leader gives ids in order of time by an index and nothing else; the rest
//! is looked at order by order, of at most [`LOOKED_AT`] orders a page. So a page costs about what it
//! shows where the leader says it all, which is so for every filter by itself and for most pairs, and
//! never more than the bound.
//!
//! Orders of many kinds are merged as they are needed: the list of a recursion is kept in order, so it
//! holds the next order of each kind, and whichever is taken is followed by the next of its kind.

use domain::ids::{place_of_ms, uuid_place, uuid_start};
use domain::time::rfc3339;
use edge::d1::Sql;

use super::filters::{Filters, Text};

/// Orders that are looked at for a page, where what leads does not say it all.
pub const LOOKED_AT: u32 = 2_000;
/// An order's id is made before its desk writes down when it came, by as much at most.
const BEHIND_MS: i64 = 5 * 60 * 1000;
/// Clocks differ by as much at most.
const AHEAD_MS: i64 = 5_000;

/// What becomes of an order's row, so that nothing on the way has to look into it: the JSON of a
/// [`contract::order::AdminOrderRow`], or a line of a file.
#[derive(Clone, Copy)]
pub enum Shape {
    Json,
    File,
}

/// A function takes 16 pairs at most; and of what is patched in, what is null stays out.
const JSON: &str = "json_patch(
    json_object('order_id', o.order_id, 'order_number', o.order_number, 'status', o.status,
      'payment_status', o.payment_status, 'fulfilment_status', o.fulfilment_status,
      'delivery_status', o.delivery_status, 'payment_method', o.payment_method,
      'version', o.version, 'total_minor', o.total_minor, 'currency', o.currency,
      'created_at', o.created_at, 'updated_at', o.updated_at, 'customer_id', o.user_id,
      'customer_name', o.address ->> '$.name', 'delivery_mode', o.delivery_mode),
    json_object('email', o.address ->> '$.email', 'vendor_id', o.vendor_id,
      'driver_id', o.driver_id, 'due_minor', o.due_minor, 'captured_minor', o.captured_minor,
      'refunded_minor', o.refunded_minor))";

/// The columns of a file, by the names that the list has for them.
pub const FILE_HEAD: &str = "order_id,order_number,created_at,updated_at,status,payment_status,\
    payment_method,fulfilment_status,delivery_status,delivery_mode,customer_id,customer_name,email,\
    vendor_id,driver_id,currency,total_minor,due_minor,captured_minor,refunded_minor,version\r\n";

/// What others chose is quoted, and what a spreadsheet would take for a formula begins with a quote.
macro_rules! cell {
    ($value:literal) => {
        concat!(
            "'\"' || iif(instr('=+-@' || char(9, 13), substr(",
            $value,
            ", 1, 1)) > 0, '''', '') || replace(",
            $value,
            ", '\"', '\"\"') || '\"'"
        )
    };
}

const LINE: &str = concat!(
    "concat_ws(',', o.order_id, o.order_number, o.created_at, o.updated_at, o.status,
      o.payment_status, o.payment_method, o.fulfilment_status, o.delivery_status, o.delivery_mode, ",
    cell!("o.user_id"), ", ",
    cell!("(o.address ->> '$.name')"), ", ",
    cell!("coalesce(o.address ->> '$.email', '')"), ", ",
    cell!("coalesce(o.vendor_id, '')"), ", ",
    cell!("coalesce(o.driver_id, '')"), ",
      o.currency, o.total_minor, o.due_minor, o.captured_minor, o.refunded_minor, o.version) || char(13, 10)"
);

/// How the ids begin that belong to a row of `order_words`.
const START: &str = "printf('%08x-%04x-7%03x-%x%02x', f.place >> 36, f.place >> 20 & 65535,
    f.place >> 10 & 1023, 8 | (f.place >> 8 & 3), f.place & 255)";

/// A statement that grows.
#[derive(Default)]
struct Growing {
    values: Vec<String>,
}

impl Growing {
    /// Keeps a value, and says how the statement names it.
    fn bind(&mut self, value: impl Into<String>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    fn sql(self, text: String) -> Sql {
        let sql = Sql::composed(text);
        self.values.iter().fold(sql, |sql, value| sql.text(value))
    }
}

/// What leads, with the ends of what is asked for.
struct Leader<'a> {
    filters: &'a Filters,
    /// Ids from this on, and before that.
    from: String,
    to: String,
    /// The same where words are looked up, both included.
    first_place: i64,
    last_place: i64,
}

/// Up to `rows` rows of a page. `None` where there cannot be any.
pub fn page(filters: &Filters, shape: Shape, rows: u32) -> Option<Sql> {
    let leader = Leader::of(filters)?;
    let mut growing = Growing::default();
    let rest = leader.rest(&mut growing);
    let most = if rest.is_empty() { rows } else { LOOKED_AT };
    let ids = leader.ids(&mut growing, most);
    let shown = match shape {
        Shape::Json => JSON,
        Shape::File => LINE,
    };
    // Only ids that share a place are out of order by then. The bound is said twice, for else this order
    // would be made of all that may be looked at.
    let text = format!(
        "SELECT * FROM
           (SELECT o.order_id, {shown} AS shown FROM ({ids}) AS i CROSS JOIN orders o ON o.order_id = i.order_id
            WHERE true{rest} LIMIT {rows})
         ORDER BY order_id {} LIMIT {rows}",
        leader.order()
    );
    Some(growing.sql(text))
}

/// The last order that was looked at for a page, if there may be more behind it.
pub fn last_looked_at(filters: &Filters) -> Option<Sql> {
    let leader = Leader::of(filters)?;
    if leader.rest(&mut Growing::default()).is_empty() {
        return None;
    }
    let mut growing = Growing::default();
    let ids = leader.ids(&mut growing, LOOKED_AT);
    let skipped = LOOKED_AT.saturating_sub(1);
    let text = format!("SELECT order_id FROM ({ids}) LIMIT 1 OFFSET {skipped}");
    Some(growing.sql(text))
}

impl<'a> Leader<'a> {
    fn of(filters: &'a Filters) -> Option<Self> {
        let from_ms = filters.from_ms.map(|ms| ms.saturating_sub(BEHIND_MS));
        let to_ms = filters.to_ms.map(|ms| ms.saturating_add(AHEAD_MS));
        let mut leader = Self {
            filters,
            from: from_ms.map_or_else(String::new, uuid_start),
            to: to_ms.map_or_else(|| "~".into(), uuid_start),
            first_place: from_ms.map_or(0, place_of_ms),
            last_place: to_ms.map_or(i64::MAX, place_of_ms),
        };
        if let Some(cursor) = &filters.cursor {
            let place = uuid_place(cursor)?;
            if filters.oldest_first {
                leader.from = leader.from.max(format!("{cursor} "));
                leader.first_place = leader.first_place.max(place);
            } else {
                leader.to = leader.to.min(cursor.clone());
                leader.last_place = leader.last_place.min(place);
            }
        }
        (leader.from < leader.to).then_some(leader)
    }

    /// The column that leads where it is said whose orders are wanted.
    fn owner(&self) -> Option<&'a (&'static str, String)> {
        let is_led = self.filters.text != Text::default();
        self.filters.owners.first().filter(|_| !is_led)
    }

    /// Whether orders are taken kind by kind.
    fn is_merged(&self) -> bool {
        match self.owner() {
            Some((column, _)) => *column != "user_id",
            None => self.filters.text == Text::default() && !self.filters.facets.is_empty(),
        }
    }

    /// What the leader does not see to.
    fn rest(&self, growing: &mut Growing) -> String {
        let mut rest = String::new();
        let mut and = |what: String| {
            rest.push_str(" AND o.");
            rest.push_str(&what);
        };
        if let Some(ms) = self.filters.from_ms {
            and(format!("created_at >= {}", growing.bind(rfc3339(ms))));
        }
        if let Some(ms) = self.filters.to_ms {
            and(format!("created_at < {}", growing.bind(rfc3339(ms))));
        }
        let leading = self.owner();
        for owner in &self.filters.owners {
            if leading != Some(owner) {
                and(format!("{} = {}", owner.0, growing.bind(&owner.1)));
            }
        }
        if !self.is_merged() {
            for facet in &self.filters.facets {
                and(one_of(facet, growing));
            }
        }
        rest
    }

    /// Up to `most` ids, in order.
    fn ids(&self, growing: &mut Growing, most: u32) -> String {
        if let Some(id) = &self.filters.text.order_id {
            return format!(
                "SELECT order_id FROM orders WHERE order_id = {} AND order_id >= {} AND order_id < {}",
                growing.bind(id),
                growing.bind(&self.from),
                growing.bind(&self.to)
            );
        }
        if !self.filters.text.wanted.is_empty() {
            return self.found(growing, most);
        }
        if self.is_merged() {
            return self.merged(growing, most);
        }
        let owned = match self.owner() {
            Some((column, id)) => format!("{column} = {} AND", growing.bind(id)),
            None => String::new(),
        };
        let (from, to) = (growing.bind(&self.from), growing.bind(&self.to));
        let order = self.order();
        format!(
            "SELECT order_id FROM orders WHERE {owned} order_id >= {from} AND order_id < {to}
             ORDER BY order_id {order} LIMIT {most}"
        )
    }

    fn order(&self) -> &'static str {
        if self.filters.oldest_first {
            "ASC"
        } else {
            "DESC"
        }
    }

    fn found(&self, growing: &mut Growing, most: u32) -> String {
        let words = growing.bind(&self.filters.text.wanted);
        let first = growing.bind(self.first_place.to_string());
        let last = growing.bind(self.last_place.to_string());
        let (from, to) = (growing.bind(&self.from), growing.bind(&self.to));
        let order = self.order();
        // The last of the page before is found again, and whatever shares its place. The plus keeps
        // these ends from being taken for the way to an order.
        let found = most.saturating_add(8);
        format!(
            "SELECT x.order_id FROM
               (SELECT rowid AS place FROM order_words WHERE order_words MATCH {words}
                AND rowid >= CAST({first} AS INTEGER) AND rowid <= CAST({last} AS INTEGER)
                ORDER BY rowid {order} LIMIT {found}) AS f
             CROSS JOIN orders x ON x.order_id >= {START} AND x.order_id < {START} || 'g'
             WHERE +x.order_id >= {from} AND +x.order_id < {to} LIMIT {most}"
        )
    }

    fn merged(&self, growing: &mut Growing, most: u32) -> String {
        let mut kinds = String::from("orders > 0");
        for facet in &self.filters.facets {
            kinds.push_str(" AND ");
            kinds.push_str(&one_of(facet, growing));
        }
        let owned = match self.owner() {
            Some((column, id)) => format!("x.{column} = {} AND", growing.bind(id)),
            None => String::new(),
        };
        let (from, to) = (growing.bind(&self.from), growing.bind(&self.to));
        // Behind the last order of a kind stands what sorts behind all ids.
        let (next, end) = if self.filters.oldest_first {
            ("min", "'~'")
        } else {
            ("max", "''")
        };
        let after = if self.filters.oldest_first {
            format!("x.order_id > m.order_id AND x.order_id < {to}")
        } else {
            format!("x.order_id >= {from} AND x.order_id < m.order_id")
        };
        let order = self.order();
        format!(
            "WITH RECURSIVE merged(kind, order_id) AS (
               SELECT k.kind, coalesce((SELECT {next}(x.order_id) FROM orders x WHERE {owned}
                 x.kind = k.kind AND x.order_id >= {from} AND x.order_id < {to}), {end})
               FROM order_kinds k WHERE {kinds}
               UNION ALL
               SELECT m.kind, coalesce((SELECT {next}(x.order_id) FROM orders x WHERE {owned}
                 x.kind = m.kind AND {after}), {end})
               FROM merged m WHERE m.order_id <> {end}
               ORDER BY 2 {order} LIMIT {most})
             SELECT order_id FROM merged WHERE order_id <> {end}"
        )
    }
}

fn one_of((column, words): &(&'static str, String), growing: &mut Growing) -> String {
    let words = growing.bind(words);
    format!("{column} IN (SELECT value FROM json_each({words}))")
}
