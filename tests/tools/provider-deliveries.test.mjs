// What the stand-in for the payment provider tells a shop, checked by the provider's own library, and
// what tests of the shop rely on: deliveries that can be held, repeated and forged, faults that break
// where they say, and, beside `npm start`, books that outlive the process.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { signatureOf } from '../../tools/provider/deliveries.mjs';
import { localProviderUrl, startLocalProvider } from '../../tools/provider/main.mjs';
import { makeSecrets } from '../../tools/secrets.mjs';
import { Outside } from '../support/outside.mjs';
import { bodyFor, clientOf, confirmIntent, createPlainly, newOrder, openProvider } from '../support/provider.mjs';
import { until } from '../support/shop.mjs';

const HOOK = '/hook';

let outside;
let provider;
let stripe;
before(async () => {
  outside = await new Outside().open();
  provider = await openProvider({ webhookUrl: `${outside.url}${HOOK}`, sign: signatureOf });
  stripe = clientOf(provider);
});
after(async () => {
  await provider?.close();
  outside?.close();
});

const intentFor = (order) => stripe.paymentIntents.create(bodyFor(order));
const paidFor = async (order) => (await confirmIntent(provider.url, await intentFor(order))).json;
const callsTo = (wanted) => provider.calls.filter((call) => call.path === wanted);

describe('a delivery', () => {
  const came = (id) => outside.at(HOOK).filter(({ body }) => JSON.parse(body).id === id);

  test('is what the library takes for genuine, byte for byte', async () => {
    const paid = await paidFor(newOrder());
    await provider.rest();
    const deliveries = provider.deliveries.filter(({ event }) => event.data.object.id === paid.id);
    assert.equal(deliveries.length, 2);
    for (const { id, state } of deliveries) {
      const [{ headers, body }, ...others] = came(id);
      assert.deepEqual([state, others.length, headers['content-type']], ['delivered', 0, 'application/json; charset=utf-8']);
      const take = (bytes, header = headers['stripe-signature'], secret = provider.webhookSecret) => stripe.webhooks.constructEvent(bytes, header, secret);
      const event = take(body);
      assert.deepEqual([event.object, event.livemode, event.pending_webhooks, event.data.object.id], ['event', false, 1, paid.id]);
      assert.match(event.id, /^evt_\w+$/);
      assert.match(event.request.id, /^req_\w+$/);
      const refused = { type: 'StripeSignatureVerificationError' };
      assert.throws(() => take(body.toString().replace('1999', '1')), refused);
      assert.throws(() => take(JSON.stringify(JSON.parse(body))), refused);
      assert.throws(() => take(body, headers['stripe-signature'].replace(/t=\d+/, `t=${event.created + 1000}`)), refused);
      assert.throws(() => take(body, undefined, 'whsec_other'), refused);
      assert.throws(() => take(body, provider.sign(body, event.created - 301)), refused);
      const { data, ...rest } = await stripe.events.retrieve(id);
      assert.deepEqual({ ...rest, data }, event);
    }
  });

  test('tells what the object was then, whatever has become of it', async () => {
    provider.hold();
    const paid = await paidFor(newOrder());
    const [created, succeeded] = provider.deliveries.filter(({ event }) => event.data.object.id === paid.id);
    assert.deepEqual([created, succeeded].map(({ event, state }) => [event.data.object.status, state]), [['requires_payment_method', 'held'], ['succeeded', 'held']]);
    assert.equal(came(created.id).length + came(succeeded.id).length, 0);
    for (const delivery of [succeeded, created, created]) assert.equal((await provider.send(delivery)).status, 201);
    assert.deepEqual(outside.at(HOOK).slice(-3).map(({ body }) => JSON.parse(body).id), [succeeded.id, created.id, created.id]);
    provider.drop();
    const other = await intentFor(newOrder());
    const [held] = provider.deliveries.slice(-1);
    assert.deepEqual([held.event.data.object.id, held.state], [other.id, 'held']);
    provider.release();
    await provider.rest();
    assert.deepEqual([created.state, held.state, came(created.id).length, came(held.id).length], ['dropped', 'delivered', 2, 1]);
  });

  test('is repeated until it is taken, signed anew, and given up in the end', async () => {
    outside.answers.set(HOOK, 500);
    const given = await intentFor(newOrder());
    await provider.rest();
    const lost = provider.deliveries.find(({ event }) => event.data.object.id === given.id);
    assert.deepEqual([lost.state, lost.attempts.map(({ status }) => status)], ['failed', [500, 500, 500, 500]]);
    const taken = await intentFor(newOrder());
    const kept = provider.deliveries.at(-1);
    assert.equal(kept.event.data.object.id, taken.id);
    await until('it was tried', () => kept.attempts.length >= 1, { everyMs: 1 });
    // A redirect is no answer either.
    outside.answers.set(HOOK, 302);
    await until('it was tried again', () => kept.attempts.length >= 2, { everyMs: 1 });
    outside.answers.delete(HOOK);
    await provider.rest();
    assert.deepEqual([kept.state, kept.attempts[1].status, kept.attempts.at(-1).status], ['delivered', 302, 201]);
    assert.deepEqual(outside.at('/elsewhere'), []);
    for (const { headers, body } of came(kept.id)) stripe.webhooks.constructEvent(body, headers['stripe-signature'], provider.webhookSecret);
  });

  test('may be of any kind a test makes up', async () => {
    const { id } = provider.emit('customer.created', { id: 'cus_1', object: 'customer' });
    await provider.rest();
    assert.equal(JSON.parse(came(id)[0].body).type, 'customer.created');
  });
});

