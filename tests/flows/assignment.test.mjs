// Offering an order to vendors by HTTP: asked, won, lost, given back, found again.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Market } from '../support/market.mjs';
import { assertProblem, openShop, until } from '../support/shop.mjs';

let shop;
before(async () => {
  shop = await openShop({ vars: { offers: { ORDER_ASSIGNMENT_RETRY_SECONDS: '600' } } });
});
after(() => shop?.close());

/** A market that closes with its test. */
function marketOf(context) {
  const made = new Market(shop);
  context.after(() => made.close());
  return made;
}

const ids = (people) => people.map(({ id }) => id);

describe('the nearest', () => {
  test('three are asked at once, the first to accept has it, the others are told', async (context) => {
    const market = await marketOf(context);
    const vendors = await market.open(5);
    const order = await market.order();
    const started = await market.start(order);
    assert.deepEqual([started.status, [...started.vendors].sort()], ['PENDING_BIDS', ids(vendors.slice(0, 3)).sort()]);
    const [first, second, third, fourth] = vendors;
    assertProblem(await market.accept(fourth, order), { status: 404, code: 'not_found' });
    const won = await market.accept(second, order, { preparationTime: 12 });
    assert.equal(won.status, 200, won.text);
    assert.deepEqual(won.json, {
      success: true, message: 'Order accepted successfully',
      data: { success: true, winner: true, orderId: order.order_id, vendorId: second.id, preparationTime: 12 },
    });
    const lost = await market.accept(first, order);
    assertProblem(lost, { status: 409, code: 'order_already_accepted' });
    assert.equal(lost.json.message, 'ORDER_ALREADY_ACCEPTED');
    assert.deepEqual(lost.json.data, { success: false, winner: false, reason: 'ORDER_ALREADY_ACCEPTED' });
    assert.deepEqual((await market.accept(second, order)).json, won.json, 'the winner gets its answer again');
    const data = await market.agree(order, { winner: second.id, answered: 2 });
    assert.deepEqual(data.cancellations.map(({ vendorId, reason }) => [vendorId, reason]).sort(), [
      [first.id, 'Order accepted by another vendor'], [third.id, 'Order accepted by another vendor'],
    ].sort());
    const seen = await second.get(`/orders/${order.order_id}`);
    assert.deepEqual([seen.status, seen.json.vendor_id, seen.json.routing_status], [200, second.id, 'VENDOR_ACCEPTED']);
    assertProblem(await first.get(`/orders/${order.order_id}`), { status: 404, code: 'not_found' });
  });

  test('a batch in which all say no is followed by the next, and nobody is asked twice', async (context) => {
    const market = await marketOf(context);
    const vendors = await market.open(5);
    const order = await market.order();
    await market.start(order, { maxRadius: 15, parallelPushCount: 3 });
    const remaining = [];
    for (const vendor of vendors.slice(0, 3)) {
      const said = await market.reject(vendor, order, { reason: 'Too far away' });
      assert.equal(said.status, 200, said.text);
      assert.equal(said.json.message, 'Order rejected');
      remaining.push(said.json.data.remainingVendors);
    }
    assert.deepEqual(remaining, [2, 1, 0]);
    const asked = async () => (await market.status(order)).open;
    await until('the next batch', async () => (await asked()).length === 2);
    assert.deepEqual((await asked()).sort(), ids(vendors.slice(3)).sort());
    assertProblem(await market.accept(vendors[0], order), { status: 409, code: 'offer_rejected' });
    for (const vendor of vendors.slice(3)) await market.reject(vendor, order);
    const failed = await market.until(order, { status: 'FAILED' });
    assert.ok(Date.parse(failed.retryAt) > Date.now() + 500_000);
    const again = await market.start(order);
    assert.deepEqual(again.status, 'FAILED', 'everybody has said no');
    const [late] = await market.open(1);
    assert.deepEqual((await market.start(order)).vendors, [late.id], 'an admin tries again');
    assert.equal((await market.accept(late, order)).status, 200);
  });

  test('what nobody takes is on a list for admins, the latest first, until somebody has it', async (context) => {
    const market = await marketOf(context);
    const orders = [];
    for (let n = 0; n < 3; n += 1) {
      orders.unshift(await market.order());
      assert.equal((await market.start(orders[0])).status, 'FAILED');
      await market.until(orders[0], { status: 'FAILED' });
    }
    const page = async (query = '') => {
      const { status, text, json } = await shop.admin.get(`/api/admin/routings?status=FAILED${query}`);
      assert.equal(status, 200, text);
      return json;
    };
    const first = await page('&limit=2');
    const second = await page(`&limit=2&cursor=${encodeURIComponent(first.next_cursor)}`);
    const listed = [...first.routings, ...second.routings].map(({ orderId }) => orderId);
    assert.deepEqual(listed.slice(0, 3), orders.map(({ order_id }) => order_id));
    assert.deepEqual([first.routings[0].routingId, first.routings[0].strategy], [`rtg_${orders[0].order_id}`, 'nearest']);
    const [vendor] = await market.open(1);
    await market.start(orders[0]);
    assert.equal((await market.accept(vendor, orders[0])).status, 200);
    await market.agree(orders[0], { winner: vendor.id });
    assert.equal((await page('&limit=1')).routings[0].orderId, orders[1].order_id);
    for (const query of ['', '?status=failed']) assertProblem(await shop.admin.get(`/api/admin/routings${query}`), { status: 400, field: 'status' });
  });

  test('at most five are pushed at once, whatever is asked for', async (context) => {
    const market = await marketOf(context);
    await market.open(8);
    const { vendors } = await market.start(await market.order(), { maxRadius: 20, parallelPushCount: 50 });
    assert.equal(vendors.length, 5);
  });

  test('the search is bounded by what was asked', async (context) => {
    const market = await marketOf(context);
    await market.open(1, { latitude: market.at.latitude + 0.11 });
    const order = await market.order();
    assert.equal((await market.start(order)).status, 'FAILED', 'it is 12 km away');
    const found = await market.start(order, { maxRadius: 15 });
    assert.deepEqual(found.vendors, ids(market.vendors));
    assertProblem(await shop.admin.post(`/api/admin/orders/${order.order_id}/start-assignment`, { maxRadius: 3 }), { status: 409, code: 'assignment_already_started' });
  });
});

