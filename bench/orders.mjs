// The list of those who run the shop, among many orders: what a page of twenty reads and takes for the
// commonest filters, beside a floor of one service hop and one row read by its key. A filter that reads
// more than its bound fails the run. 200,000 orders, with `full` a million.
import { percentiles, run } from './load.mjs';
import { fillOrders, YEAR } from './orders-data.mjs';
import { expect, startShop } from './shop.mjs';
import { startFloor } from './vendors.mjs';

const MANY = 1_000_000;
const REQUESTS = 120;
const CLIENTS = 2;
const LIMIT = 20;
// The queries of which the rows are counted.
const SAMPLES = [1, 7, 40, 100];
// Three for each that is shown, and one for each way to stand.
const READ_MOST = 300;

const mean = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;
const day = (share) => new Date(YEAR.from + share * YEAR.ms).toISOString().slice(0, 10);

/** By name: a query for the n-th request. */
const FILTERS = {
  'no filter': () => ({}),
  'status: pending': () => ({ status: 'pending' }),
  'status: three on their way': () => ({ status: 'vendor_accepted,preparing,ready' }),
  'status: failed (1 in 10,000)': () => ({ status: 'failed' }),
  'status: delivered (9 in 10)': () => ({ status: 'delivered' }),
  'cancelled, refunded': () => ({ status: 'cancelled', payment_status: 'refunded' }),
  'paid at the door': () => ({ payment_method: 'cod' }),
  'out for delivery': () => ({ delivery_status: 'out_for_delivery' }),
  vendor: (n) => ({ vendor: `vendor-${n}` }),
  'vendor, delivered': (n) => ({ vendor: `vendor-${n}`, status: 'delivered' }),
  driver: (n) => ({ driver: `driver-${n}` }),
  customer: (n) => ({ customer: `customer-${n}` }),
  'a day, half a year ago': (n) => ({ from: day(0.4 + n / 1000), to: day(0.4 + n / 1000) }),
  'a day, cancelled, oldest first': (n) => ({ from: day(0.4 + n / 1000), to: day(0.4 + n / 1000), status: 'cancelled', sort: 'oldest' }),
  "text: an order's number": (n) => ({ text: `ORD-2026-0${String(n).padStart(3, '0')}` }),
  'text: an e-mail address': (n) => ({ text: `anna.schmidt${n * 37}@` }),
  'text: a phone number': (n) => ({ text: `+49 30 ${String(n * 33).padStart(7, '0')}` }),
  'text: a first name': () => ({ text: 'annika' }),
  'text: two words': () => ({ text: 'ann schm' }),
};

const pathOf = (query) => `/api/admin/orders?${new URLSearchParams({ ...query, limit: LIMIT })}`;

/** The statements that a shop of its own, which writes them to its log, makes of some of the queries. */
async function statementsOf(queries) {
  const logged = [];
  const shop = await startShop({
    vars: { lists: { LOG_LEVEL: 'debug' } },
    onLog: (text) => { if (String(text).includes('"orders.admin_list"')) logged.push(JSON.parse(text)); },
  });
  try {
    const of = new Map();
    for (const query of queries) {
      const before = logged.length;
      await expect(shop.setup.send('GET', pathOf(query), { token: shop.admin }), 200);
      while (logged.length === before) await new Promise((resolve) => { setTimeout(resolve, 10); });
      const { sql, values } = logged[before];
      of.set(query, { sql, values: JSON.parse(values) });
      // The second one, of a page that was not full, comes in its own time.
      await new Promise((resolve) => { setTimeout(resolve, 30); });
    }
    return of;
  } finally {
    await shop.close();
  }
}

/** What a page reads, as the database counts it; what it does besides is bounded by the same. */
async function rowsRead(db, statements) {
  const read = [];
  for (const { sql, values } of statements) {
    const plan = await db.all(`EXPLAIN QUERY PLAN ${sql}`, ...values);
    const scan = plan.find(({ detail }) => /^SCAN (orders|o|x)\b/.test(detail));
    if (scan) throw new Error(`${scan.detail}: ${sql}`);
    read.push((await db.run(sql, ...values)).rows_read);
  }
  return read;
}

async function measureFilter(shop, floor, queryOf) {
  const shown = [];
  const work = async (client, n) => {
    const { text } = await expect(client.send('GET', pathOf(queryOf(n)), { token: shop.admin }), 200);
    shown.push(JSON.parse(text).orders.length);
  };
  const bare = await run({ base: floor.url, clients: CLIENTS, total: REQUESTS, work: (client, n) => client.send('GET', `/?key=${n}`) });
  const ours = await run({ base: shop.rt.url, clients: CLIENTS, total: REQUESTS, work });
  return { ours: percentiles(ours.times), floor: percentiles(bare.times), shown: mean(shown) };
}

export async function measureOrders(count = MANY) {
  const samples = new Map(Object.entries(FILTERS).map(([name, queryOf]) => [name, SAMPLES.map(queryOf)]));
  // The floor comes first: what runs a shop is not for it.
  const floor = await startFloor();
  const statements = await statementsOf([...samples.values()].flat());
  const shop = await startShop();
  try {
    const started = performance.now();
    const written = await fillOrders(shop.rt.d1('order', 'DB'), 0, count, count);
    const seconds = (performance.now() - started) / 1000;
    const figures = [];
    for (const [name, queryOf] of Object.entries(FILTERS)) {
      const read = await rowsRead(shop.rt.d1('order', 'DB'), samples.get(name).map((query) => statements.get(query)));
      figures.push({ name, read: mean(read), readMost: Math.max(...read), ...await measureFilter(shop, floor, queryOf) });
    }
    const times = [];
    await run({ base: shop.rt.url, clients: 1, total: 50, work: async (client) => {
      const from = performance.now();
      await client.send('GET', '/api/admin/orders/counts', { token: shop.admin });
      times.push(performance.now() - from);
    } });
    return { count, seconds, written: written / count, figures, counts: percentiles(times) };
  } finally {
    await shop.close();
    await floor.close();
  }
}

const ms = (value) => value.toFixed(1).padStart(6);

export function printOrders({ count, seconds, written, figures, counts }) {
  console.log(`\nThe list of orders among ${count.toLocaleString('en')}, ${LIMIT} a page, ${CLIENTS} clients (ms); `
    + `filled in ${seconds.toFixed(0)} s, ${written.toFixed(1)} rows written an order`);
  console.log('filter                          shown  rows read  (most)    p50    p95 | floor p50    p95 | ours/floor p50');
  for (const { name, ours, floor, read, readMost, shown } of figures) {
    console.log(`${name.padEnd(31)} ${shown.toFixed(1).padStart(5)} ${read.toFixed(0).padStart(10)} ${String(readMost).padStart(7)} ${ms(ours.p50)} ${ms(ours.p95)} | `
      + `${ms(floor.p50).padStart(9)} ${ms(floor.p95)} | ${(ours.p50 / floor.p50).toFixed(2).padStart(14)}`);
  }
  console.log(`${'the counts'.padEnd(31)} ${''.padStart(24)} ${ms(counts.p50)} ${ms(counts.p95)} |`);
  const over = figures.filter(({ readMost }) => readMost > READ_MOST);
  if (over.length > 0) throw new Error(`more than ${READ_MOST} rows read for a page: ${over.map(({ name, readMost }) => `${name} (${readMost})`).join(', ')}`);
}
