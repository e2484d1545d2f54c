// Orders made up by the database itself, a chunk a statement: a year of them, of 300,000 customers, some
// with much and most with little. Old ones are delivered, cancelled or paid back; those of the last days
// stand anywhere on their way; a few of any age were left failed. Everything follows from the number.
export const YEAR = { from: Date.UTC(2025, 10, 21), ms: 365 * 24 * 60 * 60 * 1000 };
const CHUNK = 20_000;

const FIRST = ['Anna', 'Ben', 'Clara', 'David', 'Elif', 'Finn', 'Greta', 'Hassan', 'Ida', 'Jonas', 'Katja', 'Leon', 'Mia', 'Noah', 'Olga',
  'Paul', 'Quentin', 'Rosa', 'Samir', 'Tilda', 'Ulrich', 'Vera', 'Wanda', 'Xaver', 'Yasmin', 'Zoe', 'Annika', 'Anton', 'Emil', 'Frieda'];
const LAST = ['Schmidt', 'Müller', 'Weber', 'Wagner', 'Becker', 'Schulz', 'Hoffmann', 'Koch', 'Richter', 'Klein', 'Wolf', 'Schröder',
  'Neumann', 'Schwarz', 'Zimmermann', 'Braun', 'Krüger', 'Hofmann', 'Hartmann', 'Lange', 'Schmitt', 'Werner', 'Krause', 'Meier',
  'Lehmann', 'Schmid', 'Schulze', 'Maier', 'Köhler', 'Herrmann', 'Yıldız', 'Nowak', 'Novák', 'Rossi', 'Kaya', 'Ivanova', 'Kim'];

/** How an order may stand: status, payment, fulfilment, delivery. */
const OLD = [
  ...Array(90).fill(['delivered', 'paid', 'fulfilled', 'delivered']),
  ...Array(7).fill(['cancelled', 'cancelled', 'cancelled', 'none']),
  ['cancelled', 'refunded', 'cancelled', 'none'], ['refunded', 'refunded', 'returned', 'delivered'],
  ['delivered', 'partially_refunded', 'partially_returned', 'delivered'],
];
const LIVE = [
  ['pending', 'pending', 'unfulfilled', 'none'], ['paid', 'paid', 'unfulfilled', 'none'],
  ['awaiting_assignment', 'paid', 'awaiting_assignment', 'none'], ['vendor_accepted', 'paid', 'vendor_accepted', 'new_order'],
  ['preparing', 'paid', 'preparing', 'new_order'], ['ready', 'paid', 'ready', 'assigned_driver'],
  ['processing', 'paid', 'processing', 'none'], ['shipped', 'paid', 'fulfilled', 'out_for_delivery'],
  ['delivered', 'paid', 'fulfilled', 'delivered'], ['pending', 'failed', 'unfulfilled', 'none'],
];
const FAILED = ['failed', 'paid', 'failed', 'none'];

// ?1 first number, ?2 how many, ?3 of how many, ?4 the words above, ?5 and ?6 the year. `h` is a number that looks drawn.
const FILL = `
  WITH RECURSIVE numbers(n) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?1 + ?2),
  drawn AS (SELECT n, (n * 2654435761) % 4294967296 AS h, CAST(?5 + n * (?6 / ?3) AS INTEGER) AS ms FROM numbers),
  people AS (
    SELECT *, CASE WHEN h % 10 < 3 THEN h / 16 % 3000 ELSE h / 16 % 300000 END AS person,
      CASE WHEN h / 64 % 10000 = 0 THEN ?4 ->> '$.failed'
           WHEN n > ?3 - 5000 THEN ?4 -> '$.live' -> (h / 128 % 10)
           ELSE ?4 -> '$.old' -> (h / 128 % 100) END AS stands FROM drawn),
  named AS (
    SELECT *, ?4 -> '$.first' ->> (person * 31 % 30) AS first, ?4 -> '$.last' ->> (person * 17 % 37) AS last FROM people)
  INSERT INTO orders
    (order_id, order_number, user_id, cart_id, products, address, delivery_mode, delivery_tier, currency,
     subtotal_minor, delivery_minor, tax_minor, total_minor, status, payment_status, version, created_at, updated_at,
     payment_method, fulfilment_mode, fulfilment_status, delivery_status, vendor_id, driver_id,
     due_minor, captured_minor, refunded_minor)
  SELECT printf('%08x-%04x-7%03x-%x%03x-%012x', ms >> 16, ms & 65535, h % 64, 8 + (h & 3), h / 4 & 4095, n),
    printf('ORD-%s-%s%s', strftime('%Y', ms / 1000, 'unixepoch'),
      substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + (h / 7 & 31), 1), printf('%06d', n)),
    'customer-' || person, printf('cart-%d', n),
    printf('[{"sku":"SKU-%d","product_id":"P-%d","title":"A thing of kind %d","size":"M","price_minor":1999,"quantity":2,'
      || '"allocations":[{"sku":"SKU-%d","warehouse_id":"berlin","shard":0,"quantity":2,"distance_km":3.5}]}]',
      h % 5000, h % 1000, h % 1000, h % 5000),
    json_object('name', first || ' ' || last, 'line1', 'Torstr. ' || (h % 200), 'city', 'Berlin', 'state', 'BE', 'postal_code', '10119',
      'country', 'DE', 'phone', printf('+49 30 %07d', person * 33 % 10000000),
      'email', lower(first) || '.' || lower(last) || person || '@example.com', 'latitude', 52.529, 'longitude', 13.401),
    iif(h % 4 = 0, 'express', 'standard'), 'tier_1', 'EUR', 3998, 500, 760, 5258,
    stands ->> 0, stands ->> 1, 5, strftime('%Y-%m-%dT%H:%M:%fZ', ms / 1000.0, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%fZ', ms / 1000.0, 'unixepoch'),
    CASE h / 32 % 10 WHEN 0 THEN 'credit' WHEN 1 THEN 'cod' WHEN 2 THEN 'cod' ELSE 'card' END,
    iif(h % 3 = 0, 'warehouse', 'vendor'), stands ->> 2, stands ->> 3,
    iif(h % 3 = 0 OR stands ->> 0 IN ('pending', 'paid', 'awaiting_assignment', 'failed', 'cancelled'), NULL, 'vendor-' || (h / 512 % 1000)),
    iif(stands ->> 3 IN ('none', 'new_order'), NULL, 'driver-' || (h / 256 % 2000)),
    5258, iif(stands ->> 1 = 'paid', 5258, 0), iif(stands ->> 1 = 'refunded', 5258, 0)
  FROM named`;

/** Puts orders `from` to `to` of `total` into the database, and says what the database wrote for it. */
export async function fillOrders(db, from, to, total) {
  const words = JSON.stringify({ first: FIRST, last: LAST, old: OLD, live: LIVE, failed: FAILED });
  let written = 0;
  for (let first = from; first < to; first += CHUNK) {
    const meta = await db.run(FILL, first, Math.min(CHUNK, to - first), total, words, YEAR.from, YEAR.ms);
    written += meta.rows_written;
  }
  return written;
}
