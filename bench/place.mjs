// Place-order at 1, 8, 32, 128 and again 1 client: two lines over two warehouses and two shards, beside the
// floor; and the D1 round trips an order makes until all is at rest. Both are measured in slices, in
// turn, so that a machine that is faster at one moment than at another does not favour either.
import { run, summed } from './load.mjs';
import { atRest, customer, d1Trips, expect, fill, startShop, twoLines } from './shop.mjs';
import { startFloor } from './floor.mjs';

// One client comes first and once more in the end: in a fresh process it fares worse beside its floor
// than in one that has placed some thousand orders.
const POINTS = [[1, 400], [8, 1600], [32, 3200], [128, 6400], [1, 400]];
const WARM_UP = 1000;
const SLICES = 8;

/** Carts are filled ahead, so that only the placing is timed. */
async function prepared(shop, clients, total, point) {
  const tokens = [];
  await run({
    base: shop.rt.url,
    clients: 16,
    total,
    work: async (client, n) => {
      const token = await customer(shop, client, `buyer-${point}-${n}`);
      await fill(client, token, twoLines(n));
      tokens[n] = token;
    },
  });
  return tokens;
}

export async function measurePlacing(points = POINTS) {
  const floor = await startFloor();
  const shop = await startShop();
  const rows = [];
  try {
    const postFloor = (client) => expect(client.send('POST', '/', { body: {} }), 201);
    await run({ base: floor.url, clients: 8, total: WARM_UP, work: postFloor });
    for (const [clients, total] of points) {
      const tokens = await prepared(shop, clients, total + WARM_UP, rows.length);
      const place = (client, n) => expect(client.send('POST', '/cart/place-order', {
        token: tokens[n], body: { delivery_mode: 'standard' },
      }), 201);
      await run({ base: shop.rt.url, clients, total: WARM_UP, work: (client, n) => place(client, total + n) });
      await atRest(shop);
      const before = await d1Trips(shop);
      const [floorRuns, ourRuns] = [[], []];
      const slice = total / SLICES;
      for (let done = 0; done < total; done += slice) {
        const first = done;
        floorRuns.push(await run({ base: floor.url, clients, total: slice, work: postFloor }));
        ourRuns.push(await run({ base: shop.rt.url, clients, total: slice, work: (client, n) => place(client, first + n) }));
      }
      await atRest(shop);
      const after = await d1Trips(shop);
      const by = Object.fromEntries(Object.entries(after.by)
        .map(([name, count]) => [name, (count - (before.by[name] ?? 0)) / total])
        .filter(([, count]) => count > 0));
      rows.push({ clients, floor: summed(floorRuns), ours: summed(ourRuns), trips: (after.total - before.total) / total, by });
    }
  } finally {
    await shop.close();
    await floor.close();
  }
  return rows;
}

const ms = (value) => value.toFixed(1).padStart(7);

export function printPlacing(rows) {
  console.log('\nPlace-order, two lines over two warehouses and two shards (ms)');
  console.log('clients  orders/s     p50     p95     p99 | floor/s     p50     p95     p99 | floor/ours  D1 trips/order');
  for (const { clients, ours, floor, trips } of rows) {
    console.log(`${String(clients).padStart(7)} ${ours.rate.toFixed(0).padStart(9)} ${ms(ours.p50)} ${ms(ours.p95)} ${ms(ours.p99)} | `
      + `${floor.rate.toFixed(0).padStart(7)} ${ms(floor.p50)} ${ms(floor.p95)} ${ms(floor.p99)} | `
      + `${(floor.rate / ours.rate).toFixed(2).padStart(10)} ${trips.toFixed(2).padStart(15)}`);
  }
}
