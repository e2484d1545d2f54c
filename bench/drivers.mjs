// Finding drivers, with all that belongs to it: orders that a vendor takes, one at a time, 8 and 32 at once, and
// 200 (1,000 with `full`) with 20 accepts in flight; there is a driver with room for each. Timed is what
// lies between two rows of the order's history, both written by the order's desk: that the vendor has it,
// and who brings it. Between them the wish goes over a queue to the cell, the cell asks the driver's desk,
// and the answer comes back over another queue. Orders are placed and offered before the clock starts.
// An accept of which no driver follows is counted on a shop that wants no drivers, and its trips are
// taken off. Then positions that one cell takes, from few drivers and from many.
import { setTimeout as pause } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { startDriversFloor } from './drivers-floor.mjs';
import { Client, run, summed } from './load.mjs';
import { atRest, customer, expect, fill, SKUS, startShop, stats } from './shop.mjs';

const VENDOR = { vendor_id: 'v-0', name: 'V', latitude: 52.5, longitude: 13.4, verified: true, open: true, capacity: null, score: 100 };
const CAPACITY = 20;
const LANES = 8;
const IN_FLIGHT = 20;
const BURSTS = [[1, 40], [8, 10], [32, 4]];
const SIZES = { orders: 200, before: 40, alone: 60, crowds: [1_000, 10_000], rounds: 10_000, single: 1_000, slices: 4 };
const FULL = { ...SIZES, orders: 1_000, rounds: 100_000, single: 8_000 };
const BATCH = 100;
const BATCHES_IN_FLIGHT = 4;
const CLIENTS = 8;
const POLL_MS = 100;
const FOUND_MAX_MS = 60_000;
const VARS = {
  offers: { LOG_LEVEL: 'warn', ORDER_ASSIGNMENT_TIMEOUT: '1200' },
  dispatch: { LOG_LEVEL: 'warn' },
  // Nobody goes home because a benchmark takes its time.
  drivers: { LOG_LEVEL: 'warn', DRIVER_SILENT_SECONDS: '3600' },
  realtime: { LOG_LEVEL: 'warn' },
};

/** A shop in which orders get drivers, or none. Counts what its workers log as an error. */
async function startSide(drivers) {
  const complaints = new Map();
  const onLog = (line) => {
    let event;
    try {
      const { level, ...rest } = JSON.parse(line);
      event = level === 'error' ? rest.event : undefined;
    } catch {
      event = /error/i.test(line) ? line.slice(0, 200) : undefined;
    }
    if (event) complaints.set(event, (complaints.get(event) ?? 0) + 1);
  };
  const vars = { ...VARS, '*': { LOG_LEVEL: 'warn', FULFILMENT_MODE: 'warehouse', DRIVERS_FOR: drivers } };
  const shop = await startShop({ vars, direct: ['dispatch'], onLog });
  await expect(shop.setup.send('POST', '/api/admin/vendor-import', { token: shop.admin, body: { vendors: [VENDOR] } }), 200);
  const vendor = shop.token('vendor', VENDOR.vendor_id);
  // A vendor without a socket would be rung for again and again.
  const socket = io(shop.rt.url, { transports: ['websocket'], forceNew: true, reconnection: false, auth: { token: vendor } });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  const close = async () => {
    socket.disconnect();
    await shop.close();
  };
  return { ...shop, complaints, vendor, dispatch: await shop.rt.directUrl('dispatch'), close };
}

class Ours {
  name = 'ours';
  #asked = 0;

  constructor(shop) { Object.assign(this, { shop, url: shop.rt.url }); }

  /** Orders of a customer each, offered to the vendor. */
  async offered(count) {
    const first = this.#asked;
    this.#asked += count;
    const orders = [];
    await run({
      base: this.url, clients: LANES, total: count,
      work: async (client, n) => {
        const token = await customer(this.shop, client, `buyer-${first + n}`);
        await fill(client, token, [[`NEAR-${n % SKUS}`, 1]]);
        const { text } = await expect(client.send('POST', '/cart/place-order', { token, body: { payment_method: 'cod' } }), 201);
        const order = JSON.parse(text).order_id;
        await expect(client.send('POST', `/api/orders/${order}/route-to-vendors`, { token: this.shop.admin, body: { limit: 1 } }), 201);
        orders[n] = order;
      },
    });
    await atRest(this.shop);
    return orders;
  }

