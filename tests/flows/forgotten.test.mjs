// Orders that have left their desk, because they were finished long ago, are looked up in the database: in
// the same shape, by the same people, and they can be changed no more.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProblem, openShop, until } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop({ vars: { order: { KEEP_FINISHED_DAYS: '0', GATHER_MS: '20' } } }); });
after(() => shop?.close());

test('a finished order that has left its desk is shown as it was, to whom it was', async () => {
  const sku = await shop.goods({ stock: { berlin: 5, hamburg: 5 } });
  const who = shop.customer();
  const other = await shop.goods({ stock: { berlin: 5 } });
  const order = await who.order({ [sku]: 7, [other]: 1 }, { special_instructions: 'ring "twice"' });
  for (const [status, more] of [['paid'], ['processing'], ['shipped', { tracking_number: 'T 1' }], ['delivered', { reason: 'seen' }]]) {
    assert.equal((await shop.admin.patch(`/api/v1/orders/${order.order_id}/status`, { status, ...more })).status, 200);
  }
  await shop.projected(order.order_id);
  const path = `/orders/${order.order_id}`;
  const { json: kept } = await who.get(path);
  const desk = Number.parseInt(order.order_id.slice(15, 18), 16) & 1023;
  const isThere = async () => (await shop.admin.get(`/api/admin/desks/order/${desk}/export`)).text.includes(order.order_id);
  assert.ok(await isThere());
  // A desk looks once an hour for what is old, and when it wakes.
  await until('the order to leave its desk', async () => {
    await shop.rt.evict('order', 'OrderDesk', { name: `order-${desk}` });
    await who.order({ [sku]: 1 }).then((other) => who.post(`/orders/${other.order_id}/cancel`, {}));
    return !await isThere();
  });
  const { json: looked } = await who.get(path);
  // Where it is expected, and what it took, ends with the desk.
  const { next_statuses: _, allowed_statuses: __, ...rest } = kept;
  const { next_statuses: next, allowed_statuses: allowed, ...shown } = looked;
  assert.deepEqual([next, allowed], [[], []]);
  assert.deepEqual(shown, rest);
  assert.deepEqual((await who.get(`/orders/${order.order_number}`)).json, looked, 'by its number too');
  assert.deepEqual((await shop.admin.get(path)).json, looked);
  assertProblem(await shop.customer().get(path), { status: 404, code: 'not_found' });
  assertProblem(await shop.person('vendor').get(path), { status: 404, code: 'not_found' });
  for (const answer of [
    await who.post(`${path}/cancel`, {}), await shop.admin.post(`${path}/refunds`, {}),
    await shop.admin.post(`${path}/returns`, { lines: [{ sku, quantity: 1 }] }),
    await shop.admin.patch(`/api/v1/orders/${order.order_id}/status`, { status: 'refunded' }),
  ]) assert.ok(answer.status === 404 || answer.status === 409, answer.text);
});
