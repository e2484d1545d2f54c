// Doing it once, however often it is asked for; and not too often.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { assertProblem, openShop, until } from '../support/shop.mjs';

let shop;
// All customers in one desk, so that they could get in each other's way.
before(async () => { shop = await openShop({ vars: { cart: { PLACEMENTS_PER_MINUTE: '3' }, gateway: { CART_DESKS: '1' } } }); });
after(() => shop?.close());

const replayed = ({ headers }) => headers.get('idempotent-replayed');

test('the same key with the same request gets the same bytes again, marked as replayed', async () => {
  const sku = await shop.goods({ stock: { berlin: 9 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 2 });
  const first = await alice.place({ delivery_mode: 'express' }, { key: 'k' });
  assert.equal(first.status, 201);
  assert.equal(replayed(first), null);
  for (let n = 0; n < 3; n += 1) {
    const again = await alice.place({ delivery_mode: 'express' }, { key: 'k' });
    assert.equal(again.status, 201);
    assert.equal(again.text, first.text);
    assert.equal(replayed(again), 'true');
  }
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 7, held: 2 } });
});

test('a key gives its answer even when the cart has new lines, and those stay in the cart', async () => {
  const sku = await shop.goods({ stock: { berlin: 9 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 2 });
  const first = await alice.place({}, { key: 'k' });
  await alice.fill({ [sku]: 5 });
  const again = await alice.place({}, { key: 'k' });
  assert.equal(again.text, first.text);
  assert.deepEqual((await alice.get('/cart')).json.lines.map(({ quantity }) => quantity), [5]);
  const second = await alice.place({}, { key: 'k2' });
  assert.equal(second.status, 201);
  assert.notEqual(second.json.order_id, first.json.order_id);
});

test('a key that comes with another request is refused, and its order stays as it is', async () => {
  const sku = await shop.goods({ stock: { berlin: 9 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 2 });
  const first = await alice.place({ delivery_mode: 'standard' }, { key: 'k' });
  for (const body of [{}, { delivery_mode: 'express' }, { delivery_mode: 'standard', special_instructions: 'ring' }, { delivery_mode: 'standard', expected_total: 1 }]) {
    assertProblem(await alice.place(body, { key: 'k' }), { status: 422, code: 'idempotency_key_reused', field: 'Idempotency-Key' });
  }
  assert.equal((await alice.place({ delivery_mode: 'standard' }, { key: 'k' })).text, first.text);
});

test('the same request written in another way is the same request', async () => {
  const sku = await shop.goods({ stock: { berlin: 9 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 1 });
  const first = await alice.place('{"delivery_mode":"express","special_instructions":"ring"}', { key: 'k' });
  assert.equal(first.status, 201);
  const again = await alice.place('{ "special_instructions" : "ring", "delivery_mode" : "express" }', { key: 'k' });
  assert.equal(again.text, first.text);
});

test('a key belongs to its caller: another customer may use the same', async () => {
  const sku = await shop.goods({ stock: { berlin: 9 } });
  const [alice, bob] = [shop.customer(), shop.customer()];
  const orders = await Promise.all([alice, bob].map(async (who) => {
    await who.fill({ [sku]: 1 });
    return who.place({}, { key: 'shared' });
  }));
  for (const order of orders) {
    assert.equal(order.status, 201);
    assert.equal(replayed(order), null);
  }
  assert.notEqual(orders[0].json.order_id, orders[1].json.order_id);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 7, held: 2 } });
});

test('without a key a completed cart answers with its order, until there are newer lines', async () => {
  const sku = await shop.goods({ stock: { berlin: 9 } });
  const alice = shop.customer();
  const first = await alice.order({ [sku]: 1 });
  const again = await alice.place();
  assert.equal(again.status, 201);
  assert.equal(replayed(again), 'true');
  assert.deepEqual(again.json, first);
  // The document's own client asks with a mode, and may ask with another one than before.
  assert.deepEqual((await alice.place({ delivery_mode: 'express' })).json, first);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 8, held: 1 } });

  await alice.fill({ [sku]: 2 });
  const second = await alice.place();
  assert.equal(second.status, 201);
  assert.equal(replayed(second), null);
  assert.notEqual(second.json.order_id, first.order_id);
  assert.deepEqual(second.json.allocations.map(({ quantity }) => quantity), [2]);
});