  accept(client, order) { return expect(client.send('POST', `/api/vendor/orders/${order}/accept`, { token: this.shop.vendor, body: {} }), 200); }

  /** When the vendor had it, and when a driver. Nothing while there is none. */
  async found(client, order) {
    const { text } = await expect(client.send('GET', `/orders/${order}`, { token: this.shop.admin }), 200);
    const { history } = JSON.parse(text);
    const at = (fits) => Date.parse(history.find(fits)?.created_at);
    const to = at(({ delivery_status: status }) => status === 'assigned_driver');
    return Number.isNaN(to) ? null : { from: at(({ new_status: status }) => status === 'vendor_accepted'), to };
  }
}

class Floor {
  name = 'floor';
  #asked = 0;

  constructor({ orders }) { this.url = orders; }
  offered(count) { return Promise.resolve(Array.from({ length: count }, () => this.#asked += 1)); }
  accept(client, order) { return expect(client.send('POST', `/?order=${order}`), 200); }

  async found(client, order) {
    const [from, to] = JSON.parse((await expect(client.send('GET', `/?order=${order}`), 200)).text);
    return to === undefined ? null : { from, to };
  }
}

/** The vendor takes these orders, so many accepts in flight: when each had a driver, and the time of all. */
async function taken(side, orders, clients) {
  const { times } = await run({ base: side.url, clients, total: orders.length, work: (client, n) => side.accept(client, orders[n]) });
  if (times.length !== orders.length) throw new Error(`only ${times.length} accepts were answered in time`);
  const client = new Client(side.url);
  const found = [];
  const end = Date.now() + FOUND_MAX_MS;
  for (const order of orders) {
    for (;;) {
      const one = await side.found(client, order);
      if (one) {
        found.push(one);
        break;
      }
      if (Date.now() > end) throw new Error(`order ${order} has no driver`);
      await pause(POLL_MS);
    }
  }
  client.close();
  const first = Math.min(...found.map(({ from }) => from));
  const last = Math.max(...found.map(({ to }) => to));
  return { times: found.map(({ from, to }) => to - from), seconds: Math.max(1, last - first) / 1000 };
}

/** Drivers with room for so many orders, within 4 km of the vendor. */
async function come(shop, orders) {
  const count = Math.ceil((1.5 * orders) / CAPACITY);
  const drivers = await onShift(shop, Array.from({ length: count }, (_, n) => `d-${n}`));
  let sequence = 0;
  return async () => {
    sequence += 1;
    await positions(shop, drivers.map((driver, n) => position(driver, (4 * n) / count, sequence)));
  };
}

const position = (driver_id, north_km, seq) => ({
  driver_id, at: { latitude: VENDOR.latitude + north_km / 111.2, longitude: VENDOR.longitude }, accuracy_m: 5, seq, at_ms: Date.now(),
});

async function onShift(shop, ids) {
  const now = new Date().toISOString();
  // As the directory writes them; asked one by one they would take longer than all the rest.
  await shop.rt.d1('drivers', 'DB').run(`INSERT INTO drivers (driver_id, name, vehicle, capacity, active, created_at, updated_at)
    SELECT value, value, 'bicycle', ${CAPACITY}, 1, ?2, ?2 FROM json_each(?1)`, JSON.stringify(ids), now);
  await run({
    base: shop.rt.url, clients: 16, total: ids.length,
    work: (client, n) => expect(client.send('PUT', '/api/driver/availability', { token: shop.token('driver', ids[n]), body: { available: true } }), 200),
  });
  return ids;
}

// A command comes by this name of a host, as from the worker that has the sockets of drivers.
const send = (client, pings) => expect(client.send('POST', '/dispatch.pings', { headers: { host: 'command' }, body: { pings: { pings } } }), 200);

async function positions(shop, pings) {
  const client = new Client(shop.dispatch);
  for (let n = 0; n < pings.length; n += BATCH) await send(client, pings.slice(n, n + BATCH));
  client.close();
}

/** Counters by name, without their labels, and calls by kind. */
async function counted(shop) {
  await atRest(shop);
  const { counters } = await stats(shop);
  const of = (name) => Object.entries(counters).filter(([counter]) => counter.startsWith(name)).reduce((sum, [, count]) => sum + count, 0);
  return {
    d1: of('d1_trips'), objects: of('trips{kind="object"}'), services: of('trips{kind="service"}'),
    wishes: of('driver_wishes'), requests: of('driver_requests'), claims: of('driver_claims'),
    granted: of('driver_claims{outcome="granted"}'), assigned: of('driver_reports{state="assigned"}'),
  };
}

const per = (after, before, count) => Object.fromEntries(Object.entries(after).map(([name, value]) => [name, (value - before[name]) / count]));

/** What an accept makes by itself. */
async function accepts(count) {
  const shop = await startSide('none');
  try {
    const side = new Ours(shop);
    const orders = await side.offered(count);
    const before = await counted(shop);
    await run({ base: side.url, clients: IN_FLIGHT, total: count, work: (client, n) => side.accept(client, orders[n]) });
    return per(await counted(shop), before, count);
  } finally {
    await shop.close();
  }
}

async function measureOrders(shop, bare, sizes) {
  const sides = [new Floor(bare), new Ours(shop)];
  const [floor, ours] = sides;
  const total = sizes.before + sizes.orders + BURSTS.reduce((sum, [size, times]) => sum + size * times, 0);
  const ping = await come(shop, total);
  await ping();
  for (const side of sides) await taken(side, await side.offered(sizes.before), LANES);
  const rows = [];
  for (const [size, times] of BURSTS) {
    const found = { floor: [], ours: [] };
    const orders = new Map();
    for (const side of sides) orders.set(side, await side.offered(size * times));
    await ping();
    // In turn, so that a moment at which the machine is slow falls on both.
    for (let n = 0; n < times; n += 1) {
      for (const side of sides) found[side.name].push(await taken(side, orders.get(side).slice(n * size, (n + 1) * size), size));
    }
   
    rows.push({ title: `${size} at once`, count: size * times, ours: summed(found.ours), floor: summed(found.floor) });
  }
  const orders = await ours.offered(sizes.orders);
  const bareOrders = await floor.offered(sizes.orders);
  await ping();
  const half = Math.floor(sizes.orders / 2);
  const floors = [await taken(floor, bareOrders.slice(0, half), IN_FLIGHT)];
  const before = await counted(shop);
  const flood = await taken(ours, orders, IN_FLIGHT);
  const trips = per(await counted(shop), before, sizes.orders);
  floors.push(await taken(floor, bareOrders.slice(half), IN_FLIGHT));
  rows.push({ title: `${IN_FLIGHT} in flight`, count: sizes.orders, ours: summed([flood]), floor: summed(floors) });
  return { rows, trips };
}

/** Positions of so many drivers of one cell: the first of each, those that follow in batches, and one by one. */
async function measurePositions(shop, bare, sizes) {
  const rows = [];
  const ids = [];
  const client = new Client(shop.dispatch);
  for (const crowd of sizes.crowds) {
    ids.push(...await onShift(shop, Array.from({ length: crowd - ids.length }, (_, n) => `p-${ids.length + n}`)));
   
    let sequence = crowd;
    const batch = (n) => {
      const from = (n * BATCH) % crowd;
      sequence += 1;
      return ids.slice(from, from + BATCH).map((id, k) => position(id, (((from + k) * 7919) % 1000) / 200 - 2.5, sequence));
    };
    const batches = async (base, count) => {
      const done = await run({ base, clients: BATCHES_IN_FLIGHT, total: count, work: (one, n) => send(one, batch(n)) });
      return { ...done, seconds: done.seconds / BATCH };
    };
    const tokens = ids.map((id) => shop.token('driver', id));
    const single = (one, n) => {
      const { at, accuracy_m: accuracy } = position(ids[n % crowd], (n % 1000) / 400, 0);
      sequence += 1;
      return expect(one.send('PUT', '/api/driver/location', { token: tokens[n % crowd], body: { ...at, accuracy, sequence } }), 200);
    };
    const first = await batches(shop.dispatch, crowd / BATCH);
   
    const [ours, floor, alone, bareAlone] = [[], [], [], []];
    for (let slice = 0; slice < sizes.slices; slice += 1) {
      floor.push(await batches(bare.batch, sizes.rounds / BATCH / sizes.slices));
      ours.push(await batches(shop.dispatch, sizes.rounds / BATCH / sizes.slices));
      const total = sizes.single / sizes.slices;
      bareAlone.push(await run({ base: bare.single, clients: CLIENTS, total, work: single }));
      alone.push(await run({ base: shop.rt.url, clients: CLIENTS, total, work: single }));
    }
    const { text } = await expect(client.send('GET', `/api/admin/driver-map?latitude=${VENDOR.latitude}&longitude=${VENDOR.longitude}`,
      { headers: { 'x-orderlane-actor': 'admin:bench' } }), 200);
    const there = JSON.parse(text).drivers.length;
    if (there < crowd) throw new Error(`the cell knows ${there} of ${crowd} drivers`);
    rows.push({ crowd, what: `batches of ${BATCH}, first of each`, ours: summed([first]), floor: summed(floor) });
    rows.push({ crowd, what: `batches of ${BATCH}, that follow`, ours: summed(ours), floor: summed(floor) });
    rows.push({ crowd, what: 'PUT, one by one', ours: summed(alone), floor: summed(bareAlone) });
  }
  client.close();
  return rows;
}

export async function measureDrivers({ full = false, sizes = full ? FULL : SIZES } = {}) {
  const bare = await startDriversFloor();
  let shop;
  try {
    const accept = await accepts(sizes.alone);
    shop = await startSide('vendor');
    const orders = await measureOrders(shop, bare, sizes);
    const pings = await measurePositions(shop, bare, sizes);
    return { ...orders, accept, pings, complaints: Object.fromEntries(shop.complaints) };
  } finally {
    await shop?.close();
    await bare.close();
  }
}

const ms = (value) => value.toFixed(1).padStart(7);
const ratio = (ours, floor, width) => (ours / floor).toFixed(2).padStart(width);

export function printDrivers({ rows, trips, accept, pings, complaints }) {
  console.log('\nOrders that a vendor takes, until each has a driver: from one row of its history to the other (ms)');
  console.log('accepts          orders orders/s     p50     p95 | floor/s     p50     p95 | ours/floor p50   p95  floor/ours rate');
  for (const { title, count, ours, floor } of rows) {
    console.log(`${title.padEnd(16)} ${String(count).padStart(6)} ${ours.rate.toFixed(0).padStart(8)} ${ms(ours.p50)} ${ms(ours.p95)} | `
      + `${floor.rate.toFixed(0).padStart(7)} ${ms(floor.p50)} ${ms(floor.p95)} | ${ratio(ours.p50, floor.p50, 14)} ${ratio(ours.p95, floor.p95, 5)} ${ratio(floor.rate, ours.rate, 16)}`);
  }
  console.log('orders/s count the accepts themselves on our side; the floor\'s only write a row');
  console.log('local queues wait for nobody (a batch timeout of 0) and deliver one batch after the other, on both sides');
  const of = (name) => `${trips[name].toFixed(2)} - ${accept[name].toFixed(2)} = ${(trips[name] - accept[name]).toFixed(2)}`;
  console.log(`trips for an order that gets a driver, less those of an accept alone: D1 ${of('d1')}, objects ${of('objects')}, services ${of('services')}`);
  console.log(`for an order: ${trips.wishes.toFixed(2)} wishes sent over the queue, ${trips.requests.toFixed(2)} taken from it, `
    + `${trips.claims.toFixed(2)} drivers asked (${trips.granted.toFixed(2)} had room), ${trips.assigned.toFixed(2)} answers that were news`);
  console.log(`\nPositions that one cell takes: ${BATCHES_IN_FLIGHT} batches or ${CLIENTS} drivers in flight; for each call ms`);
  console.log('drivers what                        positions/s     p50     p95 | floor/s     p50     p95 | floor/ours rate');
  for (const { crowd, what, ours, floor } of pings) {
    console.log(`${String(crowd).padStart(7)} ${what.padEnd(27)} ${ours.rate.toFixed(0).padStart(11)} ${ms(ours.p50)} ${ms(ours.p95)} | `
      + `${floor.rate.toFixed(0).padStart(7)} ${ms(floor.p50)} ${ms(floor.p95)} | ${ratio(floor.rate, ours.rate, 15)}`);
  }
  for (const [event, count] of Object.entries(complaints)) console.log(`logged as an error, ${count} times: ${event}`);
}
