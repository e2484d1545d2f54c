// The catalogue as admins keep it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProblem, openShop, WAREHOUSES } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop(); });
after(() => shop?.close());

const product = (id) => shop.call('GET', `/products/${id}`);

test('a product is created with its variants, shown to everybody, and refused a second time', async () => {
  const body = { product_id: 'lamp', title: 'Lamp', description: 'Warm', variants: [{ sku: 'LAMP-1', size: 'small', price_minor: 1999 }] };
  const created = await shop.admin.post('/api/admin/products', body);
  assert.equal(created.status, 201);
  assert.deepEqual(created.json, { success: true, written: { warehouses: 0, products: 1, variants: 1, stock_lines: 0 } });
  const { json } = await product('lamp');
  assert.equal(json.title, 'Lamp');
  assert.deepEqual(json.variants, [{ sku: 'LAMP-1', size: 'small', price_minor: 1999, stock_hint: 0 }]);
  assertProblem(await shop.admin.post('/api/admin/products', { ...body, title: 'Other' }), { status: 409, code: 'already_exists', field: 'product_id' });
  assert.equal((await product('lamp')).json.title, 'Lamp');
});

test('a product is changed, and its variants stay when they are not mentioned', async () => {
  await shop.goods({ sku: 'vase-1', product: 'vase', price: 100 });
  const { status } = await shop.admin.put('/api/admin/products/vase', { title: 'Vase', description: 'Blue', variants: [{ sku: 'vase-2', price_minor: 5 }] });
  assert.equal(status, 200);
  const { json } = await product('vase');
  assert.deepEqual([json.title, json.description], ['Vase', 'Blue']);
  assert.deepEqual(json.variants.map(({ sku, price_minor }) => [sku, price_minor]), [['vase-1', 100], ['vase-2', 5]]);
});

test('the id in the path wins over one in the body', async () => {
  const { status } = await shop.admin.put('/api/admin/products/in-path', { product_id: 'in-body', title: 'T' });
  assert.equal(status, 200);
  assert.equal((await product('in-path')).status, 200);
  assert.equal((await product('in-body')).status, 404);
});

test('a variant is added, given another price, and retired', async () => {
  await shop.goods({ sku: 'cup-1', product: 'cup', price: 100 });
  assert.equal((await shop.admin.put('/api/admin/variants/cup-2', { product_id: 'cup', size: 'L', price_minor: 250 })).status, 200);
  assert.equal((await shop.admin.put('/api/admin/variants/cup-1', { product_id: 'cup', price_minor: 90 })).status, 200);
  const shown = async () => (await product('cup')).json.variants.map(({ sku, size, price_minor }) => [sku, size, price_minor]);
  assert.deepEqual(await shown(), [['cup-1', '', 90], ['cup-2', 'L', 250]]);
  assert.equal((await shop.admin.delete('/api/admin/variants/cup-2')).status, 200);
  assert.deepEqual(await shown(), [['cup-1', '', 90]]);
  assertProblem(await shop.admin.put('/api/admin/variants/x', { product_id: 'nobody', price_minor: 1 }), { status: 404, code: 'not_found', field: 'product_id' });
  assertProblem(await shop.admin.delete('/api/admin/variants/nobody'), { status: 404, code: 'not_found' });
});

