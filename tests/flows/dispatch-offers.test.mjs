// Drivers who are asked before an order is theirs, and drivers whom a plan of all orders is made for;
// drivers who cross the border between cells, or are not heard of any more.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertDescribed } from '../support/asyncapi.mjs';
import { DRIVEN, Fleet } from '../support/fleet.mjs';
import { Market } from '../support/market.mjs';
import { assertProblem, openShop, until } from '../support/shop.mjs';
import { Live } from '../support/sockets.mjs';

const about = (order) => ({ orderId }) => orderId === order.order_id;

/** A shop for the tests of a description. */
function shopOf(vars) {
  const of = {};
  before(async () => {
    of.shop = await openShop({ vars: { ...DRIVEN, ...vars, dispatch: { ...DRIVEN.dispatch, ...vars.dispatch } } });
    of.live = new Live(of.shop);
  });
  after(async () => {
    of.live?.close();
    await of.shop?.close();
  });
  return { of, place: () => new Fleet(new Market(of.shop)) };
}

describe('drivers who are asked', () => {
  const { of, place } = shopOf({ dispatch: { DISPATCH_OFFER_SECONDS: '3', DISPATCH_GRACE_SECONDS: '0.5' } });

  test('take an order, or leave it to the next, and see until when they may', async () => {
    const fleet = place();
    const drivers = await fleet.come(3);
    const devices = await Promise.all(drivers.map((driver) => of.live.connect(driver)));
    const order = await fleet.accepted();
    const offer = await devices[0].heard('driver:offer', about(order));
    assertDescribed('driver:offer', offer);
    const left = Date.parse(offer.expiresAt) - Date.now();
    assert.ok(left > 1_000 && left <= 3_100, `${left} ms`);
    const [shown] = await fleet.orders(drivers[0]);
    assert.deepEqual([shown.order_id, shown.progress], [order.order_id, 'offered']);
    assert.equal((await fleet.tracking(order)).delivery_status, 'new_order', 'nobody has it yet');
    assertProblem(await fleet.say(drivers[1], order, 'accept'), { status: 404 });

    await fleet.reject(drivers[0], order);
    await fleet.reject(drivers[0], order);
    await devices[1].heard('driver:offer', about(order));
    assertProblem(await fleet.say(drivers[0], order, 'accept'), { status: 409, code: 'driver_offer_over' });
    await fleet.accept(drivers[1], order);
    await fleet.held(drivers[1], order);
    await fleet.accept(drivers[1], order);
    assertProblem(await fleet.say(drivers[0], order, 'accept'), { status: 409, code: 'not_your_order' });
    assert.deepEqual(devices[2].all('driver:offer'), []);
    const { json } = await drivers[0].get('/api/driver/history');
    assert.deepEqual(json.orders.map(({ outcome }) => outcome), ['declined']);
  });

  test('by socket, too', async () => {
    const fleet = place();
    const [driver] = await fleet.come(1);
    const device = await of.live.connect(driver);
    const order = await fleet.accepted();
    await device.heard('driver:offer', about(order));
    const taken = await device.socket.timeout(5_000).emitWithAck('driver:accept', { orderId: order.order_id });
    assert.equal(taken.ok, true, JSON.stringify(taken));
    await fleet.held(driver, order);
    const wrong = await device.socket.timeout(5_000).emitWithAck('driver:delivered', { orderId: order.order_id, code: '1' });
    assert.equal(wrong.code, 'not_collected', JSON.stringify(wrong));
    for (const [what, body] of [['driver:picked-up', {}], ['driver:delivered', { code: '1' }]]) {
      const done = await device.socket.timeout(5_000).emitWithAck(what, { orderId: order.order_id, ...body });
      assert.equal(done.ok, true, JSON.stringify(done));
    }
    await fleet.until(order, { status: 'delivered' });
  });

  test('and say nothing are asked no more, and the next is', async () => {
    const fleet = place();
    const [silent, other] = await fleet.come(2);
    const device = await of.live.connect(other);
    const order = await fleet.accepted();
    await device.heard('driver:offer', about(order));
    assertProblem(await fleet.say(silent, order, 'accept'), { status: 409 });
    assert.deepEqual(await fleet.orders(silent), []);
    await fleet.accept(other, order);
    await fleet.held(other, order);
  });

  test('have no choice where staff has chosen', async () => {
    const fleet = place();
    const [driver] = await fleet.come(1);
    const order = await fleet.accepted();
    await until('the driver is asked', async () => (await fleet.orders(driver)).length === 1);
    assert.equal((await fleet.assign(order, driver)).status, 200);
    await fleet.held(driver, order);
  });
});

