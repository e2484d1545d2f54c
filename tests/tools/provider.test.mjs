// The stand-in for the payment provider, asked by the provider's own library: what that takes for an
// answer or an error is one. Payments, refunds, idempotency keys, and what the shopper does; what the
// shop is told, and what may go wrong, is in provider-deliveries.test.mjs.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import vm from 'node:vm';
import { findIntent } from '../../tools/provider/shopper.mjs';
import {
  bodyFor, clientOf, confirmIntent, createPlainly, eventsOf, METHODS, newOrder, openProvider, payUrl, settleIntent, settleRefund,
} from '../support/provider.mjs';
import { until } from '../support/shop.mjs';

let provider;
let stripe;
before(async () => {
  provider = await openProvider();
  stripe = clientOf(provider);
});
after(() => provider?.close());

/** An intent, and one that was paid. */
const intentFor = (order, amount) => stripe.paymentIntents.create(bodyFor(order, amount));
async function paidFor(order, amount) {
  const { json } = await confirmIntent(provider.url, await intentFor(order, amount));
  assert.equal(json.status, 'succeeded');
  return json;
}

const typesOf = (id) => provider.deliveries.filter(({ event: { data: { object } } }) => object.id === id || object.payment_intent === id).map(({ type }) => type);

/** The page with as much of a browser around its script as that asks for: `press(name)` and `seen()`. */
async function openPage(intent) {
  const html = await (await fetch(payUrl(provider.url, intent))).text();
  const buttons = [...html.matchAll(/<button [^>]*data-(method|outcome)="(\w+)">([^<]+)</g)].map(([, kind, value, name]) => ({ name, dataset: { [kind]: value } }));
  const elements = { said: { focus() {} }, paying: {}, settling: {}, intent: { textContent: />(.*)<\/script>/.exec(html.slice(html.indexOf('id="intent"')))[1] } };
  vm.runInNewContext(/<script nonce="[^"]+">([^]*)<\/script>/.exec(html)[1], {
    URLSearchParams,
    fetch: (path, options) => fetch(`${provider.url}${path}`, options),
    document: {
      getElementById: (id) => elements[id],
      querySelectorAll: (wanted) => buttons.filter(({ dataset }) => wanted === 'button' || `[data-${Object.keys(dataset)[0]}]` === wanted),
    },
  });
  return {
    async press(name) {
      const busy = buttons.find((button) => button.name === name).onclick();
      assert.ok(buttons.every(({ disabled }) => disabled));
      await busy;
      assert.ok(buttons.every(({ disabled }) => !disabled));
    },
    seen: () => [elements.said.textContent, ...['paying', 'settling'].filter((id) => !elements[id].hidden)],
  };
}

