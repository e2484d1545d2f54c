// Drivers under faults: one fault at each step of an order's way to its driver, to the next one, to the
// door, and of the news that it is over. However it strikes, one driver has it, the order and the driver
// say the same, nobody keeps an order that is over, and it does not take long. Then what queues do:
// messages doubled, late, out of order and lost with the process that had them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { end, hangs, stand, struck } from '../support/faults.mjs';
import { DRIVEN, Fleet } from '../support/fleet.mjs';
import { Market } from '../support/market.mjs';
import { insist } from '../support/shopper.mjs';
import { openShop, until } from '../support/shop.mjs';

/** What is done for an order until its driver has it; the first driver goes home, and another brings it. */
const STEPS = [
  'vendors.where', 'queue.ASSIGNMENT_REQUESTS', 'cell.wish', 'errand.command.written', 'driver.take', 'driver.claim.written',
  'queue.ASSIGNMENT_RESPONSES', 'order.hear', 'driver.shift.written', 'cell.drop', 'driver.give_back', 'driver.close.written',
  'cell.collect', 'driver.note', 'driver.note.written', 'order.hear#2', 'cell.deliver', 'order.hear#3',
];
/** An order is cancelled that a driver has. */
const ENDS = ['order.edge.written', 'dispatch.follow', 'cell.follow', 'driver.give_back'];
const MODES = ['before', 'lost', 'twice', 'both', 'crash', 'kill'];
// What is written has been done; what is done for a desk happens in no object of its own.
const fits = (step, mode) => (step.includes('.written') ? ['lost', 'crash', 'kill'].includes(mode) : true);
const SECONDS_MAX = 30;
const PATIENCE = { deadlineMs: 60_000 };

let shop;
before(async () => {
  shop = await openShop({ variant: 'faults', vars: { ...DRIVEN, '*': { ...DRIVEN['*'], LOG_LEVEL: 'error' } } });
});
after(() => shop?.close());

let number = 0;

async function script(step, mode) {
  number += 1;
  const id = `*d${number}`;
  await stand(shop, `${id};${step};${mode}`);
  const strikes = mode === 'kill' ? hangs(shop, id, 60_000) : struck(shop, id, 60_000);
  const restarted = mode === 'kill' && strikes.then(async () => {
    await shop.rt.kill();
    await shop.rt.restart();
  });
  return { id, strikes, restarted };
}

/** Again until it is answered, whatever became of it. */
const again = (send) => insist(send, { deadlineMs: 60_000 });

/** A driver whom the cell knows, also after it lost its memory. */
async function about(fleet, driver, km) {
  await again(() => driver.put('/api/driver/availability', { available: true }));
  await again(async () => {
    await fleet.at(driver, { km });
    return { status: 200 };
  });
}

const isHeldBy = (fleet, order, drivers) => until('exactly one has it', async () => {
  const { delivery_status, driver_id } = await fleet.tracking(order);
  assert.equal(delivery_status, 'assigned_driver');
  const census = await fleet.census(drivers);
  const holder = drivers.find((driver) => census.get(driver.id).includes(order.order_id));
  assert.equal(holder?.id, driver_id);
  return holder;
}, PATIENCE);

