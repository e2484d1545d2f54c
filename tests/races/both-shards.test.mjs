// Orders that need both stock shards, contested in both: each gets all its lines or none, carts
// with the same goods in opposite order do not wait for each other, and what was taken in one
// shard for an order that the other refused is given back. The figures prove that it happened.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { race, tally } from '../support/contenders.mjs';
import { assertInvariants } from '../support/invariants.mjs';
import { openShop, until } from '../support/shop.mjs';

const PLACE = { path: '/cart/place-order', body: {} };

let shop;
before(async () => { shop = await openShop({ vars: { '*': { LOG_LEVEL: 'error' } } }); });
after(() => shop?.close());

const goods = (near, far) => Promise.all([shop.goods({ stock: { berlin: near } }), shop.goods({ stock: { hamburg: far } })]);

async function buyers(count, lines) {
  const people = Array.from({ length: count }, () => shop.customer());
  for (let at = 0; at < count; at += 20) await Promise.all(people.slice(at, at + 20).map((person, n) => person.fill(lines(at + n))));
  return people;
}

test('two carts with the same goods in opposite order both get them when there is just enough', async () => {
  for (let round = 0; round < 15; round += 1) {
    const [a, b] = await goods(2, 2);
    const people = await buyers(2, (n) => (n ? { [a]: 1, [b]: 1 } : { [b]: 1, [a]: 1 }));
    const answers = await race('opposite order', shop, people, () => PLACE);
    assert.deepEqual(tally(answers), { 201: 2 }, 'I8');
    for (const sku of [a, b]) assert.deepEqual(Object.values(await shop.stock(sku)), [{ stock: 0, held: 2 }]);
  }
  await assertInvariants(shop);
});

test('twenty carts with the same goods in both orders, just enough for all: no deadlock, nobody refused', async () => {
  for (let round = 0; round < 3; round += 1) {
    const [a, b] = await goods(20, 20);
    const people = await buyers(20, (n) => (n % 2 ? { [a]: 1, [b]: 1 } : { [b]: 1, [a]: 1 }));
    const answers = await race('opposite order, 20 carts', shop, people, () => PLACE);
    assert.deepEqual(tally(answers), { 201: 20 }, 'I8');
  }
  await assertInvariants(shop);
});

test('of buyers who need the last units of both shards each gets both or neither', async () => {
  for (let round = 0; round < 3; round += 1) {
    const [a, b] = await goods(5, 5);
    const people = await buyers(40, () => ({ [a]: 1, [b]: 1 }));
    const answers = await race('both shards, 5 of each, 40 buyers', shop, people, () => PLACE);
    assert.deepEqual(tally(answers), { 201: 5, '409 insufficient_stock': 35 });
    for (const sku of [a, b]) assert.deepEqual(Object.values(await shop.stock(sku)), [{ stock: 0, held: 5 }]);
  }
  await assertInvariants(shop);
});

test('what one shard gave is given back when the other refuses, and goes to those who wait for it', async () => {
  const rollbacks = async () => (await shop.admin.get('/stats')).json.rollbacks;
  let returned = 0;
  let rounds = 0;
  for (; rounds < 15 && returned === 0; rounds += 1) {
    // Some want both goods, some only what is in one shard: those take away what the others count on.
    const [a, b] = await goods(10, 10);
    const lines = [{ [a]: 1, [b]: 1 }, { [b]: 1 }, { [a]: 1 }];
    const people = await buyers(60, (n) => lines[n % 3]);
    const answers = await race('one line against both', shop, people, () => PLACE);
    const { 201: placed, '409 insufficient_stock': refused, ...others } = tally(answers);
    assert.deepEqual([placed + refused, others], [60, {}]);
    // Whoever wanted one line was refused only when the last unit of it was gone.
    for (const sku of [a, b]) assert.equal(Object.values(await shop.stock(sku))[0].stock, 0, 'I8: there is something left');
    const { movements } = await assertInvariants(shop);
    returned = movements.filter(({ kind, key }) => kind === 'release' && key === 'undo').length;
  }
  assert.ok(returned > 0, `no order of ${rounds} rounds was undone`);
  const found = await until('rollbacks in both shards are counted', async () => {
    const now = await rollbacks();
    return now['0'] > 0 && now['1'] > 0 && now;
  });
  console.log(`rollbacks by shard: ${JSON.stringify(found)}, holds given back: ${returned}, rounds: ${rounds}`);
});
