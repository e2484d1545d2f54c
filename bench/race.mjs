// Races for orders. First one order at a time: it is offered to 10 vendors, or 100, all accept at
// once, by HTTP or by socket, and the time goes from the first accept sent to the last loser told;
// beside it one vendor who accepts alone what 10 were asked. Then 200 orders that are open at once, or
// 1,000 where a full measurement is wanted: the 10 vendors of an order accept together, one order after
// the other, with 32 or 128 accepts in flight.
//
// Vendors have any capacity, so no place is asked for, and a socket each, over which they hear of
// offers and of their end. Orders are placed and offered before the clock starts, and all is at rest
// then; the next race begins when everybody has heard of the end of the last. Both sides are measured
// in turn, slice by slice, and where orders are open at once half of the floor's accepts come before
// ours and half behind. All clients are in this one process. Every order must have exactly one winner,
// and where many are open the database must name the same.
import { setTimeout as pause } from 'node:timers/promises';
import { Floor, Ours } from './contest.mjs';
import { percentiles, run, summed } from './load.mjs';
import { startRaceFloor } from './race-floor.mjs';
import { startShop, stats } from './shop.mjs';

const FEW = 10;
const MANY = 100;
const AT_A_TIME = [32, 128];
const DOORS = ['http', 'socket'];
const REST_MS = 20;
const POLL_MS = 20;
const LOCKS_MAX_MS = 60_000;
// How many races, how many before them that are not counted, and how many orders are open at once.
const SIZES = { races: 200, before: 50, large: 20, largeBefore: 5, orders: 200 };
const FULL = { ...SIZES, orders: 1000 };
// Nobody is to be late because much had to be made ready.
const VARS = { offers: { LOG_LEVEL: 'warn', ORDER_ASSIGNMENT_TIMEOUT: '1200' } };

/** All these vendors accept at once: the ms until the last loser was told, or the only one. */
async function race(side, door, order, vendors) {
  let last = 0;
  let winners = 0;
  const from = performance.now();
  await Promise.all(vendors.map(async (vendor) => {
    const won = await side[door](vendor, order);
    if (won) winners += 1;
    if (!won || vendors.length === 1) last = performance.now() - from;
  }));
  if (winners !== side.winners) throw new Error(`${winners} vendors have order ${order}`);
  return last;
}

/**
 * Races of these kinds, each by each door, on one side and then on the other, slice by slice. A kind
 * comes every so many rounds, and `accepting(round)` are those of the `asked` vendors who accept.
 */
async function measureRaces(sides, { rounds, before, asked, slices, kinds }) {
  const races = Array.from({ length: before + rounds }, (_, round) => kinds.filter(({ every }) => round % every === 0)
    .flatMap(({ title, accepting }) => DOORS.map((door) => ({ title, door, vendors: accepting(round), counted: round >= before })))).flat();
  const found = new Map(kinds.flatMap(({ title }) => DOORS.map((door) => [`${title} ${door}`, { title, door, ours: [], floor: [] }])));
  for (let slice = 0; slice < slices; slice += 1) {
    const [first, end] = [slice, slice + 1].map((n) => Math.floor((races.length * n) / slices));
    // What is made ready for one side is at rest before the other begins.
    const orders = new Map();
    for (const side of sides) orders.set(side, await side.offered(end - first, asked));
    for (const side of sides) {
      await side.ready(asked);
      for (const [n, { title, door, vendors, counted }] of races.slice(first, end).entries()) {
        const order = orders.get(side)[n];
        const took = await race(side, door, order, vendors);
        if (counted) found.get(`${title} ${door}`)[side.name].push(took);
        await side.over(order, asked);
        await pause(REST_MS);
      }
      side.idle();
    }
  }
  return [...found.values()].map(({ ours, floor, ...rest }) => ({ ...rest, count: ours.length, ours: percentiles(ours), floor: percentiles(floor) }));
}

/** All vendors accept these orders, so many at a time: the run, when each order was won, and by whom. */
async function flood(side, orders, clients) {
  const won = new Map();
  const started = performance.now();
  const done = await run({
    base: side.url,
    clients,
    total: orders.length * FEW,
    work: async (client, n) => {
      const [order, vendor] = [orders[Math.floor(n / FEW)], n % FEW];
      if (!await side.post(client, vendor, order)) return;
      if (won.has(order)) throw new Error(`order ${order} was won twice`);
      won.set(order, { vendor: `v-${vendor}`, at: performance.now() - started });
    },
  });
  if (done.times.length !== orders.length * FEW) throw new Error(`only ${done.times.length} accepts were answered in time`);
  if (won.size !== orders.length * side.winners) throw new Error(`${won.size} of ${orders.length} orders were won`);
  return { ...done, won, started };
}

