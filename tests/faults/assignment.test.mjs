// Offers under faults: one fault at each step of an order's way to its vendor, and back, and to the
// next; and at each step of the news that the order is over. However it strikes, each party hears the same outcome, desk and database agree, places
// are held for whoever has the order and for nobody else, and it does not take long.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { end, hangs, stand, struck } from '../support/faults.mjs';
import { Market } from '../support/market.mjs';
import { insist } from '../support/shopper.mjs';
import { openShop, until } from '../support/shop.mjs';
import { Live } from '../support/sockets.mjs';

/** What the desk does, and what is done for it. */
const STEPS = [
  'order.offer', 'assignment.begin.written', 'vendors.best', 'realtime.publish', 'realtime.publish#2', 'realtime.online', 'assignments.record',
  'assignment.lock.written', 'vendor.take', 'assignment.release.written', 'vendor.give_back',
];
/** The customer cancels, with a vendor who has the order, or with offers that are open. */
const ENDS = ['order.edge.written', 'assignment.over'];
const MODES = ['before', 'lost', 'twice', 'both', 'crash', 'kill'];
// What is written has been done; what is done for the desk happens in no object of its own.
const fits = (step, mode) => (step.endsWith('.written') ? ['lost', 'crash', 'kill'].includes(mode) : true);
const SECONDS_MAX = 15;

let shop;
let live;
let market;
let admin;
let clients;
before(async () => {
  shop = await openShop({ variant: 'faults', vars: { '*': { LOG_LEVEL: 'error' } } });
  live = new Live(shop);
  market = new Market(shop);
  const vendors = [...await market.open(1, { capacity: 1 }), ...await market.open(2)];
  admin = await live.connect(shop.admin);
  clients = await Promise.all(vendors.map((vendor) => live.connect(vendor)));
});
after(async () => {
  live?.close();
  await shop?.close();
});

const about = (order) => ({ orderId }) => orderId === order.order_id;
let number = 0;

/** Again until it is answered, whatever became of it. */
const again = (send) => insist(send, { deadlineMs: 60_000 });

const inWork = async (vendor, count) => {
  const [row] = await shop.rt.d1('vendors', 'DB').all('SELECT in_work FROM vendors WHERE vendor_id = ?', vendor.id);
  return row.in_work === count;
};

async function script(step, mode) {
  number += 1;
  const id = `*a${number}`;
  await stand(shop, `${id};${step};${mode}`);
  const strikes = mode === 'kill' ? hangs(shop, id, 60_000) : struck(shop, id, 60_000);
  const restarted = mode === 'kill' && strikes.then(async () => {
    await shop.rt.kill();
    await shop.rt.restart();
  });
  return { id, strikes, restarted };
}

