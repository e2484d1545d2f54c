// A rush: 1,000 buyers at once on 1,000 connections want one SKU. Of 100 units exactly 100 are sold
// and 900 buyers are refused with 409; of 1,000 units all are. Beside it the same buyers who want a
// SKU each, so that nobody is in anybody's way.
import { Client } from './load.mjs';
import { atRest, customer, expect, fill, importCatalogue, startShop } from './shop.mjs';

const BUYERS = 1000;

async function inBatches(items, size, work) {
  for (let from = 0; from < items.length; from += size) {
    await Promise.all(items.slice(from, from + size).map(work));
  }
}

/** Buyers with a filled cart and an open connection each. */
async function buyers(shop, name, skuOf) {
  const all = Array.from({ length: BUYERS }, (_, n) => ({ client: new Client(shop.rt.url), n }));
  await inBatches(all, 16, async (buyer) => {
    buyer.token = await customer(shop, buyer.client, `${name}-${buyer.n}`);
    await fill(buyer.client, buyer.token, [[skuOf(buyer.n), 1]]);
  });
  return all;
}

async function rush(shop, all) {
  const counts = {};
  const started = performance.now();
  await Promise.all(all.map(async ({ client, token }) => {
    const { status } = await client.send('POST', '/cart/place-order', { token, body: {} });
    counts[status] = (counts[status] ?? 0) + 1;
  }));
  const seconds = (performance.now() - started) / 1000;
  for (const { client } of all) client.close();
  return { seconds, counts };
}

async function stockOf(shop, sku) {
  const { text } = await expect(shop.setup.send('GET', `/api/stock?sku=${sku}`, { token: shop.admin }), 200);
  return JSON.parse(text).reduce((sum, row) => ({ stock: sum.stock + row.stock, held: sum.held + row.held }), { stock: 0, held: 0 });
}

export async function measureRush() {
  const shop = await startShop();
  const rows = [];
  try {
    const hot = ['HOT-100', 'HOT-1000'];
    const own = Array.from({ length: BUYERS }, (_, n) => `OWN-${n}`);
    const product = (product_id, skus) => ({ product_id, title: product_id, variants: skus.map((sku) => ({ sku, price_minor: 100 })) });
    await importCatalogue(shop, {
      products: [product('hot', hot), product('own', own)],
      stock: [
        { warehouse_id: 'near', sku: 'HOT-100', quantity: 100 },
        { warehouse_id: 'near', sku: 'HOT-1000', quantity: BUYERS },
        ...own.map((sku) => ({ warehouse_id: 'near', sku, quantity: 10 })),
      ],
    });
    // Objects are opened and code is warm before anything is timed.
    await rush(shop, await buyers(shop, 'warm', (n) => own[n]));
    await atRest(shop);
    for (const [name, skuOf, sku] of [
      ['a SKU each', (n) => own[n]], ['100 units of one', () => hot[0], hot[0]], ['1,000 units of one', () => hot[1], hot[1]],
    ]) {
      const all = await buyers(shop, name.replaceAll(/[ ,]/g, '-'), skuOf);
      await atRest(shop);
      const result = await rush(shop, all);
      await atRest(shop);
      rows.push({ name, ...result, left: sku && await stockOf(shop, sku) });
    }
    const { text } = await expect(shop.setup.send('GET', '/api/stock/audit', { token: shop.admin }), 200);
    return { rows, drift: JSON.parse(text).drift };
  } finally {
    await shop.close();
  }
}

export function printRush({ rows, drift }) {
  console.log(`\nA rush of ${BUYERS} buyers at once (the uncontended rush first)`);
  const calm = rows[0];
  for (const { name, seconds, counts, left } of rows) {
    const answers = Object.entries(counts).map(([status, count]) => `${count} x ${status}`).join(', ');
    const rest = left ? `, left ${left.stock}, held ${left.held}` : '';
    console.log(`${name.padEnd(20)} ${seconds.toFixed(2)} s (${(seconds / calm.seconds).toFixed(2)} x uncontended): ${answers}${rest}`);
  }
  console.log(`audit: drift ${drift}`);
}