describe('a payment intent', () => {
  test('is created with what was asked for and can be read again', async () => {
    const order = newOrder();
    const intent = await intentFor(order);
    assert.match(intent.id, /^pi_\w{24}$/);
    assert.match(intent.client_secret, new RegExp(`^${intent.id}_secret_\\w{20,}$`));
    const { object, amount, amount_received, currency, status, metadata, latest_charge, livemode } = intent;
    assert.deepEqual({ object, amount, amount_received, currency, status, metadata, latest_charge, livemode }, {
      object: 'payment_intent', amount: 1999, amount_received: 0, currency: 'eur', status: 'requires_payment_method',
      metadata: bodyFor(order).metadata, latest_charge: null, livemode: false,
    });
    assert.ok(Math.abs(intent.created - Date.now() / 1000) < 60);
    assert.match(intent.lastResponse.requestId, /^req_/);
    assert.deepEqual({ ...await stripe.paymentIntents.retrieve(intent.id) }, { ...intent });
    assert.deepEqual(typesOf(intent.id), ['payment_intent.created']);
  });

  test('is refused with another key, without one, and where a parameter is wrong', async () => {
    const count = provider.intents.size;
    await assert.rejects(clientOf(provider, 'sk_test_other').paymentIntents.create(bodyFor('none')), { type: 'StripeAuthenticationError', statusCode: 401, rawType: 'invalid_request_error' });
    const response = await fetch(`${provider.url}/v1/payment_intents`, { method: 'POST', body: new URLSearchParams({ amount: 5, currency: 'eur' }) });
    assert.equal(response.status, 401);
    assert.equal((await response.json()).error.type, 'invalid_request_error');
    const good = bodyFor('none');
    const wrong = [
      [{ ...good, amount: undefined }, 'amount', 'parameter_missing'], [{ ...good, amount: 0 }, 'amount', 'parameter_invalid_integer'],
      [{ ...good, amount: 1.5 }, 'amount', 'parameter_invalid_integer'], [{ ...good, amount: -1 }, 'amount', 'parameter_invalid_integer'],
      [{ ...good, amount: 100_000_000 }, 'amount', 'amount_too_large'], [{ ...good, currency: undefined }, 'currency', 'parameter_missing'],
      [{ ...good, currency: 'euro' }, 'currency', 'parameter_invalid_string'], [{ ...good, ammount: 5 }, 'ammount', 'parameter_unknown'],
      [{ ...good, metadata: { x: 'x'.repeat(501) } }, 'metadata', 'parameter_invalid_hash'],
    ];
    for (const [body, param, code] of wrong) {
      await assert.rejects(stripe.paymentIntents.create(body), { type: 'StripeInvalidRequestError', statusCode: 400, param, code });
    }
    const json = await fetch(`${provider.url}/v1/payment_intents`, {
      method: 'POST', headers: { authorization: `Bearer ${provider.secretKey}`, 'content-type': 'application/json' }, body: JSON.stringify(good),
    });
    assert.match((await json.json()).error.message, /application\/x-www-form-urlencoded/);
    assert.equal(provider.intents.size, count);
    await assert.rejects(stripe.paymentIntents.retrieve('pi_none'), { statusCode: 404, code: 'resource_missing' });
  });

  test('is cancelled once, and not after it was paid or while it is under way', async () => {
    const intent = await intentFor(newOrder());
    const canceled = await stripe.paymentIntents.cancel(intent.id, { cancellation_reason: 'abandoned' });
    assert.deepEqual([canceled.status, canceled.cancellation_reason], ['canceled', 'abandoned']);
    const paid = await paidFor(newOrder());
    const delayed = (await confirmIntent(provider.url, await intentFor(newOrder()), METHODS.delay)).json;
    for (const [{ id }, status] of [[intent, 'canceled'], [paid, 'succeeded'], [delayed, 'processing']]) {
      await assert.rejects(stripe.paymentIntents.cancel(id), (error) => {
        assert.deepEqual([error.statusCode, error.code, error.payment_intent.id, error.payment_intent.status], [400, 'payment_intent_unexpected_state', id, status]);
        return true;
      });
    }
    assert.deepEqual(typesOf(intent.id), ['payment_intent.created', 'payment_intent.canceled']);
    assert.equal((await confirmIntent(provider.url, intent)).json.error.code, 'payment_intent_unexpected_state');
  });
});

