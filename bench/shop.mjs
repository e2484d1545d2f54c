// A shop to measure: the release build on a workerd of its own, with a catalogue in which every
// order's two lines lie in two warehouses on two shards.
import { startRuntime } from '../tools/runtime.mjs';
import { mintToken } from '../tools/token.mjs';
import { Client } from './load.mjs';

export const SKUS = 200;
const PLENTY = 10_000_000;
// The limit on placements is for people; a log line an order is for debugging.
const VARS = { '*': { LOG_LEVEL: 'warn', FULFILMENT_MODE: 'warehouse' }, cart: { LOG_LEVEL: 'warn', PLACEMENTS_PER_MINUTE: '1000000' } };
const ADDRESS = {
  name: 'Ada', line1: '1 Lane', city: 'Berlin', state: 'BE', postal_code: '10115', country: 'DE',
  phone: '+49 30 1', latitude: 52.5, longitude: 13.4,
};

export async function startShop({ vars, ...options } = {}) {
  const rt = await startRuntime({ variant: 'release', vars: { ...VARS, ...vars }, ...options });
  const token = (role, id) => mintToken({ role, id, secret: rt.secrets.JWT_SECRET, ttlSeconds: 3600 });
  const shop = { rt, token, admin: token('admin', 'bench'), setup: new Client(rt.url) };
  const skus = Array.from({ length: SKUS }, (_, n) => n);
  await importCatalogue(shop, {
    warehouses: [
      { warehouse_id: 'near', latitude: 52.5, longitude: 13.4, shard: 0 },
      { warehouse_id: 'far', latitude: 53.5, longitude: 10, shard: 1 },
    ],
    products: [{
      product_id: 'bench',
      title: 'Bench',
      variants: skus.flatMap((n) => [{ sku: `NEAR-${n}`, price_minor: 1000 }, { sku: `FAR-${n}`, price_minor: 2000 }]),
    }],
    stock: skus.flatMap((n) => [
      { warehouse_id: 'near', sku: `NEAR-${n}`, quantity: PLENTY },
      { warehouse_id: 'far', sku: `FAR-${n}`, quantity: PLENTY },
    ]),
  });
  return { ...shop, close: async () => { shop.setup.close(); await rt.close(); } };
}

export async function importCatalogue(shop, body) {
  await expect(shop.setup.send('POST', '/api/admin/import', { token: shop.admin, body }), 200);
}

export async function expect(answer, ...statuses) {
  const { status, text } = await answer;
  if (!statuses.includes(status)) throw new Error(`expected ${statuses}, got ${status}: ${text.slice(0, 300)}`);
  return { status, text };
}

/** A customer with an address, who can fill carts and place orders. */
export async function customer(shop, client, id) {
  const token = shop.token('customer', id);
  await expect(client.send('PUT', '/cart/address', { token, body: ADDRESS }), 200);
  return token;
}

export async function fill(client, token, lines) {
  for (const [sku, quantity] of lines) {
    await expect(client.send('PUT', `/cart/items/${sku}`, { token, body: { quantity } }), 200);
  }
}

/** Two lines over two warehouses and two shards. */
export const twoLines = (n) => [[`NEAR-${n % SKUS}`, 1], [`FAR-${(n * 7) % SKUS}`, 1]];

// Whoever asks for the figures makes a trip by that, which is nobody's else and would never end.
const BY_ASKING = 'step="dispatch.stats"';

export async function stats(shop) {
  const { text } = await expect(shop.setup.send('GET', '/stats', { token: shop.admin }), 200);
  const { counters, ...rest } = JSON.parse(text);
  return { ...rest, counters: Object.fromEntries(Object.entries(counters).filter(([name]) => !name.includes(BY_ASKING))) };
}

/** Waits until nothing is left to do and the figures of it have arrived. */
export async function atRest(shop) {
  let before = '';
  for (let calm = 0; calm < 3;) {
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    const { counters } = await stats(shop);
    const now = JSON.stringify(Object.entries(counters).filter(([name]) => name.startsWith('d1_trips')));
    calm = now === before ? calm + 1 : 0;
    before = now;
  }
}

export async function d1Trips(shop) {
  const { counters } = await stats(shop);
  const of = Object.entries(counters).filter(([name]) => name.startsWith('d1_trips'));
  return { total: of.reduce((sum, [, count]) => sum + count, 0), by: Object.fromEntries(of) };
}
