// What is seen of carts and orders in the middle of things. The build with fault hooks holds a
// request at a step, so that there is time to look.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ADDRESS, assertProblem, openShop, until } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop({ variant: 'faults' }); });
after(() => shop?.close());

const faults = (script) => ({ headers: { 'x-orderlane-fault': script } });

/** Calls and resolves when the call is held at its step; `go` lets it go on. */
async function held(customer, id, step, call) {
  const answer = call(faults(`${id};${step};pause`));
  await shop.logged((line) => line.event === 'ORDERLANE_FAULT_HOOK_PAUSE' && line.id === id, { what: `the pause ${id}` });
  return { answer, go: (path = '/cart') => customer.get(path, faults(`*${id};go`)) };
}

/** Starts placing and resolves when it is held, after the claim and before the order. */
const hold = (customer, id, body, options) =>
  held(customer, id, 'order.place', (script) => customer.place(body, { ...options, ...script }));

describe('while a step is held', { concurrency: 6 }, () => {
  test('while an order is made of it a cart says that it is placing and refuses every change', async () => {
    const sku = await shop.goods({ stock: { berlin: 5 } });
    const alice = shop.customer();
    await alice.fill({ [sku]: 2 });
    const { answer: placing, go } = await hold(alice, 'changes');

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
    const { answer: placing, go } = await hold(alice, 'keys', {}, { key: 'first' });

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
    const { answer: placing, go } = await hold(alice, 'long', {}, { key: 'k' });
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
    const { answer: placing, go } = await hold(alice, 'gone', {}, { key: 'k', signal: leave.signal });
    leave.abort();
    await assert.rejects(placing, { name: 'AbortError' });
    await go();
    const again = await alice.place({}, { key: 'k' });
    assert.equal(again.status, 201);
    assert.equal((await alice.get('/orders')).json.orders.length, 1);
    assert.deepEqual(await shop.stock(sku), { berlin: { stock: 4, held: 1 } });
  });

  for (const step of ['order.recent', 'orders.list']) {
    test(`a list that is held at ${step} while the order goes over to the database shows it once`, async () => {
      // A new order is known to its object first and to the database later; the list asks both.
      const sku = await shop.goods({ stock: { berlin: 5 } });
      const alice = shop.customer();
      const { order_id } = await alice.order({ [sku]: 1 });
      const { answer, go } = await held(alice, step, step, (script) => alice.get('/orders', script));
      await shop.projected(order_id);
      await until('the object to know that the database has it', () => shop.rt.objects(
        'order', 'OrderDesk', 'SELECT 1 FROM orders WHERE order_id = ? AND projected = version', order_id).length > 0);
      await go('/orders');
      assert.deepEqual((await answer).json.orders.map((order) => order.order_id), [order_id]);
    });
  }
});
