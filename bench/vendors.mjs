// Who is near: what a search for the nearest vendors takes and reads among 1,000, 10,000 and 100,000
// of a metropolis, of whom all, three in ten or one in twenty would take an order; and far out, where
// there is nobody. Beside a floor: one service hop and one row read by its key, in plain JavaScript.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { miniflare } from '../tools/workers.mjs';
import { run, summed } from './load.mjs';
import { expect, startShop } from './shop.mjs';

const POINTS = [1_000, 10_000, 100_000];
const SHARES = [100, 30, 5];
const SEARCHES = 400;
const SLICES = 4;
const CLIENTS = 8;
const WANTED = 30;
const IMPORT = 2_500;
const CENTRE = { latitude: 52.52, longitude: 13.405 };
const NOWHERE = { latitude: -60, longitude: -120 };

// Seven in ten stand close to the centre, the others all over 60 km in square.
function drawer(seed) {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const bell = () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
  return () => {
    const [north, east] = next() < 0.7 ? [bell() * 8, bell() * 8] : [next() * 60 - 30, next() * 60 - 30];
    return {
      latitude: CENTRE.latitude + north / 111.195,
      longitude: CENTRE.longitude + east / (111.195 * Math.cos((CENTRE.latitude * Math.PI) / 180)),
    };
  };
}

const hop = 'export default { async fetch(request, env) { return env.NEXT.fetch(request.url); } };';
const row = `export default {
  async fetch(request, env) {
    const key = Number(new URL(request.url).searchParams.get('key'));
    return Response.json(await env.DB.prepare('SELECT * FROM rows WHERE key = ?1').bind(key).first());
  },
};`;

/** One service hop and one row read by its key. */
export async function startFloor() {
  const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-floor-'));
  const worker = (name, script, options) => ({ name, script, modules: true, compatibilityDate: '2026-10-01', ...options });
  const mf = new miniflare.Miniflare(miniflare.convertV4MiniflareOptions({
    host: '127.0.0.1', port: 0, cf: false, resourcePersistencePath: folder,
    workers: [
      worker('hop', hop, { serviceBindings: { NEXT: 'row' }, unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] }),
      worker('row', row, { d1Databases: { DB: 'floor-rows' } }),
    ],
  }));
  const db = await mf.getD1Database('DB', 'row');
  await db.exec('CREATE TABLE rows (key INTEGER PRIMARY KEY, body TEXT)');
  await db.prepare("INSERT INTO rows SELECT value, 'x' FROM json_each(?1)").bind(JSON.stringify(Array.from({ length: 1000 }, (_, n) => n))).run();
  return {
    url: (await mf.unsafeGetDirectURL('hop')).origin,
    async close() {
      await mf.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function importVendors(shop, draw, from, to) {
  for (let first = from; first < to; first += IMPORT) {
    const vendors = Array.from({ length: Math.min(IMPORT, to - first) }, (_, n) => ({
      vendor_id: `v-${first + n}`, name: 'V', ...draw(), verified: true, open: true,
    }));
    await expect(shop.setup.send('POST', '/api/admin/vendor-import', { token: shop.admin, body: { vendors } }), 200);
  }
}

async function measure(shop, floor, place) {
  const found = [];
  const search = async (client) => {
    const { latitude, longitude } = place();
    const query = new URLSearchParams({ latitude, longitude, limit: WANTED, radius_km: 10 });
    const { text } = await expect(client.send('GET', `/api/admin/vendor-search/near?${query}`, { token: shop.admin }), 200);
    found.push(JSON.parse(text));
  };
  const [ours, bare] = [[], []];
  const total = SEARCHES / SLICES;
  for (let slice = 0; slice < SLICES; slice += 1) {
    bare.push(await run({ base: floor.url, clients: CLIENTS, total, work: (client, n) => expect(client.send('GET', `/?key=${n}`), 200) }));
    ours.push(await run({ base: shop.rt.url, clients: CLIENTS, total, work: search }));
  }
  const mean = (of) => found.reduce((sum, one) => sum + of(one), 0) / found.length;
  const rows = found.map(({ rows_read: read }) => read).sort((a, b) => a - b);
  return {
    ours: summed(ours), floor: summed(bare), rows: mean((one) => one.rows_read), rowsMost: rows.at(-1),
    trips: mean((one) => one.trips), got: mean((one) => one.vendors.length),
  };
}

export async function measureVendors(points = POINTS) {
  const floor = await startFloor();
  const shop = await startShop();
  const figures = [];
  try {
    const draw = drawer(20261120);
    const db = shop.rt.d1('vendors', 'DB');
    let there = 0;
    for (const count of points) {
      await importVendors(shop, draw, there, count);
      there = count;
      for (const share of SHARES) {
        await db.run("UPDATE vendors SET open = (CAST(substr(vendor_id, 3) AS INTEGER) * 7919 % 100) < ?", share);
        figures.push({ count, share, ...await measure(shop, floor, drawer(count + share)) });
      }
    }
    figures.push({ count: there, share: 0, ...await measure(shop, floor, () => NOWHERE) });
  } finally {
    await shop.close();
    await floor.close();
  }
  return figures;
}

const ms = (value) => value.toFixed(1).padStart(6);

export function printVendors(figures) {
  console.log(`\nThe ${WANTED} nearest within 10 km who would take an order, ${CLIENTS} clients (ms)`);
  console.log('vendors  of them  found  rows read  (most)  trips  searches/s    p50    p99 | floor/s    p50    p99 | ours/floor p50');
  for (const { count, share, ours, floor, rows, rowsMost, trips, got } of figures) {
    const which = share === 0 ? 'nobody' : `${share} %`;
    console.log(`${String(count).padStart(7)} ${which.padStart(8)} ${got.toFixed(0).padStart(6)} ${rows.toFixed(0).padStart(10)} ${String(rowsMost).padStart(7)} `
      + `${trips.toFixed(2).padStart(6)} ${ours.rate.toFixed(0).padStart(11)} ${ms(ours.p50)} ${ms(ours.p99)} | `
      + `${floor.rate.toFixed(0).padStart(7)} ${ms(floor.p50)} ${ms(floor.p99)} | ${(ours.p50 / floor.p50).toFixed(2).padStart(14)}`);
  }
}
