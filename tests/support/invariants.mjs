// What must hold of orders and stock when the shop is at rest, whatever happened before: I1 to I8
// of the project's invariants, from what is durable and not from what the workers say of it. The
// databases are read through D1, the desks' rows from the SQLite files they lie in.
import assert from 'node:assert/strict';
import { until } from './shop.mjs';

const SHARDS = [0, 1];
const WITH_VENDOR = ['awaiting_assignment', 'vendor_accepted', 'failed', 'cancelled'];
const NEXT = {
  pending: ['paid', 'awaiting_assignment', 'processing', 'cancelled'], paid: ['awaiting_assignment', 'processing', 'cancelled'],
  awaiting_assignment: ['vendor_accepted', 'failed', 'processing', 'cancelled'],
  failed: ['awaiting_assignment', 'vendor_accepted', 'processing', 'cancelled'],
  vendor_accepted: [...WITH_VENDOR, 'preparing'], preparing: [...WITH_VENDOR, 'ready'], ready: [...WITH_VENDOR, 'shipped'],
  processing: ['shipped', 'cancelled'], shipped: ['delivered'], delivered: ['refunded'], cancelled: [], refunded: [],
};
// What may change without a step of the order itself.
const beside = ({ payment, fulfilment, delivery }) => [payment, fulfilment, delivery].join(' ');

const place = ({ warehouse_id, sku }) => `${warehouse_id}/${sku}`;
const sum = (rows, of) => rows.reduce((total, row) => total + of(row), 0);
const byKey = (rows, key) => Map.groupBy(rows, (row) => row[key]);

/** Everything that is written down anywhere. */
export async function dump({ rt }) {
  const desk = (sql) => rt.objects('order', 'OrderDesk', sql);
  const cart = (sql) => rt.objects('cart', 'CartDesk', sql);
  const orders = rt.d1('order', 'DB');
  const shards = await Promise.all(SHARDS.map(async (shard) => {
    const db = rt.d1('fulfillment', `STOCK_${shard}`);
    const [stock, holds, movements] = await Promise.all(
      ['stock', 'stock_holds', 'stock_movements'].map((table) => db.all(`SELECT * FROM ${table}`)));
    return { stock, holds, movements };
  }));
  const [projected, projectedHistory, stuck, recorded] = await Promise.all([
    orders.all('SELECT * FROM orders'),
    orders.all('SELECT * FROM order_status_history ORDER BY history_id'),
    orders.all('SELECT * FROM stuck_placements'),
    rt.d1('cart', 'DB').all('SELECT * FROM carts'),
  ]);
  const placements = desk('SELECT * FROM orders');
  // The first step follows from the order, and is not stored.
  const first = placements.filter(({ phase }) => phase === 'placed')
    .map(({ order_id }) => ({ order_id, version: 1, old_status: null, new_status: 'pending' }));
  return {
    placements,
    history: [...first, ...desk('SELECT * FROM history ORDER BY order_id, version')],
    chores: desk('SELECT * FROM chores'),
    carts: cart('SELECT * FROM carts'),
    keys: cart('SELECT * FROM keys'),
    unrecorded: cart('SELECT * FROM completed'),
    stock: shards.flatMap((shard) => shard.stock),
    holds: shards.flatMap((shard) => shard.holds),
    movements: shards.flatMap((shard) => shard.movements),
    projected, projectedHistory, stuck, recorded,
  };
}

// In words, with the object's id left out.
const rowsIn = ({ rt }, worker, name, sql) => rt.objects(worker, name, sql).map(({ object_id, ...row }) => Object.values(row).join(' '));

/** What is still on its way; empty at rest. A stuck placement rests, once admins see it. */
async function onItsWay(shop) {
  const orders = await shop.rt.d1('order', 'DB').all(`SELECT 'placed' AS phase, order_id, version FROM orders
    UNION ALL SELECT 'stuck', order_id, 0 FROM stuck_placements`);
  const carts = await shop.rt.d1('cart', 'DB').all('SELECT cart_id FROM carts');
  const shown = new Set(orders.map(({ phase, order_id, version }) => `${phase} ${order_id} ${version}`));
  const recorded = new Set(carts.map(({ cart_id }) => `completed ${cart_id}`));
  return [
    ...rowsIn(shop, 'order', 'OrderDesk', "SELECT phase, order_id FROM orders WHERE phase NOT IN ('placed', 'undone', 'stuck')"),
    ...rowsIn(shop, 'order', 'OrderDesk', "SELECT phase, order_id, iif(phase = 'stuck', 0, version) FROM orders WHERE phase IN ('placed', 'stuck')")
      .filter((row) => !shown.has(row)),
    ...rowsIn(shop, 'order', 'OrderDesk', "SELECT 'chore', kind, shard, order_id FROM chores"),
    ...rowsIn(shop, 'order', 'OrderDesk', "SELECT 'completed', cart_id FROM orders WHERE phase = 'placed'").filter((row) => !recorded.has(row)),
    ...rowsIn(shop, 'cart', 'CartDesk', "SELECT 'open although ordered', customer_id, doc ->> '$.current.cart_id' FROM carts WHERE doc ->> '$.current.cart_id' IS NOT NULL")
      .filter((row) => recorded.has(`completed ${row.split(' ').at(-1)}`)),
    ...rowsIn(shop, 'cart', 'CartDesk', "SELECT 'completed', cart_id FROM completed").filter((row) => !recorded.has(row)),
  ];
}

