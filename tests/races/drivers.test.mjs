// A driver's accept against what decides about the same order at the same instant: a cancel, and an
// admin who chooses somebody else. Both requests are written within a moment, each first half of the
// time, and each has to come first at least once. In the end nobody has an order that is over, nobody
// has one that is another's, and each driver was told what became of it (A4, A2).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Race } from '../support/contenders.mjs';
import { DRIVEN, Fleet } from '../support/fleet.mjs';
import { Market } from '../support/market.mjs';
import { openShop, until } from '../support/shop.mjs';

const ROUNDS = Number(process.env.ORDERLANE_RACE_ROUNDS ?? 200);
const LANES = 5;
/** An accept has the shorter way, so what is to come first gets a start of so many milliseconds, in turn. */
const HEAD_START_MS = 20;

let shop;
before(async () => {
  shop = await openShop({
    vars: { ...DRIVEN, '*': { ...DRIVEN['*'], LOG_LEVEL: 'error' }, dispatch: { ...DRIVEN.dispatch, DISPATCH_OFFER_SECONDS: '60' } },
  });
});
after(() => shop?.close());

const code = ({ status, json }) => (status === 200 ? 'done' : json?.code);

async function contest(name, { rival, judge }) {
  const tally = {};
  let left = ROUNDS;
  const lane = async () => {
    const fleet = new Fleet(new Market(shop));
    await fleet.market.open(1, { capacity: null });
    const [driver, other] = await fleet.come(2);
    while (left > 0) {
      left -= 1;
      const round = left;
      await Promise.all([fleet.at(driver, { km: 0.5 }), fleet.at(other, { km: 1 })]);
      const order = await fleet.accepted();
      await until('the driver is asked', async () => (await fleet.orders(driver)).some(({ order_id }) => order_id === order.order_id));
      const accept = { as: driver, path: `/api/driver/orders/${order.order_id}/accept`, body: {} };
      const acceptFirst = round % 2 === 0;
      const pair = [accept, rival({ order, other })];
      if (!acceptFirst) pair.reverse();
      const race = await Race.prepare(shop, pair.map(({ as }) => as));
      const first = race.contenders[0].send(pair[0]);
      if (!acceptFirst) await pause(((round - 1) / 2) % HEAD_START_MS);
      const sent = await Promise.all([first, race.contenders[1].send(pair[1])]);
      for (const one of race.contenders) one.close();
      const [accepted, answered] = acceptFirst ? sent : [...sent].reverse();
      const pairing = `${code(accepted)} / ${code(answered)}`;
      tally[pairing] = (tally[pairing] ?? 0) + 1;
      await judge({ fleet, order, driver, other, accepted, answered });
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  console.log(`${name}: ${JSON.stringify(tally)}`);
  return tally;
}

/** These came, each of them, and no others but `rare` ones. */
function exactly(tally, wanted, rare = []) {
  for (const came of Object.keys(tally)) assert.ok([...wanted, ...rare].includes(came), `${came} in ${JSON.stringify(tally)}`);
  if (ROUNDS >= 100) for (const one of wanted) assert.ok(tally[one] > 0, `each side came first at least once: ${JSON.stringify(tally)}`);
}

test('accept against cancel', { timeout: 600_000 }, async () => {
  const tally = await contest('driver accept / cancel', {
    rival: ({ order }) => ({ as: shop.admin, path: `/orders/${order.order_id}/cancel`, body: { reason: 'race' } }),
    judge: async ({ fleet, order, driver, other }) => {
      await until('nobody has it', async () => (await fleet.orders(driver)).length + (await fleet.orders(other)).length === 0);
      await fleet.until(order, { status: 'cancelled' });
      const { json } = await driver.get('/api/driver/history?limit=1');
      assert.deepEqual(json.orders.map(({ order_id, outcome }) => [order_id, outcome]), [[order.order_id, 'cancelled']]);
    },
  });
  exactly(tally, ['done / done', 'no_driver_wanted / done']);
});

test('accept against an admin who chooses another', { timeout: 600_000 }, async () => {
  const tally = await contest('driver accept / assign-driver', {
    rival: ({ order, other }) => ({ as: shop.admin, path: `/api/admin/orders/${order.order_id}/assign-driver`, body: { driver_id: other.id } }),
    judge: async ({ fleet, order, driver, other, accepted }) => {
      await until('the admin\'s driver has it', async () => {
        const census = await fleet.census([driver, other]);
        return census.get(driver.id).length === 0 && census.get(other.id).length === 1;
      });
      await fleet.held(other, order);
      const { json } = await driver.get('/api/driver/history?limit=1');
      assert.deepEqual(json.orders.map(({ order_id, outcome }) => [order_id, outcome]), [[order.order_id, 'reassigned']], JSON.stringify(accepted.json));
      await fleet.pickUp(other, order);
      await fleet.deliver(other, order);
    },
  });
  // The last is the moment in which the other driver's desk is asked.
  exactly(tally, ['done / done', 'not_your_order / done'], ['driver_offer_over / done']);
});
