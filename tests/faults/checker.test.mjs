// The check of the invariants is itself checked: what it says of a shop that is in order is worth
// something only if it sees each thing that may be wrong.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertInvariants } from '../support/invariants.mjs';
import { openShop } from '../support/shop.mjs';

let shop;
let order;
let sku;
before(async () => {
  shop = await openShop({ vars: { '*': { LOG_LEVEL: 'error' } } });
  sku = await shop.goods({ stock: { berlin: 10 } });
  order = await shop.customer().order({ [sku]: 3 }, { key: 'one' });
  await assertInvariants(shop);
});
after(() => shop?.close());

// Each is done, seen, and undone: by the database, the statement, its undoing, and what is said of it.
const CORRUPTIONS = [
  ['stock', 'UPDATE stock SET stock = stock + 1', 'UPDATE stock SET stock = stock - 1', /I1/],
  ['stock', 'UPDATE stock SET held = held - 1', 'UPDATE stock SET held = held + 1', /I1/],
  ['stock', 'UPDATE stock SET stock = stock + 1, held = held - 1', 'UPDATE stock SET stock = stock - 1, held = held + 1', /I1/],
  ['stock', "UPDATE stock_movements SET stock_delta = stock_delta + 1 WHERE kind = 'adjust'", "UPDATE stock_movements SET stock_delta = stock_delta - 1 WHERE kind = 'adjust'", /I1/],
  ['stock', `UPDATE stock_holds SET keys = '["a","a"]'`, "UPDATE stock_holds SET keys = '[]'", /I3/],
  ['stock', "UPDATE stock_holds SET order_id = order_id || '?'", "UPDATE stock_holds SET order_id = rtrim(order_id, '?')", /I4/],
  ['stock', `INSERT INTO stock_holds (order_id, sku, warehouse_id, quantity, created_ms) VALUES ('nobody', 'none', 'berlin', 0, 0)`, "DELETE FROM stock_holds WHERE order_id = 'nobody'", /I6/],
  ['orders', "UPDATE orders SET status = 'paid'", "UPDATE orders SET status = 'pending'", /the database has another/],
  ['orders', 'UPDATE orders SET total_minor = total_minor + 1', 'UPDATE orders SET total_minor = total_minor - 1', /the database has another/],
  ['orders', "UPDATE order_status_history SET new_status = 'paid'", "UPDATE order_status_history SET new_status = 'pending'", /another history/],
  ['orders', "INSERT INTO stuck_placements VALUES ('x', 'x', 'x', 'x')", 'DELETE FROM stuck_placements', /stuck/],
  ['carts', "UPDATE carts SET order_id = order_id || '?'", "UPDATE carts SET order_id = rtrim(order_id, '?')", /record of carts/],
];

test('every corruption of the databases is seen', async () => {
  const databases = { stock: shop.shard(0), orders: shop.rt.d1('order', 'DB'), carts: shop.rt.d1('cart', 'DB') };
  for (const [database, corrupt, mend, said] of CORRUPTIONS) {
    await databases[database].run(corrupt);
    await assert.rejects(assertInvariants(shop, { deadlineMs: 1000 }), said, corrupt);
    await databases[database].run(mend);
  }
  await assertInvariants(shop);
});

test('an order that only the database has is seen, and so is one that only a desk has', async () => {
  const orders = shop.rt.d1('order', 'DB');
  const [row] = await orders.all('SELECT * FROM orders');
  // Generated columns are not written.
  const columns = Object.keys(row).filter((name) => !['subtotal', 'delivery_cost', 'tax', 'total', 'kind'].includes(name));
  const invented = { ...row, order_id: 'invented', order_number: 'invented', cart_id: 'invented' };
  await orders.run(
    `INSERT INTO orders (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    ...columns.map((name) => invented[name]));
  await assert.rejects(assertInvariants(shop, { deadlineMs: 1000 }), /no desk has/);
  await orders.run('DELETE FROM order_status_history');
  await orders.run('DELETE FROM orders');
  await assert.rejects(assertInvariants(shop, { deadlineMs: 500 }), new RegExp(`placed ${order.order_id}`));
});
