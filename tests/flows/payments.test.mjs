// Money: paid once, given back once, whatever arrives when; and what the order does meanwhile.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openCashier } from '../support/cashier.mjs';
import { Market } from '../support/market.mjs';
import { METHODS } from '../support/provider.mjs';
import { assertProblem, until } from '../support/shop.mjs';

let cashier;
let shop;
let provider;
before(async () => {
  cashier = await openCashier();
  ({ shop, provider } = cashier);
});
after(() => cashier?.close());

const cancel = (who, order) => who.post(`/orders/${order.order_id}/cancel`, {});
const back = { berlin: { stock: 2, held: 0 }, hamburg: { stock: 50, held: 0 } };
const held = { berlin: { stock: 0, held: 2 }, hamburg: { stock: 48, held: 2 } };

/** A payment whose webhooks wait at the provider, and a way to post any of them. */
async function heldBack(method = METHODS.pay) {
  const { order, who, sku } = await cashier.order();
  const intent = await cashier.begin(order, who);
  provider.hold();
  try {
    await cashier.confirm(intent, method);
  } finally {
    const of = (delivery) => delivery.event.data.object.id === intent.id && delivery.type !== 'payment_intent.created';
    intent.deliveries = provider.deliveries.filter(of);
    // They are posted by the test, and by nobody else.
    provider.drop();
    provider.release();
  }
  return { order, who, sku, intent };
}

