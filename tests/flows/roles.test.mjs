// Who may do what: every route times every role, with things of one's own, of others, and absent
// ones. The cells come from the table in support/routes.mjs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { atRest } from '../support/invariants.mjs';
import { ABSENT_ORDERS, nameOf, ROLES, ROUTES } from '../support/routes.mjs';
import { assertProblem, openShop } from '../support/shop.mjs';

let shop;
let people;
let things;
let untouched;
let made = 0;

/** Things that exist, all of them new: a SKU, its product, and what `route` names of a warehouse and an order of `owner`. */
async function makeThings(owner, route) {
  const n = made += 1;
  const named = (thing) => !route || nameOf(route).includes(thing);
  const sku = await shop.goods({ stock: { berlin: 9 } });
  const found = { n, sku, product: `p-${sku}`, warehouse: `house-${n}`, vendor: `vendor-${n}`, order: ABSENT_ORDERS[0], webhook: 'absent', delivery: ABSENT_ORDERS[0], driver: `driver-${n}`, letter: `request-${n}` };
  if (named('{warehouse}')) await shop.import({ warehouses: [{ warehouse_id: found.warehouse, latitude: 0, longitude: 0 }] });
  if (named('{vendor}')) await shop.vendor({ vendor_id: found.vendor });
  if (named('{driver}')) await shop.driver({ driver_id: found.driver });
  if (named('{letter}')) await shop.deadLetter({ letter_id: found.letter });
  if (route && (named('{webhook}') || named('{delivery}'))) Object.assign(found, await makeDelivery(n));
  if (named('{order}')) found.order = (await owner.order({ [sku]: 1 }, { payment_method: 'cod' })).order_id;
  return found;
}

/** An endpoint at which nobody answers, and something on its way there. */
async function makeDelivery(n) {
  const made = await shop.admin.post('/api/admin/webhooks', { url: `http://127.0.0.1:9/${n}` });
  assert.equal(made.status, 201, made.text);
  const pinged = await shop.admin.post(`/api/admin/webhooks/${made.json.id}/ping`);
  assert.equal(pinged.status, 200, pinged.text);
  return { webhook: made.json.id, delivery: pinged.json.id };
}

/** Offers the order to `vendor` among others; with `kept` it has it. */
async function offer(order, vendor, kept) {
  const routed = await shop.admin.post(`/api/orders/${order}/route-to-vendors`, { limit: 1000 });
  assert.ok(routed.json.data.vendors.includes(vendor), routed.text);
  if (!kept) return;
  const forced = await shop.admin.post(`/api/admin/orders/${order}/force-assign`, { vendorId: vendor });
  assert.equal(forced.status, 200, forced.text);
}

const ABSENT = { order: ABSENT_ORDERS[0], sku: 'absent', product: 'absent', warehouse: 'absent', vendor: 'absent', webhook: 'absent', delivery: ABSENT_ORDERS[0], driver: 'absent', letter: 'absent' };

/** Everything that a call could have an effect on, from where it is durable. */
async function everything() {
  const tables = [
    ['fulfillment', 'DB', ['products', 'variants', 'warehouses']],
    ...[0, 1].map((shard) => ['fulfillment', `STOCK_${shard}`, ['stock', 'stock_holds', 'stock_movements']]),
    ['order', 'DB', ['orders', 'order_status_history']], ['offers', 'DB', ['vendor_routings', 'order_assignments', 'vendor_responses', 'vendor_cancellations', 'order_events']], ['cart', 'DB', ['carts']], ['vendors', 'DB', ['vendors', 'push_subscriptions']],
    ['notices', 'DB', ['webhook_endpoints', 'webhook_deliveries', 'emails']], ['dispatch', 'DB', ['dead_letters']], ['drivers', 'DB', ['drivers']],
  ];
  const found = {};
  for (const [worker, binding, names] of tables) {
    for (const name of names) found[`${worker}.${binding}.${name}`] = await shop.rt.d1(worker, binding).all(`SELECT * FROM ${name} ORDER BY 1, 2, 3`);
  }
  found.orders = shop.rt.objects('order', 'OrderDesk', 'SELECT order_id, phase, status, version FROM orders ORDER BY order_id');
  found.offers = shop.rt.objects('offers', 'OfferDesk', 'SELECT order_id, state FROM assignments ORDER BY order_id');
  found.sendings = shop.rt.objects('notices', 'NoticeDesk', 'SELECT id, state FROM sendings ORDER BY id');
  found.shifts = shop.rt.objects('drivers', 'DriverDesk', 'SELECT driver_id, shift FROM drivers ORDER BY driver_id');
  found.carts = shop.rt.objects('cart', 'CartDesk', 'SELECT customer_id, doc FROM carts ORDER BY customer_id');
  return found;
}

const send = (route, values, as, options = {}) => shop.call(route.method, route.path(values), { as, body: route.body?.(values), ...options });
const mayCall = (route, role) => route.roles === 'anyone' || route.roles.includes(role);

