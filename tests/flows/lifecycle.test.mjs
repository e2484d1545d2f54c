// The life of an order from payment to the door, as everybody concerned may move it, with vendors asked
// by themselves. Every edge by everybody is a native test; here it is told by HTTP, with what follows.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openCashier } from '../support/cashier.mjs';
import { Market } from '../support/market.mjs';
import { assertProblem, until } from '../support/shop.mjs';

let cashier;
let shop;
before(async () => {
  cashier = await openCashier({ vars: { order: { FULFILMENT_MODE: 'vendor' } } });
  ({ shop } = cashier);
});
after(() => cashier?.close());

const move = (who, order, status, rest = {}) => who.patch(`/api/v1/orders/${order.order_id}/status`, { status, ...rest });
const cancel = (who, order) => who.post(`/orders/${order.order_id}/cancel`, {});
const statusesOf = ({ history }) => history.map(({ new_status }) => new_status);

/** A market whose vendors wait, and an order to it that is offered by itself. */
async function offered(vendors, rest = {}) {
  const market = new Market(shop);
  const people = await market.open(vendors);
  const order = await market.order(undefined, rest);
  return { market, order, vendors: people };
}

async function accepted() {
  const { market, order, vendors } = await offered(2);
  await market.until(order, { status: 'PENDING_BIDS' });
  assert.equal((await market.accept(vendors[0], order)).status, 200);
  await cashier.until(order, { status: 'vendor_accepted' });
  return { market, order, vendor: vendors[0], other: vendors[1] };
}

describe('an order that is paid', () => {
  test('by card goes to the vendors by itself, and by its vendor to the door', async () => {
    const { market, order, vendors: [vendor] } = await offered(1, { payment_method: 'card' });
    assert.equal((await cashier.look(order)).status, 'pending', 'nobody is asked before it is paid');
    assertProblem(await shop.admin.post(`/api/admin/orders/${order.order_id}/start-assignment`, {}), { status: 409, code: 'order_not_paid' });
    await cashier.confirm(await cashier.begin(order, order.customer));
    await market.until(order, { status: 'PENDING_BIDS' });
    const waiting = await cashier.until(order, { status: 'awaiting_assignment' });
    assert.deepEqual([waiting.payment_status, waiting.fulfilment_status, waiting.routing_status], ['paid', 'awaiting_assignment', 'PENDING_BIDS']);
    assert.equal((await market.accept(vendor, order)).status, 200);
    const taken = await cashier.until(order, { status: 'vendor_accepted', vendor_id: vendor.id });
    assert.deepEqual([taken.delivery_status, taken.routing_status], ['new_order', 'VENDOR_ACCEPTED']);
    for (const status of ['preparing', 'ready', 'shipped', 'delivered']) {
      const moved = await move(vendor, order, status);
      assert.equal(moved.status, 200, moved.text);
      assert.deepEqual([moved.json.status, moved.json.fulfilment_status], [status, ['shipped', 'delivered'].includes(status) ? 'fulfilled' : status]);
    }
    const seen = await cashier.settled(order);
    assert.deepEqual(statusesOf(seen), ['pending', 'paid', 'awaiting_assignment', 'vendor_accepted', 'preparing', 'ready', 'shipped', 'delivered']);
    assert.deepEqual([seen.delivery_status, seen.routing_status], ['delivered', 'CLOSED']);
    assert.deepEqual(seen.history.map(({ changed_by }) => changed_by.split(':')[0]),
      ['customer', 'service', 'service', 'vendor', 'vendor', 'vendor', 'vendor', 'vendor']);
    const row = await shop.projected(order.order_id, seen.version);
    assert.deepEqual([row.status, row.vendor_id, row.fulfilment_status, row.delivery_status, row.captured_minor],
      ['delivered', vendor.id, 'fulfilled', 'delivered', seen.due_minor]);
  });

  test('later is offered as soon as it stands', async () => {
    for (const payment_method of ['cod', 'credit']) {
      const customer = shop.customer();
      await shop.admin.put(`/api/admin/credit-lines/${customer.id}`, { limit_minor: 1_000_000 });
      const market = new Market(shop);
      const [vendor] = await market.open(1);
      const order = await market.order(customer, { payment_method });
      await market.until(order, { status: 'PENDING_BIDS' });
      assert.equal((await market.accept(vendor, order)).status, 200);
      await cashier.until(order, { status: 'vendor_accepted', payment_status: payment_method === 'credit' ? 'paid' : 'pending' });
    }
  });

  test('and that nobody takes has failed, until staff tries again or takes it to the house', async () => {
    const { order } = await offered(0);
    const seen = await cashier.until(order, { status: 'failed' });
    assert.equal(seen.routing_status, 'FAILED');
    assert.ok(seen.allowed_statuses.includes('processing') && seen.allowed_statuses.includes('cancelled'));
    assert.equal((await move(shop.admin, order, 'processing')).status, 200);
    const own = await cashier.look(order);
    assert.deepEqual([own.fulfilment_mode, own.fulfilment_status], ['warehouse', 'processing']);
    assertProblem(await shop.admin.post(`/api/admin/orders/${order.order_id}/start-assignment`, {}), { status: 409 });
  });
});