test('a completed cart answers for ten minutes and not longer', async (t) => {
  // Ten minutes are not waited for: the desk's own record is made older while workerd is down.
  const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-old-'));
  const old = await openShop({ persist: folder });
  t.after(async () => {
    await old.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const sku = await old.goods({ stock: { berlin: 9 } });
  const [young, aged] = [old.customer(), old.customer()];
  const first = { young: await young.order({ [sku]: 1 }), aged: await aged.order({ [sku]: 1 }) };
  await until('both carts written down as completed', () => [young, aged].every(({ id }) => old.rt.objects(
    'cart', 'CartDesk', "SELECT 1 FROM carts WHERE customer_id = ? AND doc ->> '$.completed' IS NOT NULL", id).length > 0));
  await old.rt.kill();
  const age = (customer, minutes) => {
    const [{ object_id, doc }] = old.rt.objects('cart', 'CartDesk', 'SELECT doc FROM carts WHERE customer_id = ?', customer.id);
    const carts = JSON.parse(doc);
    carts.completed.at_ms -= minutes * 60_000;
    const file = readdirSync(folder, { recursive: true }).find((name) => name.endsWith(`${object_id}.sqlite`));
    const db = new DatabaseSync(path.join(folder, file));
    db.prepare('UPDATE carts SET doc = ? WHERE customer_id = ?').run(JSON.stringify(carts), customer.id);
    db.close();
  };
  age(young, 9.5);
  age(aged, 10.5);
  await old.rt.restart();
  assert.deepEqual((await young.place()).json, first.young);
  assertProblem(await aged.place(), { status: 422, code: 'empty_cart' });
});

test('a new key on a cart that is completed and empty finds nothing to order', async () => {
  const sku = await shop.goods({ stock: { berlin: 9 } });
  const alice = shop.customer();
  await alice.order({ [sku]: 1 }, { key: 'one' });
  assertProblem(await alice.place({}, { key: 'two' }), { status: 422, code: 'empty_cart', field: 'cart' });
});

test('an attempt that was refused frees its key, for the same and for another request', async () => {
  const sku = await shop.goods({ stock: {} });
  const alice = shop.customer();
  await alice.fill({ [sku]: 1 });
  assertProblem(await alice.place({}, { key: 'k' }), { status: 409, code: 'insufficient_stock' });
  await shop.import({ stock: [{ warehouse_id: 'berlin', sku, quantity: 5 }] });
  const placed = await alice.place({ delivery_mode: 'express' }, { key: 'k' });
  assert.equal(placed.status, 201);
  assert.equal(replayed(placed), null);
});

test('the answer to a key does not change when the order does', async () => {
  const sku = await shop.goods({ stock: { berlin: 9 } });
  const alice = shop.customer();
  const { order_id } = await alice.order({ [sku]: 1 }, { key: 'k' });
  const before_ = await alice.place({}, { key: 'k' });
  assert.equal((await alice.post(`/orders/${order_id}/cancel`)).json.status, 'cancelled');
  const after_ = await alice.place({}, { key: 'k' });
  assert.equal(after_.status, 201);
  assert.equal(after_.text, before_.text);
});

test('keys and answers survive the death of the process', async () => {
  const sku = await shop.goods({ stock: { berlin: 9 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 1 });
  const first = await alice.place({}, { key: 'k' });
  await shop.rt.kill();
  await shop.rt.restart();
  const again = await alice.place({}, { key: 'k' });
  assert.equal(again.text, first.text);
  assert.equal(replayed(again), 'true');
  assertProblem(await alice.place({ delivery_mode: 'x' }, { key: 'k' }), { status: 422, code: 'idempotency_key_reused' });
});

test('more orders in a minute than the limit are refused with the time to wait, and nobody else is', async () => {
  const sku = await shop.goods({ stock: { berlin: 20 } });
  const alice = shop.customer();
  const placed = [];
  for (let n = 0; n < 3; n += 1) placed.push(await alice.order({ [sku]: 1 }, { key: `k${n}` }));
  await alice.fill({ [sku]: 1 });
  for (const options of [{ key: 'k3' }, {}]) {
    const refused = await alice.place({}, options);
    assertProblem(refused, { status: 429, code: 'too_many_requests' });
    const seconds = Number(refused.headers.get('retry-after'));
    assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, String(seconds));
    assert.equal(refused.json.retry_after_s, seconds);
  }
  const { json: cart } = await alice.get('/cart');
  assert.equal(cart.status, 'active', 'the cart is as it was');
  assert.equal(cart.lines.length, 1);
  // Repeats of known keys are answered all the same.
  for (const [n, order] of placed.entries()) assert.deepEqual((await alice.place({}, { key: `k${n}` })).json, order);
  await shop.customer().order({ [sku]: 1 });
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 16, held: 4 } });
});

test('repeats do not count towards the limit', async () => {
  const sku = await shop.goods({ stock: { berlin: 20 } });
  const alice = shop.customer();
  await alice.order({ [sku]: 1 }, { key: 'a' });
  for (let n = 0; n < 6; n += 1) assert.equal((await alice.place({}, { key: 'a' })).status, 201);
  await alice.order({ [sku]: 1 });
  for (let n = 0; n < 6; n += 1) assert.equal((await alice.place()).status, 201, 'nor do calls on a completed cart');
  await alice.order({ [sku]: 1 }, { key: 'c' });
  await alice.fill({ [sku]: 1 });
  assertProblem(await alice.place(), { status: 429, code: 'too_many_requests' });
});

test('calls on a cart that is being placed do not count towards the limit', async () => {
  const sku = await shop.goods({ stock: { berlin: 20 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 1 });
  const answers = await Promise.all(Array.from({ length: 10 }, () => alice.place({}, { key: 'same' })));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
  await alice.order({ [sku]: 1 });
  await alice.order({ [sku]: 1 });
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 17, held: 3 } });
});
