// Orders after they are placed: found, listed, moved along, cancelled.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { DatabaseSync } from 'node:sqlite';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ABSENT_ORDERS } from '../support/routes.mjs';
import { ADDRESS, assertProblem, openShop, until } from '../support/shop.mjs';

let shop;
// All customers in one desk, so that they could get in each other's way.
before(async () => { shop = await openShop({ vars: { '*': { ORDER_DESKS: '1' } } }); });
after(() => shop?.close());

const move = (order_id, status, rest = {}, as = shop.admin) => as.patch(`/api/v1/orders/${order_id}/status`, { status, ...rest });
const cancel = (who, order_id, body = {}) => who.post(`/orders/${order_id}/cancel`, body);
const historyOf = ({ history }) => history.map(({ old_status, new_status, changed_by, reason }) => [old_status, new_status, changed_by, reason]);

/** An order of one new SKU, `quantity` from Berlin and as many from Hamburg. */
async function placed(who, quantity = 2) {
  const sku = await shop.goods({ price: 1500, stock: { berlin: quantity, hamburg: 50 } });
  const order = await who.order({ [sku]: 2 * quantity });
  return { sku, order, order_id: order.order_id };
}

// Most of them wait for the databases to follow; they do so together.
describe('orders', { concurrency: 6 }, () => {
  test('an order is found by id and by number, with its lines, address, history and allocations', async () => {
    const alice = shop.customer();
    const { sku, order } = await placed(alice);
    const { status, json, text } = await alice.get(`/orders/${order.order_id}`);
    assert.equal(status, 200);
    const { cart_id, history, created_at, updated_at, allowed_statuses, ...rest } = json;
    assert.deepEqual(rest, {
      order_id: order.order_id, order_number: order.order_number, customer_id: alice.id,
      status: 'pending', payment_status: 'pending', version: 1, currency: 'EUR',
      lines: [{ sku, product_id: `p-${sku}`, title: `Product p-${sku}`, size: '', price_minor: 1500, quantity: 4 }],
      allocations: order.allocations, totals: order.totals, address: ADDRESS,
      delivery_mode: 'standard', delivery_tier: 'tier_2', estimated_delivery_date: order.estimated_delivery_date,
      tracking_number: null, next_statuses: ['paid', 'cancelled'],
      payment_method: 'card', fulfilment_mode: 'warehouse', fulfilment_status: 'unfulfilled', delivery_status: 'none',
      due_minor: order.totals.total_minor, captured_minor: 0, refunded_minor: 0,
    });
    assert.deepEqual(allowed_statuses, ['cancelled'], 'its customer cannot say that it is paid');
    assert.ok(cart_id && created_at === order.created_at && updated_at >= created_at);
    assert.deepEqual(historyOf({ history }), [[null, 'pending', `customer:${alice.id}`, null]]);
    assert.equal((await alice.get(`/orders/${order.order_number}`)).text, text);
    const seen = (await shop.admin.get(`/orders/${order.order_id}`)).json;
    assert.deepEqual(seen, { ...json, allowed_statuses: ['paid', 'cancelled'] }, 'staff sees the same, and may do more');
  });

  test('a foreign order looks exactly like a missing one, by id and by number, for reading and cancelling', async () => {
    const { order, sku } = await placed(shop.customer());
    const eve = shop.customer();
    const missing = await eve.get(`/orders/${ABSENT_ORDERS[0]}`);
    assertProblem(missing, { status: 404, code: 'not_found' });
    const asked = [
      eve.get(`/orders/${order.order_id}`), eve.get(`/orders/${order.order_number}`), eve.get(`/orders/${ABSENT_ORDERS[1]}`),
      cancel(eve, order.order_id), cancel(eve, order.order_number), ...ABSENT_ORDERS.map((id) => cancel(eve, id)),
      eve.get('/orders/nonsense'), cancel(eve, 'nonsense'),
    ];
    const headersOf = ({ headers }) => [...headers].filter(([name]) => !['date', 'x-trace-id'].includes(name));
    for (const answer of await Promise.all(asked)) {
      assert.equal(answer.status, missing.status);
      assert.equal(answer.text, missing.text);
      assert.deepEqual(headersOf(answer), headersOf(missing));
    }
    assert.equal((await shop.stock(sku)).berlin.held, 2, 'nothing was given back');
  });

  test('a foreign order looks missing also after the database has it', async () => {
    const { order_id } = await placed(shop.customer());
    await shop.projected(order_id);
    const eve = shop.customer();
    const [foreign, missing] = await Promise.all([eve.get(`/orders/${order_id}`), eve.get(`/orders/${ABSENT_ORDERS[0]}`)]);
    assert.equal(foreign.text, missing.text);
  });

  test('the list shows an order from the moment it is placed, and at no moment after that loses it', async () => {
    // It is in the object first and in the database later; the change of place must not show.
    await Promise.all(Array.from({ length: 6 }, async () => {
      const alice = shop.customer();
      const { order_id } = await placed(alice);
      const db = shop.rt.d1('order', 'DB');
      let looks = 0;
      await until('the order in the database', async () => {
        const known = await db.all('SELECT 1 FROM orders WHERE order_id = ?', order_id);
        const { json } = await alice.get('/orders');
        looks += 1;
        assert.deepEqual(json.orders.map((order) => order.order_id), [order_id], `look ${looks}`);
        return known.length > 0;
      }, { everyMs: 0 });
      assert.ok(looks > 1);
    }));
  });

  test('the list is newest first, in pages that end, miss none and show none twice', async () => {
    const alice = shop.customer();
    const sku = await shop.goods({ price: 100, stock: { berlin: 50 } });
    const ids = [];
    for (let n = 0; n < 5; n += 1) ids.unshift((await alice.order({ [sku]: 1 })).order_id);
    const pages = async () => {
      const seen = [];
      let next = '/orders?limit=2';
      for (let page = 0; next; page += 1) {
        assert.ok(page < 10, 'the pages never end');
        const { status, json } = await alice.get(next);
        assert.equal(status, 200);
        assert.ok(json.orders.length <= 2, 'a page is not longer than asked for');
        seen.push(...json.orders.map(({ order_id }) => order_id));
        next = json.next_cursor && `/orders?limit=2&cursor=${json.next_cursor}`;
      }
      return seen;
    };
    assert.deepEqual(await pages(), ids, 'at once');
    for (const id of ids) await shop.projected(id);
    assert.deepEqual(await pages(), ids, 'when all are in the database');
    await cancel(alice, ids[1]);
    assert.deepEqual(await pages(), ids, 'when one of them has just changed');
    const { json } = await alice.get('/orders');
    assert.ok(!('next_cursor' in json));
    assert.deepEqual(json.orders.map(({ status }) => status), ['pending', 'cancelled', 'pending', 'pending', 'pending']);
    const [{ created_at, updated_at, order_number, ...first }] = json.orders;
    assert.ok(created_at && updated_at && order_number);
    assert.deepEqual(first, {
      order_id: ids[0], status: 'pending', payment_status: 'pending', fulfilment_status: 'unfulfilled', delivery_status: 'none',
      payment_method: 'card', version: 1, total_minor: 610, currency: 'EUR',
    });
  });

  test('the list of a customer holds no order of another', async () => {
    const [alice, bob] = [shop.customer(), shop.customer()];
    const { order_id } = await placed(alice);
    await shop.projected(order_id);
    assert.deepEqual((await bob.get('/orders')).json, { orders: [] });
    assert.deepEqual((await bob.get(`/orders?cursor=${order_id}~`)).json, { orders: [] });
  });

  test('an order goes from pending to delivered, one step and one version at a time, in object and database', async () => {
    const alice = shop.customer();
    const { sku, order_id } = await placed(alice);
    const steps = ['paid', 'processing', 'shipped', 'delivered'];
    for (const [n, status] of steps.entries()) {
      const rest = status === 'shipped' ? { tracking_number: 'TRACK-1', reason: 'left the house' } : {};
      const answer = await move(order_id, status, rest, n % 2 ? shop.service : shop.admin);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.status, status);
      assert.equal(answer.json.version, n + 2);
      assert.equal(answer.json.payment_status, 'paid');
    }
    const { json } = await alice.get(`/orders/${order_id}`);
    assert.deepEqual(historyOf(json), [
      [null, 'pending', `customer:${alice.id}`, null], ['pending', 'paid', 'admin:root', null],
      ['paid', 'processing', 'service:robot', null], ['processing', 'shipped', 'admin:root', 'left the house'],
      ['shipped', 'delivered', 'service:robot', null],
    ]);
    assert.equal(json.tracking_number, 'TRACK-1');
    assert.deepEqual([json.next_statuses, json.allowed_statuses], [['refunded'], []], 'only money that has gone back comes after that');
    assert.deepEqual([json.fulfilment_status, json.delivery_status], ['fulfilled', 'delivered']);

    const row = await shop.projected(order_id, 5);
    assert.deepEqual([row.status, row.payment_status, row.tracking_number, row.version], ['delivered', 'paid', 'TRACK-1', 5]);
    const history = await shop.rt.d1('order', 'DB').all('SELECT * FROM order_status_history WHERE order_id = ? ORDER BY history_id', order_id);
    assert.deepEqual(historyOf({ history }), historyOf(json));
    assert.equal((await shop.audit()).drift, 0);
    assert.deepEqual(await shop.stock(sku), { berlin: { stock: 0, held: 0 }, hamburg: { stock: 48, held: 0 } });
  });

  test('shipping lets go of what was held, once, and leaves the shelf as it is', async () => {
    const { sku, order_id } = await placed(shop.customer());
    const held = { berlin: { stock: 0, held: 2 }, hamburg: { stock: 48, held: 2 } };
    for (const status of ['paid', 'processing']) {
      await move(order_id, status);
      assert.deepEqual(await shop.stock(sku), held, `${status} changes no stock`);
    }
    for (let n = 0; n < 2; n += 1) {
      assert.equal((await move(order_id, 'shipped')).status, 200, 'to be told again is no error');
      assert.deepEqual(await shop.stock(sku), { berlin: { stock: 0, held: 0 }, hamburg: { stock: 48, held: 0 } });
    }
    for (const number of [0, 1]) {
      const [hold] = await shop.shard(number).all('SELECT quantity, released, shipped FROM stock_holds WHERE order_id = ?', order_id);
      assert.deepEqual(hold, { quantity: 2, released: 0, shipped: 2 });
    }
  });

  test('a status that does not follow is refused with those that do, and changes nothing', async () => {
    const { order_id } = await placed(shop.customer());
    const follows = { pending: ['paid', 'cancelled'], paid: ['awaiting_assignment', 'processing', 'cancelled'], processing: ['shipped', 'cancelled'], shipped: ['delivered'], delivered: [] };
    const all = [...Object.keys(follows), 'cancelled'];
    for (const [status, legal] of Object.entries(follows)) {
      if (status !== 'pending') assert.equal((await move(order_id, status)).status, 200);
      const { json: { version } } = await shop.admin.get(`/orders/${order_id}`);
      for (const to of all.filter((each) => each !== status && !legal.includes(each))) {
        const refused = await move(order_id, to);
        assertProblem(refused, { status: 409, code: 'illegal_transition' });
        assert.equal(refused.json.order_status, status);
        assert.deepEqual(refused.json.legal, legal, `${status} -> ${to}`);
      }
      assert.equal((await shop.admin.get(`/orders/${order_id}`)).json.version, version);
    }
  });

  test('an order may be moved by its number as well', async () => {
    const { order } = await placed(shop.customer());
    const { status, json } = await move(order.order_number, 'paid');
    assert.equal(status, 200);
    assert.equal(json.order_id, order.order_id);
  });

  test('an order that does not exist cannot be moved', async () => {
    for (const id of [...ABSENT_ORDERS, 'nonsense']) assertProblem(await move(id, 'paid'), { status: 404, code: 'not_found' });
  });

  test('a cancelled order gives its stock back to both shards, and says why', async () => {
    const alice = shop.customer();
    const { sku, order_id } = await placed(alice);
    const { status, json } = await cancel(alice, order_id, { reason: 'too late' });
    assert.equal(status, 200);
    assert.equal(json.status, 'cancelled');
    assert.equal(json.payment_status, 'cancelled');
    assert.deepEqual(json.next_statuses, []);
    assert.deepEqual(historyOf(json).at(-1), ['pending', 'cancelled', `customer:${alice.id}`, 'too late']);
    assert.deepEqual(await shop.stock(sku), { berlin: { stock: 2, held: 0 }, hamburg: { stock: 50, held: 0 } });
    const row = await shop.projected(order_id, 2);
    assert.deepEqual([row.status, row.payment_status], ['cancelled', 'cancelled']);
  });

  test('a cancel that is repeated, one after the other and at once, gives the stock back exactly once', async () => {
    const people = [shop.customer(), shop.customer(), shop.customer()];
    const orders = await Promise.all(people.map(async (who) => ({ who, ...await placed(who) })));
    await Promise.all(orders.map(async ({ who, sku, order_id }, n) => {
      const times = Array.from({ length: 2 + 6 * n });
      const answers = await Promise.all(times.map((_, m) => cancel(m % 2 ? shop.admin : who, order_id)));
      for (const { status, json } of answers) assert.deepEqual([status, json.status, json.version], [200, 'cancelled', 2]);
      for (let m = 0; m < 2; m += 1) assert.equal((await cancel(who, order_id)).status, 200);
      await until('the stock to be back', async () => (await shop.stock(sku)).hamburg.held === 0);
      assert.deepEqual(await shop.stock(sku), { berlin: { stock: 2, held: 0 }, hamburg: { stock: 50, held: 0 } });
      const { json } = await who.get(`/orders/${order_id}`);
      assert.equal(json.history.length, 2);
      for (const number of [0, 1]) {
        const rows = await shop.shard(number).all("SELECT stock_delta FROM stock_movements WHERE cause = ? AND kind = 'release'", order_id);
        assert.deepEqual(rows, [{ stock_delta: 2 }]);
      }
    }));
    assert.equal((await shop.audit()).drift, 0);
  });

  test('a paid order can still be cancelled by its customer, one that is prepared by staff alone, and both stay paid', async () => {
    for (const steps of [['paid'], ['paid', 'processing']]) {
      const alice = shop.customer();
      const { sku, order_id } = await placed(alice);
      for (const status of steps) await move(order_id, status);
      if (steps.length > 1) {
        const late = await cancel(alice, order_id);
        assertProblem(late, { status: 409, code: 'illegal_transition' });
        assert.deepEqual(late.json.legal, []);
      }
      const { status, json } = await cancel(steps.length > 1 ? shop.admin : alice, order_id);
      assert.equal(status, 200);
      assert.equal(json.payment_status, 'paid', 'the money has still to go back');
      assert.deepEqual(await shop.stock(sku), { berlin: { stock: 2, held: 0 }, hamburg: { stock: 50, held: 0 } });
    }
  });

  test('an order that has shipped cannot be cancelled, and its stock does not come back', async () => {
    const alice = shop.customer();
    const { sku, order_id } = await placed(alice);
    for (const status of ['paid', 'processing', 'shipped']) await move(order_id, status);
    const refused = await cancel(alice, order_id);
    assertProblem(refused, { status: 409, code: 'illegal_transition' });
    assert.deepEqual(refused.json.legal, [], 'its customer can do nothing any more');
    assert.deepEqual((await cancel(shop.admin, order_id)).json.legal, ['delivered']);
    await move(order_id, 'delivered');
    assert.deepEqual((await cancel(shop.admin, order_id)).json.legal, []);
    assert.deepEqual(await shop.stock(sku), { berlin: { stock: 0, held: 0 }, hamburg: { stock: 48, held: 0 } });
  });

  test('a ship and a cancel at the same time: one wins, and the stock follows the winner', async () => {
    await Promise.all(Array.from({ length: 4 }, async () => {
      const alice = shop.customer();
      const { sku, order_id } = await placed(alice);
      for (const status of ['paid', 'processing']) await move(order_id, status);
      const [ship, stop] = await Promise.all([move(order_id, 'shipped'), cancel(shop.admin, order_id)]);
      assert.deepEqual([ship.status, stop.status].sort(), [200, 409]);
      const won = ship.status === 200;
      await until('the stock to follow', async () => (await shop.stock(sku)).berlin.held === 0 && (await shop.stock(sku)).hamburg.held === 0);
      assert.deepEqual(await shop.stock(sku), won
        ? { berlin: { stock: 0, held: 0 }, hamburg: { stock: 48, held: 0 } } : { berlin: { stock: 2, held: 0 }, hamburg: { stock: 50, held: 0 } });
    }));
  });

  test('what was cancelled can be sold again', async () => {
    const sku = await shop.goods({ stock: { munich: 1 } });
    const [alice, bob] = [shop.customer(), shop.customer()];
    const { order_id } = await alice.order({ [sku]: 1 });
    await bob.fill({ [sku]: 1 });
    assertProblem(await bob.place(), { status: 409, code: 'insufficient_stock' });
    await cancel(alice, order_id);
    assert.equal((await bob.place()).status, 201);
  });

  test('a finished order that its object has forgotten is shown from the database as before', async (t) => {
    // A week is not waited for: the object's rows are removed while workerd is down.
    const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-week-'));
    const old = await openShop({ persist: folder });
    t.after(async () => {
      await old.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const sku = await old.goods({ price: 1500, stock: { berlin: 1, hamburg: 9 } });
    const alice = old.customer();
    const { order_id, order_number } = await alice.order({ [sku]: 3 }, { special_instructions: 'ring twice' });
    await cancel(alice, order_id, { reason: 'no' });
    const { json: then } = await alice.get(`/orders/${order_id}`);
    await old.projected(order_id, 2);
    await until('the object to know that', () => old.rt.objects('order', 'OrderDesk', 'SELECT 1 FROM orders WHERE projected = version AND order_id = ?', order_id).length > 0);
    await old.rt.kill();
    const [{ object_id }] = old.rt.objects('order', 'OrderDesk', 'SELECT 1 FROM orders WHERE order_id = ?', order_id);
    const file = readdirSync(folder, { recursive: true }).find((name) => name.endsWith(`${object_id}.sqlite`));
    const db = new DatabaseSync(path.join(folder, file));
    db.exec('DELETE FROM history; DELETE FROM orders');
    db.close();
    await old.rt.restart();
    for (const name of [order_id, order_number]) {
      const { status, json } = await alice.get(`/orders/${name}`);
      assert.equal(status, 200);
      assert.deepEqual(json, then);
    }
    assertProblem(await old.customer().get(`/orders/${order_id}`), { status: 404, code: 'not_found' });
    assert.deepEqual((await alice.get('/orders')).json.orders.map((order) => order.status), ['cancelled']);
  });

  test('an order leaves its object a week behind its end, and its number is not given again', { timeout: 60_000 }, async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-week-'));
    const old = await openShop({ persist: folder });
    t.after(async () => {
      await old.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const sku = await old.goods({ price: 1500, stock: { berlin: 9 } });
    const alice = old.customer();
    const { order_id, order_number } = await alice.order({ [sku]: 1 });
    await cancel(alice, order_id, { reason: 'no' });
    const kept = (sql, ...params) => old.rt.objects('order', 'OrderDesk', sql, ...params);
    const told = 'SELECT 1 FROM orders WHERE order_id = ? AND projected = version AND announced = version';
    await until('everybody to know of it', () => kept(told, order_id).length > 0);
    await old.rt.kill();
    const [{ object_id }] = kept('SELECT 1 FROM orders WHERE order_id = ?', order_id);
    const file = readdirSync(folder, { recursive: true }).find((name) => name.endsWith(`${object_id}.sqlite`));
    const db = new DatabaseSync(path.join(folder, file));
    db.exec("UPDATE orders SET order_id = '01900000-0000' || substr(order_id, 14), updated_ms = 0; UPDATE history SET order_id = '01900000-0000' || substr(order_id, 14)");
    db.close();
    await old.rt.restart();
    const next = await alice.order({ [sku]: 1 });
    await until('it to be forgotten', () => kept('SELECT 1 FROM orders WHERE number = ?', order_number).length === 0, { deadlineMs: 30_000 });
    assert.deepEqual(kept('SELECT number FROM used_numbers').map(({ number }) => number), [order_number]);
    assert.deepEqual(kept("SELECT 1 FROM history WHERE order_id LIKE '01900000-0000%'"), []);
    assert.equal((await alice.get(`/orders/${next.order_id}`)).status, 200, 'what is younger stays');
  });

  test('only what is stuck can be retried', async () => {
    const { order_id } = await placed(shop.customer());
    assertProblem(await shop.admin.post(`/api/admin/placements/${order_id}/retry`), { status: 409, code: 'not_stuck' });
    assertProblem(await shop.admin.post(`/api/admin/placements/${ABSENT_ORDERS[0]}/retry`), { status: 404, code: 'not_found' });
    assertProblem(await shop.admin.get('/api/admin/placements'), { status: 400, code: 'invalid_field', field: 'state' });
  });

  test('an admin can carry every order and cart of a desk away, page by page', async () => {
    const alice = shop.customer();
    const { sku, order_id } = await placed(alice);
    await alice.fill({ [sku]: 1 });
    const find = async (kind, rows, id, wanted) => {
      for (let desk = 0; desk < 64; desk += 1) {
        let after_ = '';
        do {
          const { status, json } = await shop.admin.get(`/api/admin/desks/${kind}/${desk}/export?after=${after_}`);
          assert.equal(status, 200);
          if (json[rows].some((row) => row[id] === wanted)) return true;
          after_ = json.next_after;
        } while (after_);
      }
      return false;
    };
    assert.ok(await find('order', 'orders', 'order_id', order_id));
    assert.ok(await find('cart', 'carts', 'customer_id', alice.id));
  });
});
