// Which tokens are believed, and that nothing else is.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { parseJsonc } from '../../tools/deployment.mjs';
import { ROOT } from '../../tools/paths.mjs';
import { assertProblem, openShop } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop(); });
after(() => shop?.close());

const now = () => Math.floor(Date.now() / 1000);
const token = (overrides = {}, rest = {}) => shop.token('customer', 'alice', { overrides, ...rest });

/** A token of these very texts, with a good signature. */
function signed(header, claims) {
  const text = [header, claims].map((part) => Buffer.from(part).toString('base64url')).join('.');
  return `${text}.${createHmac('sha256', shop.rt.secrets.JWT_SECRET).update(text).digest('base64url')}`;
}

const HEADER = '{"alg":"HS256","typ":"at+jwt"}';
const claims = (more) => `{"sub":"alice","role":"customer","iss":"orderlane","aud":"orderlane-api","exp":${now() + 600}${more}}`;

const BAD = {
  'that expired': () => token({}, { ttlSeconds: -60 }),
  'that is signed with another secret': () => token({}, { secret: 'another' }),
  'that is signed with no secret': () => token({}, { secret: '' }),
  'of algorithm none without a signature': () => token({ header: { alg: 'none' } }),
  'of algorithm none with a good signature': () => signed('{"alg":"none","typ":"at+jwt"}', claims('')),
  'of algorithm HS384': () => token({ header: { alg: 'HS384' } }),
  'of algorithm HS512': () => token({ header: { alg: 'HS512' } }),
  'that calls its HMAC an RS256': () => token({ header: { alg: 'RS256' } }),
  'of algorithm hs256': () => token({ header: { alg: 'hs256' } }),
  'without an algorithm': () => token({ header: { alg: undefined } }),
  'of another type': () => token({ header: { typ: 'JWT' } }),
  'without a type': () => token({ header: { typ: undefined } }),
  'for another audience': () => token({ claims: { aud: 'another' } }),
  'for several audiences': () => token({ claims: { aud: ['orderlane-api'] } }),
  'without an audience': () => token({ claims: { aud: undefined } }),
  'of another issuer': () => token({ claims: { iss: 'another' } }),
  'without an issuer': () => token({ claims: { iss: undefined } }),
  'without an expiry': () => token({ claims: { exp: undefined } }),
  'whose expiry is text': () => token({ claims: { exp: String(now() + 600) } }),
  'whose expiry has a fraction': () => token({ claims: { exp: now() + 600.5 } }),
  'whose expiry is null': () => token({ claims: { exp: null } }),
  'that is not valid yet': () => token({ claims: { nbf: now() + 600 } }),
  'without a subject': () => token({ claims: { sub: undefined } }),
  'with an empty subject': () => token({ claims: { sub: '' } }),
  'whose subject is a number': () => token({ claims: { sub: 7 } }),
  'whose subject is too long': () => token({ claims: { sub: 'a'.repeat(129) } }),
  'whose subject has a line break': () => token({ claims: { sub: 'alice\r\nx-orderlane-actor: admin:root' } }),
  'whose subject ends with a blank': () => token({ claims: { sub: 'alice ' } }),
  'without a role': () => token({ claims: { role: undefined } }),
  'of an unknown role': () => token({ claims: { role: 'root' } }),
  'of a role in capitals': () => token({ claims: { role: 'Admin' } }),
  'of several roles': () => token({ claims: { role: ['customer', 'admin'] } }),
  'with a claim twice': () => signed(HEADER, claims(',"role":"admin"')),
  'with a header field twice': () => signed('{"alg":"HS256","alg":"HS256","typ":"at+jwt"}', claims('')),
  'whose claims are a list': () => signed(HEADER, '[]'),
  'whose claims are no JSON': () => signed(HEADER, 'x'),
  'whose claims were changed after signing': () => {
    const [header, , signature] = token().split('.');
    return [header, Buffer.from(claims('').replace('customer', 'admin')).toString('base64url'), signature].join('.');
  },
  'whose signature is cut': () => token().slice(0, -2),
  'whose signature is empty': () => token({ signature: '' }),
  'of two parts': () => token().split('.').slice(0, 2).join('.'),
  'of four parts': () => `${token()}.x`,
  'with padding': () => `${token()}=`,
  'that is longer than any token': () => token({ claims: { more: 'x'.repeat(5000) } }),
  'that is no token': () => 'nonsense',
};

for (const [name, make] of Object.entries(BAD)) {
  test(`a token ${name} is refused everywhere, and every refusal is the same`, async () => {
    const bad = make();
    const answers = [
      await shop.call('GET', '/cart', { as: bad }),
      await shop.call('POST', '/cart/place-order', { as: bad, body: {} }),
      await shop.call('GET', '/api/admin/warehouses', { as: bad }),
      await shop.call('GET', '/products', { as: bad }),
    ];
    for (const answer of answers) {
      assertProblem(answer, { status: 401, code: 'unauthenticated' });
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
      assert.equal(answer.text, answers[0].text);
    }
  });
}