before(async () => {
  shop = await openShop({ vars: { notices: { WEBHOOK_ALLOW_LOCAL: 'true' } } });
  people = Object.fromEntries(ROLES.map((role) => [role, shop.person(role)]));
  things = await makeThings(shop.customer());
  const full = await shop.goods({ stock: { berlin: 9 } });
  await people.customer.fill({ [full]: 1 });
  await atRest(shop);
  untouched = await everything();
});
after(() => shop?.close());

for (const route of ROUTES.filter(({ roles }) => roles !== 'anyone')) {
  test(`${nameOf(route)} is refused to everybody without a token and to every role that may not`, async () => {
    assertProblem(await send(route, things), route.closed ?? { status: 401, code: 'unauthenticated' });
    for (const role of ROLES.filter((each) => !mayCall(route, each))) {
      assertProblem(await send(route, things, people[role]), route.closed ?? { status: 403, code: 'forbidden' });
    }
  });
}

test('nothing of what was refused had any effect', async () => {
  assert.deepEqual(await everything(), untouched);
});

for (const route of ROUTES.filter(({ roles }) => roles === 'anyone')) {
  test(`${nameOf(route)} is for everybody, with a token or without`, async () => {
    for (const as of [undefined, ...Object.values(people)]) assert.equal((await send(route, things, as)).status, 200);
    if (route.about) assertProblem(await send(route, { ...things, ...ABSENT }), { status: 404, code: 'not_found' });
  });
}

for (const route of ROUTES.filter(({ roles }) => roles.length > 0 && roles !== 'anyone')) {
  test(`${nameOf(route)} is for ${route.roles.join(', ')}`, async () => {
    for (const role of route.roles) {
      const who = shop.person(role);
      const own = await makeThings(role === 'customer' ? who : shop.customer(), route);
      if (route.itself) await (role === 'driver' ? shop.driver({ driver_id: who.id }) : shop.vendor({ vendor_id: who.id }));
      const isVendor = role === 'vendor';
      if (isVendor || route.offered || route.kept || route.store) {
        // Its vendor is the caller, or the one that the caller names.
        own.store = isVendor ? who.id : `store-${own.n}`;
        own.named = !isVendor;
        if (route.offered || route.kept || route.store) await shop.vendor({ vendor_id: own.store, capacity: null });
        const offered = route.offered || (route.kept && (isVendor || route.path(own).startsWith('/api/')));
        if (offered) await offer(own.order, own.store, route.kept);
      }
      if (route.cart) await who.fill({ [own.sku]: 1 });
      const answer = await send(route, own, who);
      assert.equal(answer.status, route.ok ?? 200, `${role}: ${answer.text}`);
      if (!route.about) continue;

      const absent = await send(route, { ...own, ...ABSENT }, who);
      assert.equal(absent.status, 404, `${role}, absent: ${absent.text}`);
      if (!route.owned || !(role === 'customer' || isVendor)) continue;
      const foreign = await send(route, { ...own, ...await makeThings(shop.customer(), route) }, who);
      assert.deepEqual([foreign.status, foreign.text], [absent.status, absent.text], 'a foreign thing looks missing');
    }
  });
}

test('the figures are for who has the scrape token', async () => {
  const { status } = await shop.call('GET', '/metrics', { as: shop.rt.secrets.SCRAPE_TOKEN });
  assert.equal(status, 200);
  for (const as of ['', 'wrong', `${shop.rt.secrets.SCRAPE_TOKEN}x`, shop.rt.secrets.JWT_SECRET]) {
    assertProblem(await shop.call('GET', '/metrics', { as }), { status: 401, code: 'unauthenticated' });
  }
});

test('a route that does not exist is not found, whoever asks', async () => {
  const absent = ['/', '/api', '/api/admin', '/api/admin/secrets', '/api/v1', '/api/v1/orders', '/order.place', '/command', '/stock/deduct', '/cartt', '/Health'];
  for (const path of absent) {
    for (const as of [undefined, people.customer, people.admin]) {
      const answer = await shop.call('GET', path, { as });
      assert.ok([401, 403, 404].includes(answer.status), `${path}: ${answer.status}`);
      assertProblem(answer, { status: answer.status });
    }
    assert.equal((await shop.call('GET', path, { as: people.admin })).status, 404, path);
  }
});

test('a method that a route does not have is refused', async () => {
  for (const route of ROUTES) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const path = route.path(things);
      if (ROUTES.some((each) => each.method === method && each.path(things) === path) || route.scrape) continue;
      for (const as of [people.customer, people.admin]) {
        const answer = await shop.call(method, path, { as });
        assert.ok([403, 404, 405].includes(answer.status), `${method} ${path}: ${answer.status}`);
      }
    }
  }
  for (const method of ['PROPFIND', 'REPORT', 'LOCK']) {
    const answer = await shop.raw(method, '/products');
    assert.ok([404, 405].includes(answer.status), `${method}: ${answer.status}`);
  }
});