describe('an idempotency key', () => {
  test('gives the very same answer again, whatever has become of the intent', async () => {
    const [order, idempotencyKey] = [newOrder(), `key-${newOrder()}`];
    const ask = () => createPlainly(provider, order, idempotencyKey);
    const first = await ask();
    const text = await first.text();
    assert.deepEqual([first.status, first.headers.get('idempotent-replayed')], [200, null]);
    await confirmIntent(provider.url, JSON.parse(text));
    const second = await ask();
    assert.deepEqual([second.status, second.headers.get('idempotent-replayed'), await second.text()], [200, 'true', text]);
    // The order of parameters makes no other request.
    const third = await stripe.paymentIntents.create({ metadata: { order_id: order }, currency: 'eur', amount: 5 }, { idempotencyKey });
    assert.equal(third.id, JSON.parse(text).id);
    assert.equal(third.lastResponse.headers['idempotent-replayed'], 'true');
    assert.equal([...provider.intents.values()].filter(({ metadata }) => metadata.order_id === order).length, 1);
  });

  test('is refused for other parameters and for another endpoint', async () => {
    const [order, idempotencyKey] = [newOrder(), `key-${newOrder()}`];
    const intent = await stripe.paymentIntents.create(bodyFor(order), { idempotencyKey });
    const conflict = { type: 'StripeIdempotencyError', statusCode: 400, rawType: 'idempotency_error' };
    await assert.rejects(stripe.paymentIntents.create(bodyFor(order, 5), { idempotencyKey }), conflict);
    await assert.rejects(stripe.paymentIntents.cancel(intent.id, {}, { idempotencyKey }), conflict);
    const other = await intentFor(order);
    await stripe.paymentIntents.cancel(other.id, {}, { idempotencyKey: `${idempotencyKey}-cancel` });
    await assert.rejects(stripe.paymentIntents.cancel(intent.id, {}, { idempotencyKey: `${idempotencyKey}-cancel` }), conflict);
    assert.equal(provider.intents.get(intent.id).status, 'requires_payment_method');
  });

  test('is in use while the first request is under way', async () => {
    const [order, idempotencyKey] = [newOrder(), `key-${newOrder()}`];
    for (const mode of ['slow', 'late']) {
      const { promise, resolve } = Promise.withResolvers();
      const rule = provider.fail({ method: 'POST', path: /payment_intents$/, mode, until: promise });
      const first = stripe.paymentIntents.create(bodyFor(`${order}-${mode}`), { idempotencyKey: `${idempotencyKey}-${mode}` });
      await until('the first is there', () => rule.hits === 1, { everyMs: 1 });
      await assert.rejects(stripe.paymentIntents.create(bodyFor(`${order}-${mode}`), { idempotencyKey: `${idempotencyKey}-${mode}` }),
        { statusCode: 409, rawType: 'idempotency_error', code: 'idempotency_key_in_use' });
      resolve();
      assert.equal((await first).metadata.order_id, `${order}-${mode}`);
    }
  });

  test('stands for a refusal too, but not where the request was wrong from the start', async () => {
    const [order, idempotencyKey] = [newOrder(), `key-${newOrder()}`];
    await assert.rejects(stripe.paymentIntents.create(bodyFor(order, 0), { idempotencyKey }), { code: 'parameter_invalid_integer' });
    const intent = await stripe.paymentIntents.create(bodyFor(order), { idempotencyKey });
    const refund = () => stripe.refunds.create({ payment_intent: intent.id }, { idempotencyKey: `${idempotencyKey}-refund` });
    await assert.rejects(refund(), { statusCode: 400, param: 'payment_intent' });
    await confirmIntent(provider.url, intent);
    await assert.rejects(refund(), (error) => error.statusCode === 400 && error.headers['idempotent-replayed'] === 'true');
  });
});

