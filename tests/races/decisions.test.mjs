// An accept against something else that decides the same order at the same instant: a reject, a
// cancel, an admin's decision, an expiry, a start in another way. One outcome, and each party is
// told the same one (A2). Both requests are written within a moment on connections of their own,
// each first half of the time, and each has to come first at least once. What has a longer way than
// an accept gets a head start where it is first, of a moment more each time, so that both meet at the
// desk in either order.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Race } from '../support/contenders.mjs';
import { Market } from '../support/market.mjs';
import { openShop } from '../support/shop.mjs';

const ROUNDS = Number(process.env.ORDERLANE_RACE_ROUNDS ?? 200);
/** Orders at once: enough to keep it short, few enough that each race is one. */
const LANES = 5;

let shop;
before(async () => { shop = await openShop({ vars: { '*': { LOG_LEVEL: 'error' } } }); });
after(() => shop?.close());

const code = ({ status, json }) => (status === 200 ? 'done' : json?.code);

/** Runs the rounds in lanes; each lane has a market of its own. Gives how often each pair came. */
async function contest(name, { in: where = shop, vendors = 1, rival, judge, wait, headStartMs = 0 }) {
  const tally = {};
  const spreads = [];
  let left = ROUNDS;
  const lane = async () => {
    const market = new Market(where);
    while (left > 0) {
      left -= 1;
      const round = left;
      const made = await market.offered(vendors);
      const [vendor] = made.vendors;
      const tag = { epoch: 1, batch: 1 };
      const accept = { path: `/api/vendor/orders/${made.order.order_id}/accept`, body: { tag } };
      const other = rival?.(made);
      const acceptFirst = round % 2 === 0;
      const pair = other ? [{ as: vendor, ...accept }, other] : [{ as: vendor, ...accept }];
      if (!acceptFirst) pair.reverse();
      const race = await Race.prepare(where, pair.map(({ as }) => as));
      if (wait) await wait(made, round);
      const headMs = acceptFirst || headStartMs === 0 ? 0 : ((round - 1) / 2) % headStartMs;
      const first = race.contenders[0].send(pair[0]);
      if (headMs > 0) await pause(headMs);
      const sent = await Promise.all([first, ...race.contenders.slice(1).map((one, n) => one.send(pair[n + 1]))]);
      for (const one of race.contenders) one.close();
      if (sent.length > 1 && headMs === 0) spreads.push(Math.abs(sent[0].sent - sent[1].sent));
      const [accepted, answered] = acceptFirst ? sent : [...sent].reverse();
      const pairing = other ? `${code(accepted)} / ${code(answered)}` : code(accepted);
      tally[pairing] = (tally[pairing] ?? 0) + 1;
      await judge({ market, ...made, vendor, accepted, answered });
    }
    await market.close();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const spread = spreads.length ? `, sent within ${Math.max(...spreads).toFixed(2)} ms of each other` : '';
  console.log(`${name}: ${JSON.stringify(tally)}${spread}`);
  return tally;
}

/** These and no others came, and each of them did. */
function exactly(tally, wanted) {
  const came = Object.keys(tally).sort();
  for (const one of came) assert.ok(wanted.includes(one), `${one} in ${JSON.stringify(tally)}`);
  if (ROUNDS >= 100) assert.deepEqual(came, [...wanted].sort(), 'each side came first at least once');
}

test('accept against reject by the same vendor', { timeout: 300_000 }, async () => {
  const tally = await contest('accept / reject', {
    rival: ({ order, vendors: [vendor] }) => ({ as: vendor, path: `/api/vendor/orders/${order.order_id}/reject`, body: { reason: 'no' } }),
    judge: ({ market, order, vendor, accepted }) => market.agree(order, { winner: accepted.status === 200 ? vendor.id : null }),
  });
  exactly(tally, ['done / order_already_accepted', 'offer_rejected / done']);
});

test('accept against cancel by the customer', { timeout: 300_000 }, async () => {
  const tally = await contest('accept / cancel', {
    headStartMs: 20,
    rival: ({ order }) => ({ as: order.customer, path: `/orders/${order.order_id}/cancel`, body: {} }),
    judge: async ({ market, order, accepted }) => {
      // Whether a vendor had it for a moment or not: it is cancelled, and nobody has it.
      const data = await market.agree(order, { winner: null });
      // An accept that shares its write with the cancel is told how it stands behind both.
      const epochs = accepted.status === 200 ? [2] : [1, 2];
      assert.ok(data.status === 'CANCELLED' && epochs.includes(data.epoch), JSON.stringify(data));
      // Then its story has both: it was won as often as an epoch ended, and cancelled once.
      const story = (await market.history(order)).events.map(({ type }) => type);
      const count = (type) => story.filter((each) => each === type).length;
      assert.deepEqual([count('won'), count('released'), count('cancelled')], [data.epoch - 1, data.epoch - 1, 1], story.join());
    },
  });
  exactly(tally, ['done / done', 'order_cancelled / done']);
});

test('accept against an admin who gives it to somebody else', { timeout: 300_000 }, async () => {
  const tally = await contest('accept / force', {
    headStartMs: 20,
    vendors: 2,
    rival: ({ order, vendors: [, other] }) => ({ as: shop.admin, path: `/api/admin/orders/${order.order_id}/force-assign`, body: { vendorId: other.id } }),
    judge: ({ market, order, vendors: [vendor, other], accepted, answered }) => {
      assert.notEqual(accepted.status === 200, answered.status === 200, 'one of the two');
      return market.agree(order, { winner: accepted.status === 200 ? vendor.id : other.id });
    },
  });
  exactly(tally, ['done / order_already_accepted', 'order_already_accepted / done']);
});

test('accept against a start in another way', { timeout: 300_000 }, async () => {
  const tally = await contest('accept / start', {
    rival: ({ order }) => ({ as: shop.admin, path: `/api/admin/orders/${order.order_id}/start-assignment`, body: { maxRadius: 7 } }),
    judge: ({ market, order, vendor }) => market.agree(order, { winner: vendor.id }),
  });
  exactly(tally, ['done / assignment_already_started', 'done / order_already_accepted']);
});

test('accept against the end of its time', { timeout: 300_000 }, async () => {
  const grace = 0.1;
  const quick = await openShop({ vars: { '*': { LOG_LEVEL: 'error' }, offers: { ORDER_ASSIGNMENT_TIMEOUT: '0.8', ORDER_ASSIGNMENT_GRACE: String(grace), ORDER_ASSIGNMENT_RETRY_SECONDS: '' } } });
  try {
    const tally = await contest('accept / expiry', {
      in: quick,
      // One millisecond earlier or later each round, around the last moment that counts.
      wait: async ({ order }, round) => {
        const [row] = quick.rt.objects('offers', 'OfferDesk', "SELECT offer ->> 'expires_ms' AS ends FROM offers WHERE order_id = ?", order.order_id);
        await pause(Math.max(0, row.ends + grace * 1000 - Date.now() + (round % 41) - 25));
      },
      judge: ({ market, order, vendor, accepted }) => market.agree(order, { winner: accepted.status === 200 ? vendor.id : null }),
    });
    exactly(tally, ['done', 'offer_expired']);
  } finally {
    await quick.close();
  }
});
