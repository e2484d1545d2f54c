// One shopper in many places at once: tabs, retries of an impatient client, a key sent twenty
// times. One cart makes one order, whoever asks for it and however often.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { race, tally } from '../support/contenders.mjs';
import { assertInvariants } from '../support/invariants.mjs';
import { openShop } from '../support/shop.mjs';

const PLACE = { path: '/cart/place-order', body: {} };
const TABS = 20;
const REPLAYED = 'idempotent-replayed';

let shop;
let sku;
before(async () => {
  shop = await openShop({ vars: { '*': { LOG_LEVEL: 'error' } } });
  sku = { near: await shop.goods({ stock: { berlin: 1000 } }), far: await shop.goods({ stock: { hamburg: 1000 } }) };
});
after(() => shop?.close());

async function shopper() {
  const person = shop.customer();
  await person.fill({ [sku.near]: 2, [sku.far]: 3 });
  return person;
}

/** Asserts all invariants, and how many orders each of these shoppers has. */
async function assertOrders(people, count) {
  const found = await assertInvariants(shop);
  for (const person of people) {
    assert.equal(found.placements.filter((row) => row.customer_id === person.id && row.phase === 'placed').length, count);
  }
}

/** One race after the other; gives what each came to. */
async function rounds(count, work) {
  const results = [];
  while (results.length < count) results.push(await work(results.length));
  return results;
}

const tabs = (person) => Array.from({ length: TABS }, () => person);

test('one cart placed from 20 connections without a key makes one order, told to all in the same bytes', async () => {
  const people = await rounds(5, async () => {
    const person = await shopper();
    const answers = await race('one cart, no key', shop, tabs(person), () => PLACE);
    assert.deepEqual(tally(answers), { 201: TABS });
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1, 'other bytes');
    return person;
  });
  await assertOrders(people, 1);
});

test('one key sent 20 times at once makes one order; 19 answers are marked as replays, with the same bytes', async () => {
  const people = await rounds(5, async () => {
    const person = await shopper();
    const answers = await race('one key', shop, tabs(person), () => ({ ...PLACE, key: 'the-key' }));
    assert.deepEqual(tally(answers), { 201: TABS });
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1, 'other bytes');
    assert.equal(answers.filter(({ headers }) => headers.get(REPLAYED) === 'true').length, TABS - 1);
    return person;
  });
  await assertOrders(people, 1);
});

test('20 keys on one cart make one order; every other one is refused by a rule, none by an error', async () => {
  const people = await rounds(5, async () => {
    const person = await shopper();
    const answers = await race('20 keys', shop, tabs(person), (n) => ({ ...PLACE, key: `key-${n}` }));
    const { 201: placed, '409 cart_locked': locked = 0, '422 empty_cart': empty = 0, ...others } = tally(answers);
    assert.deepEqual([placed, locked + empty, others], [1, TABS - 1, {}]);
    // A refused key is not used up: it may serve for the next cart.
    const refused = answers.findIndex(({ status }) => status !== 201);
    await person.fill({ [sku.near]: 1 }, null);
    const next = await person.place({}, { key: `key-${refused}` });
    assert.equal(next.status, 201, next.text);
    return person;
  });
  await assertOrders(people, 2);
});

test('one key with two bodies at once: one is placed, the other is told that the key is taken', async () => {
  const person = await shopper();
  const answers = await race('one key, two bodies', shop, [person, person],
    (n) => ({ ...PLACE, key: 'mixed', body: { special_instructions: `variant ${n}` } }));
  assert.deepEqual(tally(answers), { 201: 1, '422 idempotency_key_reused': 1 });
  await assertInvariants(shop);
});

test('one key of two shoppers is two keys', async () => {
  const people = [await shopper(), await shopper()];
  const answers = await race('one key, two shoppers', shop, people, () => ({ ...PLACE, key: 'shared' }));
  assert.deepEqual(tally(answers), { 201: 2 });
  assert.notEqual(answers[0].json.order_id, answers[1].json.order_id);
  await assertInvariants(shop);
});

test('a change that races with place-order is in the order, or in the next cart, or refused: never lost', async () => {
  const seen = { ordered: 0, refused: 0, next: 0 };
  for (let round = 0; round < 20; round += 1) {
    const person = await shopper();
    const change = round % 2
      ? { method: 'PUT', path: `/cart/items/${sku.near}`, body: { quantity: 7 } }
      : { method: 'DELETE', path: `/cart/items/${sku.near}` };
    // Turn by turn one or the other is sent first.
    const requests = round % 4 < 2 ? [PLACE, change] : [change, PLACE];
    const answers = await race(`place against ${change.method}`, shop, [person, person], (n) => requests[n]);
    const [placed, changed] = round % 4 < 2 ? answers : answers.toReversed();
    assert.equal(placed.status, 201, placed.text);
    const order = (await person.get(`/orders/${placed.json.order_id}`)).json;
    const ordered = order.lines.find((line) => line.sku === sku.near)?.quantity ?? 0;
    const cart = (await person.get('/cart')).json.lines.find((line) => line.sku === sku.near)?.quantity ?? 0;
    const wanted = round % 2 ? 7 : 0;
    if (changed.status === 409) {
      assert.equal(changed.json.code, 'cart_locked', changed.text);
      assert.deepEqual([ordered, cart], [2, 0]);
      seen.refused += 1;
    } else {
      assert.equal(changed.status, 200, changed.text);
      // Before the order it is part of it; after the order it is about the next cart.
      assert.ok(ordered === wanted || (ordered === 2 && cart === wanted), `ordered ${ordered}, in the cart ${cart}`);
      seen[ordered === wanted ? 'ordered' : 'next'] += 1;
    }
  }
  console.log(`place against a change: ${JSON.stringify(seen)}`);
  await assertInvariants(shop);
});

test('cancel against cancel: one cancellation, one version more, the goods back once', async () => {
  const goods = () => Promise.all([shop.stock(sku.near), shop.stock(sku.far)]);
  const before = await goods();
  const cancelled = await rounds(10, async () => {
    const person = await shopper();
    const { order_id } = (await person.place()).json;
    const cancel = { path: `/orders/${order_id}/cancel`, body: {} };
    const answers = await race('cancel against cancel', shop, [person, person, shop.admin, person], () => cancel);
    for (const { status, json, text } of answers) assert.deepEqual([status, json.status, json.version], [200, 'cancelled', 2], text);
    return order_id;
  });
  const { history } = await assertInvariants(shop);
  for (const order_id of cancelled) assert.equal(history.filter((row) => row.order_id === order_id).length, 2);
  assert.deepEqual(await goods(), before);
});

test('cancel against payment and shipping: one comes first, and the other is told what was legal', async () => {
  for (let round = 0; round < 6; round += 1) {
    const person = await shopper();
    const { order_id } = (await person.place()).json;
    const status = (to) => ({ method: 'PATCH', path: `/api/v1/orders/${order_id}/status`, body: { status: to } });
    for (const to of ['paid', 'processing']) await shop.call('PATCH', status(to).path, { as: shop.admin, body: { status: to } });
    const cancel = { path: `/orders/${order_id}/cancel`, body: {}, as: person };
    const requests = round % 2 ? [cancel, status('shipped')] : [status('shipped'), cancel];
    const answers = await race('cancel against shipping', shop, [shop.admin, shop.admin], (n) => requests[n]);
    assert.deepEqual(tally(answers), { 200: 1, '409 illegal_transition': 1 });
  }
  await assertInvariants(shop);
});