// What the databases have and the desks have not struck off yet: that has time till the next alarm.
const unmarked = (shop) => [
  ...rowsIn(shop, 'order', 'OrderDesk', "SELECT 'not marked', order_id FROM orders WHERE projected <> version"),
  ...rowsIn(shop, 'cart', 'CartDesk', "SELECT 'not marked', cart_id FROM completed"),
  ...rowsIn(shop, 'cart', 'CartDesk', "SELECT 'marked', life FROM desk WHERE marked = 1 OR swept <> life"),
];

/**
 * Waits until nothing is on its way any more, which must come about by itself; with `idle` until
 * no desk has anything left to do at all.
 */
export function atRest(shop, { deadlineMs = 30_000, idle = false } = {}) {
  return until('the shop at rest', async () => {
    const left = [...await onItsWay(shop), ...idle ? unmarked(shop) : []];
    if (left.length === 0) return true;
    throw new Error(`${left.length} on their way: ${left.slice(0, 5).join('; ')}`);
  }, { deadlineMs, everyMs: 100 });
}

// I1, I3: counters are what movements and holds make them; a hold counts each key once.
function stockHolds({ stock, holds, movements }) {
  const moved = Map.groupBy(movements, place);
  const held = Map.groupBy(holds, place);
  for (const row of stock) {
    const [own, kept] = [moved.get(place(row)) ?? [], held.get(place(row)) ?? []];
    const adjusted = sum(own.filter(({ kind }) => kind === 'adjust'), (movement) => movement.stock_delta);
    const shipped = sum(kept, (hold) => hold.shipped);
    const remaining = sum(kept, ({ quantity, released, shipped: out }) => quantity - released - out);
    assert.ok(row.stock >= 0 && row.held >= 0, `I1: ${place(row)} is below zero`);
    assert.equal(row.stock + row.held, adjusted - shipped, `I1: ${place(row)}: stock and held are not what came and went`);
    assert.equal(row.held, remaining, `I1: ${place(row)}: held is not what the holds hold`);
    assert.equal(row.stock, sum(own, (movement) => movement.stock_delta), `I1: ${place(row)}: stock is not what its movements say`);
    assert.equal(row.held, sum(own, (movement) => movement.held_delta), `I1: ${place(row)}: held is not what its movements say`);
  }
  for (const hold of holds) {
    const keys = JSON.parse(hold.keys);
    assert.ok(hold.released + hold.shipped <= hold.quantity, `I3: ${hold.order_id} gave back more of ${place(hold)} than it held`);
    assert.equal(new Set(keys).size, keys.length, `I3: ${hold.order_id} counted a key twice at ${place(hold)}`);
  }
}

// I2, I4, I6: an order holds every line or none, nothing is held for no order, nothing oversold.
function ordersHold({ placements, holds, movements }) {
  const held = byKey(holds, 'order_id');
  const taken = new Map();
  for (const row of placements) {
    const own = held.get(row.order_id) ?? [];
    const gone = row.phase !== 'placed' || row.status === 'cancelled';
    if (gone) {
      for (const hold of own) {
        assert.equal(hold.quantity - hold.released, 0, `I4: ${row.order_id} (${row.phase} ${row.status}) still has ${place(hold)}`);
      }
      continue;
    }
    const { allocations } = JSON.parse(row.content);
    const out = ['shipped', 'delivered', 'refunded'].includes(row.status);
    assert.deepEqual(
      own.map((hold) => [place(hold), hold.quantity, hold.released, hold.shipped]).sort(),
      allocations.map((line) => [place(line), line.quantity, 0, out ? line.quantity : 0]).sort(),
      `I4: ${row.order_id} (${row.status}) does not hold just its lines`);
    for (const line of allocations) taken.set(place(line), (taken.get(place(line)) ?? 0) + line.quantity);
  }
  for (const [at, quantity] of taken) {
    const there = sum(movements.filter((one) => one.kind === 'adjust' && place(one) === at), (one) => one.stock_delta);
    assert.ok(quantity <= there, `I2: ${quantity} of ${at} sold, of ${there}`);
  }
  const known = new Set(placements.map((row) => row.order_id));
  for (const hold of holds) assert.ok(known.has(hold.order_id), `I6: ${place(hold)} is held for ${hold.order_id}, which nobody knows`);
}