describe('a fault', () => {
  const made = (order) => [...provider.intents.values()].filter(({ metadata }) => metadata.order_id === order).length;
  const rule = { method: 'POST', path: /payment_intents$/ };

  test('breaks the connection before anything happens, or before the answer', async () => {
    for (const [mode, count] of [['before', 0], ['lost', 1]]) {
      const order = newOrder();
      provider.fail({ ...rule, mode });
      // Not by the library, which tries once more by itself when a connection breaks.
      const ask = () => createPlainly(provider, order, `key-${order}`);
      await assert.rejects(ask(), TypeError);
      assert.equal(made(order), count, mode);
      assert.equal((await ask()).headers.get('idempotent-replayed'), count === 1 ? 'true' : null, mode);
      assert.equal(made(order), 1, mode);
    }
  });

  test('makes an answer late, with the effect at once or with it', async () => {
    for (const [mode, count] of [['slow', 1], ['late', 0]]) {
      const order = newOrder();
      const { promise, resolve } = Promise.withResolvers();
      const set = provider.fail({ ...rule, mode, until: promise });
      const answer = stripe.paymentIntents.create(bodyFor(order));
      await until('it is there', () => set.hits === 1, { everyMs: 1 });
      assert.equal(made(order), count, mode);
      resolve();
      await answer;
      assert.equal(made(order), 1, mode);
    }
  });

  test('answers with a status as often as it was told, and keeps it for a key only if told so', async () => {
    const order = newOrder();
    const ask = (idempotencyKey) => stripe.paymentIntents.create(bodyFor(order), { idempotencyKey });
    provider.fail({ ...rule, mode: 'status', status: 503, times: 2 });
    provider.fail({ ...rule, mode: 'status', status: 429 });
    for (const statusCode of [503, 503, 429]) await assert.rejects(ask(`a-${order}`), { statusCode });
    assert.equal(made(order), 0);
    await ask(`a-${order}`);
    provider.fail({ ...rule, mode: 'status', status: 500, kept: true });
    for (const replayed of [undefined, 'true']) {
      await assert.rejects(ask(`b-${order}`), (error) => error.statusCode === 500 && error.headers['idempotent-replayed'] === replayed);
    }
    assert.equal(made(order), 1);
  });

  test('strikes what it names and nothing else, until it is mended', async () => {
    const set = provider.fail({ method: 'GET', path: /^\/v1\/refunds/, mode: 'status', times: Infinity });
    const intent = await intentFor(newOrder());
    await stripe.paymentIntents.retrieve(intent.id);
    for (let n = 0; n < 3; n += 1) await assert.rejects(stripe.refunds.list(), { statusCode: 500 });
    await assert.rejects(stripe.refunds.create({ payment_intent: 'pi_none' }), { statusCode: 404 });
    assert.equal(set.hits, 3);
    provider.mend();
    await stripe.refunds.list();
    assert.throws(() => provider.fail({ mode: 'sometimes' }), /no mode "sometimes"/);
  });

  test('is on the record of calls like every other', async () => {
    const count = callsTo('/v1/refunds').length;
    provider.fail({ path: /refunds/, mode: 'status', status: 502 });
    await assert.rejects(stripe.refunds.create({ payment_intent: 'pi_none' }, { idempotencyKey: 'seen' }));
    const [{ method, key, params, status }] = callsTo('/v1/refunds').slice(count);
    assert.deepEqual([method, key, params.payment_intent, status], ['POST', 'seen', 'pi_none', 502]);
  });
});

test('beside a shop it says where it is, keeps its books and writes no secret into the log', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-provider-'));
  const secrets = makeSecrets();
  const lines = [];
  const started = [];
  const start = async (options) => {
    const local = await startLocalProvider({ shopPort: 65_535, secrets, folder, wanted: '', onLog: (line) => lines.push(line), ...options });
    started.push(local);
    return local;
  };
  try {
    const first = await start();
    assert.equal(localProviderUrl(folder), undefined);
    first.announce(outside.url);
    assert.equal(localProviderUrl(folder), first.url);
    const other = await start({ shopPort: Number(new URL(first.url).port) - 1 });
    assert.notEqual(other.url, first.url);
    await assert.rejects(start({ wanted: new URL(first.url).port }), /cannot be used .*EADDRINUSE/);
    await assert.rejects(start({ wanted: 'x' }), /must be a number/);
    await other.close();
    assert.equal(localProviderUrl(folder), first.url);
    const idempotencyKey = 'kept';
    const intent = await clientOf(first.provider).paymentIntents.create(bodyFor('kept'), { idempotencyKey });
    await confirmIntent(first.url, intent);
    await first.provider.rest();
    assert.equal(outside.at('/webhooks/payments').length, 2);
    await first.close();
    assert.equal(localProviderUrl(folder), undefined);

    const second = await start();
    const client = clientOf(second.provider);
    assert.equal((await client.paymentIntents.create(bodyFor('kept'), { idempotencyKey })).id, intent.id);
    assert.equal((await client.refunds.create({ payment_intent: intent.id })).amount, 1999);
    const [, refunded] = [...second.provider.events.values()].filter(({ type }) => type.startsWith('payment_intent'));
    assert.equal((await client.events.retrieve(refunded.id)).data.object.status, 'succeeded');
    assert.equal(second.provider.balance('kept'), 0);
    for (const secret of [secrets.STRIPE_SECRET_KEY, secrets.STRIPE_WEBHOOK_SECRET, intent.client_secret]) assert.ok(!lines.join().includes(secret));
    assert.ok(lines.some((line) => JSON.parse(line).event === 'provider_call'));
  } finally {
    await Promise.all(started.map((local) => local.close()));
    rmSync(folder, { recursive: true });
  }
});
