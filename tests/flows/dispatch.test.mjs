// Drivers for orders, through real queues: from a vendor's accept to the door, and what happens when
// there is nobody, when all are busy, when somebody goes, and when staff has the say.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertDescribed } from '../support/asyncapi.mjs';
import { DRIVEN, Fleet } from '../support/fleet.mjs';
import { Market } from '../support/market.mjs';
import { assertProblem, openShop, until } from '../support/shop.mjs';
import { Live } from '../support/sockets.mjs';

let shop;
let live;
before(async () => {
  shop = await openShop({ vars: { ...DRIVEN, dispatch: { ...DRIVEN.dispatch, DISPATCH_SEARCH_SECONDS: '2' } } });
  live = new Live(shop);
});
after(async () => {
  live?.close();
  await shop?.close();
});

const place = () => new Fleet(new Market(shop));
const about = (order) => ({ orderId }) => orderId === order.order_id;

describe('an order that a vendor has taken', () => {
  test('is brought by the nearest driver, and everybody sees each step', async () => {
    const fleet = place();
    const [near, far] = await fleet.come(2);
    const [admin, customer] = [await live.connect(shop.admin), shop.customer()];
    const devices = await Promise.all([live.connect(near), live.connect(far), live.connect(customer)]);
    const order = await fleet.accepted(customer, { preparationMinutes: 20 });
    await devices[2].join(`order:${order.order_id}`);
    const held = await fleet.held(near, order);
    assert.equal(held.status, 'vendor_accepted');
    // 20 minutes until it is ready, and 0 km from the market to its customer.
    const minutes = (Date.parse(held.estimated_delivery) - Date.now()) / 60_000;
    assert.ok(minutes > 18 && minutes < 21, `${minutes}`);
    for (const client of [admin, devices[0]]) {
      const told = await client.heard('order:assigned', about(order));
      assert.equal(told.agentId, near.id);
      assertDescribed('order:assigned', told);
    }
    assert.equal((await fleet.orders(far)).length, 0);
    const [seen] = await fleet.orders(near);
    assert.equal(seen.order_number, order.order_number);
    assert.deepEqual(seen.items.map(({ quantity }) => quantity), [1]);

    await fleet.at(near, { km: 0.3 });
    const where = await devices[2].heard('driver:location:update', about(order));
    assert.ok(Math.abs(where.latitude - (fleet.market.at.latitude - 0.3 / 111.2)) < 1e-9);
    const eta = await devices[2].heard('order:eta:update', about(order));
    assert.ok(Date.parse(eta.estimatedTime) > Date.now());

    assertProblem(await fleet.say(near, order, 'delivered', { code: '1' }), { status: 409, code: 'not_collected' });
    assertProblem(await fleet.say(near, order, 'delivered', {}), { status: 400, field: 'code' });
    await fleet.pickUp(near, order);
    await fleet.until(order, { status: 'shipped', delivery_status: 'out_for_delivery', driver_id: near.id });
    await fleet.pickUp(near, order);
    await fleet.deliver(near, order, { photo: 'p/1.jpg' });
    const end = await fleet.until(order, { status: 'delivered', delivery_status: 'delivered' });
    assert.ok(end.delivered_at);
    await fleet.deliver(near, order, { photo: 'p/1.jpg' });
    const { history } = await fleet.view(order);
    const steps = history.map(({ new_status, delivery_status, changed_by }) => [new_status, delivery_status, changed_by]).slice(-3);
    assert.deepEqual(steps, [
      ['vendor_accepted', 'assigned_driver', `driver:${near.id}`],
      ['shipped', 'out_for_delivery', `driver:${near.id}`],
      ['delivered', 'delivered', `driver:${near.id}`],
    ]);
    assert.equal(history.at(-1).reason, 'photo:p/1.jpg');
    assert.deepEqual(await fleet.orders(near), []);
    const { json } = await near.get('/api/driver/history');
    assert.deepEqual(json.orders.map(({ order_id, outcome }) => [order_id, outcome]), [[order.order_id, 'delivered']]);
  });

  test('fails where nobody is about, and is brought by whoever staff chooses then', async () => {
    const fleet = place();
    const order = await fleet.accepted();
    await fleet.until(order, { delivery_status: 'failed', driver_id: null });
    const driver = await fleet.driver();
    await fleet.turn(driver, true);
    const { status, text } = await fleet.assign(order, driver);
    assert.equal(status, 200, text);
    await fleet.held(driver, order);
    const { history } = await fleet.view(order);
    assert.equal(history.at(-1).reason, 'chosen by hand');
  });

  test('is tried again by itself after nobody was found', async () => {
    const fleet = place();
    const order = await fleet.accepted();
    await fleet.until(order, { delivery_status: 'failed' });
    const [driver] = await fleet.come(1);
    await fleet.held(driver, order, { deadlineMs: 40_000 });
  });

  test('waits while all are busy, for the first who is free', async () => {
    const fleet = place();
    const [driver] = await fleet.come(1);
    const first = await fleet.accepted();
    await fleet.held(driver, first);
    const second = await fleet.accepted();
    await fleet.until(second, { delivery_status: 'failed' });
    await fleet.pickUp(driver, first);
    await fleet.deliver(driver, first);
    await fleet.held(driver, second, { deadlineMs: 40_000 });
  });

  test('goes to somebody else when its driver goes home, unless it was collected', async () => {
    const fleet = place();
    const [one, two] = await fleet.come(2, { capacity: 2 });
    const [kept, given] = [await fleet.accepted(), await fleet.accepted()];
    await fleet.held(one, kept);
    await fleet.until(given, { delivery_status: 'assigned_driver' });
    await fleet.pickUp(one, kept);
    const { driver_id } = await fleet.tracking(given);
    const holder = driver_id === one.id ? one : two;
    const other = holder === one ? two : one;
    const device = await live.connect(holder);
    await fleet.turn(holder, false);
    await fleet.held(other, given);
    const released = await device.heard('order:unassigned', about(given));
    assertDescribed('order:unassigned', released);
    assert.equal(released.reason, 'gone');
    assert.ok((await fleet.orders(one)).some(({ order_id, progress }) => order_id === kept.order_id && progress === 'collected'));
    await fleet.deliver(one, kept);
    await fleet.until(kept, { status: 'delivered' });
  });

  test('is nobody\'s any more when it is cancelled', async () => {
    const fleet = place();
    const [driver] = await fleet.come(1);
    const order = await fleet.accepted();
    await fleet.held(driver, order);
    const { status, text } = await shop.admin.post(`/orders/${order.order_id}/cancel`, { reason: 'no' });
    assert.equal(status, 200, text);
    await until('the driver is free', async () => (await fleet.orders(driver)).length === 0);
    assertProblem(await fleet.say(driver, order, 'picked-up'), { status: 409, code: 'no_driver_wanted' });
    const next = await fleet.accepted();
    await fleet.held(driver, next);
  });

  test('goes with its vendor: another one is another place', async () => {
    const fleet = place();
    const [driver] = await fleet.come(1);
    await fleet.market.open(2);
    const order = await fleet.accepted();
    await fleet.held(driver, order);
    const { status, text } = await order.vendor.post(`/api/vendor/orders/${order.order_id}/release`, { reason: 'no cook' });
    assert.equal(status, 200, text);
    await until('the driver is free', async () => (await fleet.orders(driver)).length === 0);
    const other = fleet.market.vendors[1];
    await until('the other vendor takes it', async () => (await fleet.market.accept(other, order)).status === 200);
    await fleet.held(driver, order);
    const [{ site }] = await fleet.orders(driver);
    assert.equal(site, other.id);
  });

  test('may leave without a driver, who then has nothing to bring', async () => {
    const fleet = place();
    const order = await fleet.accepted();
    for (const status of ['preparing', 'ready', 'shipped', 'delivered']) {
      const { status: code, text } = await order.vendor.patch(`/api/v1/orders/${order.order_id}/status`, { status });
      assert.equal(code, 200, text);
    }
    const [driver] = await fleet.come(1);
    const next = await fleet.accepted();
    await fleet.held(driver, next);
    assert.equal((await fleet.orders(driver)).length, 1);
  });
});

describe('what staff says of drivers', () => {
  test('another driver may be chosen until it is collected', async () => {
    const fleet = place();
    const [one, two] = await fleet.come(2);
    const order = await fleet.accepted();
    await fleet.held(one, order);
    assert.equal((await fleet.assign(order, two)).status, 200);
    await fleet.held(two, order);
    assert.deepEqual(await fleet.orders(one), []);
    assert.equal((await fleet.assign(order, two)).status, 200, 'said twice');
    await fleet.pickUp(two, order);
    await fleet.until(order, { status: 'shipped' });
    assertProblem(await fleet.assign(order, one), { status: 409 });
  });

  test('has to name a driver who is there, and an order that can be collected', async () => {
    const fleet = place();
    const order = await fleet.market.order();
    const [driver] = await fleet.come(1);
    assertProblem(await fleet.assign(order, driver), { status: 409, code: 'no_driver_wanted' });
    const taken = await fleet.accepted();
    assertProblem(await fleet.assign(taken, { id: 'nobody' }), { status: 400, field: 'driver_id' });
    assertProblem(await fleet.assign(taken, driver, { as: driver }), { status: 403 });
    assertProblem(await fleet.assign({ order_id: 'nothing' }, driver), { status: 404 });
  });
});