async function story(step, mode) {
  const fleet = new Fleet(new Market(shop));
  await fleet.market.open(1, { capacity: null });
  const drivers = await Promise.all([fleet.driver(), fleet.driver()]);
  for (const [n, driver] of drivers.entries()) await about(fleet, driver, n + 1);
  const order = await fleet.market.order();
  await fleet.market.start(order, { parallelPushCount: 1 });
  const { id, strikes, restarted } = await script(step, mode);
  const began = performance.now();
  // Devices go on telling where they are, twice a second, as devices do; nothing waits for it.
  let isOver = false;
  const devices = (async () => {
    while (!isOver) {
      for (const [n, driver] of drivers.entries()) await fleet.at(driver, { km: n + 1 }).catch(() => {});
      await new Promise((resolve) => { setTimeout(resolve, 500); });
    }
  })();
  try {
    const won = await again(() => fleet.market.accept(fleet.market.vendors[0], order));
    assert.equal(won.status, 200, won.text);
    const first = await isHeldBy(fleet, order, drivers);
    const gone = await again(() => first.put('/api/driver/availability', { available: false }));
    assert.equal(gone.status, 200, gone.text);
    const second = drivers.find((driver) => driver !== first);
    await until('the other has it', async () => (await isHeldBy(fleet, order, drivers)) === second, PATIENCE);
    assert.deepEqual(await fleet.orders(first), []);
    const taken = await again(() => fleet.say(second, order, 'picked-up'));
    assert.equal(taken.status, 200, taken.text);
    await fleet.until(order, { status: 'shipped', driver_id: second.id }, PATIENCE);
    const brought = await again(() => fleet.say(second, order, 'delivered', { code: '1' }));
    assert.equal(brought.status, 200, brought.text);
    await fleet.until(order, { status: 'delivered', delivery_status: 'delivered' }, PATIENCE);
    await until('the driver is free', async () => (await fleet.orders(second)).length === 0, PATIENCE);
    await strikes;
    await restarted;
  } finally {
    isOver = true;
    await devices;
  }
  const seconds = (performance.now() - began) / 1000;
  await end(shop, id);
  const { history } = await fleet.view(order);
  const steps = history.map(({ new_status }) => new_status).filter((status) => ['shipped', 'delivered'].includes(status));
  assert.deepEqual(steps, ['shipped', 'delivered'], 'each counts once');
  assert.ok(seconds < SECONDS_MAX, `${seconds.toFixed(1)} s`);
  return seconds;
}

async function ending(step, mode) {
  const fleet = new Fleet(new Market(shop));
  const [driver] = await fleet.come(1);
  const order = await fleet.accepted();
  await fleet.held(driver, order, PATIENCE);
  const { id, strikes, restarted } = await script(step, mode);
  const cancelled = await again(() => shop.admin.post(`/orders/${order.order_id}/cancel`, { reason: 'no' }));
  assert.equal(cancelled.status, 200, cancelled.text);
  await until('the driver is free', async () => (await fleet.orders(driver)).length === 0, PATIENCE);
  await strikes;
  await restarted;
  await end(shop, id);
  await about(fleet, driver, 1);
  const next = await fleet.accepted();
  await fleet.held(driver, next, PATIENCE);
}

const cases = (what, steps, run, modes) => steps.flatMap((step) => modes.filter((mode) => fits(step, mode))
  .map((mode) => ({ name: `${what} although ${step} suffers ${mode}`, step, mode, run })));

// Several at once: whichever of them is struck, all of them have to come to the same end.
describe('an order', { concurrency: 5 }, () => {
  for (const { name, step, mode, run } of cases('comes to the door', STEPS, story, ['before', 'lost', 'twice', 'both'])) {
    test(name, { timeout: 180_000 }, () => run(step, mode));
  }
});

// What takes memory or the whole shop from everybody goes one after the other, and so does what strikes
// a step of everybody's. Of the kills those where something was just written; all with ORDERLANE_KILLS=all.
describe('an order', () => {
  const all = process.env.ORDERLANE_KILLS === 'all';
  const alone = [...cases('comes to the door', STEPS, story, ['crash', 'kill']), ...cases('is cancelled', ENDS, ending, MODES)];
  for (const { name, step, mode, run } of alone.filter((one) => all || one.mode !== 'kill' || one.step.endsWith('.written'))) {
    test(name, { timeout: 180_000 }, () => run(step, mode));
  }
});

