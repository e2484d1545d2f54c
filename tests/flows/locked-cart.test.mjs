// A cart while an order is made of it. The build with fault hooks holds the placing at a step, so
// that there is time to look.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADDRESS, assertProblem, openShop } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop({ variant: 'faults' }); });
after(() => shop?.close());

const faults = (script) => ({ headers: { 'x-orderlane-fault': script } });

/** Starts placing and resolves when it is held, after the claim and before the order. */
async function hold(customer, id, body, options) {
  const placing = customer.place(body, { ...options, ...faults(`${id};order.place@service;pause`) });
  await shop.logged((line) => line.event === 'ORDERLANE_FAULT_HOOK_PAUSE' && line.id === id);
  return { placing, go: () => customer.get('/cart', faults(`*${id};go`)) };
}

test('while an order is made of it a cart says that it is placing and refuses every change', async () => {
  const sku = await shop.goods({ stock: { berlin: 5 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 2 });
  const { placing, go } = await hold(alice, 'changes');

  assert.equal((await alice.get('/cart')).json.status, 'placing');
  const changes = [
    alice.put(`/cart/items/${sku}`, { quantity: 1 }), alice.delete(`/cart/items/${sku}`), alice.put('/cart/address', ADDRESS),
  ];
  for (const answer of await Promise.all(changes)) {
    assertProblem(answer, { status: 409, code: 'cart_locked' });
    assert.equal(answer.headers.get('retry-after'), '1');
  }
  await go();
  const { status, json } = await placing;
  assert.equal(status, 201);
  assert.deepEqual(json.allocations, [{ sku, warehouse_id: 'berlin', shard: 0, quantity: 2 }]);
  assert.equal((await alice.put(`/cart/items/${sku}`, { quantity: 1 })).status, 200, 'the next cart is open');
});

test('another key finds a cart that is being placed locked, the same key waits for its answer', async () => {
  const sku = await shop.goods({ stock: { berlin: 5 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 2 });
  const { placing, go } = await hold(alice, 'keys', {}, { key: 'first' });

  assertProblem(await alice.place({}, { key: 'second' }), { status: 409, code: 'cart_locked' });
  assertProblem(await alice.place(), { status: 409, code: 'cart_locked' });
  assertProblem(await alice.place({ delivery_mode: 'express' }, { key: 'first' }), { status: 422, code: 'idempotency_key_reused' });
  const same = alice.place({}, { key: 'first' });
  await go();
  const [one, two] = await Promise.all([placing, same]);
  assert.equal(one.status, 201);
  assert.equal(two.text, one.text);
  assert.equal(two.headers.get('idempotent-replayed'), 'true');
  assert.equal((await alice.get('/orders')).json.orders.length, 1);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 3, held: 2 } });
});

test('a shopper who waits too long for the first answer is told so, and gets it later', async () => {
  const sku = await shop.goods({ stock: { berlin: 5 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 1 });
  const { placing, go } = await hold(alice, 'long', {}, { key: 'k' });
  const impatient = await alice.place({}, { key: 'k' });
  assertProblem(impatient, { status: 409, code: 'in_progress' });
  assert.ok(Number(impatient.headers.get('retry-after')) >= 1);
  await go();
  const { text } = await placing;
  assert.equal((await alice.place({}, { key: 'k' })).text, text);
});

test('a shopper who goes away in the middle still gets the order', async () => {
  const sku = await shop.goods({ stock: { berlin: 5 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 1 });
  const leave = new AbortController();
  const placing = alice.place({}, { key: 'k', signal: leave.signal, ...faults('gone;order.place@service;pause') });
  await shop.logged((line) => line.event === 'ORDERLANE_FAULT_HOOK_PAUSE' && line.id === 'gone');
  leave.abort();
  await assert.rejects(placing, { name: 'AbortError' });
  await alice.get('/cart', faults('*gone;go'));
  const again = await alice.place({}, { key: 'k' });
  assert.equal(again.status, 201);
  assert.equal((await alice.get('/orders')).json.orders.length, 1);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 4, held: 1 } });
});