describe('a shopper', () => {
  test('pays with the client secret alone, once', async () => {
    const order = newOrder();
    const intent = await intentFor(order);
    for (const client_secret of ['', 'wrong', (await intentFor(newOrder())).client_secret]) {
      const { status, json } = await confirmIntent(provider.url, { ...intent, client_secret });
      assert.deepEqual([status, json.error.param], [400, 'client_secret']);
    }
    const { status, json } = await confirmIntent(provider.url, intent);
    assert.equal(status, 200);
    assert.deepEqual([json.status, json.amount_received], ['succeeded', 1999]);
    assert.match(json.latest_charge, /^ch_/);
    const again = await confirmIntent(provider.url, intent);
    assert.deepEqual([again.status, again.json.error.code], [400, 'payment_intent_unexpected_state']);
    assert.deepEqual(typesOf(intent.id), ['payment_intent.created', 'payment_intent.succeeded']);
    assert.equal(eventsOf(provider, 'payment_intent.succeeded').at(-1).data.object.amount_received, 1999);
    assert.deepEqual([provider.chargesOf(order).length, provider.balance(order)], [1, 1999]);
  });

  test('is declined, and may try again', async () => {
    const order = newOrder();
    const intent = await intentFor(order);
    await assert.rejects(stripe.paymentIntents.confirm(intent.id, { payment_method: METHODS.decline }), (error) => {
      assert.deepEqual([error.type, error.statusCode, error.code, error.decline_code], ['StripeCardError', 402, 'card_declined', 'generic_decline']);
      assert.deepEqual([error.payment_intent.status, error.payment_intent.last_payment_error.code], ['requires_payment_method', 'card_declined']);
      return true;
    });
    assert.deepEqual([provider.chargesOf(order).length, provider.balance(order)], [0, 0]);
    const { json } = await confirmIntent(provider.url, intent);
    assert.deepEqual([json.status, json.last_payment_error], ['succeeded', null]);
    assert.deepEqual(typesOf(intent.id), ['payment_intent.created', 'payment_intent.payment_failed', 'payment_intent.succeeded']);
    assert.equal((await confirmIntent(provider.url, await intentFor(order), 'pm_none')).json.error.code, 'resource_missing');
  });

  test('pays in a way that takes its time, and ends well or not', async () => {
    const [well, badly] = [newOrder(), newOrder()];
    for (const [order, outcome, status, event] of [[well, 'succeeded', 'succeeded', 'succeeded'], [badly, 'failed', 'requires_payment_method', 'payment_failed']]) {
      const intent = await intentFor(order);
      assert.equal((await settleIntent(provider.url, intent)).status, 400);
      assert.equal((await confirmIntent(provider.url, intent, METHODS.delay)).json.status, 'processing');
      assert.equal(provider.balance(order), 0);
      assert.equal((await settleIntent(provider.url, intent, 'perhaps')).status, 400);
      assert.equal((await settleIntent(provider.url, intent, outcome)).json.status, status);
      assert.deepEqual(typesOf(intent.id), ['payment_intent.created', 'payment_intent.processing', `payment_intent.${event}`]);
    }
    assert.deepEqual([provider.balance(well), provider.balance(badly)], [1999, 0]);
  });

  test('has a page, and nobody has it without the client secret', async () => {
    const intent = await intentFor('<b>&"');
    const answer = await fetch(payUrl(provider.url, intent));
    const html = await answer.text();
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-security-policy'), /default-src 'none'/);
    assert.ok(html.includes('N-&lt;b&gt;&amp;&quot;') && html.includes('€19.99') && !html.includes('<b>'));
    for (const button of ['Pay', 'Decline', 'Pay later']) assert.ok(html.includes(`>${button}</button>`), button);
    assert.doesNotMatch(html, /(?:src|href)=/);
    for (const client_secret of ['', 'wrong']) assert.equal((await fetch(payUrl(provider.url, { ...intent, client_secret }))).status, 404);
    assert.equal((await fetch(payUrl(provider.url, { id: 'pi_none', client_secret: intent.client_secret }))).status, 404);
  });

  test('does on the page what the browser would do, and reads what came of it', async () => {
    const [paid, declined, delayed] = [await intentFor(newOrder()), await intentFor(newOrder()), await intentFor(newOrder())];
    const page = await openPage(paid);
    assert.deepEqual(page.seen(), ['Not paid yet.', 'paying']);
    await page.press('Pay');
    assert.deepEqual(page.seen(), ['Paid. Thank you.']);
    assert.deepEqual((await openPage(paid)).seen(), ['Paid. Thank you.']);
    const other = await openPage(declined);
    await other.press('Decline');
    assert.deepEqual(other.seen(), ['Your card was declined. Nothing was charged.', 'paying']);
    await other.press('Pay later');
    assert.match(other.seen().join(), /under way.*,settling$/);
    await other.press('The bank refuses');
    assert.deepEqual(other.seen(), ['The payment failed. Nothing was charged.', 'paying']);
    const last = await openPage(delayed);
    await stripe.paymentIntents.cancel(delayed.id);
    await last.press('Pay');
    assert.deepEqual(last.seen(), ['This payment was cancelled. Nothing was charged.']);
  });

  test('finds a payment by its id, its order and the number of its order', async () => {
    const order = newOrder();
    await intentFor(order);
    const { id } = await intentFor(order);
    for (const name of [id, order, `N-${order}`]) assert.equal((await findIntent(provider.url, name)).id, id);
    for (const name of ['pi_none', 'none']) assert.equal(await findIntent(provider.url, name), undefined);
  });
});

