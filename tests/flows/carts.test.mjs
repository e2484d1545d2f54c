// Carts: what goes in and out of them, what they show, and when they are locked.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADDRESS, assertProblem, openShop } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop(); });
after(() => shop?.close());

test('a new customer has an empty active cart without an address', async () => {
  const { status, json } = await shop.customer().get('/cart');
  assert.equal(status, 200);
  assert.deepEqual(json, { status: 'active', currency: 'EUR', lines: [], subtotal_minor: 0, address: null });
});

test('a line is put, changed and removed, and every answer shows the whole cart with prices', async () => {
  const a = await shop.goods({ price: 250, size: 'S', stock: { berlin: 5 } });
  const b = await shop.goods({ price: 999, stock: { berlin: 5 } });
  const alice = shop.customer();
  const line = (sku, price_minor, quantity, size = '') => ({ sku, product_id: `p-${sku}`, title: `Product p-${sku}`, size, price_minor, quantity });

  let { json } = await alice.put(`/cart/items/${a}`, { quantity: 2 });
  assert.deepEqual([json.lines, json.subtotal_minor], [[line(a, 250, 2, 'S')], 500]);
  ({ json } = await alice.put(`/cart/items/${b}`, { quantity: 1 }));
  assert.deepEqual([json.lines, json.subtotal_minor], [[line(a, 250, 2, 'S'), line(b, 999, 1)], 1499]);
  ({ json } = await alice.put(`/cart/items/${a}`, { quantity: 3 }));
  assert.deepEqual([json.lines, json.subtotal_minor], [[line(a, 250, 3, 'S'), line(b, 999, 1)], 1749], 'put sets, it does not add');
  ({ json } = await alice.delete(`/cart/items/${a}`));
  assert.deepEqual([json.lines, json.subtotal_minor], [[line(b, 999, 1)], 999]);
  const again = await alice.delete(`/cart/items/${a}`);
  assert.equal(again.status, 200, 'removing what is not there is no error');
  assert.deepEqual((await alice.get('/cart')).json, again.json);
});

test('carts of different customers have nothing to do with each other', async () => {
  const sku = await shop.goods({ stock: { berlin: 5 } });
  const [alice, bob] = [shop.customer(), shop.customer()];
  await alice.fill({ [sku]: 2 });
  assert.deepEqual((await bob.get('/cart')).json.lines, []);
  assert.equal((await bob.get('/cart')).json.address, null);
});

test('an address is stored with every field, replaced whole, and survives an order', async () => {
  const sku = await shop.goods({ stock: { berlin: 5 } });
  const alice = shop.customer();
  const full = { ...ADDRESS, line2: 'c/o Ω & Söhne', email: 'ada@example.org' };
  const { status, json } = await alice.put('/cart/address', full);
  assert.equal(status, 200);
  assert.deepEqual(json.address, full);
  await alice.order({ [sku]: 1 }, { address: ADDRESS });
  assert.deepEqual((await alice.get('/cart')).json.address, ADDRESS);
});

test('a summary needs lines and an address, and takes nothing from anybody', async () => {
  const sku = await shop.goods({ stock: { berlin: 3, munich: 5 } });
  const alice = shop.customer();
  assertProblem(await alice.get('/cart/summary'), { status: 422, code: 'empty_cart', field: 'cart' });
  await alice.fill({ [sku]: 3 }, null);
  assertProblem(await alice.get('/cart/summary'), { status: 422, code: 'no_address', field: 'address' });
  await alice.put('/cart/address', ADDRESS);
  // However often one asks, what berlin has is still planned from berlin.
  const answers = await Promise.all(Array.from({ length: 8 }, () => alice.get('/cart/summary')));
  for (const { status, json } of answers) {
    assert.equal(status, 200);
    assert.deepEqual(json.allocations, [{ sku, warehouse_id: 'berlin', shard: 0, quantity: 3 }]);
    assert.equal(json.parcels, 1);
  }
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 3, held: 0 }, munich: { stock: 5, held: 0 } });
});

test('a summary of more than there is names the lines that are short', async () => {
  const sku = await shop.goods({ stock: { berlin: 1, cologne: 1 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 3 });
  const answer = await alice.get('/cart/summary');
  assertProblem(answer, { status: 409, code: 'insufficient_stock' });
  assert.deepEqual(answer.json.lines, [{ sku, requested: 3, available: 2 }]);
});

test('a cart holds fifty lines, which can be ordered, and refuses the next one', async () => {
  const skus = Array.from({ length: 51 }, (_, n) => `many-${n}`);
  await shop.import({
    products: skus.map((sku) => ({ product_id: sku, title: sku, variants: [{ sku, price_minor: 1 }] })),
    stock: skus.map((sku, n) => ({ warehouse_id: n % 2 ? 'hamburg' : 'berlin', sku, quantity: 1 })),
  });
  const alice = shop.customer();
  await alice.fill(Object.fromEntries(skus.slice(0, 50).map((sku) => [sku, 1])));
  assertProblem(await alice.put(`/cart/items/${skus[50]}`, { quantity: 1 }), { status: 422, code: 'too_many_lines', field: 'sku' });
  assert.equal((await alice.put(`/cart/items/${skus[0]}`, { quantity: 1 })).status, 200, 'a line that is there may change');
  const { status, json } = await alice.place();
  assert.equal(status, 201);
  assert.equal(json.allocations.length, 50);
  assert.equal(json.totals.subtotal_minor, 50);
});

test('a line that was retired is shown as unavailable, blocks the order by name, and can be removed', async () => {
  const kept = await shop.goods({ price: 500, stock: { berlin: 5 } });
  const retired = await shop.goods({ price: 700, stock: { berlin: 5 } });
  const alice = shop.customer();
  await alice.fill({ [kept]: 1, [retired]: 1 });
  assert.equal((await shop.admin.delete(`/api/admin/variants/${retired}`)).status, 200);

  const { json } = await alice.get('/cart');
  assert.deepEqual(json.lines.map(({ sku }) => sku), [kept]);
  assert.deepEqual(json.unavailable, [retired]);
  assert.equal(json.subtotal_minor, 500);
  for (const answer of [await alice.get('/cart/summary'), await alice.place()]) {
    assertProblem(answer, { status: 404, code: 'unknown_sku', field: 'sku' });
    assert.deepEqual(answer.json.skus, [retired]);
  }
  assertProblem(await alice.put(`/cart/items/${retired}`, { quantity: 1 }), { status: 404, code: 'unknown_sku', field: 'sku' });
  assert.equal((await alice.delete(`/cart/items/${retired}`)).status, 200);
  assert.equal((await alice.place()).status, 201);
});

test('a cart is still there after the object that keeps it was put out of memory', async () => {
  const sku = await shop.goods({ stock: { berlin: 5 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 2 });
  const before_ = (await alice.get('/cart')).json;
  const [{ object_id }] = shop.rt.objects('cart', 'CartDesk', 'SELECT 1 FROM carts WHERE customer_id = ?', alice.id);
  await shop.rt.evict('cart', 'CartDesk', { id: object_id });
  assert.deepEqual((await alice.get('/cart')).json, before_);
});
