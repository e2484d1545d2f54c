// Which warehouse sends what. Distances from the address in Berlin: berlin 1 km, hamburg 255,
// cologne 480, munich 505.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADDRESS, openShop, WAREHOUSES } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop(); });
after(() => shop?.close());

const at = { latitude: ADDRESS.latitude, longitude: ADDRESS.longitude };
const check = async (lines, rest = at) => {
  const { status, text, json } = await shop.service.post('/api/fulfillment/check', { lines, ...rest });
  assert.equal(status, 200, text);
  return json;
};
const short = (allocations) => allocations.map(({ sku, warehouse_id, quantity }) => [sku, warehouse_id, quantity]);

test('13 wanted from 10 and 15 is 10 + 3', async () => {
  const sku = await shop.goods({ stock: { berlin: 10, hamburg: 15 } });
  const { allocations } = await shop.customer().order({ [sku]: 13 });
  assert.deepEqual(allocations, [
    { sku, warehouse_id: 'berlin', shard: 0, quantity: 10 },
    { sku, warehouse_id: 'hamburg', shard: 1, quantity: 3 },
  ]);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 0, held: 10 }, hamburg: { stock: 12, held: 3 } });
});

test('one line may be split over all four warehouses, nearest first', async () => {
  const sku = await shop.goods({ stock: { berlin: 1, hamburg: 2, cologne: 3, munich: 4 } });
  const { allocations, delivery_tier } = await shop.customer().order({ [sku]: 10 });
  assert.deepEqual(short(allocations), [[sku, 'berlin', 1], [sku, 'hamburg', 2], [sku, 'cologne', 3], [sku, 'munich', 4]]);
  assert.equal(delivery_tier, 'tier_3');
});

test('the nearest warehouse is that of the address, not the first in the list', async () => {
  const sku = await shop.goods({ stock: { berlin: 5, hamburg: 5, cologne: 5, munich: 5 } });
  for (const { warehouse_id, latitude, longitude } of WAREHOUSES) {
    const { allocations, delivery_tier } = await check([{ sku, quantity: 1 }], { latitude, longitude });
    assert.deepEqual(short(allocations), [[sku, warehouse_id, 1]]);
    assert.equal(delivery_tier, 'tier_1');
  }
});

test('few parcels are preferred to near ones when everything is in one place', async () => {
  const a = await shop.goods({ stock: { berlin: 5, hamburg: 5 } });
  const b = await shop.goods({ stock: { hamburg: 5 } });
  // b must come from hamburg, so a comes along, though berlin is nearer.
  const { allocations, parcels } = await check([{ sku: a, quantity: 2 }, { sku: b, quantity: 2 }]);
  assert.equal(parcels, 1);
  assert.deepEqual(short(allocations), [[a, 'hamburg', 2], [b, 'hamburg', 2]]);
  // When hamburg has too little of a for that, both send.
  const split = await check([{ sku: a, quantity: 6 }, { sku: b, quantity: 2 }]);
  assert.equal(split.parcels, 2);
  assert.deepEqual(short(split.allocations), [[a, 'berlin', 5], [a, 'hamburg', 1], [b, 'hamburg', 2]]);
});

test('two lines of one SKU are summed before anything is checked', async () => {
  const sku = await shop.goods({ stock: { berlin: 3, hamburg: 2 } });
  const twice = (quantity) => [{ sku, quantity: 3 }, { sku, quantity }];
  const enough = await check(twice(2));
  assert.equal(enough.in_stock, true);
  assert.deepEqual(short(enough.allocations), [[sku, 'berlin', 3], [sku, 'hamburg', 2]]);
  const missing = await check(twice(3));
  assert.equal(missing.in_stock, false);
  assert.deepEqual(missing.short, [{ sku, requested: 6, available: 5 }]);
  assert.equal(missing.allocations, null);
});

test('two lines of one SKU in a deduction are summed, and take it once', async () => {
  const sku = await shop.goods({ stock: { berlin: 5 } });
  const line = { order_id: `twice-${sku}`, warehouse_id: 'berlin', sku };
  const much = await shop.service.post('/api/stock/deduct', { lines: [{ ...line, quantity: 3 }, { ...line, quantity: 3 }] });
  assert.equal(much.status, 409, 'each alone would do, both do not');
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 5, held: 0 } });
  const good = { lines: [{ ...line, quantity: 3 }, { ...line, quantity: 2 }] };
  assert.equal((await shop.service.post('/api/stock/deduct', good)).status, 200);
  assert.equal((await shop.service.post('/api/stock/deduct', good)).status, 200);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 0, held: 5 } });
});

test('a check says what delivery would cost and takes nothing', async () => {
  const sku = await shop.goods({ stock: { hamburg: 5 } });
  const standard = await check([{ sku, quantity: 5 }]);
  assert.deepEqual(standard.delivery, { cost_minor: 900, days: 5 });
  assert.equal(standard.delivery_tier, 'tier_2');
  const express = await check([{ sku, quantity: 5 }], { ...at, delivery_mode: 'express' });
  assert.deepEqual(express.delivery, { cost_minor: 2000, days: 2 });
  assert.deepEqual(await shop.stock(sku), { hamburg: { stock: 5, held: 0 } });
});

test('a warehouse that is retired sends nothing, and sends again when it is back', async () => {
  const sku = await shop.goods({ stock: { berlin: 2, munich: 2 } });
  assert.equal((await shop.admin.delete('/api/admin/warehouses/berlin')).status, 200);
  try {
    assert.deepEqual(short((await check([{ sku, quantity: 2 }])).allocations), [[sku, 'munich', 2]]);
    assert.deepEqual((await check([{ sku, quantity: 3 }])).short, [{ sku, requested: 3, available: 2 }]);
  } finally {
    await shop.import({ warehouses: WAREHOUSES });
  }
  assert.deepEqual(short((await check([{ sku, quantity: 2 }])).allocations), [[sku, 'berlin', 2]]);
});

test('the last unit that lies far away is sold to who wants it', async () => {
  const sku = await shop.goods({ stock: { berlin: 0, munich: 1 } });
  const { allocations } = await shop.customer().order({ [sku]: 1 });
  assert.deepEqual(short(allocations), [[sku, 'munich', 1]]);
});
