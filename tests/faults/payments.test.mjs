// Money under faults: one fault at each step of a payment, and of giving it back, by card and from a
// credit line. However it strikes, there is one charge and one refund, what is kept is what is due, stock
// follows, and it does not take long.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openCashier } from '../support/cashier.mjs';
import { end, hangs, stand, struck } from '../support/faults.mjs';
import { METHODS } from '../support/provider.mjs';
import { insist } from '../support/shopper.mjs';
import { until } from '../support/shop.mjs';

/** From the shopper's first question to the money that is back. */
const BY_CARD = [
  'order.payable', 'payment.start.written', 'payment.make', 'payment.event.written', 'order.money', 'order.edge.written',
  'order.edge.written#2', 'payment.due', 'payment.due.row.written', 'payment.refund',
];
const DECLINED = ['payment.event.written', 'payment.end', 'order.money', 'cart.reopen', 'cart.reopen.written'];
const BY_CREDIT = ['credit.reserve', 'credit.reserve.row', 'credit.set', 'credit.set.row'];
const MODES = ['before', 'lost', 'twice', 'both', 'crash', 'kill'];
// What is written has been done.
const fits = (step, mode) => (/\.written(#\d)?$/.test(step) ? ['lost', 'crash', 'kill'].includes(mode) : true);
const SECONDS_MAX = 20;

let cashier;
let shop;
let provider;
before(async () => {
  cashier = await openCashier({ variant: 'faults', vars: { '*': { LOG_LEVEL: 'error' } } });
  ({ shop, provider } = cashier);
});
after(() => cashier?.close());

let number = 0;
const again = (send) => insist(send, { deadlineMs: 60_000 });
const back = { berlin: { stock: 2, held: 0 }, hamburg: { stock: 50, held: 0 } };

async function script(step, mode) {
  number += 1;
  const id = `*p${number}`;
  await stand(shop, `${id};${step};${mode}`);
  const strikes = mode === 'kill' ? hangs(shop, id, 60_000) : struck(shop, id, 60_000);
  const restarted = mode === 'kill' && strikes.then(async () => {
    await shop.rt.kill();
    await shop.rt.restart();
    cashier.listen();
  });
  return { id, strikes, restarted };
}

/** The provider delivers again what was not taken, as it does for days. */
async function redeliver(order) {
  const mine = ({ event }) => event.data.object.metadata?.order_id === order.order_id;
  for (const delivery of provider.deliveries.filter(mine)) {
    if (delivery.state === 'failed') await provider.send(delivery);
  }
}

const eventually = (what, probe) => until(what, probe, { deadlineMs: 60_000, everyMs: 50 });

/** Waits until the order stands so, with whatever the provider has to say once more. */
async function stands(order, wanted) {
  return eventually(`${order.order_id} to be ${JSON.stringify(wanted)}`, async () => {
    await redeliver(order);
    const { status, json } = await shop.admin.get(`/orders/${order.order_id}`);
    return status === 200 && Object.entries(wanted).every(([key, value]) => json[key] === value) && json;
  });
}

async function addsUp(order, sku, refunds) {
  const seen = await eventually('money and state to agree', async () => {
    const { json } = await shop.admin.get(`/orders/${order.order_id}`);
    return json?.captured_minor - json?.refunded_minor === provider.balance(order.order_id) && json;
  });
  assert.ok(provider.chargesOf(order.order_id).length <= 1, 'P1: charged twice');
  assert.equal(provider.refundsOf(order.order_id).length, refunds, 'P1: given back once');
  assert.equal(provider.balance(order.order_id), 0);
  await eventually('the stock to be back', async () => {
    const stock = await shop.stock(sku);
    return JSON.stringify(stock) === JSON.stringify(back);
  });
  return seen;
}

async function paidAndCancelled(step, mode) {
  const { order, who, sku } = await cashier.order();
  const { id, strikes, restarted } = await script(step, mode);
  const began = performance.now();
  const started = await again(() => cashier.start(order, who));
  assert.equal(started.status, 200, started.text);
  const intent = { id: started.json.payment_intent_id, client_secret: started.json.client_secret };
  await cashier.confirm(intent);
  await stands(order, { status: 'paid', captured_minor: 7500 });
  const cancelled = await again(() => who.post(`/orders/${order.order_id}/cancel`, {}));
  assert.equal(cancelled.status, 200, cancelled.text);
  await stands(order, { status: 'cancelled', payment_status: 'refunded' });
  await strikes;
  await restarted;
  const seconds = (performance.now() - began) / 1000;
  await end(shop, id);
  await addsUp(order, sku, 1);
  assert.ok(seconds < SECONDS_MAX, `${seconds.toFixed(1)} s`);
  return seconds;
}

async function declined(step, mode) {
  const { order, who, sku } = await cashier.order();
  const intent = await cashier.begin(order, who);
  const { id, strikes, restarted } = await script(step, mode);
  const began = performance.now();
  await cashier.confirm(intent, METHODS.decline);
  await stands(order, { status: 'cancelled', payment_status: 'failed' });
  await eventually('the cart to be back', async () => (await who.get('/cart')).json?.lines?.length > 0);
  await strikes;
  await restarted;
  const seconds = (performance.now() - began) / 1000;
  await end(shop, id);
  await addsUp(order, sku, 0);
  assert.equal(provider.intents.get(intent.id).status, 'canceled');
  assert.ok(seconds < SECONDS_MAX, `${seconds.toFixed(1)} s`);
  return seconds;
}

async function onCredit(step, mode) {
  const who = shop.customer();
  await again(() => shop.admin.put(`/api/admin/credit-lines/${who.id}`, { limit_minor: 7500 }));
  const sku = await shop.goods({ price: 1500, stock: { berlin: 2, hamburg: 50 } });
  await who.fill({ [sku]: 4 });
  const { id, strikes, restarted } = await script(step, mode);
  const began = performance.now();
  const placed = await again(() => who.place({ payment_method: 'credit' }, { key: `k-${id}` }));
  assert.equal(placed.status, 201, placed.text);
  const order = placed.json;
  const cancelled = await again(() => who.post(`/orders/${order.order_id}/cancel`, {}));
  assert.equal(cancelled.status, 200, cancelled.text);
  await eventually('the line to be free', async () => (await who.get('/credit')).json?.available_minor === 7500);
  await stands(order, { status: 'cancelled', payment_status: 'cancelled' });
  await strikes;
  await restarted;
  const seconds = (performance.now() - began) / 1000;
  await end(shop, id);
  await eventually('the stock to be back', async () => JSON.stringify(await shop.stock(sku)) === JSON.stringify(back));
  assert.ok(seconds < SECONDS_MAX, `${seconds.toFixed(1)} s`);
  return seconds;
}

function table(name, steps, tell) {
  describe(name, () => {
    for (const step of steps) {
      for (const mode of MODES.filter((each) => fits(step, each))) {
        test(`${step} ${mode}`, { timeout: 180_000 }, async (context) => {
          const seconds = await tell(step, mode);
          context.diagnostic(`${step} ${mode}: over in ${seconds.toFixed(1)} s`);
        });
      }
    }
  });
}

table('paid by card and cancelled', BY_CARD, paidAndCancelled);
table('declined', DECLINED, declined);
table('on credit and cancelled', BY_CREDIT, onCredit);