describe('a vendor', () => {
  test('moves the order that it has, and no other; a customer may cancel until it prepares', async () => {
    const { order, vendor, other } = await accepted();
    assertProblem(await move(other, order, 'preparing'), { status: 404, code: 'not_found' });
    assertProblem(await move(order.customer, order, 'preparing'), { status: 403, code: 'forbidden' });
    const early = await move(vendor, order, 'shipped');
    assertProblem(early, { status: 409, code: 'illegal_transition' });
    assert.deepEqual(early.json.legal, ['preparing']);
    assert.deepEqual((await order.customer.get(`/orders/${order.order_id}`)).json.allowed_statuses, ['cancelled']);
    assert.equal((await move(vendor, order, 'preparing')).status, 200);
    assert.deepEqual((await order.customer.get(`/orders/${order.order_id}`)).json.allowed_statuses, []);
    const late = await cancel(order.customer, order);
    assertProblem(late, { status: 409, code: 'illegal_transition' });
    assert.equal((await cancel(shop.admin, order)).status, 200);
    assertProblem(await move(vendor, order, 'ready'), { status: 404, code: 'not_found' });
  });

  test('who gives the order back has it no more, and the next one has', async () => {
    const { market, order, vendor, other } = await accepted();
    assert.equal((await move(vendor, order, 'preparing')).status, 200);
    const released = await vendor.post(`/api/vendor/orders/${order.order_id}/release`, { reason: 'no cook' });
    assert.equal(released.status, 200, released.text);
    await cashier.until(order, { status: 'awaiting_assignment' });
    assertProblem(await vendor.get(`/orders/${order.order_id}`), { status: 404, code: 'not_found' });
    await until('an offer to the other', async () => (await market.accept(other, order)).status === 200);
    const seen = await cashier.until(order, { status: 'vendor_accepted', vendor_id: other.id });
    assert.ok(statusesOf(seen).includes('preparing'));
    assert.equal((await move(other, order, 'preparing')).status, 200);
  });

  test('may come to the order right after it took it, before the news of that', async () => {
    const { market, order, vendors: [vendor] } = await offered(1);
    await market.until(order, { status: 'PENDING_BIDS' });
    const [won, moved] = [await market.accept(vendor, order), await move(vendor, order, 'preparing')];
    assert.deepEqual([won.status, moved.status], [200, 200], moved.text);
  });

  test('to whom an admin gives the order takes it over where the other was', async () => {
    const { order, vendor, other } = await accepted();
    assert.equal((await move(vendor, order, 'preparing')).status, 200);
    const give = () => shop.admin.post(`/api/admin/orders/${order.order_id}/force-assign`, { vendorId: other.id });
    assertProblem(await give(), { status: 409, code: 'order_already_accepted' });
    assert.equal((await shop.admin.post(`/api/admin/orders/${order.order_id}/release`, { reason: 'too slow' })).status, 200);
    const forced = await give();
    assert.equal(forced.status, 200, forced.text);
    await cashier.until(order, { status: 'vendor_accepted', vendor_id: other.id });
    assertProblem(await move(vendor, order, 'ready'), { status: 404, code: 'not_found' });
  });
});