test('a product that was retired is not sold any more, and is back when it is created anew', async () => {
  const sku = await shop.goods({ product: 'back', stock: { berlin: 5 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 1 });
  assert.equal((await shop.admin.delete('/api/admin/products/back')).status, 200);
  assertProblem(await alice.place(), { status: 404, code: 'unknown_sku' });
  assertProblem(await alice.put(`/cart/items/${sku}`, { quantity: 1 }), { status: 404, code: 'unknown_sku' });
  assert.equal((await shop.admin.post('/api/admin/products', { product_id: 'back', title: 'Back' })).status, 201);
  assert.equal((await alice.place()).status, 201);
  assertProblem(await shop.admin.delete('/api/admin/products/nobody'), { status: 404, code: 'not_found' });
});

test('an order keeps the name and price that its goods had when it was placed', async () => {
  const sku = await shop.goods({ product: 'keep', price: 1000, stock: { berlin: 5 } });
  const alice = shop.customer();
  const { order_id, totals } = await alice.order({ [sku]: 1 });
  await shop.admin.put('/api/admin/products/keep', { title: 'Renamed', variants: [{ sku, price_minor: 9999 }] });
  await shop.admin.delete('/api/admin/products/keep');
  const { json } = await alice.get(`/orders/${order_id}`);
  assert.deepEqual([json.lines[0].title, json.lines[0].price_minor, json.totals], ['Product keep', 1000, totals]);
});

test('a price that changed between summary and order is refused with the new totals when the old one was agreed to', async () => {
  const sku = await shop.goods({ product: 'dear', price: 1000, stock: { berlin: 5 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 2 });
  const { json: { totals: agreed } } = await alice.get('/cart/summary?delivery_mode=express');
  assert.equal(agreed.total_minor, 2000 + 1200 + 200);
  await shop.admin.put(`/api/admin/variants/${sku}`, { product_id: 'dear', price_minor: 1100 });

  const refused = await alice.place({ delivery_mode: 'express', expected_total: agreed.total_minor });
  assertProblem(refused, { status: 409, code: 'total_changed', field: 'expected_total' });
  const now = { subtotal_minor: 2200, delivery_minor: 1200, tax_minor: 220, total_minor: 3620 };
  assert.deepEqual(refused.json.totals, now);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 5, held: 0 } });
  assert.deepEqual((await alice.get('/cart/summary?delivery_mode=express')).json.totals, now);
  const { status, json } = await alice.place({ delivery_mode: 'express', expected_total: now.total_minor });
  assert.equal(status, 201);
  assert.deepEqual(json.totals, now);
});

test('a total that changed because another warehouse must send is refused as well', async () => {
  const sku = await shop.goods({ price: 1000, stock: { berlin: 1, munich: 5 } });
  const [alice, bob] = [shop.customer(), shop.customer()];
  await alice.fill({ [sku]: 1 });
  const { json: { totals: agreed } } = await alice.get('/cart/summary');
  await bob.order({ [sku]: 1 });
  const refused = await alice.place({ expected_total: agreed.total_minor });
  assertProblem(refused, { status: 409, code: 'total_changed', field: 'expected_total' });
  assert.equal(refused.json.totals.delivery_minor, 1500);
  assert.equal((await alice.place({ expected_total: refused.json.totals.total_minor })).status, 201);
});

test('a warehouse is created in a shard, listed, moved on the map, retired and brought back', async () => {
  const body = { warehouse_id: 'paris', name: 'Paris', latitude: 48.85, longitude: 2.35, shard: 1 };
  assert.equal((await shop.admin.post('/api/admin/warehouses', body)).status, 201);
  assertProblem(await shop.admin.post('/api/admin/warehouses', body), { status: 409, code: 'already_exists', field: 'warehouse_id' });
  const paris = async () => (await shop.admin.get('/api/admin/warehouses')).json.warehouses.find(({ warehouse_id }) => warehouse_id === 'paris');
  assert.deepEqual(await paris(), { ...body, active: true });

  const sku = await shop.goods({ stock: { paris: 3 } });
  const [row] = await shop.shard(1).all('SELECT stock FROM stock WHERE sku = ?', sku);
  assert.deepEqual(row, { stock: 3 }, 'its stock is in its shard');
  const moved = { name: 'P', latitude: 49, longitude: 2 };
  assertProblem(await shop.admin.put('/api/admin/warehouses/paris', { ...moved, shard: 0 }), { status: 400, field: 'warehouses[0].shard' });
  assert.equal((await shop.admin.put('/api/admin/warehouses/paris', moved)).status, 200);
  assert.deepEqual(await paris(), { warehouse_id: 'paris', name: 'P', latitude: 49, longitude: 2, shard: 1, active: true }, 'the shard never changes');

  const alice = shop.customer();
  await alice.fill({ [sku]: 1 });
  assert.equal((await shop.admin.delete('/api/admin/warehouses/paris')).status, 200);
  assert.equal((await paris()).active, false);
  assertProblem(await alice.place(), { status: 409, code: 'insufficient_stock' });
  assert.equal((await shop.admin.put('/api/admin/warehouses/paris', { latitude: 49, longitude: 2 })).status, 200);
  assert.equal((await alice.place()).status, 201);
  assertProblem(await shop.admin.delete('/api/admin/warehouses/nobody'), { status: 404, code: 'not_found' });
});

