// More buyers than goods, all at the same instant: as many are served as there are goods, each
// other one is told which line was short and by how much, and nobody sees an error.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { race, tally } from '../support/contenders.mjs';
import { assertInvariants } from '../support/invariants.mjs';
import { openShop } from '../support/shop.mjs';

const PLACE = { path: '/cart/place-order', body: {} };

let shop;
before(async () => { shop = await openShop({ vars: { '*': { LOG_LEVEL: 'error' } } }); });
after(() => shop?.close());

async function buyers(count, lines) {
  const people = Array.from({ length: count }, () => shop.customer());
  for (let at = 0; at < count; at += 20) {
    await Promise.all(people.slice(at, at + 20).map((person, n) => person.fill(typeof lines === 'function' ? lines(at + n) : lines)));
  }
  return people;
}

function assertRefused(answers, sku, requested) {
  const refused = answers.filter(({ status }) => status !== 201);
  for (const { status, json, text } of refused) {
    assert.deepEqual([status, json.code], [409, 'insufficient_stock'], text);
    assert.deepEqual(json.lines, [{ sku, requested, available: 0 }], text);
  }
}

for (const [count, rounds] of [[2, 10], [50, 3]]) {
  test(`of ${count} buyers of the last item exactly one gets it, and the others are told so`, async () => {
    for (let round = 0; round < rounds; round += 1) {
      const sku = await shop.goods({ stock: { berlin: 1 } });
      const people = await buyers(count, { [sku]: 1 });
      const answers = await race(`last item, ${count} buyers`, shop, people, () => PLACE);
      assert.deepEqual(tally(answers), { 201: 1, '409 insufficient_stock': count - 1 });
      assertRefused(answers, sku, 1);
      assert.deepEqual(await shop.stock(sku), { berlin: { stock: 0, held: 1 } });
    }
    await assertInvariants(shop);
  });
}

test('of 200 buyers of 20 units over both shards exactly 20 get one', async () => {
  const sku = await shop.goods({ stock: { berlin: 9, hamburg: 11 } });
  const people = await buyers(200, { [sku]: 1 });
  const answers = await race('20 units, 200 buyers', shop, people, () => PLACE);
  assert.deepEqual(tally(answers), { 201: 20, '409 insufficient_stock': 180 });
  assertRefused(answers, sku, 1);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 0, held: 9 }, hamburg: { stock: 0, held: 11 } });
  await assertInvariants(shop);
});

test('of 100 buyers of 100 units over both shards every one gets one: nobody is refused for goods that are there', async () => {
  const sku = await shop.goods({ stock: { berlin: 40, hamburg: 30, munich: 20, cologne: 10 } });
  const people = await buyers(100, { [sku]: 1 });
  const answers = await race('100 units, 100 buyers', shop, people, () => PLACE);
  assert.deepEqual(tally(answers), { 201: 100 }, 'I8');
  await assertInvariants(shop);
});

test('of buyers who want more than one, no unit is left that the last of them could have had', async () => {
  const sku = await shop.goods({ stock: { berlin: 7, hamburg: 6 } });
  const people = await buyers(20, { [sku]: 3 });
  const answers = await race('13 units, 20 buyers of 3', shop, people, () => PLACE);
  assert.deepEqual(tally(answers), { 201: 4, '409 insufficient_stock': 16 });
  const units = answers.filter(({ status }) => status === 201)
    .map(({ json }) => json.allocations.reduce((sum, line) => sum + line.quantity, 0));
  assert.deepEqual(units, [3, 3, 3, 3]);
  for (const { json } of answers.filter(({ status }) => status !== 201)) {
    assert.ok(json.lines[0].available < 3, `I8: refused 3 with ${json.lines[0].available} there`);
  }
  await assertInvariants(shop);
});

test('two lines of one SKU are one demand: what they want together is there for one buyer only', async () => {
  const sku = await shop.goods({ stock: { berlin: 10 } });
  const lines = (n) => [3, 3].map((quantity) => ({ order_id: `lines-${sku}-${n}`, warehouse_id: 'berlin', sku, quantity }));
  const answers = await race('two lines of one SKU', shop, [shop.service, shop.service], (n) => ({ path: '/api/stock/deduct', body: { lines: lines(n) } }));
  assert.deepEqual(tally(answers), { 200: 1, '409 insufficient_stock': 1 });
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 4, held: 6 } });
  const { json } = await shop.service.post('/api/fulfillment/check', { lines: [{ sku, quantity: 2 }, { sku, quantity: 3 }], latitude: 52.5, longitude: 13.4 });
  assert.deepEqual(json.short, [{ sku, requested: 5, available: 4 }], JSON.stringify(json));
  const winner = lines(answers.findIndex(({ status }) => status === 200));
  assert.equal((await shop.service.post('/api/stock/restore', { lines: winner.slice(0, 1).map(({ quantity, ...line }) => line) })).status, 200);
  assert.deepEqual(await shop.stock(sku), { berlin: { stock: 10, held: 0 } });

  // In the cart two tabs that add the same SKU make one line of it, and its order one hold.
  const person = shop.customer();
  await person.fill({ [sku]: 1 });
  await race('one SKU from two tabs', shop, [person, person], (n) => ({ method: 'PUT', path: `/cart/items/${sku}`, body: { quantity: n + 4 } }));
  const placed = await person.place();
  assert.equal(placed.json.allocations.length, 1, placed.text);
  assert.ok([4, 5].includes(placed.json.allocations[0].quantity), placed.text);
});