describe('a card', () => {
  test('pays an order once, and whoever asks again gets the same intent, or hears that nothing is due', async () => {
    const { order, who } = await cashier.order();
    const [one, two, three] = await Promise.all([cashier.begin(order, who), cashier.begin(order, who), cashier.begin(order, shop.admin)]);
    assert.deepEqual([two.id, three.id], [one.id, one.id], 'one intent, whoever asks at once');
    assert.deepEqual([one.json.amount_minor, one.json.currency, one.json.payment_status], [order.totals.total_minor, 'EUR', 'pending']);
    await cashier.confirm(one);
    const paid = await cashier.until(order, { status: 'paid', payment_status: 'paid' });
    assert.deepEqual([paid.captured_minor, paid.refunded_minor, paid.due_minor], [7500, 0, 7500]);
    assert.deepEqual(paid.history.at(-1).reason, 'the money has come in');
    const again = await cashier.start(order, who);
    assertProblem(again, { status: 409, code: 'nothing_due' });
    assert.equal(again.json.payment_status, 'paid');
    await cashier.settled(order);
  });

  test('is nobody else\'s to pay with', async () => {
    const { order } = await cashier.order();
    assertProblem(await cashier.start(order, shop.customer()), { status: 404, code: 'not_found' });
  });

  test('that is declined ends the order: its stock goes back, its cart is the shopper\'s again, and nothing can be taken', async () => {
    const { order, who, sku } = await cashier.order();
    const intent = await cashier.begin(order, who);
    await cashier.confirm(intent, METHODS.decline);
    const seen = await cashier.until(order, { status: 'cancelled', payment_status: 'failed' });
    assert.equal(seen.history.at(-1).reason, 'the payment was declined');
    await until('the stock to be back', async () => (await shop.stock(sku)).hamburg.held === 0);
    assert.deepEqual(await shop.stock(sku), back);
    const cart = await until('the cart to be back', async () => {
      const { json } = await who.get('/cart');
      return json.lines.length > 0 && json;
    });
    assert.deepEqual(cart.lines.map((line) => [line.sku, line.quantity]), [[sku, 4]]);
    assert.equal(provider.intents.get(intent.id).status, 'canceled');
    assertProblem(await cashier.start(order, who), { status: 409, code: 'nothing_due' });
    const next = await who.place();
    assert.equal(next.status, 201, next.text);
    assert.notEqual(next.json.order_id, order.order_id);
  });

  test('is asked for again where the provider did not answer, under the same name', async () => {
    for (const mode of ['before', 'lost', 'status']) {
      const { order, who } = await cashier.order();
      const rule = provider.fail({ method: 'POST', path: /payment_intents$/, mode });
      const first = await cashier.start(order, who);
      assertProblem(first, { status: 503, code: 'payment_provider_unavailable' });
      assert.equal(rule.hits, 1);
      const intent = await until('an intent', async () => {
        const { status, json } = await cashier.start(order, who);
        return status === 200 && { id: json.payment_intent_id, client_secret: json.client_secret };
      });
      const made = [...provider.intents.values()].filter(({ metadata }) => metadata.order_id === order.order_id);
      assert.deepEqual(made.map(({ id }) => id), [intent.id], `${mode}: one intent`);
      await cashier.confirm(intent);
      await cashier.until(order, { status: 'paid' });
      await cashier.settled(order);
    }
  });

  test('whose money comes for a cancelled order goes back once', async () => {
    const { order, who, intent, sku } = await heldBack();
    assert.equal((await cancel(who, order)).status, 200);
    await until('the money to go back', () => provider.balance(order.order_id) === 0);
    for (const delivery of intent.deliveries) await provider.send(delivery);
    const seen = await cashier.settled(order);
    assert.deepEqual([seen.status, seen.payment_status, seen.captured_minor, seen.refunded_minor], ['cancelled', 'refunded', 7500, 7500]);
    assert.equal(provider.refundsOf(order.order_id).length, 1);
    assert.deepEqual(await shop.stock(sku), back);
  });

  test('that has paid is given back once when its order is cancelled, though the provider loses an answer', async () => {
    const { order, who } = await cashier.order();
    await cashier.confirm(await cashier.begin(order, who));
    await cashier.until(order, { status: 'paid' });
    const rule = provider.fail({ method: 'POST', path: /refunds$/, mode: 'lost' });
    assert.equal((await cancel(who, order)).status, 200);
    await cashier.until(order, { status: 'cancelled', payment_status: 'refunded' });
    assert.equal(rule.hits, 1);
    await cashier.settled(order);
    assert.equal(provider.refundsOf(order.order_id).length, 1);
  });

  test('takes nothing of an order that staff says is paid, and gives back what it took', async () => {
    const byHand = (order) => shop.admin.patch(`/api/v1/orders/${order.order_id}/status`, { status: 'paid', reason: 'by transfer' });
    const first = await cashier.order();
    const open = await cashier.begin(first.order, first.who);
    assert.equal((await byHand(first.order)).status, 200);
    await until('the intent to be dead', () => provider.intents.get(open.id).status === 'canceled');
    assert.notEqual((await cashier.confirm(open)).status, 200);

    const { order, intent } = await heldBack();
    assert.equal((await byHand(order)).status, 200);
    await until('the money to go back', () => provider.balance(order.order_id) === 0 && provider.chargesOf(order.order_id).length === 1);
    for (const delivery of intent.deliveries) assert.equal((await provider.send(delivery)).status, 200);
    for (const one of [first.order, order]) {
      const seen = await cashier.look(one);
      assert.deepEqual([seen.status, seen.payment_status, seen.captured_minor, seen.refunded_minor], ['paid', 'paid', 7500, 0]);
      assert.equal((await cancel(shop.admin, one)).status, 200);
      const over = await cashier.look(one);
      assert.deepEqual([over.status, over.payment_status, over.due_minor, over.captured_minor], ['cancelled', 'paid', 0, 7500], 'it has still to go back');
      const back = (body) => shop.admin.post(`/orders/${one.order_id}/refunds`, body);
      assertProblem(await back({ amount_minor: 7501 }), { status: 409, code: 'exceeds_due', field: 'amount_minor' });
      const part = await back({ amount_minor: 500 });
      assert.deepEqual([part.status, part.json.given_back_minor, part.json.due_minor], [201, 500, 0], part.text);
      assert.equal((await back({})).json.given_back_minor, 7000);
      const given = await cashier.look(one);
      assert.deepEqual([given.status, given.payment_status, given.refunded_minor], ['cancelled', 'refunded', 7500], 'people say that they gave it back');
    }
    assert.equal(provider.balance(order.order_id), 0);
  });

  test('can pay no order that was cancelled before', async () => {
    const { order, who } = await cashier.order();
    const intent = await cashier.begin(order, who);
    assert.equal((await cancel(who, order)).status, 200);
    await until('the intent to be dead', () => provider.intents.get(intent.id).status === 'canceled');
    assert.notEqual((await cashier.confirm(intent)).status, 200);
    const seen = await cashier.settled(order);
    assert.deepEqual([seen.status, seen.payment_status], ['cancelled', 'cancelled']);
  });
});