describe('a refund', () => {
  test('is of a part, then of the rest, and never of more', async () => {
    const order = newOrder();
    const paid = await paidFor(order);
    const part = await stripe.refunds.create({ payment_intent: paid.id, amount: 500, metadata: { order_id: order } });
    assert.match(part.id, /^re_/);
    assert.deepEqual([part.amount, part.status, part.charge, part.payment_intent, part.metadata.order_id], [500, 'succeeded', paid.latest_charge, paid.id, order]);
    assert.equal(provider.balance(order), 1499);
    await assert.rejects(stripe.refunds.create({ payment_intent: paid.id, amount: 1500 }), { statusCode: 400, code: 'amount_too_large', param: 'amount' });
    assert.equal((await stripe.refunds.create({ payment_intent: paid.id })).amount, 1499);
    for (const amount of [undefined, 1]) {
      await assert.rejects(stripe.refunds.create({ payment_intent: paid.id, amount }), { statusCode: 400, code: 'charge_already_refunded' });
    }
    assert.deepEqual([provider.refundsOf(order).length, provider.balance(order)], [2, 0]);
    const charges = eventsOf(provider, 'charge.refunded').map(({ data: { object } }) => object).filter(({ payment_intent }) => payment_intent === paid.id);
    assert.deepEqual(charges.map(({ amount_refunded, refunded }) => [amount_refunded, refunded]), [[500, false], [1999, true]]);
    assert.equal((await stripe.refunds.retrieve(part.id)).amount, 500);
    await assert.rejects(stripe.refunds.retrieve('re_none'), { statusCode: 404 });
    await assert.rejects(stripe.refunds.create({ payment_intent: 'pi_none' }), { statusCode: 404, param: 'payment_intent' });
  });

  test('is one for one key, and none where nothing was paid', async () => {
    const order = newOrder();
    const paid = await paidFor(order);
    const give = () => stripe.refunds.create({ payment_intent: paid.id, amount: 100 }, { idempotencyKey: `refund-${order}` });
    const [first, second] = [await give(), await give()];
    assert.equal(first.id, second.id);
    assert.equal(provider.balance(order), 1899);
    await assert.rejects(stripe.refunds.create({ payment_intent: (await intentFor(order)).id }), { statusCode: 400, param: 'payment_intent' });
  });

  test('is on the list of its payment, newest first, a page at a time', async () => {
    const paid = await paidFor(newOrder());
    const made = [];
    for (const amount of [1, 2, 3]) made.unshift((await stripe.refunds.create({ payment_intent: paid.id, amount })).id);
    const list = await stripe.refunds.list({ payment_intent: paid.id, limit: 2 });
    assert.deepEqual([list.data.map(({ id }) => id), list.has_more], [made.slice(0, 2), true]);
    const all = await stripe.refunds.list({ payment_intent: paid.id, limit: 1 }).autoPagingToArray({ limit: 10 });
    assert.deepEqual(all.map(({ id }) => id), made);
    assert.deepEqual((await stripe.refunds.list({ payment_intent: 'pi_none' })).data, []);
  });

  test('may be pending and fail, and then the money is there again', async () => {
    const order = newOrder();
    const paid = await paidFor(order);
    provider.refundStatus = 'pending';
    const [good, bad] = [await stripe.refunds.create({ payment_intent: paid.id, amount: 999 }), await stripe.refunds.create({ payment_intent: paid.id })];
    provider.refundStatus = 'succeeded';
    assert.deepEqual([good.status, provider.balance(order)], ['pending', 0]);
    assert.equal((await settleRefund(provider.url, good)).json.status, 'succeeded');
    assert.equal((await settleRefund(provider.url, bad, 'failed')).json.status, 'failed');
    assert.equal((await settleRefund(provider.url, bad)).status, 400);
    assert.deepEqual([provider.balance(order), provider.charges.get(paid.latest_charge).amount_refunded], [1000, 999]);
    assert.deepEqual(eventsOf(provider, 'refund.updated').filter(({ data: { object } }) => [good.id, bad.id].includes(object.id)).map(({ data: { object } }) => object.status), ['succeeded', 'failed']);
    assert.equal((await stripe.refunds.create({ payment_intent: paid.id })).amount, 1000);
  });
});