async function story(step, mode) {
  const [first, second] = market.vendors;
  const order = await market.order();
  const { id, strikes, restarted } = await script(step, mode);
  const began = performance.now();

  const routed = await again(() => shop.admin.post(`/api/orders/${order.order_id}/route-to-vendors`, { limit: 3 }));
  assert.ok([201, 409].includes(routed.status), routed.text);
  await Promise.all(clients.map((client) => client.heard('NEW_ORDER', about(order), 60_000)));
  // Nobody is asked for whose offer is over.
  if (step === 'realtime.online') await strikes.then(() => restarted);
  const won = await again(() => market.accept(first, order));
  assert.equal(won.status, 200, won.text);
  const lost = await again(() => market.accept(second, order));
  assert.equal(lost.json.data.reason, 'ORDER_ALREADY_ACCEPTED', lost.text);
  await Promise.all(clients.slice(1).map((client) => client.heard('CANCEL_PUSH', about(order), 60_000)));
  await clients[0].heard('ORDER_ASSIGNED', about(order), 60_000);
  await until('desk and database agree', () => market.agree(order, { winner: first.id }), { deadlineMs: 60_000 });
  await until('its place is taken', () => inWork(first, 1), { deadlineMs: 60_000 });

  const released = await again(() => first.post(`/api/vendor/orders/${order.order_id}/release`, { reason: 'no cook' }));
  // A repeat of what was done finds that somebody else may have it, or nobody.
  assert.ok([200, 404].includes(released.status), released.text);
  await until('the second round', async () => (await market.status(order)).open.includes(second.id), { deadlineMs: 60_000 });
  const next = await again(() => market.accept(second, order));
  assert.equal(next.status, 200, next.text);
  await strikes;
  await restarted;
  const seconds = (performance.now() - began) / 1000;
  await end(shop, id);
  await until('desk and database agree again', () => market.agree(order, { winner: second.id }), { deadlineMs: 60_000 });
  await until('its place is free', () => inWork(first, 0), { deadlineMs: 60_000 });
  for (const client of clients) {
    const told = client.all('ORDER_ASSIGNED').filter(about(order));
    const twice = told.map(({ eventId }) => eventId);
    assert.equal(new Set(twice).size, twice.length, 'told twice');
  }
  const { events } = await market.history(order);
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, n) => n + 1), 'a line of the story is missing');
  assert.deepEqual(events.filter(({ type }) => type === 'won').map(({ vendor_id }) => vendor_id), [first.id, second.id]);
  assert.ok(seconds < SECONDS_MAX, `${seconds.toFixed(1)} s`);
  for (const client of [admin, ...clients]) client.got.length = 0;
  return seconds;
}

async function ending(step, mode, { won }) {
  const [first] = market.vendors;
  const order = await market.order();
  await market.route(order, { limit: 3 });
  await Promise.all(clients.map((client) => client.heard('NEW_ORDER', about(order), 60_000)));
  if (won) assert.equal((await market.accept(first, order)).status, 200);
  const { id, strikes, restarted } = await script(step, mode);
  const began = performance.now();

  const cancelled = await again(() => order.customer.post(`/orders/${order.order_id}/cancel`, { reason: 'changed my mind' }));
  assert.equal(cancelled.status, 200, cancelled.text);
  await until('its offers are over', async () => (await market.status(order)).status === 'CANCELLED', { deadlineMs: 60_000 });
  await Promise.all(clients.map((client, n) => client.heard(won && n === 0 ? 'ORDER_RELEASED' : 'CANCEL_PUSH', about(order), 60_000)));
  await strikes;
  await restarted;
  const seconds = (performance.now() - began) / 1000;
  await end(shop, id);
  const late = await again(() => market.accept(first, order));
  assert.equal(late.json.data?.reason, 'ORDER_CANCELLED', late.text);
  await until('desk and database agree', () => market.agree(order, { winner: null }), { deadlineMs: 60_000 });
  await until('its place is free', () => inWork(first, 0), { deadlineMs: 60_000 });
  const { status, vendor_id, routing_status } = (await order.customer.get(`/orders/${order.order_id}`)).json;
  assert.deepEqual([status, vendor_id, routing_status], ['cancelled', undefined, 'CANCELLED']);
  const { events } = await market.history(order);
  assert.deepEqual(events.filter(({ type }) => type === 'cancelled').length, 1, 'it ended once');
  assert.ok(seconds < SECONDS_MAX, `${seconds.toFixed(1)} s`);
  for (const client of [admin, ...clients]) client.got.length = 0;
  return seconds;
}

function table(step, tell) {
  describe(step, () => {
    for (const mode of MODES.filter((each) => fits(step, each))) {
      test(mode, { timeout: 180_000 }, async (context) => {
        const seconds = await tell(step, mode);
        context.diagnostic(`${step} ${mode}: over in ${seconds.toFixed(1)} s`);
      });
    }
  });
}

for (const step of STEPS) table(step, story);
describe('cancelled with a vendor', () => {
  for (const step of ENDS) table(step, (...fault) => ending(...fault, { won: true }));
});
describe('cancelled while offered', () => {
  for (const step of ENDS) table(step, (...fault) => ending(...fault, { won: false }));
});