describe('a plan of all orders for all drivers', () => {
  const { of, place } = shopOf({ dispatch: { DISPATCH_POLICY: 'window', DISPATCH_WINDOW_SECONDS: '0.5', DISPATCH_SEARCH_SECONDS: '3', DISPATCH_SNAPSHOT_SECONDS: '0.2' } });

  test('gives each order to one driver, who may have several of one vendor', async () => {
    const fleet = place();
    const drivers = await fleet.come(2, { capacity: 3 });
    await fleet.market.open(1, { capacity: null });
    const orders = await Promise.all([1, 2, 3].map(() => fleet.accepted(undefined, { preparationMinutes: 0 })));
    for (const order of orders) await fleet.until(order, { delivery_status: 'assigned_driver' });
    const census = await fleet.census(drivers, { capacity: 3 });
    assert.equal([...census.values()].flat().length, 3);
  });

  test('binds nobody to what is not ready for long, and does not take that for a failure', async () => {
    const fleet = place();
    const [driver] = await fleet.come(1);
    const early = await fleet.accepted(undefined, { preparationMinutes: 60 });
    const order = await fleet.accepted(undefined, { preparationMinutes: 0 });
    await fleet.held(driver, order);
    // Several windows later, and later than a search may take.
    await until('the search of a second is over', () => Date.now() - Date.parse(order.created_at) > 4_000);
    assert.equal((await fleet.tracking(early)).delivery_status, 'new_order');
  });

  test('is told with the figures of its cell', async () => {
    const fleet = place();
    const [driver] = await fleet.come(1);
    const order = await fleet.accepted(undefined, { preparationMinutes: 0 });
    await fleet.held(driver, order);
    await fleet.accepted(undefined, { preparationMinutes: 0 });
    const { latitude, longitude } = fleet.market.at;
    const { json: map } = await of.shop.admin.get(`/api/admin/driver-map?latitude=${latitude}&longitude=${longitude}`);
    assert.deepEqual(map.drivers.map(({ driver_id, orders }) => [driver_id, orders]), [[driver.id, [order.order_id]]]);
    const stats = await until('the cell says how it stands', async () => {
      const { json } = await of.shop.admin.get('/stats');
      const cell = json.dispatch.cells.find((one) => one.cell === map.cell);
      return cell?.open_orders === 1 && cell.available === 0 && cell.oldest_seconds > 0 && json;
    });
    assert.equal(stats.dispatch.dead_letters, 0);
    assert.ok(stats.counters['driver_reports{state="assigned"}'] > 0);
    assert.ok(stats.latencies.driver_request_ms.count > 0);
  });
});

describe('drivers on the move', () => {
  const { of, place } = shopOf({
    // Small cells: a kilometre and a half from border to border.
    dispatch: { CELL_RESOLUTION: '7', DISPATCH_WINDOW_SECONDS: '0.5', DISPATCH_FACTS_SECONDS: '0.5' },
    drivers: { DRIVER_SILENT_SECONDS: '2' },
  });

  test('are found by orders of other cells, and are in one cell at a time', async () => {
    const fleet = place();
    const [driver] = await fleet.come(1);
    await fleet.at(driver, { km: 4 });
    const order = await fleet.accepted();
    await fleet.held(driver, order);
    const cell = async (km) => {
      const { latitude, longitude } = fleet.market.at;
      const { json } = await of.shop.admin.get(`/api/admin/driver-map?latitude=${latitude - km / 111.2}&longitude=${longitude}`);
      return json;
    };
    assert.notEqual((await cell(4)).cell, (await cell(0)).cell);
    await fleet.at(driver, { km: 0 });
    await until('the cell before has forgotten the driver', async () => (await cell(4)).drivers.length === 0);
    assert.deepEqual((await cell(0)).drivers.map(({ driver_id }) => driver_id), [driver.id]);
    // Whoever crosses borders has one order all the same.
    const next = await fleet.accepted();
    await fleet.census([driver]);
    await fleet.pickUp(driver, order);
    await fleet.deliver(driver, order);
    await fleet.held(driver, next);
  });

  test('of whom nothing is heard give back what they have not collected', async () => {
    const fleet = place();
    const [silent, other] = [(await fleet.come(1))[0], await fleet.driver()];
    const order = await fleet.accepted();
    await fleet.held(silent, order);
    await fleet.turn(other, true);
    // The other's device goes on telling where it is, as devices do; nothing waits for it.
    let isOver = false;
    const device = (async () => {
      while (!isOver) {
        await fleet.at(other, { km: 1 });
        await new Promise((resolve) => { setTimeout(resolve, 300); });
      }
    })();
    try {
      await fleet.until(order, { delivery_status: 'assigned_driver', driver_id: other.id });
    } finally {
      isOver = true;
      await device;
    }
    const { json } = await silent.get('/api/driver/availability');
    assert.equal(json.available, false);
  });
});

