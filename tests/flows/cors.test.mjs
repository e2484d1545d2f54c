// What browsers are told about pages of other origins, on every route and every kind of answer.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nameOf, ROUTES } from '../support/routes.mjs';
import { openShop } from '../support/shop.mjs';

const OURS = ['http://localhost:5173', 'https://shop.example'];
const OTHERS = [
  'http://localhost:5174', 'https://localhost:5173', 'http://localhost:5173.evil.example', 'http://evil.example',
  'https://shop.example.evil.example', 'https://evilshop.example', 'HTTPS://SHOP.EXAMPLE', 'https://shop.example/', 'null', '*',
];
const THINGS = { order: '01920000-0000-7001-8000-000000000000', sku: 'x', product: 'x', warehouse: 'x', vendor: 'v', webhook: 'w', delivery: 'd', n: 1 };

let shop;
before(async () => {
  shop = await openShop({ vars: { gateway: { CORS_ORIGINS: OURS.join(', ') } } });
});
after(() => shop?.close());

const allow = (answer) => Object.fromEntries([...answer.headers].filter(([name]) => name.startsWith('access-control-')));
const words = (text) => text.split(',').map((word) => word.trim().toLowerCase());

function assertAllowed(answer, origin, what) {
  const headers = allow(answer);
  assert.equal(headers['access-control-allow-origin'], origin, what);
  assert.equal(headers['access-control-allow-credentials'], 'true', what);
  assert.ok(words(answer.headers.get('vary') ?? '').includes('origin'), what);
}

function assertNotAllowed(answer, what) {
  assert.deepEqual(allow(answer), {}, what);
  assert.ok(words(answer.headers.get('vary') ?? '').includes('origin'), `${what}: a cache must not mix the two up`);
}

for (const route of ROUTES) {
  const path = route.path(THINGS);

  test(`${nameOf(route)} may be asked for by a page of ours, and by no other`, async () => {
    const preflight = (origin) => shop.call('OPTIONS', path, {
      headers: { origin, 'access-control-request-method': route.method, 'access-control-request-headers': 'authorization,content-type,idempotency-key' },
    });
    for (const origin of OURS) {
      const answer = await preflight(origin);
      assert.equal(answer.status, 204);
      assertAllowed(answer, origin, 'preflight');
      const headers = allow(answer);
      assert.ok(words(headers['access-control-allow-methods']).includes(route.method.toLowerCase()));
      for (const name of ['authorization', 'content-type', 'idempotency-key']) assert.ok(words(headers['access-control-allow-headers']).includes(name), name);
      assert.ok(Number(headers['access-control-max-age']) > 0);
    }
    assertNotAllowed(await preflight(OTHERS[0]), 'preflight');
  });

  test(`${nameOf(route)} may be read by a page of ours, and by no other, whatever the answer is`, async () => {
    const people = [undefined, 'nonsense', shop.customer(), shop.admin, ...(route.scrape ? [shop.rt.secrets.SCRAPE_TOKEN] : [])];
    for (const as of people) {
      const ask = (origin) => shop.call(route.method, path, { as, body: route.body && '{', headers: origin ? { origin } : {} });
      const ours = await ask(OURS[0]);
      assertAllowed(ours, OURS[0], String(ours.status));
      const exposed = words(allow(ours)['access-control-expose-headers']);
      for (const name of ['idempotent-replayed', 'retry-after']) assert.ok(exposed.includes(name), name);
      const other = await ask(OTHERS[0]);
      assertNotAllowed(other, String(other.status));
      assertNotAllowed(await ask(undefined), 'no origin');
    }
  });
}

test('an origin is on the list when it is the very same text, and not when it looks like it', async () => {
  for (const origin of OTHERS) {
    assertNotAllowed(await shop.call('GET', '/products', { headers: { origin } }), origin);
    assertNotAllowed(await shop.call('OPTIONS', '/products', { headers: { origin, 'access-control-request-method': 'GET' } }), origin);
  }
});

test('good and bad answers alike carry the permission: 200, 201, 404, 409, 413, 422', async () => {
  const sku = await shop.goods({ stock: { berlin: 1 } });
  const alice = shop.customer();
  const headers = { origin: OURS[1] };
  const seen = [];
  const ask = async (...args) => {
    const answer = await alice.call(...args);
    assertAllowed(answer, OURS[1], `${args[1]}: ${answer.status}`);
    seen.push(answer.status);
  };
  await ask('POST', '/cart/place-order', { body: {}, headers });
  await alice.fill({ [sku]: 2 });
  await ask('POST', '/cart/place-order', { body: {}, headers });
  await ask('PUT', `/cart/items/${sku}`, { body: { quantity: 1 }, headers });
  await ask('POST', '/cart/place-order', { body: {}, headers });
  await ask('GET', '/nowhere', { headers });
  await ask('PUT', '/cart/address', { body: 'x'.repeat(70_000), headers });
  assert.deepEqual(seen, [422, 409, 200, 201, 404, 413]);
});

test('an answer says what kind it is and may not be taken for another', async () => {
  for (const path of ['/products', '/cart', '/nowhere']) {
    assert.equal((await shop.call('GET', path)).headers.get('x-content-type-options'), 'nosniff');
  }
});