test('a good token is believed, also shortly after its end by a clock that is a little off', async () => {
  assert.equal((await shop.call('GET', '/cart', { as: token() })).status, 200);
  assert.equal((await shop.call('GET', '/cart', { as: token({}, { ttlSeconds: -5 }) })).status, 200);
  assert.equal((await shop.call('GET', '/cart', { as: signed(HEADER, claims(',"more":{"x":1}')) })).status, 200);
});

test('any other scheme than Bearer is refused', async () => {
  for (const authorization of [`Basic ${token()}`, token(), 'Bearer', `Token ${token()}`, `Bearer  ${token()}`]) {
    assertProblem(await shop.call('GET', '/cart', { headers: { authorization } }), { status: 401, code: 'unauthenticated' });
  }
});

test('names that look alike are different customers', async () => {
  const sku = await shop.goods({ stock: { berlin: 9 } });
  await shop.customer('zoë').fill({ [sku]: 1 });
  for (const other of ['zoe', 'zoe\u0308', 'ZOË', 'zo\u00c3\u00ab', 'customer:zoë', 'zoë:x']) {
    const { status, json } = await shop.customer(other).get('/cart');
    assert.equal(status, 200);
    assert.deepEqual(json.lines, [], other);
  }
  const mine = shop.customer('日本 🛒');
  const { order_id } = await mine.order({ [sku]: 1 });
  const { json } = await mine.get(`/orders/${order_id}`);
  assert.equal(json.customer_id, '日本 🛒');
  assert.equal(json.history[0].changed_by, 'customer:日本 🛒');
});

test('headers that the workers use among themselves are ignored when they come from outside', async () => {
  const forged = { 'x-orderlane-actor': 'admin:root', 'X-Orderlane-Trace': 'mine', 'x-orderlane-fault': '*x;cart.place;down' };
  assertProblem(await shop.call('GET', '/stats', { headers: forged }), { status: 401 });
  assertProblem(await shop.call('GET', '/api/admin/warehouses', { headers: forged }), { status: 401 });
  assertProblem(await shop.call('GET', '/cart', { headers: { 'x-orderlane-actor': 'customer:alice' } }), { status: 401 });
  assertProblem(await shop.call('GET', '/api/admin/warehouses', { as: token(), headers: forged }), { status: 403 });

  const sku = await shop.goods({ stock: { berlin: 9 } });
  const [alice, bob] = [shop.customer(), shop.customer()];
  await alice.fill({ [sku]: 1 });
  assert.deepEqual((await bob.get('/cart', { headers: { 'x-orderlane-actor': `customer:${alice.id}` } })).json.lines, []);
  const { status, json } = await alice.place({}, { headers: forged });
  assert.equal(status, 201, 'no fault is to be had in a release build');
  const line = await shop.logged(({ event, order_id }) => event === '[place-order] ended' && order_id === json.order_id);
  assert.notEqual(line.trace_id, 'mine');
  assert.deepEqual(shop.logs.filter(({ text }) => text.includes('FAULT_HOOK')), []);
});

test('the workers behind the gateway cannot be reached from outside', async () => {
  for (const file of readdirSync(path.join(ROOT, 'wrangler')).filter((name) => name.endsWith('.jsonc'))) {
    const config = parseJsonc(readFileSync(path.join(ROOT, 'wrangler', file), 'utf8'));
    const isPublic = config.workers_dev !== false || config.routes || config.route;
    assert.equal(Boolean(isPublic), file === 'gateway.jsonc', file);
  }
  const command = JSON.stringify({ look: { shard: 0, op: { look: { skus: ['x'], fresh: true } } } });
  const asked = [
    ['POST', '/order.place', 'command'], ['POST', 'http://command/fulfillment.plan', 'command'],
    ['POST', '/stock.look.0', 'orderlane-fulfillment'], ['POST', 'http://orderlane-order/order.get', 'orderlane-order'],
    ['GET', '/cart', 'orderlane-cart'], ['GET', '/api/stock/audit', 'service'],
  ];
  for (const [method, target, host] of asked) {
    const headers = { host, 'content-type': 'application/json', 'x-orderlane-actor': 'admin:root' };
    const answer = await shop.raw(method, target, { headers, body: method === 'POST' ? command : undefined });
    assert.ok([401, 404].includes(answer.status), `${method} ${target}: ${answer.status} ${answer.text}`);
  }
});

test('no answer and no log line holds a secret or a token', async () => {
  const { JWT_SECRET, SCRAPE_TOKEN } = shop.rt.secrets;
  const alice = shop.customer();
  const texts = [
    (await alice.get('/cart')).text, (await shop.call('GET', '/cart', { as: `${alice.token}x` })).text,
    (await shop.admin.get('/stats')).text, (await shop.call('GET', '/metrics', { as: SCRAPE_TOKEN })).text,
    ...shop.logs.map(({ text }) => text),
  ];
  for (const text of texts) {
    for (const secret of [JWT_SECRET, SCRAPE_TOKEN, alice.token]) assert.ok(!text.includes(secret));
  }
});