describe('the best', () => {
  test('ten are asked at once, and the history says who and why', async (context) => {
    const market = await marketOf(context);
    await market.open(12);
    const order = await market.order();
    const routed = await market.route(order);
    assert.deepEqual([routed.routingId, routed.orderId, routed.status], [`rtg_${order.order_id}`, order.order_id, 'PENDING_BIDS']);
    assert.deepEqual([...routed.vendors].sort(), ids(market.vendors.slice(0, 10)).sort());
    const [first, second] = market.vendors;
    const answer = (vendor, body) => vendor.post(`/api/routing/${routed.routingId}/vendor-response`, body);
    assert.equal((await answer(first, { response: 'REJECT', reason: 'Too busy' })).json.data.remainingVendors, 9);
    assert.equal((await answer(second, { response: 'ACCEPT' })).json.data.winner, true);
    assertProblem(await market.vendors[2].post(`/api/routing/${routed.routingId}/accept`), { status: 409, code: 'order_already_accepted' });
    const { assignments, events, orderId } = await until('all of it recorded', async () => {
      const history = await market.history(order);
      return history.assignments.every(({ pushedAt }) => pushedAt) && history;
    });
    assert.equal(orderId, order.order_id);
    const of = (vendor) => assignments.find(({ vendorId }) => vendorId === vendor.id);
    assert.deepEqual([of(first).status, of(first).meta.rejectionReason, of(first).storeName], ['REJECTED', 'Too busy', `Store ${first.id}`]);
    assert.deepEqual([of(second).status, of(second).meta.distance > 0.15, of(second).meta.score], ['ACCEPTED', true, 99.9]);
    assert.ok(of(second).respondedAt);
    assert.equal(of(market.vendors[2]).status, 'LOST');
    const story = events.map(({ type }) => type);
    assert.deepEqual([story[0], story[1], story.at(-1)], ['started', 'offered', 'too_late'], story.join());
    assert.deepEqual(events.map(({ seq }) => seq), events.map((_, n) => n + 1), 'no line is missing');
    await market.agree(order, { winner: second.id, answered: 3 });
  });

  test('nobody there is said at once, and an admin is called', async (context) => {
    const market = await marketOf(context);
    const order = await market.order();
    const routed = await market.route(order);
    assert.deepEqual([routed.status, routed.vendors], ['FAILED', []]);
  });
});

