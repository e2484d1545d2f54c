// Drivers around a market, and what becomes of its orders on their way to the door.
//
//   const fleet = new Fleet(market);
//   const [driver] = await fleet.come(1);
//   const order = await fleet.accepted();
//   await fleet.held(driver, order);
//   await fleet.pickUp(driver, order);
//   await fleet.deliver(driver, order);
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { until } from './shop.mjs';

/** What a shop of these tests has, so that nobody waits long for what takes its time in a shop. */
export const DRIVEN = {
  '*': { DRIVERS_FOR: 'vendor' },
  dispatch: { DISPATCH_SEARCH_SECONDS: '60', DISPATCH_WINDOW_SECONDS: '1' },
};

const KM = 1 / 111.2;

export class Fleet {
  #sequence = 0;

  constructor(market) {
    this.market = market;
    this.shop = market.shop;
  }

  /** A registered driver who is at home. */
  async driver(rest = {}) {
    const driver_id = `d-${randomUUID()}`;
    const { status, text } = await this.shop.admin.post('/api/admin/drivers', { driver_id, name: `Driver ${driver_id}`, ...rest });
    assert.equal(status, 201, text);
    return this.shop.person('driver', driver_id);
  }

  /** So many drivers on a shift, each half a kilometre farther from the market than the one before. */
  async come(count, { km = 0.5, ...rest } = {}) {
    const drivers = await Promise.all(Array.from({ length: count }, () => this.driver(rest)));
    await Promise.all(drivers.map(async (driver, n) => {
      await this.turn(driver, true);
      await this.at(driver, { km: km * (n + 1) });
    }));
    return drivers;
  }

  async turn(driver, available, rest = {}) {
    const { status, text, json } = await driver.put('/api/driver/availability', { available, ...rest });
    assert.equal(status, 200, text);
    return json;
  }

  /** The driver is so far south of the market. */
  async at(driver, { km = 1, ...rest } = {}) {
    this.#sequence += 1;
    const place = { latitude: this.market.at.latitude - km * KM, longitude: this.market.at.longitude };
    const { status, text } = await driver.put('/api/driver/location', { ...place, accuracy: 5, sequence: this.#sequence, ...rest });
    assert.equal(status, 200, text);
  }

  /** An order that a vendor of the market has taken. */
  async accepted(customer, { preparationMinutes } = {}) {
    if (this.market.vendors.length === 0) await this.market.open(1);
    const [vendor] = this.market.vendors;
    const order = await this.market.order(customer);
    await this.market.start(order, { parallelPushCount: this.market.vendors.length });
    const body = preparationMinutes === undefined ? {} : { preparationTime: preparationMinutes };
    const { status, text } = await this.market.accept(vendor, order, body);
    assert.equal(status, 200, text);
    return { ...order, vendor };
  }

  async orders(driver) {
    const { status, text, json } = await driver.get('/api/driver/orders');
    assert.equal(status, 200, text);
    return json.orders;
  }

  async view(order) {
    const { status, text, json } = await this.shop.admin.get(`/orders/${order.order_id}`);
    assert.equal(status, 200, text);
    return json;
  }

  async tracking(order) {
    const { status, text, json } = await this.shop.admin.get(`/orders/${order.order_id}/tracking`);
    assert.equal(status, 200, text);
    return json;
  }

  /** Until the order stands so: `{ delivery_status: 'failed' }`. */
  until(order, wanted, options) {
    const fits = (view) => Object.entries(wanted).every(([key, value]) => view[key] === value);
    return until(`${order.order_id} to be ${JSON.stringify(wanted)}`, async () => {
      const view = await this.tracking(order);
      if (fits(view)) return view;
      throw new Error(JSON.stringify({ ...view, timeline: undefined }));
    }, options);
  }

  /** Until the order and its driver both know that they belong together. */
  async held(driver, order, options) {
    const view = await this.until(order, { delivery_status: 'assigned_driver', driver_id: driver.id }, options);
    const orders = await this.orders(driver);
    assert.ok(orders.some(({ order_id, progress }) => order_id === order.order_id && progress === 'held'), JSON.stringify(orders));
    return view;
  }

  say(driver, order, what, body = {}, options) { return driver.post(`/api/driver/orders/${order.order_id}/${what}`, body, options); }

  async #done(driver, order, what, body) {
    const { status, text, json } = await this.say(driver, order, what, body);
    assert.equal(status, 200, text);
    assert.deepEqual(json, { success: true, order_id: order.order_id, done: what });
  }

  accept(driver, order) { return this.#done(driver, order, 'accept'); }
  reject(driver, order) { return this.#done(driver, order, 'reject'); }
  pickUp(driver, order) { return this.#done(driver, order, 'picked-up'); }
  deliver(driver, order, proof = { code: '4711' }) { return this.#done(driver, order, 'delivered', proof); }

  assign(order, driver, { as = this.shop.admin } = {}) {
    return as.post(`/api/admin/orders/${order.order_id}/assign-driver`, { driver_id: driver.id });
  }

  /** No two drivers have one order, and none has more than fits; gives who has what. */
  async census(drivers, { capacity = 1 } = {}) {
    const all = await Promise.all(drivers.map(async (driver) => [driver.id, (await this.orders(driver)).map(({ order_id }) => order_id)]));
    const ids = all.flatMap(([, orders]) => orders);
    assert.equal(new Set(ids).size, ids.length, `an order is with two: ${JSON.stringify(all)}`);
    for (const [id, orders] of all) assert.ok(orders.length <= capacity, `${id} has ${orders.length}`);
    return new Map(all);
  }
}
