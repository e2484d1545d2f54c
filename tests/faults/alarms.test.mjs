// What goes on when nobody asks: alarms find what a crash left and bring it to its end, and the
// databases catch up. Here the faults strike that work itself, by scripts that stand for all who
// have none of their own; and in the end the process is killed in the midst of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { end, FAULT, hangs, scripted, stand, struck } from '../support/faults.mjs';
import { assertInvariants, atRest } from '../support/invariants.mjs';
import { openShop } from '../support/shop.mjs';
import { insist } from '../support/shopper.mjs';

// What alarms do, and what follows an answer.
const STEPS = ['order.resolve', 'stock.restore.0', 'stock.restore.1', 'orders.project', 'carts.record'];
const MODES = ['before', 'lost', 'twice', 'both'];
const RECOVERED_WITHIN_MS = 12_000;

let shop;
let sku;
before(async () => {
  shop = await openShop({ variant: 'faults', vars: { '*': { LOG_LEVEL: 'error' } } });
  sku = {
    near: await shop.goods({ stock: { berlin: 1000 } }),
    far: await shop.goods({ stock: { hamburg: 1000 } }),
  };
});
after(() => shop?.close());

const lines = () => ({ [sku.near]: 1, [sku.far]: 2 });

async function shoppers(count) {
  const people = Array.from({ length: count }, () => shop.customer());
  await Promise.all(people.map((person) => person.fill(lines())));
  return people;
}

/** Shoppers who leave an order, a claim without an order, and a cancelled order whose goods are still held. */
async function leaveBehind(count) {
  const [placing, claiming, cancelling] = await Promise.all([shoppers(count), shoppers(count), shoppers(count)]);
  const orders = await Promise.all(cancelling.map((person) => person.place()));
  await Promise.all(placing.map((person) => person.place()));
  await Promise.all(claiming.map((person) => person.place({}, scripted(`claim-${person.id};cart.mark.written;lost`))));
  await Promise.all(cancelling.map((person, n) =>
    person.post(`/orders/${orders[n].json.order_id}/cancel`, {}, scripted(`cancel-${person.id};order.edge.written;lost`))));
  return { placing, claiming, cancelling };
}

function assertLeft(found, { placing, claiming, cancelling }) {
  const of = (person) => found.placements.filter((row) => row.customer_id === person.id && row.phase === 'placed').map((row) => row.status);
  for (const person of placing) assert.deepEqual(of(person), ['pending'], person.id);
  for (const person of claiming) assert.deepEqual(of(person), [], person.id);
  for (const person of cancelling) assert.deepEqual(of(person), ['cancelled'], person.id);
}

test('alarms, projections and records come to their end through any fault of their own', async () => {
  const scripts = STEPS.flatMap((step) => MODES.map((mode) => ({ id: `*${step}-${mode}`, step, mode })));
  await stand(shop, ...scripts.map(({ id, step, mode }) => `${id};${step};${mode}`));
  const left = await leaveBehind(10);
  await Promise.all(scripts.map(({ id }) => struck(shop, id, 40_000)));
  await end(shop, ...scripts.map(({ id }) => id));
  assertLeft(await assertInvariants(shop), left);
  console.log(`struck once each: ${STEPS.join(', ')} x ${MODES.join(', ')}`);
});

test('a kill while alarms are at work is recovered from by the next alarms', async () => {
  // Of a command's two hops the inner one hangs in a later call, or the outer would not be reached.
  const times = { 'order.resolve': '#2' };
  await stand(shop, ...STEPS.map((step) => `*kill-${step};${step}${times[step] ?? ''};kill`));
  const left = await leaveBehind(10);
  await Promise.all(STEPS.map((step) => hangs(shop, `*kill-${step}`, 40_000)));
  await shop.rt.kill();
  await shop.rt.restart();
  const started = performance.now();
  await atRest(shop, { deadlineMs: RECOVERED_WITHIN_MS, idle: true });
  console.log(`at rest ${((performance.now() - started) / 1000).toFixed(1)} s after the start, with nobody asking`);
  assertLeft(await assertInvariants(shop), left);
});

test('what was acknowledged is there at once after a kill in the same moment', async () => {
  const people = await shoppers(24);
  const answers = await Promise.all(people.map((person, n) => person.place({}, { key: n % 2 ? `k-${person.id}` : undefined })));
  await shop.rt.kill();
  await shop.rt.restart();
  const reads = await Promise.all(people.map((person, n) => person.get(`/orders/${answers[n].json.order_id}`)));
  for (const [n, read] of reads.entries()) {
    const told = answers[n];
    assert.equal(told.status, 201, told.text);
    assert.equal(read.status, 200, `I5: ${told.json.order_id} was told of, and now: ${read.text}`);
    for (const field of ['order_number', 'totals', 'allocations', 'created_at']) assert.deepEqual(read.json[field], told.json[field]);
  }
  for (const [n, person] of people.entries()) {
    const again = await insist(() => person.place({}, { key: n % 2 ? `k-${person.id}` : undefined }));
    assert.equal(again.text, answers[n].text, 'other bytes than before the kill');
  }
  await assertInvariants(shop);
});

test('an order just acknowledged is in its customer\'s list, and can be cancelled, right after a kill', async () => {
  const people = await shoppers(8);
  const answers = await Promise.all(people.map((person) => person.place()));
  await shop.rt.kill();
  await shop.rt.restart();
  for (const [n, person] of people.entries()) {
    const { order_id } = answers[n].json;
    const list = await person.get('/orders');
    assert.deepEqual(list.json.orders.map((order) => order.order_id), [order_id], list.text);
    const cancelled = await person.post(`/orders/${order_id}/cancel`, {});
    assert.equal(cancelled.json.status, 'cancelled', cancelled.text);
  }
  await assertInvariants(shop);
});

test('a shopper who hangs up in the midst of it changes nothing: the order is made, and found again', async () => {
  const [person] = await shoppers(1);
  const hangup = new AbortController();
  const paused = shop.logged((line) => line.event === 'ORDERLANE_FAULT_HOOK_PAUSE' && line.id === 'hangup');
  const gone = person.place({}, { signal: hangup.signal, headers: { [FAULT]: 'hangup;stock.deduct.1;pause' } });
  await paused;
  hangup.abort();
  await assert.rejects(gone);
  await stand(shop, '*hangup;;go');
  const found = await assertInvariants(shop);
  const [row] = found.placements.filter((each) => each.customer_id === person.id);
  assert.equal(row.phase, 'placed');
  const again = await person.place();
  assert.deepEqual([again.status, again.json.order_id], [201, row.order_id]);
});