describe('the lock', () => {
  test('ends by release, and the next epoch has another winner', async (context) => {
    const market = await marketOf(context);
    const { order, vendors: [first, second] } = await market.offered(2);
    assert.equal((await market.accept(first, order)).status, 200);
    await market.agree(order, { winner: first.id });
    assertProblem(await second.post(`/api/vendor/orders/${order.order_id}/release`, {}), { status: 404, code: 'not_found' });
    const released = await first.post(`/api/vendor/orders/${order.order_id}/release`, { reason: 'no cook' });
    assert.equal(released.status, 200, released.text);
    const offered = await until('the next round', async () => {
      const data = await market.status(order);
      return data.open.length === 1 && data;
    });
    assert.deepEqual([offered.epoch, offered.version, offered.open], [2, 3, [second.id]], 'who gave it back is not asked');
    assertProblem(await market.accept(first, order), { status: 404 });
    assert.equal((await market.accept(second, order)).status, 200);
    await market.agree(order, { winner: second.id });
    const taken = await shop.admin.post(`/api/admin/orders/${order.order_id}/release`, { reason: 'too slow' });
    assert.equal(taken.status, 200, taken.text);
    await market.until(order, { status: 'FAILED' });
    await market.agree(order, { winner: null });
  });

  test('is taken by an admin who decides, from everybody else', async (context) => {
    const market = await marketOf(context);
    const { order, vendors: [first, second] } = await market.offered(2);
    const force = (vendorId) => shop.admin.post(`/api/admin/orders/${order.order_id}/force-assign`, { vendorId });
    assertProblem(await force('nobody'), { status: 400, code: 'invalid_field', field: 'vendorId' });
    const forced = await force(second.id);
    assert.deepEqual([forced.status, forced.json.data.winner, forced.json.data.vendorId], [200, true, second.id]);
    assertProblem(await force(first.id), { status: 409, code: 'order_already_accepted' });
    assert.equal((await force(second.id)).status, 200, 'a repeat is no error');
    assertProblem(await market.accept(first, order), { status: 409, code: 'order_already_accepted' });
    await market.agree(order, { winner: second.id });
  });

  test('two orders, one vendor with one place', async (context) => {
    const market = await marketOf(context);
    const [vendor] = await market.open(1, { capacity: 1, longitude: market.at.longitude });
    const orders = await Promise.all([market.order(), market.order()]);
    for (const order of orders) assert.deepEqual((await market.start(order)).vendors, [vendor.id]);
    const answers = await Promise.all(orders.map((order) => market.accept(vendor, order)));
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, 409], answers.map(({ text }) => text).join());
    const lost = answers.findIndex(({ status }) => status === 409);
    assertProblem(answers[lost], { status: 409, code: 'vendor_full' });
    const [won, other] = [orders[1 - lost], orders[lost]];
    await market.agree(won, { winner: vendor.id });
    // Its place is free again when the order has left it.
    for (const status of ['preparing', 'ready', 'shipped']) {
      const moved = await vendor.patch(`/api/v1/orders/${won.order_id}/status`, { status });
      assert.equal(moved.status, 200, moved.text);
    }
    await until('a free place', async () => (await market.accept(vendor, other)).status === 200);
    await market.agree(other, { winner: vendor.id });
    assert.equal((await market.status(won)).status, 'CLOSED');
  });
});

describe('an order that is cancelled', () => {
  test('is offered to nobody any more', async (context) => {
    const market = await marketOf(context);
    const { order, vendors: [vendor, other] } = await market.offered(2);
    const cancelled = await order.customer.post(`/orders/${order.order_id}/cancel`, { reason: 'changed my mind' });
    assert.equal(cancelled.status, 200, cancelled.text);
    assertProblem(await market.accept(vendor, order), { status: 409, code: 'order_cancelled' });
    assertProblem(await shop.admin.post(`/api/admin/orders/${order.order_id}/force-assign`, { vendorId: other.id }), { status: 409, code: 'order_cancelled' });
    assertProblem(await shop.admin.post(`/api/admin/orders/${order.order_id}/start-assignment`), { status: 409, code: 'order_cancelled' });
    const data = await market.agree(order, { winner: null });
    assert.equal(data.status, 'CANCELLED');
    assert.deepEqual(data.cancellations.map(({ reason }) => reason), ['Order cancelled', 'Order cancelled']);
  });
});

describe('time', () => {
  test('ends an offer before its end where somebody says so', async (context) => {
    const market = await marketOf(context);
    const { order, vendors: [first, second], routing } = await market.offered(2);
    const end = (body) => shop.admin.post(`/api/routing/${routing.routingId}/timeout`, body);
    const one = await end({ vendorId: first.id });
    assert.deepEqual([one.status, one.json.data.vendors], [200, [second.id]], one.text);
    assertProblem(await market.accept(first, order), { status: 409, code: 'offer_expired' });
    assert.equal((await market.accept(second, order)).status, 200);
    assertProblem(await end({ vendorId: 'nobody' }), { status: 404 });
  });
});

describe('what is open', () => {
  test('is shown to its vendor, with the time that is left, and nothing that is over', async (context) => {
    const market = await marketOf(context);
    const { order, vendors: [first, second] } = await market.offered(2);
    const shown = await until('the offer in the database', async () => {
      const { json } = await first.get('/api/vendor/offers');
      return json.offers.length === 1 && json.offers[0];
    });
    assert.deepEqual(
      [shown.orderId, shown.orderNumber, shown.totalAmount, shown.total_minor, shown.currency, shown.distance > 0.05, shown.ttl > 100 && shown.ttl <= 120],
      [order.order_id, order.order_number, order.totals.total_minor / 100, order.totals.total_minor, 'EUR', true, true],
    );
    assert.equal((await market.accept(second, order)).status, 200);
    assert.deepEqual((await first.get('/api/vendor/offers')).json.offers, []);
  });
});
