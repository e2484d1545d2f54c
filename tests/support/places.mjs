// Vendors' places as tests take them: straight from a vendor's desk, past the orders that ask for
// them otherwise, and as they are durable.
import assert from 'node:assert/strict';
import { until } from './shop.mjs';

/** Some desk. Which one a vendor belongs to is the business of who asks, not of the desk. */
export const DESK = 'vendor-0';

export const place = (vendor_id, order_id, claim = 1) => ({ vendor_id, order_id, claim });

/** One command to a desk, as it is answered: `{ status, json }`. */
export async function ask(shop, name, body, { desk = DESK, headers } = {}) {
  const answer = await shop.rt.fetchObject('vendors', 'VENDOR_DESK', desk, { method: 'POST', headers, body: JSON.stringify({ [name]: body }) });
  return { status: answer.status, json: await answer.json() };
}

async function good(...asked) {
  const { status, json } = await ask(...asked);
  assert.equal(status, 200, JSON.stringify(json));
  return json;
}

/** Whether the place was granted. */
export const take = (shop, of, { forced = false, ...options } = {}) => good(shop, 'take', { place: of, forced }, options);
export const giveBack = (shop, places, options) => good(shop, 'give_back', { places }, options);

/** The claims of a vendor as they are on disk: `{ 'order/claim': state }`. */
export function claims(shop, vendor_id) {
  const rows = shop.rt.objects('vendors', 'VendorDesk', 'SELECT order_id, claim, state FROM places WHERE vendor_id = ? ORDER BY 1, 2', vendor_id);
  return Object.fromEntries(rows.map(({ order_id, claim, state }) => [`${order_id}/${claim}`, state]));
}

/** Waits until the database has it that a vendor has so many orders in work; gives its row. */
export async function inWork(shop, vendor_id, count) {
  const db = shop.rt.d1('vendors', 'DB');
  return until(`${vendor_id} with ${count} in work`, async () => {
    const [row] = await db.all('SELECT * FROM vendors WHERE vendor_id = ?', vendor_id);
    if (row.in_work !== count) throw new Error(`it has ${row.in_work}`);
    return row;
  });
}

/** Waits until no desk has anything for the database. */
export const allTold = (shop) => until('every desk has told what it knows', () =>
  shop.rt.objects('vendors', 'VendorDesk', 'SELECT * FROM work WHERE projected <> version').length === 0);
