// Objects leave memory whenever the platform likes. Here all of them do, between any two requests
// of an order's life, and in the midst of a placement that lost its way: nothing depends on what
// they remembered.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pauses, release, scripted } from '../support/faults.mjs';
import { assertInvariants } from '../support/invariants.mjs';
import { assertProblem, openShop } from '../support/shop.mjs';
import { insist } from '../support/shopper.mjs';

const OBJECTS = [['cart', 'CartDesk', 'cart-0'], ['order', 'OrderDesk', 'order-0'], ['fulfillment', 'StockDesk', 'stock-0'], ['fulfillment', 'StockDesk', 'stock-1']];

let shop;
before(async () => {
  shop = await openShop({ variant: 'faults', vars: { '*': { LOG_LEVEL: 'error', CART_DESKS: '1', ORDER_DESKS: '1' } } });
});
after(() => shop?.close());

async function evict([worker, className, name]) {
  try {
    await shop.rt.evict(worker, className, { name });
  } catch (error) {
    // Out of memory already is as good.
    assert.match(error.message, /not currently running/);
  }
}

const evictAll = () => Promise.all(OBJECTS.map(evict));

async function twoLines() {
  const skus = [await shop.goods({ stock: { berlin: 5 } }), await shop.goods({ stock: { hamburg: 5 } })];
  const person = shop.customer();
  await person.fill({ [skus[0]]: 2, [skus[1]]: 3 });
  return { person, skus };
}

test('an order\'s life is the same when every object forgets everything after each step of it', async () => {
  const { person, skus } = await twoLines();
  await evictAll();
  assert.equal((await person.get('/cart')).json.lines.length, 2);
  await evictAll();
  const placed = await person.place({}, { key: 'life' });
  assert.equal(placed.status, 201, placed.text);
  await evictAll();
  const again = await person.place({}, { key: 'life' });
  assert.deepEqual([again.text, again.headers.get('idempotent-replayed')], [placed.text, 'true']);
  await evictAll();
  const bare = await person.place();
  assert.equal(bare.text, placed.text, 'without a key the cart is the key, also for a desk that forgot');
  const { order_id, totals } = placed.json;
  assert.deepEqual((await person.get(`/orders/${order_id}`)).json.totals, totals);
  await evictAll();
  assert.equal((await person.post(`/orders/${order_id}/cancel`, {})).json.status, 'cancelled');
  await evictAll();
  assert.equal((await person.post(`/orders/${order_id}/cancel`, {})).json.version, 2, 'cancelled once');
  await assertInvariants(shop);
  for (const [n, warehouse] of ['berlin', 'hamburg'].entries()) {
    assert.deepEqual(await shop.stock(skus[n]), { [warehouse]: { stock: 5, held: 0 } });
  }
});

test('a claim, a journal and chores that nobody works on survive the eviction of all who knew of them', async () => {
  const left = ['cart.mark.written;lost', 'order.finish;before', 'cart.complete;before'];
  const people = await Promise.all(left.map(async (script) => {
    const { person } = await twoLines();
    await person.place({}, scripted(`${person.id};${script}`));
    return person;
  }));
  await evictAll();
  await Promise.all(people.map(async (person, n) => {
    const placed = await insist(() => person.place());
    assert.equal(placed.status, 201, `${left[n]}: ${placed.text}`);
    await person.post(`/orders/${placed.json.order_id}/cancel`, {}, scripted(`${person.id}-cancel;order.edge.written;lost`));
  }));
  await evictAll();
  const found = await assertInvariants(shop);
  assert.ok(found.placements.filter((row) => row.phase === 'placed').every((row) => row.status === 'cancelled'));
});

test('while an order is being made of it a cart is locked: to another key, to changes, not to reading', async () => {
  const { person, skus } = await twoLines();
  const placing = person.place({}, { key: 'mine', headers: scripted('lock;stock.deduct.1;pause').headers });
  await pauses(shop, 'lock');
  assertProblem(await person.place({}, { key: 'other' }), { status: 409, code: 'cart_locked' });
  assertProblem(await person.place(), { status: 409, code: 'cart_locked' });
  assertProblem(await person.put(`/cart/items/${skus[0]}`, { quantity: 1 }), { status: 409, code: 'cart_locked' });
  assertProblem(await person.delete(`/cart/items/${skus[0]}`), { status: 409, code: 'cart_locked' });
  assert.equal((await person.get('/cart')).json.status, 'placing');
  await release(shop, 'lock');
  assert.equal((await placing).status, 201);
  // The cart is completed: what comes now is a new one.
  assertProblem(await person.place({}, { key: 'other' }), { status: 422, code: 'empty_cart' });
  assert.equal((await person.put(`/cart/items/${skus[0]}`, { quantity: 1 })).status, 200);
  await assertInvariants(shop);
});
