// An order that nobody pays: here the limit is no time at all.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertProblem, openShop, until } from '../support/shop.mjs';

const NO_TIME = { order: { PAYMENT_LIMIT_MINUTES: '0' } };

let shop;
before(async () => { shop = await openShop({ vars: NO_TIME }); });
after(() => shop?.close());

const statusOf = async (who, id) => (await who.get(`/orders/${id}`)).json.status;

// They wait for the timer; they do so together.
describe('an unpaid order', { concurrency: 6 }, () => {
  test('an order that is not paid in time is cancelled by the shop, and its stock goes back', async () => {
    const sku = await shop.goods({ stock: { berlin: 1, hamburg: 3 } });
    const alice = shop.customer();
    const { order_id } = await alice.order({ [sku]: 3 });
    await until('the order to be cancelled', async () => (await statusOf(alice, order_id)) === 'cancelled');
    await until('the stock to be back', async () => (await shop.stock(sku)).hamburg.held === 0 && (await shop.stock(sku)).berlin.held === 0);
    assert.deepEqual(await shop.stock(sku), { berlin: { stock: 1, held: 0 }, hamburg: { stock: 3, held: 0 } });

    const { json } = await alice.get(`/orders/${order_id}`);
    const { old_status, new_status, changed_by, reason } = json.history.at(-1);
    assert.deepEqual([old_status, new_status, changed_by, reason], ['pending', 'cancelled', 'service:order-desk', 'not paid in time']);
    assert.equal(json.payment_status, 'cancelled');
    assert.equal(json.version, 2);
    assert.equal((await shop.projected(order_id, 2)).status, 'cancelled');
    const paid = await shop.admin.patch(`/api/v1/orders/${order_id}/status`, { status: 'paid' });
    assertProblem(paid, { status: 409, code: 'illegal_transition' });
    assert.equal((await shop.audit()).drift, 0);
  });

  test('an order that was paid before the limit struck is not cancelled by it', async () => {
    // With no time at all either may come first; who was told that it is paid must find it paid.
    const sku = await shop.goods({ stock: { berlin: 50 } });
    const orders = await Promise.all(Array.from({ length: 8 }, async () => {
      const who = shop.customer();
      const { order_id } = await who.order({ [sku]: 1 });
      const answer = await shop.admin.patch(`/api/v1/orders/${order_id}/status`, { status: 'paid' });
      assert.ok([200, 409].includes(answer.status), answer.text);
      return { who, order_id, paid: answer.status === 200 };
    }));
    const last = shop.customer();
    const { order_id } = await last.order({ [sku]: 1 });
    await until('a later order to be cancelled', async () => (await statusOf(last, order_id)) === 'cancelled');
    for (const { who, order_id: id, paid } of orders) {
      if (paid) assert.equal(await statusOf(who, id), 'paid');
      else await until('the unpaid order to be cancelled', async () => (await statusOf(who, id)) === 'cancelled');
    }
    const held = orders.filter(({ paid }) => paid).length;
    await until('the stock to be at rest', async () => (await shop.stock(sku)).berlin.held === held);
    assert.equal((await shop.stock(sku)).berlin.stock, 50 - held);
  });

  test('the limit is kept when the process dies before it strikes', async (t) => {
    const mortal = await openShop({ vars: NO_TIME });
    t.after(() => mortal.close());
    const sku = await mortal.goods({ stock: { berlin: 1 } });
    const alice = mortal.customer();
    const { order_id } = await alice.order({ [sku]: 1 });
    await mortal.rt.kill();
    await mortal.rt.restart();
    await until('the order to be cancelled', async () => (await statusOf(alice, order_id)) === 'cancelled');
    await until('the stock to be back', async () => (await mortal.stock(sku)).berlin.stock === 1);
  });
});
