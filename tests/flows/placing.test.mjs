// Placing an order, from the cart to the databases: what the shop's document asks to be tested.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ADDRESS, assertProblem, openShop, until } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop(); });
after(() => shop?.close());

const DAY_MS = 86_400_000;
/** The date that lies `days` after now, as orders write it. */
const dateIn = (days) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);

// Most of them wait for the databases to follow; they do so together.
describe('placing an order', { concurrency: 6 }, () => {
  test('an order that is placed is answered with its number, totals, allocations and date', async () => {
    const shoe = await shop.goods({ price: 4999, stock: { berlin: 5 } });
    const sock = await shop.goods({ price: 1295, stock: { hamburg: 5 } });
    const alice = shop.customer();
    await alice.fill({ [shoe]: 2, [sock]: 1 });

    const { status, headers, json } = await alice.place({ delivery_mode: 'express' });
    assert.equal(status, 201);
    assert.equal(headers.get('content-type'), 'application/json');
    assert.equal(headers.get('idempotent-replayed'), null);
    const { order_id, order_number, created_at, ...rest } = json;
    assert.match(order_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.match(order_number, new RegExp(`^ORD-${new Date().getUTCFullYear()}-[0-9A-HJKMNP-TV-Z]{6,}$`));
    assert.ok(Math.abs(Date.parse(created_at) - Date.now()) < 60_000, created_at);
    // 2 x 49.99 + 12.95 = 112.93; Hamburg is some 255 km away: tier 2; 10 % of 112.93 is 11.293.
    assert.deepEqual(rest, {
      success: true,
      status: 'pending',
      currency: 'EUR',
      totals: { subtotal_minor: 11_293, delivery_minor: 2000, tax_minor: 1129, total_minor: 14_422 },
      delivery_mode: 'express',
      delivery_tier: 'tier_2',
      payment_method: 'card',
      estimated_delivery_date: dateIn(2),
      allocations: [
        { sku: shoe, warehouse_id: 'berlin', shard: 0, quantity: 2 },
        { sku: sock, warehouse_id: 'hamburg', shard: 1, quantity: 1 },
      ],
    });
  });

  test('the stock of an order is taken from its warehouses and from no other, and held', async () => {
    const sku = await shop.goods({ stock: { berlin: 4, hamburg: 9, munich: 7 } });
    await shop.customer().order({ [sku]: 3 });
    assert.deepEqual(await shop.stock(sku), {
      berlin: { stock: 1, held: 3 }, hamburg: { stock: 9, held: 0 }, munich: { stock: 7, held: 0 },
    });
  });

  test('an order over several warehouses takes from both stock shards, with a hold and a movement each', async () => {
    const near = await shop.goods({ stock: { berlin: 2 } });
    const far = await shop.goods({ stock: { hamburg: 3, cologne: 2 } });
    const { order_id } = await shop.customer().order({ [near]: 2, [far]: 5 });
    assert.deepEqual(await shop.stock(near), { berlin: { stock: 0, held: 2 } });
    assert.deepEqual(await shop.stock(far), { hamburg: { stock: 0, held: 3 }, cologne: { stock: 0, held: 2 } });
    const expected = {
      0: [{ sku: near, warehouse_id: 'berlin', quantity: 2 }],
      1: [{ sku: far, warehouse_id: 'cologne', quantity: 2 }, { sku: far, warehouse_id: 'hamburg', quantity: 3 }],
    };
    for (const [number, lines] of Object.entries(expected)) {
      const holds = await shop.shard(number).all(
        'SELECT sku, warehouse_id, quantity FROM stock_holds WHERE order_id = ? AND released = 0 AND shipped = 0 ORDER BY sku, warehouse_id', order_id);
      assert.deepEqual(holds, lines, `holds of shard ${number}`);
      const moved = await shop.shard(number).all(
        "SELECT sku, warehouse_id, held_delta AS quantity FROM stock_movements WHERE kind = 'hold' AND cause = ? AND stock_delta = -held_delta ORDER BY sku, warehouse_id", order_id);
      assert.deepEqual(moved, lines, `movements of shard ${number}`);
    }
  });

  test('the cart of an order is recorded as completed, with its lines and address, and the next one is empty', async () => {
    const sku = await shop.goods({ stock: { berlin: 2 } });
    const alice = shop.customer();
    const { order_id } = await alice.order({ [sku]: 2 });
    const db = shop.rt.d1('cart', 'DB');
    const [cart] = await until('the cart in the cart database', async () => {
      const rows = await db.all('SELECT * FROM carts WHERE order_id = ?', order_id);
      return rows.length > 0 && rows;
    });
    assert.equal(cart.status, 'completed');
    assert.equal(cart.customer_id, alice.id);
    assert.deepEqual(JSON.parse(cart.lines), [{ sku, quantity: 2 }]);
    assert.deepEqual(JSON.parse(cart.address), ADDRESS);
    assert.ok(!Number.isNaN(Date.parse(cart.completed_at)));
    const { json } = await alice.get('/cart');
    assert.deepEqual(json.lines, []);
    assert.deepEqual(json.address, ADDRESS, 'the address stays for the next order');
  });

  test('the row of an order in the orders table has every documented column, with correct data', async () => {
    const sku = await shop.goods({ price: 3333, size: '42', stock: { berlin: 1, hamburg: 2 } });
    const alice = shop.customer();
    const placed = await alice.order({ [sku]: 3 }, { special_instructions: 'ring twice' });
    const row = await shop.projected(placed.order_id);
    const { products, address, created_at, updated_at, cart_id, ...rest } = row;
    assert.deepEqual(rest, {
      order_id: placed.order_id,
      order_number: placed.order_number,
      user_id: alice.id,
      delivery_mode: 'standard',
      delivery_tier: 'tier_2',
      currency: 'EUR',
      subtotal_minor: 9999, delivery_minor: 900, tax_minor: 1000, total_minor: 11_899,
      subtotal: 99.99, delivery_cost: 9, tax: 10, total: 118.99,
      status: 'pending',
      payment_status: 'pending',
      estimated_delivery_date: dateIn(5),
      tracking_number: null,
      special_instructions: 'ring twice',
      version: 1,
      payment_method: 'card', fulfilment_mode: 'warehouse', fulfilment_status: 'unfulfilled', delivery_status: 'none',
      vendor_id: null, driver_id: null, due_minor: 11_899, captured_minor: 0, refunded_minor: 0,
      // What lists go by.
      kind: 'pending pending card unfulfilled none',
    });
    assert.deepEqual(JSON.parse(address), ADDRESS);
    assert.deepEqual(JSON.parse(products), [{
      sku, product_id: `p-${sku}`, title: `Product p-${sku}`, size: '42', price_minor: 3333, quantity: 3,
      allocations: [
        { sku, warehouse_id: 'berlin', shard: 0, quantity: 1 },
        { sku, warehouse_id: 'hamburg', shard: 1, quantity: 2 },
      ],
    }]);
    assert.equal(created_at, placed.created_at);
    assert.ok(Date.parse(updated_at) >= Date.parse(created_at));
    assert.ok(cart_id);
  });

  test('the columns of both tables are those of the document, with its types', async () => {
    const db = shop.rt.d1('order', 'DB');
    const columns = async (table) => Object.fromEntries(
      (await db.all(`SELECT name, type FROM pragma_table_xinfo('${table}')`)).map(({ name, type }) => [name, type.replace(/\s|GENERATED ALWAYS/g, '')]));
    const documented = {
      orders: {
        order_id: 'TEXT', user_id: 'TEXT', products: 'TEXT', address: 'TEXT', delivery_mode: 'TEXT', delivery_tier: 'TEXT',
        subtotal: 'DECIMAL(10,2)', delivery_cost: 'DECIMAL(10,2)', tax: 'DECIMAL(10,2)', total: 'DECIMAL(10,2)',
        status: 'TEXT', payment_status: 'TEXT', estimated_delivery_date: 'TEXT', tracking_number: 'TEXT',
        created_at: 'DATETIME', updated_at: 'DATETIME',
      },
      order_status_history: {
        history_id: 'TEXT', order_id: 'TEXT', old_status: 'TEXT', new_status: 'TEXT', changed_by: 'TEXT', reason: 'TEXT', created_at: 'DATETIME',
      },
    };
    for (const [table, wanted] of Object.entries(documented)) {
      const present = await columns(table);
      for (const [name, type] of Object.entries(wanted)) assert.equal(present[name], type, `${table}.${name}`);
    }
  });

  test('the first row of an order in the history table says who made it pending', async () => {
    const sku = await shop.goods({ stock: { berlin: 1 } });
    const alice = shop.customer();
    const { order_id } = await alice.order({ [sku]: 1 });
    await shop.projected(order_id);
    const rows = await shop.rt.d1('order', 'DB').all('SELECT * FROM order_status_history WHERE order_id = ?', order_id);
    assert.equal(rows.length, 1);
    const [{ history_id, created_at, ...rest }] = rows;
    assert.ok(history_id && !Number.isNaN(Date.parse(created_at)));
    assert.deepEqual(rest, { order_id, old_status: null, new_status: 'pending', changed_by: `customer:${alice.id}`, reason: null,
      payment_status: 'pending', fulfilment_status: 'unfulfilled', delivery_status: 'none' });
  });

  test('an order for more than there is gets 409 with the lines that are short, and takes nothing', async () => {
    const scarce = await shop.goods({ stock: { berlin: 2, hamburg: 1 } });
    const gone = await shop.goods({ stock: {} });
    const plenty = await shop.goods({ stock: { berlin: 50 } });
    const alice = shop.customer();
    await alice.fill({ [plenty]: 5, [scarce]: 4, [gone]: 1 });
    const answer = await alice.place();
    assertProblem(answer, { status: 409, code: 'insufficient_stock' });
    assert.deepEqual(answer.json.lines, [
      { sku: scarce, requested: 4, available: 3 }, { sku: gone, requested: 1, available: 0 },
    ]);
    assert.deepEqual(await shop.stock(plenty), { berlin: { stock: 50, held: 0 } });
    assert.deepEqual(await shop.stock(scarce), { berlin: { stock: 2, held: 0 }, hamburg: { stock: 1, held: 0 } });

    const { json: cart } = await alice.get('/cart');
    assert.equal(cart.status, 'active', 'the cart is the customer’s again');
    assert.deepEqual(cart.lines.map(({ sku, quantity }) => [sku, quantity]), [[plenty, 5], [scarce, 4], [gone, 1]]);
    assert.deepEqual((await alice.get('/orders')).json.orders, [], 'no order came of it');
  });

  test('a deduction that fails in the second shard gives the first one back', async () => {
    // A plan is made on what was seen a moment ago. Between that look and the order somebody else
    // takes the goods of shard 1, so shard 0 is taken, shard 1 refuses, and shard 0 is given back.
    // Should the look have grown old before the order came, it is tried again with other goods.
    const undone = (order_id) => shop.shard(0).all(
      "SELECT kind, stock_delta, held_delta FROM stock_movements WHERE cause = ? ORDER BY kind", order_id);
    for (let round = 1; ; round += 1) {
      const near = await shop.goods({ stock: { berlin: 3 } });
      const far = await shop.goods({ stock: { hamburg: 3 } });
      const alice = shop.customer();
      await alice.fill({ [near]: 2, [far]: 2 });
      assert.equal((await alice.get('/cart/summary')).status, 200);
      const [taken, answer] = await Promise.all([
        shop.service.post('/api/stock/deduct', { order_id: `other-${round}`, warehouse_id: 'hamburg', sku: far, quantity: 2 }),
        alice.place(),
      ]);
      assert.equal(taken.status, 200, taken.text);
      assertProblem(answer, { status: 409, code: 'insufficient_stock' });
      assert.deepEqual(answer.json.lines, [{ sku: far, requested: 2, available: 1 }]);
      assert.deepEqual(await shop.stock(near), { berlin: { stock: 3, held: 0 } });
      assert.deepEqual(await shop.stock(far), { hamburg: { stock: 1, held: 2 } });

      const restored = shop.logs.filter(({ line }) => line?.event === '[stock-restore]' && line.outcome === 'done');
      const movements = (await Promise.all(restored.map(({ line }) => undone(line.order_id)))).find((rows) => rows.length > 0);
      if (movements) {
        assert.deepEqual(movements, [
          { kind: 'hold', stock_delta: -2, held_delta: 2 }, { kind: 'release', stock_delta: 2, held_delta: -2 },
        ]);
        break;
      }
      assert.ok(round < 20, 'no placement was ever rolled back');
    }
    assert.equal((await shop.audit()).drift, 0);
  });

  test('the summary shows the delivery cost of the mode asked for, and costs what the order costs', async () => {
    const sku = await shop.goods({ price: 1005, stock: { berlin: 9, munich: 9 } });
    const alice = shop.customer();
    await alice.fill({ [sku]: 1 });
    for (const [mode, delivery_minor, days] of [['standard', 500, 3], ['express', 1200, 1]]) {
      const { status, json } = await alice.get(`/cart/summary?delivery_mode=${mode}`);
      assert.equal(status, 200);
      // A half rounds up: 10 % of 10.05 is 1.01.
      assert.deepEqual(json.totals, { subtotal_minor: 1005, delivery_minor, tax_minor: 101, total_minor: 1106 + delivery_minor });
      assert.equal(json.delivery_mode, mode);
      assert.equal(json.delivery_tier, 'tier_1');
      assert.equal(json.estimated_delivery_date, dateIn(days));
    }
    const munich = shop.customer();
    await munich.fill({ [sku]: 10 });
    const { json } = await munich.get('/cart/summary?delivery_mode=express');
    assert.equal(json.delivery_tier, 'tier_3', 'some of it comes from Munich, more than 300 km away');
    assert.equal(json.totals.delivery_minor, 3500);
    const placed = await munich.place({ delivery_mode: 'express' });
    assert.deepEqual(placed.json.totals, json.totals);
    assert.deepEqual(placed.json.allocations, json.allocations);
  });

  test('the estimated delivery date is stored with the order and shown with it', async () => {
    const sku = await shop.goods({ stock: { berlin: 9 } });
    const alice = shop.customer();
    for (const [delivery_mode, days] of [['standard', 3], ['express', 1]]) {
      const { order_id, estimated_delivery_date } = await alice.order({ [sku]: 1 }, { delivery_mode });
      assert.equal(estimated_delivery_date, dateIn(days));
      assert.equal((await shop.projected(order_id)).estimated_delivery_date, estimated_delivery_date);
      assert.equal((await alice.get(`/orders/${order_id}`)).json.estimated_delivery_date, estimated_delivery_date);
    }
  });

  test('a delivery mode that is absent or unknown is standard, and every answer says so', async () => {
    const sku = await shop.goods({ stock: { berlin: 9 } });
    for (const body of [{}, { delivery_mode: 'drone' }, { delivery_mode: '' }, { delivery_mode: 'EXPRESS' }, { delivery_mode: null }]) {
      const alice = shop.customer();
      await alice.fill({ [sku]: 1 });
      const query = typeof body.delivery_mode === 'string' ? `?delivery_mode=${body.delivery_mode}` : '';
      const { json: summary } = await alice.get(`/cart/summary${query}`);
      assert.equal(summary.delivery_mode, 'standard', JSON.stringify(body));
      const { status, json } = await alice.place(body);
      assert.equal(status, 201);
      assert.equal(json.delivery_mode, 'standard');
      assert.deepEqual(json.totals, summary.totals);
    }
  });

  test('a delivery mode that is no string is refused by name of the field', async () => {
    const sku = await shop.goods({ stock: { berlin: 9 } });
    const alice = shop.customer();
    await alice.fill({ [sku]: 1 });
    for (const delivery_mode of [7, true, ['express'], { mode: 'express' }]) {
      assertProblem(await alice.place({ delivery_mode }), { status: 400, code: 'invalid_field', field: 'delivery_mode' });
    }
    assert.deepEqual(await shop.stock(sku), { berlin: { stock: 9, held: 0 } });
  });

  test('a placed order never has a different total than it was agreed to', async () => {
    const sku = await shop.goods({ price: 2000, stock: { berlin: 9 } });
    const alice = shop.customer();
    await alice.fill({ [sku]: 1 });
    const { json: { totals } } = await alice.get('/cart/summary');
    const refused = await alice.place({ expected_total: totals.total_minor - 1 });
    assertProblem(refused, { status: 409, code: 'total_changed', field: 'expected_total' });
    assert.deepEqual(refused.json.totals, totals);
    const { status, json } = await alice.place({ expected_total: totals.total_minor });
    assert.equal(status, 201);
    assert.deepEqual(json.totals, totals);
  });
});

test('after all of this every counter is explained by its movements and nothing is stuck', async () => {
  const { drift, rows, units_held } = await shop.audit();
  assert.equal(drift, 0);
  assert.ok(rows > 0 && units_held > 0);
  assert.deepEqual((await shop.admin.get('/api/admin/placements?state=stuck')).json, { placements: [] });
  assert.deepEqual(shop.panics(), []);
});