test('an order from a warehouse that was retired since can still be cancelled', async () => {
  await shop.import({ warehouses: [{ warehouse_id: 'rome', latitude: 41.9, longitude: 12.5, shard: 0 }] });
  const sku = await shop.goods({ stock: { rome: 2 } });
  const alice = shop.customer();
  const { order_id } = await alice.order({ [sku]: 2 });
  await shop.admin.delete('/api/admin/warehouses/rome');
  assert.equal((await alice.post(`/orders/${order_id}/cancel`)).status, 200);
  assert.deepEqual(await shop.stock(sku), { rome: { stock: 2, held: 0 } });
});

test('new warehouses without a shard are spread over all shards', async () => {
  const names = ['n-1', 'n-2', 'n-3', 'n-4'];
  await shop.import({ warehouses: names.map((warehouse_id) => ({ warehouse_id, latitude: 0, longitude: 0 })) });
  const { json } = await shop.admin.get('/api/admin/warehouses');
  const count = (shard) => json.warehouses.filter((each) => each.shard === shard).length;
  assert.ok(Math.abs(count(0) - count(1)) <= 1, `${count(0)} and ${count(1)}`);
});

test('an import writes everything at once, may be repeated, and its stock counts once under its key', async () => {
  const catalogue = {
    key: 'spring',
    warehouses: WAREHOUSES,
    products: [{ product_id: 'imp', title: 'Imp', variants: [{ sku: 'imp-1', price_minor: 10 }, { sku: 'imp-2', price_minor: 20, active: false }] }],
    stock: [{ warehouse_id: 'berlin', sku: 'imp-1', quantity: 3 }, { warehouse_id: 'hamburg', sku: 'imp-1', quantity: 4 }, { warehouse_id: 'berlin', sku: 'imp-1', quantity: 1 }],
  };
  for (let n = 0; n < 2; n += 1) {
    const { status, json } = await shop.admin.post('/api/admin/import', catalogue);
    assert.equal(status, 200);
    assert.deepEqual(json.written, { warehouses: 4, products: 1, variants: 2, stock_lines: 3 });
    assert.deepEqual(await shop.stock('imp-1'), { berlin: { stock: 4, held: 0 }, hamburg: { stock: 4, held: 0 } });
  }
  assert.deepEqual((await product('imp')).json.variants.map(({ sku }) => sku), ['imp-1'], 'an inactive variant is not shown');
  await shop.admin.post('/api/admin/import', { ...catalogue, key: 'summer' });
  assert.deepEqual(await shop.stock('imp-1'), { berlin: { stock: 8, held: 0 }, hamburg: { stock: 8, held: 0 } });
});

test('an import without a key counts the same stock once', async () => {
  const sku = await shop.goods();
  const stock = [{ warehouse_id: 'berlin', sku, quantity: 3 }];
  for (let n = 0; n < 2; n += 1) assert.equal((await shop.admin.post('/api/admin/import', { stock })).status, 200);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 3, held: 0 } });
});

test('an import that is refused for one line writes nothing of it', async () => {
  const sku = await shop.goods({ stock: { berlin: 5, hamburg: 5 } });
  const stock = [{ warehouse_id: 'berlin', sku, quantity: 3 }, { warehouse_id: 'hamburg', sku, quantity: -9 }];
  const products = [{ product_id: 'half', title: 'Half' }];
  const refused = await shop.admin.post('/api/admin/import', { products, stock });
  assertProblem(refused, { status: 409, code: 'insufficient_stock' });
  assert.deepEqual(refused.json.lines, [{ warehouse_id: 'hamburg', sku, requested: -9, available: 5 }]);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 5, held: 0 }, hamburg: { stock: 5, held: 0 } });
  assert.equal((await product('half')).status, 404);
  const nowhere = [...stock.slice(0, 1), { warehouse_id: 'nowhere', sku, quantity: 1 }];
  assertProblem(await shop.admin.post('/api/admin/import', { products, stock: nowhere }), { status: 400, field: 'stock[1].warehouse_id' });
  assert.equal((await product('half')).status, 404);
});

test('an import that lowers counters may be repeated when they could not be lowered again', async () => {
  const sku = await shop.goods({ stock: { berlin: 5, hamburg: 5 } });
  const stock = [{ warehouse_id: 'berlin', sku, quantity: -4 }, { warehouse_id: 'hamburg', sku, quantity: -4 }];
  for (let n = 0; n < 2; n += 1) assert.equal((await shop.admin.post('/api/admin/import', { key: 'lower', stock })).status, 200);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 1, held: 0 }, hamburg: { stock: 1, held: 0 } });
});
