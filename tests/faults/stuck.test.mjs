// A shard that is out of reach. While it lasts nobody is told that goods are gone which are there,
// nothing is half done, and what cannot be undone is shown to admins instead of being tried for
// ever; when it is over, a retry brings it to its end.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { end, pauses, release, scripted, stand, steal, struck } from '../support/faults.mjs';
import { assertInvariants, dump } from '../support/invariants.mjs';
import { assertProblem, openShop, until } from '../support/shop.mjs';
import { insist } from '../support/shopper.mjs';

let shop;
before(async () => {
  shop = await openShop({ variant: 'faults', vars: { '*': { LOG_LEVEL: 'error' }, order: { STUCK_AFTER_SECONDS: '1' } } });
});
after(() => shop?.close());

const stuckOnes = async () => (await shop.admin.get('/api/admin/placements?state=stuck')).json.placements;
const retry = (order_id) => shop.admin.post(`/api/admin/placements/${order_id}/retry`, {});

async function twoLines() {
  const skus = [await shop.goods({ stock: { berlin: 5 } }), await shop.goods({ stock: { hamburg: 5 } })];
  const person = shop.customer();
  await person.fill({ [skus[0]]: 2, [skus[1]]: 3 });
  return { person, skus };
}

/** A placement that holds its goods in shard 0, is refused by shard 1, and cannot give them back. */
async function getStuck(id) {
  const { person, skus } = await twoLines();
  await stand(shop, `*${id};stock.restore.0;down`);
  await insist(() => person.get('/cart/summary'));
  const placing = person.place({}, scripted(`${id}-wait;order.place;pause,${id}-down;stock.restore.0;down`));
  await pauses(shop, `${id}-wait`);
  await steal(shop, 1, skus[1], 'hamburg', 5);
  await release(shop, `${id}-wait`);
  return { person, skus, answer: await placing };
}

test('a shard that is down refuses nobody for stock: the shopper is told to come again, and nothing is held', async () => {
  for (const shard of [0, 1]) {
    const { person, skus } = await twoLines();
    await stand(shop, `*down-${shard};stock.deduct.${shard};down`);
    const answer = await person.place({}, { key: `down-${shard}` });
    assert.ok(answer.status >= 500, `I8: ${answer.text}`);
    assert.ok(answer.headers.get('retry-after'), answer.text);
    await end(shop, `*down-${shard}`);
    const placed = await insist(() => person.place({}, { key: `down-${shard}` }));
    assert.equal(placed.status, 201, placed.text);
    assert.deepEqual(await shop.stock(skus[0]), { berlin: { stock: 3, held: 2 } });
    assert.deepEqual(await shop.stock(skus[1]), { hamburg: { stock: 2, held: 3 } });
  }
  await assertInvariants(shop);
});

test('a placement that cannot be undone is stuck: counted, shown, kept over a kill, and undone on retry', async () => {
  const { person, skus, answer } = await getStuck('stuck');
  assertProblem(answer, { status: 503 });
  const [shown] = await until('the stuck placement is shown', async () => {
    const list = await stuckOnes();
    return list.length > 0 && list;
  });
  assert.equal(shown.customer_id, person.id);
  await until('it is counted', async () => (await shop.admin.get('/stats')).json.stuck === 1);
  // It keeps what it holds, explained, until it can give it back.
  assert.deepEqual(await shop.stock(skus[0]), { berlin: { stock: 3, held: 2 } });
  assert.equal((await shop.audit()).drift, 0);

  const inVain = await retry(shown.order_id);
  assert.ok(inVain.status < 500, inVain.text);
  await until('it is stuck again', async () => (await stuckOnes()).length === 1
    && (await dump(shop)).placements.find((row) => row.order_id === shown.order_id).phase === 'stuck');

  await shop.rt.kill();
  await shop.rt.restart();
  assert.equal((await stuckOnes()).length, 1, 'still shown after a kill');
  const done = await retry(shown.order_id);
  assert.equal(done.status, 200, done.text);
  await until('nothing is stuck', async () => (await stuckOnes()).length === 0);
  await assertInvariants(shop);
  assert.deepEqual(await shop.stock(skus[0]), { berlin: { stock: 5, held: 0 } });
  // The cart is the shopper's again.
  assertProblem(await insist(() => person.place()), { status: 409, code: 'insufficient_stock' });
  assertProblem(await retry(shown.order_id), { status: 409, code: 'not_stuck' });
});

test('a stuck placement is shown although the database is out of reach when it gets stuck, and struck off likewise', async () => {
  await stand(shop, '*unseen;orders.project;before');
  await getStuck('unseen-one');
  await struck(shop, '*unseen');
  const [shown] = await until('it is shown all the same', async () => {
    const list = await stuckOnes();
    return list.length === 1 && list;
  });
  await end(shop, '*unseen-one');
  await stand(shop, '*unstruck;orders.project;before');
  await retry(shown.order_id);
  await struck(shop, '*unstruck');
  await until('it is struck off all the same', async () => (await stuckOnes()).length === 0);
  await assertInvariants(shop);
});

test('only admins retry, and only what is there', async () => {
  const { person } = await twoLines();
  assertProblem(await person.post('/api/admin/placements/x/retry', {}), { status: 403 });
  assertProblem(await retry('01920000-0000-7001-8000-000000000000'), { status: 404 });
});