/** Waits until the database names the winner of every order; gives when, and what it says. */
async function locked(shop, orders) {
  const end = performance.now() + LOCKS_MAX_MS;
  const wanted = JSON.stringify(orders);
  const db = shop.rt.d1('offers', 'DB');
  for (;;) {
    const [{ count }] = await db.all('SELECT count(*) AS count FROM vendor_routings JOIN json_each(?) ON order_id = value WHERE locked_vendor_id IS NOT NULL', wanted);
    if (count === orders.length) break;
    if (performance.now() > end) throw new Error(`the database has ${count} of ${orders.length} locks`);
    await pause(POLL_MS);
  }
  const at = performance.now();
  const rows = await db.all('SELECT order_id, locked_vendor_id FROM vendor_routings JOIN json_each(?) ON order_id = value', wanted);
  return { at, rows };
}

const tripsOf = (counters, name) => Object.entries(counters)
  .filter(([counter]) => counter.startsWith(name)).reduce((sum, [, count]) => sum + count, 0);

async function measureOpen({ ours, floor, shop }, clients, count) {
  const orders = await ours.offered(count, FEW);
  const bare = await floor.offered(count, FEW);
  const half = Math.floor(count / 2);
  const runs = [await flood(floor, bare.slice(0, half), clients)];
  const { counters: before } = await stats(shop);
  const { won, started, ...done } = await flood(ours, orders, clients);
  const { at, rows } = await locked(shop, orders);
  await ours.rest();
  const { counters: after } = await stats(shop);
  runs.push(await flood(floor, bare.slice(half), clients));
  const disagree = rows.filter((row) => row.locked_vendor_id !== won.get(row.order_id)?.vendor);
  if (disagree.length > 0 || rows.length !== count) throw new Error(`the database has another winner for ${disagree.length} orders`);
  const trips = (name) => (tripsOf(after, name) - tripsOf(before, name)) / count;
  return {
    clients,
    orders: count,
    ours: summed([done]),
    floor: summed(runs),
    decided: Math.max(...[...won.values()].map((one) => one.at)) / 1000,
    locked: (at - started) / 1000,
    d1: trips('d1_trips'),
    objects: trips('trips{kind="object"}'),
    services: trips('trips{kind="service"}'),
  };
}

export async function measureRace({ full = false, sizes = full ? FULL : SIZES } = {}) {
  const bare = await startRaceFloor();
  const shop = await startShop({ vars: VARS });
  const [floor, ours] = [new Floor(bare), new Ours(shop)];
  const sides = [floor, ours];
  const everybody = (count) => ({ title: count, every: 1, accepting: () => Array.from({ length: count }, (_, n) => n) });
  const alone = { title: 1, every: 2, accepting: (round) => [round % FEW] };
  try {
    for (const side of sides) await side.come(FEW);
    const few = await measureRaces(sides, { rounds: sizes.races, before: sizes.before, asked: FEW, slices: 4, kinds: [alone, everybody(FEW)] });
    const open = [];
    for (const clients of AT_A_TIME) open.push(await measureOpen({ ours, floor, shop }, clients, sizes.orders));
    for (const side of sides) await side.come(MANY);
    const many = await measureRaces(sides, { rounds: sizes.large, before: sizes.largeBefore, asked: MANY, slices: 2, kinds: [everybody(MANY)] });
    return { races: [...few, ...many], open };
  } finally {
    for (const side of sides) side.close();
    await shop.close();
    await bare.close();
  }
}

const ms = (value) => value.toFixed(1).padStart(7);
const ratio = (ours, floor, width) => (ours / floor).toFixed(2).padStart(width);

export function printRace({ races, open }) {
  console.log('\nOne order, from the first accept sent to the last loser told; and one vendor alone (ms)');
  console.log('vendors door    races     p50     p99 | floor p50     p99 | ours/floor p50   p99');
  for (const { title, door, count, ours, floor } of races) {
    console.log(`${String(title).padStart(7)} ${door.padEnd(6)} ${String(count).padStart(6)} ${ms(ours.p50)} ${ms(ours.p99)} |   `
      + `${ms(floor.p50)} ${ms(floor.p99)} | ${ratio(ours.p50, floor.p50, 14)} ${ratio(ours.p99, floor.p99, 5)}`);
  }
  console.log(`\n${open[0].orders} orders open at once, ${FEW} vendors each accept by HTTP: each accept (ms), and all (s)`);
  console.log('in flight accepts/s     p50     p99 | floor/s     p50     p99 | floor/ours rate | all decided  all in D1 | trips/order: D1 objects services');
  for (const { clients, ours, floor, decided, locked: durable, d1, objects, services } of open) {
    console.log(`${String(clients).padStart(9)} ${ours.rate.toFixed(0).padStart(9)} ${ms(ours.p50)} ${ms(ours.p99)} | `
      + `${floor.rate.toFixed(0).padStart(7)} ${ms(floor.p50)} ${ms(floor.p99)} | ${ratio(floor.rate, ours.rate, 15)} | `
      + `${decided.toFixed(2).padStart(11)} ${durable.toFixed(2).padStart(10)} | ${d1.toFixed(2).padStart(15)} ${objects.toFixed(2).padStart(7)} ${services.toFixed(2).padStart(8)}`);
  }
  console.log('every order has one winner, and the database names the same');
}
