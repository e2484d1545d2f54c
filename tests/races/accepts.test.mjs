// Vendors who accept one order at the same instant, by HTTP and by socket mixed: one wins, the
// others are told, desk and database agree, and every answer is on record (A1, A3, A5).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Race } from '../support/contenders.mjs';
import { Market } from '../support/market.mjs';
import { openShop, until } from '../support/shop.mjs';
import { Live } from '../support/sockets.mjs';

let shop;
let live;
before(async () => {
  shop = await openShop({ vars: { '*': { LOG_LEVEL: 'error' } } });
  live = new Live(shop);
});
after(async () => {
  live?.close();
  await shop?.close();
});

/** Answers of both doors in one shape. */
const byHttp = ({ status, json }) => (status === 200 ? 'won' : json?.data?.reason ?? `${status}`);
const bySocket = (result) => (result.winner ? 'won' : result.reason ?? result.error);

/** Everybody accepts; gives who won, and what each was told. */
async function everybody(name, market, order, clients, vendors, headStartMs) {
  const half = clients.length;
  const contenders = await Race.prepare(shop, vendors.slice(half));
  const path = `/api/vendor/orders/${order.order_id}/accept`;
  const sent = [];
  const bySockets = () => Promise.all(clients.map((client) => {
    sent.push(performance.now());
    return client.socket.emitWithAck('ACCEPT_ORDER', { orderId: order.order_id });
  }));
  // By HTTP there is one worker more on the way, which a start of some milliseconds makes good.
  const early = headStartMs === 0 && bySockets();
  const over = contenders.run(name, () => ({ path, body: {} }));
  if (headStartMs > 0) await pause(headStartMs);
  const [http, socket] = await Promise.all([over, early || bySockets()]);
  if (half > 0) console.log(`${name}: ${half} of them by socket, sent within ${(sent.at(-1) - sent[0]).toFixed(1)} ms`);
  const told = new Map([...socket.map(bySocket), ...http.map(byHttp)].map((answer, n) => [vendors[n].id, answer]));
  const winners = [...told].filter(([, answer]) => answer === 'won').map(([id]) => id);
  assert.equal(winners.length, 1, `winners: ${winners}`);
  const others = new Set([...told.values()].filter((answer) => answer !== 'won'));
  assert.deepEqual([...others], told.size > 1 ? ['ORDER_ALREADY_ACCEPTED'] : []);
  return winners[0];
}

/** Losers on sockets hear that it is off; the winner, and admins, that somebody has it. */
async function heard(order, winner, clients, vendors, admin) {
  const about = ({ orderId }) => orderId === order.order_id;
  await Promise.all(clients.map((client, n) => client.heard(vendors[n].id === winner ? 'ORDER_ASSIGNED' : 'CANCEL_PUSH', about)));
  const assigned = await admin.heard('ORDER_ASSIGNED', about);
  assert.deepEqual([assigned.vendorId, assigned.status], [winner, 'vendor_accepted']);
}

async function contest(count, rounds) {
  const market = new Market(shop);
  const vendors = await market.open(count);
  const admin = await live.connect(shop.admin);
  const clients = [];
  for (let n = 0; n < count / 2; n += 50) {
    const some = vendors.slice(n, Math.min(n + 50, count / 2));
    clients.push(...await Promise.all(some.map((vendor) => live.connect(vendor))));
  }
  const wins = { socket: 0, http: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const { order } = await market.offered(count);
    // Who is on a socket is offered it there.
    await Promise.all(clients.map((client) => client.heard('NEW_ORDER', ({ orderId }) => orderId === order.order_id)));
    const winner = await everybody(`${count} accept, round ${round + 1}`, market, order, clients, vendors, round % 8);
    wins[vendors.findIndex(({ id }) => id === winner) < clients.length ? 'socket' : 'http'] += 1;
    await heard(order, winner, clients, vendors, admin);
    const data = await market.agree(order, { winner, answered: count });
    const outcomes = Object.groupBy(data.responses, ({ outcome }) => outcome);
    assert.equal(outcomes.WON.length, 1);
    assert.equal(outcomes.ORDER_ALREADY_ACCEPTED?.length ?? 0, count - 1, 'each loser is on record');
    const again = await market.accept(vendors.find(({ id }) => id === winner), order);
    assert.equal(again.status, 200, 'the winner gets its answer again');
    for (const client of clients) client.got.length = 0;
    admin.got.length = 0;
  }
  await market.close();
  live.close();
  return wins;
}

test('10 vendors, 200 times', { timeout: 600_000 }, async () => {
  const rounds = Number(process.env.ORDERLANE_RACE_ROUNDS ?? 200);
  const wins = await contest(10, rounds);
  console.log(`of ${rounds} races, ${wins.socket} were won by socket and ${wins.http} by HTTP`);
  if (rounds >= 100) assert.ok(wins.socket > 0 && wins.http > 0, 'neither door is always first');
});

test('100 vendors', { timeout: 120_000 }, () => contest(100, 3));

test('1,000 vendors', { timeout: 300_000 }, () => contest(1000, 1));

test('one vendor by two doors at once has it once', async () => {
  const market = new Market(shop);
  const { order, vendors: [vendor] } = await market.offered(1);
  const client = await live.connect(vendor);
  const answers = await Promise.all([
    ...Array.from({ length: 5 }, () => market.accept(vendor, order).then(byHttp)),
    ...Array.from({ length: 5 }, () => client.socket.emitWithAck('ACCEPT_ORDER', { orderId: order.order_id }).then(bySocket)),
  ]);
  assert.deepEqual([...new Set(answers)], ['won']);
  await market.agree(order, { winner: vendor.id, answered: 1 });
  await market.close();
  await until('one lock', async () => (await market.guard(order))[0].version === 2);
});
