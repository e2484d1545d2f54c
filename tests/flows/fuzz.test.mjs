// Random requests over all routes, from a seed that is printed and can be set: FUZZ_SEED=7.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { atRest } from '../support/invariants.mjs';
import { nameOf, ROUTES } from '../support/routes.mjs';
import { ADDRESS, openShop, WAREHOUSES } from '../support/shop.mjs';

const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 800);
const AT_ONCE = 8;
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** A stream of numbers from 0 to 1 (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const next = random(SEED);
const chance = (share) => next() < share;
const pick = (list) => list[Math.floor(next() * list.length)];

const WORDS = [
  '', ' ', 'x', '0', '-1', 'null', 'NaN', 'true', 'express', 'cancelled', 'paid', 'berlin', 'nowhere', '__proto__', 'constructor', 'toString',
  "'; DROP TABLE orders; --", '%s%n', '${x}', '\u0000', '\ud83d\ude00', '日本', 'a\r\nb: c', 'x'.repeat(64), 'x'.repeat(65), 'x'.repeat(1001),
  '{"a":1}', '../..', 'ORD-2026-AAAAAA', '01920000-0000-7001-8000-000000000000', '2026-01-01', '\\', '"',
];
const NUMBERS = [0, -0, 1, -1, 2, 1.5, -0.1, 1e-320, 1e21, 1e308, -1e308, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, -(2 ** 63), 100_000, 1_000_000_000, 90.0001];

function junk(depth = 0) {
  const kind = next();
  if (kind < 0.3) return pick(WORDS);
  if (kind < 0.6) return pick(NUMBERS);
  if (kind < 0.7) return pick([null, true, false]);
  if (depth > 3) return {};
  const size = Math.floor(next() * 4);
  if (kind < 0.85) return Array.from({ length: size }, () => junk(depth + 1));
  return Object.fromEntries(Array.from({ length: size }, () => [pick([...WORDS, ...KEYS]), junk(depth + 1)]));
}

/** Something near to a good body: one place in it is changed, removed, doubled or added. */
function bent(value, depth = 0) {
  if (depth > 4 || value === null || typeof value !== 'object' || chance(0.25)) return junk(2);
  const copy = structuredClone(value);
  const keys = Object.keys(copy);
  const key = pick(keys.length > 0 ? keys : KEYS);
  const deed = next();
  if (deed < 0.5) copy[key] = bent(copy[key], depth + 1);
  else if (deed < 0.65 && !Array.isArray(copy)) delete copy[key];
  else if (deed < 0.8 && Array.isArray(copy)) copy.push(...copy, junk(2));
  else if (!Array.isArray(copy)) copy[pick(KEYS)] = junk(1);
  return copy;
}

let KEYS = [];
let shop;
let people;
let values;
before(async () => {
  shop = await openShop({ vars: { cart: { PLACEMENTS_PER_MINUTE: '100000' } } });
  const sku = await shop.goods({ stock: { berlin: 50, hamburg: 50 } });
  const alice = shop.customer();
  const { order_id } = await alice.order({ [sku]: 1 });
  values = { order: order_id, sku, product: `p-${sku}`, warehouse: 'berlin', vendor: 'some-vendor', store: 'some-vendor', webhook: 'some-webhook', delivery: '01920000-0000-7001-8000-000000000000', driver: 'some-driver', letter: 'some-letter', n: 1 };
  people = { customer: alice, admin: shop.admin, service: shop.service, vendor: shop.person('vendor'), driver: shop.person('driver') };
  const bodies = ROUTES.filter(({ body }) => body).map(({ body }) => body(values));
  KEYS = [...new Set(JSON.stringify([...bodies, ADDRESS, WAREHOUSES]).match(/"(\w+)":/g).map((key) => key.slice(1, -2)))];
});
after(() => shop?.close());

function makeRequest(n) {
  const route = pick(ROUTES);
  const role = route.roles === 'anyone' || route.roles.length === 0 || chance(0.1) ? pick(Object.keys(people)) : pick(route.roles);
  const own = { ...values, n: `${n}-${SEED}` };
  for (const name of ['order', 'sku', 'product', 'warehouse', 'vendor', 'webhook', 'delivery', 'driver', 'letter']) {
    if (chance(0.2)) own[name] = encodeURIComponent(pick(WORDS).toWellFormed());
  }
  let path = route.path(own);
  if (chance(0.1)) path += `${path.includes('?') ? '&' : '?'}${pick(['limit', 'cursor', 'after', 'sku', 'delivery_mode', 'state'])}=${encodeURIComponent(pick([...WORDS, ...NUMBERS.map(String)]))}`;
  const options = { as: people[role] };
  if (route.body || chance(0.2)) {
    const good = route.body?.(own) ?? {};
    const how = next();
    if (how < 0.15) options.body = JSON.stringify(good);
    else if (how < 0.75) options.body = JSON.stringify(bent(good));
    else if (how < 0.9) options.body = JSON.stringify(junk());
    else options.body = JSON.stringify(good).slice(0, Math.floor(next() * 40));
  }
  if (['GET', 'HEAD'].includes(route.method)) delete options.body;
  if (chance(0.15)) options.key = pick(['a', 'b', `k-${n}`]);
  return { name: nameOf(route), method: route.method, path, options };
}

test(`no random request breaks anything (FUZZ_SEED=${SEED})`, async (t) => {
  // All requests are made up first, so that a seed gives the same ones whatever the timing.
  const requests = Array.from({ length: REQUESTS }, (_, n) => makeRequest(n));
  const counts = {};
  let at = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (at < requests.length) {
      const { name, method, path, options } = requests[at];
      at += 1;
      const answer = await shop.call(method, path, options);
      const shown = `${method} ${path} ${options.body ?? ''} -> ${answer.status} ${answer.text}`;
      counts[answer.status] = (counts[answer.status] ?? 0) + 1;
      assert.ok(answer.status < 500, shown);
      if (answer.status < 400) continue;
      assert.equal(answer.headers.get('content-type'), 'application/problem+json', shown);
      assert.equal(answer.json.success, false, shown);
      assert.ok(answer.json.code && answer.json.message && answer.json.error, `${name}: ${shown}`);
    }
  }));
  t.diagnostic(`answers by status: ${JSON.stringify(counts)}`);
  assert.ok(counts[200] > 0 && counts[400] > 0, 'good and bad requests are among them');
});

test('after it the workers have not panicked, every counter is explained, and orders are placed as before', async () => {
  assert.deepEqual(shop.panics().map(({ text }) => text), []);
  await atRest(shop);
  assert.equal((await shop.audit()).drift, 0);
  await shop.import({ warehouses: WAREHOUSES });
  const sku = await shop.goods({ stock: { berlin: 1, hamburg: 1 }, sku: 'after-all' });
  const { allocations } = await shop.customer().order({ [sku]: 2 });
  assert.equal(allocations.length, 2);
});