describe('fifty orders for five drivers at once', () => {
  const { place } = shopOf({});

  test('nobody has two, no order is with two, and all are brought', { timeout: 240_000 }, async () => {
    const fleet = place();
    await fleet.market.open(1);
    const drivers = await fleet.come(5);
    const orders = await Promise.all(Array.from({ length: 50 }, () => fleet.accepted()));
    const left = new Set(orders.map(({ order_id }) => order_id));
    let most = 0;
    await until('all are brought', async () => {
      const census = await fleet.census(drivers);
      const held = [...census.values()].filter((of) => of.length > 0).length;
      most = Math.max(most, held);
      await Promise.all(drivers.map(async (driver) => {
        for (const order_id of census.get(driver.id)) {
          await fleet.pickUp(driver, { order_id });
          await fleet.deliver(driver, { order_id });
          left.delete(order_id);
        }
      }));
      return left.size === 0;
    }, { deadlineMs: 200_000, everyMs: 50 });
    assert.equal(most, 5, 'all drivers had something at once');
    for (const order of orders) await fleet.until(order, { status: 'delivered' });
  });
});

describe('wishes for drivers', () => {
  const { place } = shopOf({ order: { DRIVER_WISHES_PER_SECOND: '1' } });

  test('of one desk go out no faster than its limit, and those over it wait and are not lost', async () => {
    const fleet = place();
    await fleet.market.open(1, { capacity: null });
    const drivers = await fleet.come(4);
    // Orders of one customer are at one desk.
    const customer = fleet.shop.customer();
    const placed = [];
    for (let n = 0; n < 4; n += 1) placed.push(await fleet.market.order(customer));
    for (const order of placed) await fleet.market.start(order, { parallelPushCount: 1 });
    await Promise.all(placed.map((order) => fleet.market.accept(fleet.market.vendors[0], order)));
    for (const order of placed) await fleet.until(order, { delivery_status: 'assigned_driver' }, { deadlineMs: 30_000 });
    assert.equal([...(await fleet.census(drivers)).values()].flat().length, 4);
    const times = await Promise.all(placed.map(async (order) => {
      const { history } = await fleet.view(order);
      return Date.parse(history.find(({ delivery_status }) => delivery_status === 'assigned_driver').created_at);
    }));
    const spread = Math.max(...times) - Math.min(...times);
    assert.ok(spread >= 2_500, `four wishes within ${spread} ms`);
  });
});

describe('a cell that was out of memory', () => {
  const { of, place } = shopOf({ dispatch: { DISPATCH_SNAPSHOT_SECONDS: '0.2' } });

  test('knows who is about, and gives an order to one who has said nothing since', async () => {
    const fleet = place();
    const [driver] = await fleet.come(1);
    const { latitude, longitude } = fleet.market.at;
    const map = async () => (await of.shop.admin.get(`/api/admin/driver-map?latitude=${latitude}&longitude=${longitude}`)).json;
    const before = await map();
    assert.deepEqual(before.drivers.map(({ driver_id }) => driver_id), [driver.id]);
    const written = () => of.shop.rt.objects('dispatch', 'CellDesk', 'SELECT drivers FROM snapshot').some(({ drivers }) => drivers.includes(driver.id));
    await until('the snapshot', written);
    await of.shop.rt.evict('dispatch', 'CellDesk', { name: `cell-${before.cell}` });
    const after = await map();
    assert.deepEqual(after.drivers, before.drivers);
    const order = await fleet.accepted();
    await fleet.held(driver, order);
  });
});