describe('what the provider delivers', () => {
  test('counts once, though it comes fifty times at once', async () => {
    const { order, sku, intent } = await heldBack();
    const delivery = intent.deliveries.find(({ type }) => type === 'payment_intent.succeeded');
    const answers = await Promise.all(Array.from({ length: 50 }, () => provider.send(delivery)));
    assert.ok(answers.every(({ status }) => status === 200), answers.map(({ text }) => text).join());
    assert.equal(answers.filter(({ text }) => JSON.parse(text).counted).length, 1);
    const seen = await cashier.settled(order);
    assert.deepEqual([seen.status, seen.version], ['paid', 2]);
    assert.deepEqual(await shop.stock(sku), held);
  });

  test('comes to the same in every order, doubled', async () => {
    const all = (list) => (list.length < 2 ? [list] : list.flatMap((one, n) => all(list.toSpliced(n, 1)).map((rest) => [one, ...rest])));
    const orders = all([0, 1, 2]);
    const ends = [];
    for (const places of orders) {
      const { order, who } = await cashier.order();
      const intent = await cashier.begin(order, who);
      // Declined first, then paid: the provider may tell it in any order.
      const said = [
        { type: 'payment_intent.created' }, { type: 'payment_intent.payment_failed' }, { type: 'payment_intent.succeeded' },
      ];
      provider.hold();
      await cashier.confirm(intent, METHODS.decline);
      await cashier.confirm(intent, METHODS.pay);
      const of = ({ type, event }) => said.some((one) => one.type === type) && event.data.object.id === intent.id;
      const deliveries = provider.deliveries.filter(of);
      provider.drop();
      provider.release();
      for (const place of [...places, ...places]) {
        const delivery = deliveries.find(({ type }) => type === said[place].type);
        assert.equal((await provider.send(delivery)).status, 200);
      }
      const seen = await cashier.settled(order);
      ends.push([seen.status, seen.payment_status, provider.chargesOf(order.order_id).length]);
    }
    for (const end of ends) assert.deepEqual(end, ['paid', 'paid', 1]);
  });

  test('may be there before the answer that made its intent', async () => {
    const { order, who } = await cashier.order();
    const gate = Promise.withResolvers();
    provider.fail({ method: 'POST', path: /payment_intents$/, mode: 'slow', until: gate.promise });
    const starting = cashier.start(order, who);
    const intent = await until('the intent', () => [...provider.intents.values()].find(({ metadata }) => metadata.order_id === order.order_id));
    await cashier.confirm(intent);
    await cashier.until(order, { status: 'paid' });
    gate.resolve();
    assert.ok([200, 409].includes((await starting).status));
    await cashier.settled(order);
  });

  test('changes nothing when it is forged, stale, altered or unsigned', async () => {
    const { order, intent } = await heldBack();
    const { body, signature } = intent.deliveries.find(({ type }) => type === 'payment_intent.succeeded');
    const now = Math.floor(Date.now() / 1000);
    const bad = [
      { body, signature: '' }, { body, signature: 'nonsense' }, { body, signature: `t=${now},v1=${'0'.repeat(64)}` },
      { body: body.replace('7500', '7501'), signature }, { body: `${body} `, signature },
      { body, signature: provider.sign(body, now - 301) }, { body, signature: provider.sign(body, now + 302) },
      { body, signature: signature.replace(/t=\d+/, `t=${now + 5}`) }, { body, signature: signature.replace('v1=', 'v0=') },
    ];
    for (const one of bad) {
      const { status, text } = await provider.send(one);
      assert.equal(status, 401, `${one.signature}: ${text}`);
      assert.equal(JSON.parse(text).code, 'bad_signature');
    }
    const seen = await cashier.look(order);
    assert.deepEqual([seen.status, seen.version, seen.captured_minor], ['pending', 1, 0]);
    assert.equal((await provider.send({ body, signature })).status, 200);
    await cashier.until(order, { status: 'paid' });
  });

  test('is left alone when it is about nothing of this shop', async () => {
    const now = Math.floor(Date.now() / 1000);
    const events = [
      { id: 'evt_a', type: 'customer.created', data: { object: { id: 'cus_1' } } },
      { id: 'evt_b', type: 'payment_intent.succeeded', data: { object: { id: 'pi_x', amount_received: 5, metadata: { order_id: 'someone-else' } } } },
      { id: 'evt_c', type: 'payment_intent.succeeded', data: { object: { id: 'pi_x', amount_received: 5, metadata: { order_id: '01920000-0000-7001-8000-000000000000' } } } },
    ];
    for (const event of events) {
      const body = JSON.stringify(event);
      const { status, text } = await provider.send({ body, signature: provider.sign(body, now) });
      assert.deepEqual([status, JSON.parse(text).counted], [200, false]);
    }
    for (const body of ['{}', '[]', 'nonsense', '{"id":"","type":"x","data":{"object":{}}}', '{"id":7,"type":"x","data":{}}']) {
      const { status, text } = await provider.send({ body, signature: provider.sign(body, now) });
      assert.equal(status, 400, text);
    }
  });
});

