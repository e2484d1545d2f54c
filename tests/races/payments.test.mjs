// A payment against what ends its order, at the same instant: a cancel, and the end of the time to pay.
// One outcome: the order is paid, or it is over and its money back; stock and money add up (I1, P1). Each
// side has to win at least once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openCashier } from '../support/cashier.mjs';
import { Race } from '../support/contenders.mjs';
import { until } from '../support/shop.mjs';

const ROUNDS = Number(process.env.ORDERLANE_RACE_ROUNDS ?? 200);


let cashier;
before(async () => { cashier = await openCashier({ vars: { '*': { LOG_LEVEL: 'error' } } }); });
after(() => cashier?.close());

/** An order with an intent that is paid at the provider, and the delivery of that, not sent. */
async function paidAtProvider(where) {
  const { order, who, sku } = await where.order();
  const intent = await where.begin(order, who);
  await where.confirm(intent);
  const delivery = await until('the delivery', () => where.provider.deliveries.find(
    ({ type, event }) => type === 'payment_intent.succeeded' && event.data.object.id === intent.id));
  return { order, who, sku, delivery };
}

async function contest(name, where, { rival, wait, lanes = 5 }) {
  const tally = {};
  let left = ROUNDS;
  // The provider's own posts stay away: the race makes them.
  where.provider.hold();
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      const round = left;
      const made = await paidAtProvider(where);
      if (wait) await wait(made, round);
      const other = rival?.(made);
      const race = other && await Race.prepare(where.shop, [other.as]);
      const payFirst = round % 2 === 0;
      const headMs = Math.floor(round / 2) % 16;
      const pay = async () => { if (!payFirst) await pause(headMs); return where.provider.send(made.delivery); };
      const end = async () => { if (payFirst) await pause(headMs); return race?.contenders[0].send(other); };
      const [paid, ended] = await Promise.all([pay(), end()]);
      for (const one of race?.contenders ?? []) one.close();
      assert.equal(paid.status, 200, paid.text);
      if (ended) assert.equal(ended.status, 200, ended.text);
      const seen = await where.settled(made.order);
      const over = seen.status === 'cancelled';
      assert.deepEqual(seen.payment_status, over ? 'refunded' : 'paid');
      assert.equal(where.provider.refundsOf(made.order.order_id).length, over ? 1 : 0);
      await until('the stock to follow', async () => {
        const { hamburg } = await where.shop.stock(made.sku);
        return over ? hamburg.stock === 50 && hamburg.held === 0 : hamburg.stock === 48 && hamburg.held === 2;
      });
      // Who came first stands in the history.
      const first = seen.history[1].new_status;
      tally[`${first} first`] = (tally[`${first} first`] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  where.provider.drop();
  where.provider.release();
  console.log(`${name}: ${JSON.stringify(tally)}`);
  if (ROUNDS >= 100) assert.deepEqual(Object.keys(tally).sort(), ['cancelled first', 'paid first'], 'each side came first at least once');
  assert.equal((await where.shop.audit()).drift, 0);
}

test('a payment against a cancel by the customer', { timeout: 600_000 }, async () => {
  await contest('payment / cancel', cashier, {
    rival: ({ who, order }) => ({ as: who, path: `/orders/${order.order_id}/cancel`, body: {} }),
  });
});

test('a payment against the end of the time to pay', { timeout: 600_000 }, async (context) => {
  const brief = await openCashier({ vars: { '*': { LOG_LEVEL: 'error', RECOVER_AFTER_SECONDS: '1' }, order: { PAYMENT_LIMIT_MINUTES: '0.1' } } });
  context.after(() => brief.close());
  await contest('payment / expiry', brief, {
    lanes: 20,
    wait: async ({ order }, round) => {
      const { pay_by_ms } = brief.shop.rt.objects('order', 'OrderDesk', 'SELECT pay_by_ms FROM orders WHERE order_id = ?', order.order_id)[0] ?? {};
      const at = pay_by_ms ?? Date.parse(order.created_at) + 6000;
      await pause(Math.max(0, at - Date.now() - 30 + (round % 60)));
    },
  });
});