// I7: along the drawn edges, version by version; and the database shows what the desk has.
function orderLives({ placements, history, projected, projectedHistory }) {
  const lived = byKey(history, 'order_id');
  const shown = new Map(projected.map((row) => [row.order_id, row]));
  const shownHistory = byKey(projectedHistory, 'order_id');
  const placed = placements.filter((row) => row.phase === 'placed');
  for (const row of placed) {
    const steps = lived.get(row.order_id) ?? [];
    assert.deepEqual(steps.map(({ version }) => version), steps.map((_, n) => n + 1), `I7: ${row.order_id} skipped a version`);
    assert.equal(row.version, steps.length, `I7: ${row.order_id} has another version than its history`);
    steps.forEach((step, n) => {
      const before = n === 0 ? null : steps[n - 1].new_status;
      assert.equal(step.old_status, before, `I7: ${row.order_id} has a gap in its history`);
      const isStep = before !== step.new_status || !steps[n - 1].payment || beside(steps[n - 1]) === beside(step);
      if (before && isStep) assert.ok(NEXT[before].includes(step.new_status), `I7: ${row.order_id} went from ${before} to ${step.new_status}`);
    });
    assert.equal(row.status, steps.at(-1).new_status, `I7: ${row.order_id} is not where its history ends`);
    const copy = shown.get(row.order_id);
    assert.ok(copy, `the database lacks ${row.order_id}`);
    const { totals, cart_id } = JSON.parse(row.content);
    assert.deepEqual(
      [copy.status, copy.payment_status, copy.version, copy.user_id, copy.cart_id, copy.total_minor],
      [row.status, row.payment, row.version, row.customer_id, cart_id, totals.total_minor],
      `the database has another ${row.order_id}`);
    assert.deepEqual((shownHistory.get(row.order_id) ?? []).map((step) => step.new_status), steps.map((step) => step.new_status),
      `the database has another history of ${row.order_id}`);
  }
  assert.equal(projected.length, placed.length, 'the database has orders that no desk has');
}

// I5: one order a cart, and every cart that became an order is recorded with it.
function cartsOrder({ placements, carts, keys, recorded }) {
  const placed = placements.filter((row) => row.phase === 'placed');
  const ofCart = byKey(placed, 'cart_id');
  for (const [cart, orders] of ofCart) assert.equal(orders.length, 1, `I5: ${orders.length} orders were made of the cart ${cart}`);
  assert.deepEqual(
    recorded.map((row) => [row.cart_id, row.order_id, row.customer_id]).sort(),
    placed.map((row) => [row.cart_id, row.order_id, row.customer_id]).sort(),
    'the record of carts is not what became orders');
  const open = new Map(carts.map((row) => [row.customer_id, JSON.parse(row.doc).current]));
  for (const { customer_id, key, answer } of keys) {
    assert.ok(answer, `I6: the key ${key} of ${customer_id} is taken and has no answer`);
    assert.ok(ofCart.size > 0 && placed.some((row) => row.order_id === JSON.parse(answer).order_id), `I5: the key ${key} answers with no order`);
  }
  for (const row of placed) assert.notEqual(open.get(row.customer_id)?.cart_id, row.cart_id, `I5: the cart of ${row.order_id} is still open`);
}

/**
 * Waits for rest and asserts I1 to I7, and that the shop's own audit agrees. Gives the dump, for
 * what a test knows besides. `stuck` is how many placements may be stuck.
 */
export async function assertInvariants(shop, { stuck = 0, ...options } = {}) {
  await atRest(shop, options);
  const found = await dump(shop);
  stockHolds(found);
  ordersHold(found);
  orderLives(found);
  cartsOrder(found);
  assert.equal(found.placements.filter((row) => row.phase === 'stuck').length, stuck, 'I6: stuck placements');
  assert.equal(found.stuck.length, stuck, 'I6: stuck placements that admins see');
  const audit = await shop.audit();
  assert.equal(audit.drift, 0, JSON.stringify(audit.rows_with_drift));
  return found;
}
