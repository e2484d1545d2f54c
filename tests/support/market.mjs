// Vendors around a place, orders to that place, and what becomes of them.
//
//   const market = new Market(shop);
//   const { order, vendors } = await market.offered(10);
//   const answers = await Promise.all(vendors.map((vendor) => market.accept(vendor, order)));
//   await market.agree(order, { winner: 'v-1' });
//
// Every market is at a place of its own, so that a search for the nearest finds its vendors and
// nobody else's. A search for the best finds everybody's: `close` sends a market's vendors home.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { ADDRESS, until } from './shop.mjs';

let places = 0;

export class Market {
  vendors = [];
  #sku;

  constructor(shop) {
    this.shop = shop;
    places += 1;
    // A degree is more than any search looks.
    this.at = { latitude: -60 + (places % 120), longitude: -170 + 2 * Math.floor(places / 120) };
  }

  /** So many vendors, the first the nearest and the best: 100 m more and a point less for each. */
  async open(count, rest = {}) {
    const made = Array.from({ length: count }, (_, n) => {
      const vendor_id = `v-${randomUUID()}`;
      const number = this.vendors.length + n;
      const { latitude, longitude } = this.at;
      return {
        vendor_id, name: `Store ${vendor_id}`, latitude: latitude + (number + 1) * 0.0009, longitude,
        verified: true, open: true, capacity: null, score: Math.max(0, 100 - number / 10), ...rest,
      };
    });
    for (let n = 0; n < made.length; n += 500) await this.#write(made.slice(n, n + 500));
    const people = made.map(({ vendor_id }) => this.shop.person('vendor', vendor_id));
    this.vendors.push(...people);
    this.rows = [...(this.rows ?? []), ...made];
    return people;
  }

  async #write(vendors) {
    const { status, text } = await this.shop.admin.post('/api/admin/vendor-import', { vendors });
    assert.equal(status, 200, text);
  }

  /** Nobody of this market takes orders any more. */
  async close() {
    const rows = this.rows ?? [];
    for (let n = 0; n < rows.length; n += 500) await this.#write(rows.slice(n, n + 500).map((row) => ({ ...row, open: false })));
  }

  /** A placed order to this place: its JSON, with its customer. */
  async order(customer = this.shop.customer(), rest = {}) {
    this.#sku ??= await this.shop.goods({ price: 25_000, stock: { berlin: 100_000 } });
    // Paid at the door, so it may be offered before anybody has paid.
    const placed = await customer.order({ [this.#sku]: 1 }, { address: { ...ADDRESS, ...this.at }, payment_method: 'cod', ...rest });
    return { ...placed, customer };
  }

  async start(order, body = {}) {
    const { status, text, json } = await this.shop.admin.post(`/api/admin/orders/${order.order_id}/start-assignment`, body);
    assert.equal(status, 200, text);
    return json.data;
  }

  async route(order, body = {}) {
    const { status, text, json } = await this.shop.admin.post(`/api/orders/${order.order_id}/route-to-vendors`, body);
    assert.equal(status, 201, text);
    return json.data;
  }

  /** An order that is offered to so many vendors of this market, all at once: a few as the nearest, many as the best. */
  async offered(count, rest) {
    const missing = count - this.vendors.length;
    if (missing > 0) await this.open(missing, rest);
    const order = await this.order();
    const few = count <= 5;
    const routing = few ? await this.start(order, { parallelPushCount: count }) : await this.route(order, { limit: count });
    const vendors = this.vendors.slice(0, count);
    assert.deepEqual([...routing.vendors].sort(), vendors.map(({ id }) => id).sort());
    return { order, vendors, routing };
  }

  accept(vendor, order, body = {}, options) { return vendor.post(`/api/vendor/orders/${order.order_id}/accept`, body, options); }
  reject(vendor, order, body = {}, options) { return vendor.post(`/api/vendor/orders/${order.order_id}/reject`, body, options); }

  async status(order) {
    const { status, text, json } = await this.shop.admin.get(`/api/routing/rtg_${order.order_id}/status`);
    assert.equal(status, 200, text);
    return json.data;
  }

  /** Waits until it stands so. */
  async until(order, wanted) {
    const fits = (data) => Object.entries(wanted).every(([key, value]) => data[key] === value);
    return until(`the routing of ${order.order_id} to be ${JSON.stringify(wanted)}`, async () => {
      const data = await this.status(order);
      return fits(data) && data;
    });
  }

  async history(order) {
    const { status, text, json } = await this.shop.admin.get(`/api/admin/orders/${order.order_id}/assignments`);
    assert.equal(status, 200, text);
    return json.data;
  }

  db() { return this.shop.rt.d1('offers', 'DB'); }

  /** The guard's rows in the database, as they are. */
  guard(order) { return this.db().all('SELECT * FROM vendor_routings WHERE order_id = ?', order.order_id); }

  /**
   * Desk, database and history say the same: one winner (or none), and each that answered is there.
   * Gives the status.
   */
  async agree(order, { winner = null, answered } = {}) {
    const data = await this.status(order);
    assert.equal(data.lockedWholesalerId, winner, JSON.stringify(data));
    const rows = await this.guard(order);
    assert.equal(rows.length, 1);
    assert.equal(rows[0].locked_vendor_id, winner);
    assert.deepEqual([rows[0].lock_epoch, rows[0].version], [data.epoch, data.version]);
    const ofEpoch = ({ id }) => id.startsWith(`${order.order_id}:${data.epoch}:`);
    const won = data.responses.filter((one) => one.outcome === 'WON' && ofEpoch(one)).map(({ vendorId }) => vendorId);
    if (answered !== undefined) assert.equal(data.responses.length, answered, `responses of ${order.order_id}`);
    for (const vendor of won) if (winner !== null) assert.equal(vendor, winner);
    return data;
  }
}