describe('queues', () => {
  const requestOf = async (order) => {
    const [row] = shop.rt.objects('dispatch', 'CellDesk', 'SELECT request FROM errands WHERE order_id = ?', order.order_id);
    return JSON.parse(row.request);
  };

  test('that lose all they have with the process that has it lose no order', { timeout: 180_000 }, async () => {
    const fleet = new Fleet(new Market(shop));
    await fleet.market.open(1, { capacity: null });
    const drivers = await fleet.come(10);
    const orders = await Promise.all(Array.from({ length: 10 }, () => fleet.market.order()));
    for (const order of orders) await fleet.market.start(order, { parallelPushCount: 1 });
    // The accepts are written; what they set going is somewhere between the desks and the queues.
    await Promise.all(orders.map((order) => again(() => fleet.market.accept(fleet.market.vendors[0], order))));
    await shop.rt.kill();
    await shop.rt.restart();
    await Promise.all(drivers.map((driver, n) => about(fleet, driver, (n + 1) * 0.4)));
    for (const order of orders) await fleet.until(order, { delivery_status: 'assigned_driver' }, { deadlineMs: 90_000 });
    const census = await fleet.census(drivers);
    assert.equal([...census.values()].flat().length, 10);
  });

  test('that double, delay and mix up what they carry change nothing', { timeout: 120_000 }, async () => {
    const fleet = new Fleet(new Market(shop));
    const [driver, other] = await fleet.come(2);
    const order = await fleet.accepted();
    await fleet.held(driver, order, PATIENCE);
    const request = await requestOf(order);
    const [requests, responses] = await Promise.all([
      shop.rt.queue('order', 'ASSIGNMENT_REQUESTS'), shop.rt.queue('dispatch', 'ASSIGNMENT_RESPONSES'),
    ]);
    const report = { attempt: 1, version: 1, state: 'assigned', driverId: driver.id, etaS: 60, byHand: false, atMs: Date.now() };
    const response = (rest) => JSON.stringify({
      eventId: 'e', eventType: 'DriverAssigned', orderId: order.order_id, status: 'assigned', topic: 't', geoKey: '0_0', report: { ...report, ...rest },
    });
    for (let n = 0; n < 5; n += 1) {
      await requests.send(JSON.stringify(request));
      await responses.send(response());
      // An older word of another driver, and one of an attempt that never was.
      await responses.send(response({ version: 0, driverId: other.id }));
      await responses.send(response({ attempt: 7, driverId: other.id }));
    }
    await fleet.pickUp(driver, order);
    await fleet.until(order, { status: 'shipped', driver_id: driver.id }, PATIENCE);
    await requests.send(JSON.stringify({ ...request, attempt: 1 }));
    await responses.send(response());
    await fleet.deliver(driver, order);
    await fleet.until(order, { status: 'delivered', driver_id: driver.id }, PATIENCE);
    // A late copy of the request brings it nobody.
    await requests.send(JSON.stringify(request));
    const next = await fleet.accepted();
    await fleet.held(driver, next, PATIENCE);
    assert.deepEqual(await fleet.orders(other), []);
    const { history } = await fleet.view(order);
    assert.equal(history.filter(({ delivery_status }) => delivery_status === 'assigned_driver').length, 1);
    const { json } = await shop.admin.get('/api/admin/dispatch/dead-letters?state=all&limit=100');
    assert.deepEqual(json.letters.filter(({ order_id }) => order_id === order.order_id), [], 'all of it was understood');
  });

  test('bring what failed again, until it is taken', { timeout: 120_000 }, async () => {
    const fleet = new Fleet(new Market(shop));
    const [driver] = await fleet.come(1);
    number += 1;
    const id = `*d${number}`;
    await stand(shop, `${id};cell.wish;down`);
    const order = await fleet.accepted();
    await struck(shop, id);
    await end(shop, id);
    await fleet.held(driver, order, PATIENCE);
  });

  test('keep what nobody can make anything of, and it can be sent again', { timeout: 120_000 }, async () => {
    const fleet = new Fleet(new Market(shop));
    const [driver] = await fleet.come(1);
    const order = await fleet.accepted();
    await fleet.held(driver, order, PATIENCE);
    const request = await requestOf(order);
    const requests = await shop.rt.queue('order', 'ASSIGNMENT_REQUESTS');
    await requests.send(JSON.stringify({ ...request, restaurantLatitude: 91 }));
    const letter = await until('the letter', async () => {
      const { json } = await shop.admin.get('/api/admin/dispatch/dead-letters');
      return json.letters.find(({ order_id }) => order_id === order.order_id);
    });
    assert.match(letter.reason, /restaurantLatitude/);
    const { json: shown } = await shop.admin.get(`/api/admin/dispatch/dead-letters/${letter.letter_id}`);
    assert.equal(JSON.parse(shown.body).restaurantLatitude, 91);
    const { status, json: replayed } = await shop.admin.post(`/api/admin/dispatch/dead-letters/${letter.letter_id}/replay`);
    assert.equal(status, 200);
    assert.ok(replayed.replayed_at);
  });
});