describe('credit', () => {
  const limit = (who, limit_minor) => shop.admin.put(`/api/admin/credit-lines/${who.id}`, { limit_minor });
  const line = async (who) => {
    const { json } = await who.get('/credit');
    return [json.limit_minor, json.reserved_minor, json.used_minor, json.available_minor];
  };

  test('is set aside at placement and given back on a cancel, and a line that is too short takes no stock', async () => {
    const who = shop.customer();
    assert.equal((await limit(who, 10_000)).status, 200);
    const { order } = await cashier.order({ payment_method: 'credit' }, who);
    assert.equal((await cashier.look(order)).payment_status, 'authorized');
    assert.deepEqual(await line(who), [10_000, 7500, 0, 2500]);
    const sku = await shop.goods({ price: 1500, stock: { berlin: 2, hamburg: 50 } });
    await who.fill({ [sku]: 4 });
    assertProblem(await who.place({ payment_method: 'credit' }), { status: 409, code: 'no_credit', field: 'payment_method' });
    await until('the stock to be back', async () => (await shop.stock(sku)).hamburg.held === 0);
    assert.deepEqual(await shop.stock(sku), back);
    assert.deepEqual(await line(who), [10_000, 7500, 0, 2500]);
    assertProblem(await limit(who, 7000), { status: 409, code: 'no_credit' });
    assert.equal((await cancel(who, order)).status, 200);
    await until('the line to be free', async () => (await line(who))[3] === 10_000);
    assert.equal((await who.place({ payment_method: 'credit' })).status, 201, 'there is enough now');
    assert.deepEqual(await line(who), [10_000, 7500, 0, 2500]);
  });

  test('is never used beyond its limit, though many orders come at once', async () => {
    const who = shop.customer();
    await limit(who, 20_000);
    // One cart a customer: the orders come one after the other, but their cancels meet new ones.
    const sku = await shop.goods({ price: 1500, stock: { berlin: 50, hamburg: 50 } });
    let living = 0;
    for (let n = 0; n < 6; n += 1) {
      await who.fill({ [sku]: 4 });
      const placed = await who.place({ payment_method: 'credit' });
      const [total, reserved] = await line(who);
      assert.ok(reserved <= total);
      if (placed.status === 201) living += 1;
      else assertProblem(placed, { status: 409, code: 'no_credit' });
    }
    assert.equal(living, 2);
  });

  test('is taken when a vendor accepts, and given back when the order is cancelled after that', async () => {
    const market = new Market(shop);
    const who = shop.customer();
    await limit(who, 100_000);
    const [vendor] = await market.open(1);
    const order = await market.order(who, { payment_method: 'credit' });
    await market.start(order);
    const [, reserved] = await line(who);
    assert.ok(reserved > 0);
    assert.equal((await market.accept(vendor, order)).status, 200);
    await cashier.until(order, { status: 'vendor_accepted', payment_status: 'paid' });
    assert.deepEqual((await line(who)).slice(1, 3), [0, reserved]);
    assert.equal((await cancel(who, order)).status, 200);
    await cashier.until(order, { status: 'cancelled', payment_status: 'refunded' });
    assert.deepEqual((await line(who)).slice(1), [0, 0, 100_000]);
  });
});

describe('cash at the door', () => {
  test('is paid when the order is delivered', async () => {
    const { order } = await cashier.order({ payment_method: 'cod' });
    for (const status of ['processing', 'shipped', 'delivered']) {
      assert.equal((await cashier.look(order)).payment_status, 'pending');
      const moved = await shop.admin.patch(`/api/v1/orders/${order.order_id}/status`, { status });
      assert.equal(moved.status, 200, moved.text);
    }
    assert.equal((await cashier.look(order)).payment_status, 'paid');
  });

  test('is named among the ways to pay, and no other', async () => {
    const who = shop.customer();
    const sku = await shop.goods({ stock: { berlin: 1 } });
    await who.fill({ [sku]: 1 });
    for (const payment_method of ['cash', '', 'CARD']) {
      assertProblem(await who.place({ payment_method }), { status: 400, code: 'invalid_field', field: 'payment_method' });
    }
    assertProblem(await who.place({ payment_method: 7 }), { status: 400, code: 'invalid_field', field: 'payment_method' });
  });
});
