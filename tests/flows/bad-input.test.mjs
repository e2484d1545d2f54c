// What callers get wrong, on every route: refused with a problem that names the field, and nothing
// lost or half done after it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ABSENT_ORDERS, nameOf, ROUTES } from '../support/routes.mjs';
import { ADDRESS, assertProblem, openShop } from '../support/shop.mjs';

const BODY_MAX = 64 * 1024;
const IMPORT_BODY_MAX = 1024 * 1024;

let shop;
let people;
let values;
before(async () => {
  shop = await openShop();
  people = { customer: shop.customer(), admin: shop.admin, service: shop.service, vendor: shop.person('vendor'), driver: shop.person('driver') };
  const sku = await shop.goods({ stock: { berlin: 9 } });
  const { order_id: order } = await people.customer.order({ [sku]: 1 });
  values = { order, sku, product: `p-${sku}`, warehouse: 'berlin', vendor: 'some-vendor', store: 'some-vendor', webhook: 'some-webhook', delivery: ABSENT_ORDERS[0], driver: 'some-driver', letter: 'some-letter', n: 0 };
});
after(() => shop?.close());

const whoMay = (route) => people[route.roles === 'anyone' ? 'customer' : route.roles[0]];

const HERE = { latitude: 52.5, longitude: 13.4 };
const invalid = (field) => ({ status: 400, code: 'invalid_field', field });
const malformed = { status: 400, code: 'malformed_json' };

for (const route of ROUTES.filter(({ body }) => body)) {
  const ask = (body) => whoMay(route).call(route.method, route.path(values), { body });

  test(`${nameOf(route)} refuses a body that is no JSON`, async () => {
    const bad = ['{', '}', '{"', "{'a':1}", '{a:1}', 'nonsense', '\ufeff{}', ' ', '\0', '[', '[1', '{}x', '['.repeat(1000)];
    for (const body of bad) assertProblem(await ask(body), body === '{}x' ? { status: 400 } : malformed);
    const good = JSON.stringify(route.body(values));
    for (const body of [good.slice(0, -1), `${good}x`, `${good}${good}`, `${good},`, good.replace('{', '{,')]) assertProblem(await ask(body), malformed);
    const notUtf8 = new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]);
    assertProblem(await ask(notUtf8), { status: 400 });
  });

  test(`${nameOf(route)} refuses JSON that is no object`, async () => {
    for (const body of ['[]', '[{}]', '7', '"text"', 'true', 'null']) assertProblem(await ask(body), invalid('body'));
  });

  test(`${nameOf(route)} refuses a body above its bound, with a length announced or without`, async () => {
    const max = ['/api/admin/import', '/api/admin/vendor-import'].includes(route.path(values)) ? IMPORT_BODY_MAX : BODY_MAX;
    const { token } = whoMay(route);
    const tooLarge = { status: 413, code: 'body_too_large' };
    const padded = (length) => `{"x":"${'x'.repeat(length - 8)}"}`;
    assert.equal(padded(max).length, max);
    assertProblem(await ask(padded(max + 1)), tooLarge);
    const headers = { authorization: `Bearer ${token}` };
    const pieces = padded(max + 1).match(/.{1,30000}/g);
    assertProblem(await shop.raw(route.method, route.path(values), { headers, body: pieces }), tooLarge);
    const most = await whoMay(route).call(route.method, route.path({ ...values, order: ABSENT_ORDERS[0] }), { body: padded(max) });
    assert.notEqual(most.status, 413, 'at the bound it is read');
    assert.ok(most.status < 500, most.text);
  });
}

// Each: what is wrong, the route's method and path, the body, and what the problem must say.
const lines = (count) => Array.from({ length: count }, (_, n) => ({ sku: `s-${n}`, quantity: 1 }));
const stockLine = (change) => ({ order_id: 'o-1', warehouse_id: 'berlin', sku: values.sku, quantity: 1, ...change });
const without = (object, name) => Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
const importOf = (change) => ({ products: [{ product_id: 'x', title: 'X', variants: [{ sku: 'x-1', price_minor: 1 }] }], ...change });
const TOO_LONG = 'x'.repeat(1001);

const NOT_QUANTITIES = [0, -1, 1.5, 100_001, 2 ** 53, '1', '', null, true, [1], { n: 1 }];
const LOCATION = { latitude: 52.5, longitude: 13.4, sequence: 1 };
const CASES = {
  driver: [
    ...[['latitude', 90.001], ['latitude', '52'], ['latitude', null], ['longitude', -180.001], ['longitude', 1e300], ['accuracy', -1], ['accuracy', 1_000_001], ['accuracy', '5'],
      ['sequence', -1], ['sequence', 1.5], ['sequence', 1_000_000_000_001], ['sequence', null], ['at', 'now'], ['at', 7], ['at', '2026-02-30T10:00:00Z']].map(([field, value]) =>
      [`a position with ${field} ${JSON.stringify(value)}`, 'PUT', '/api/driver/location', { ...LOCATION, [field]: value }, invalid(field)]),
    ...Object.keys(LOCATION).map((field) => [`a position without ${field}`, 'PUT', '/api/driver/location', without(LOCATION, field), invalid(field)]),
    ...[{}, { available: 'yes' }, { available: null }].map((body) => [`a shift of ${JSON.stringify(body)}`, 'PUT', '/api/driver/availability', body, invalid('available')]),
    ...['soon', '2020-01-01T00:00:00Z', 7].map((until) => [`a shift until ${until}`, 'PUT', '/api/driver/availability', { available: true, until }, invalid('until')]),
    ...[{}, { code: ' ' }, { code: TOO_LONG }, { code: 7 }].map((body) => [`what shows no delivery: ${JSON.stringify(body).slice(0, 20)}`, 'POST', '/api/driver/orders/{order}/delivered', body, invalid('code')]),
    ...['', TOO_LONG].map((photo) => [`a photo of ${photo.length} letters`, 'POST', '/api/driver/orders/{order}/delivered', { photo }, invalid('photo')]),
    ...['', 'x', '1', '-1_a', '+1_a', '1_', '1_a%20b', '1234567890123456_a'].map((cursor) => [`a history before ${cursor || 'nothing'}`, 'GET', `/api/driver/history?cursor=${cursor}`, undefined, invalid('cursor')]),
    ['a history of nothing', 'GET', '/api/driver/history?limit=0', undefined, invalid('limit')],
  ],
  customer: [
    ...NOT_QUANTITIES.map((quantity) => [`a quantity of ${JSON.stringify(quantity)}`, 'PUT', '/cart/items/{sku}', { quantity }, invalid('quantity')]),
    ...['99999999999999999999', '-0', '1.0', '1e2', '1e-7'].map((quantity) =>
      [`a quantity written ${quantity}`, 'PUT', '/cart/items/{sku}', `{"quantity":${quantity}}`, invalid('quantity')]),
    ['no quantity', 'PUT', '/cart/items/{sku}', {}, invalid('quantity')],
    ['an unknown SKU', 'PUT', '/cart/items/nobody', { quantity: 1 }, { status: 404, code: 'unknown_sku', field: 'sku' }],
    ...['a b', 'a/b', 'ä', 'x'.repeat(65), "a'b", '%', '\0', '..%2f'].map((sku) =>
      [`a SKU like ${JSON.stringify(sku.slice(0, 9))}`, 'PUT', `/cart/items/${encodeURIComponent(sku)}`, { quantity: 1 }, invalid('sku')]),

    ...['name', 'line1', 'city', 'state', 'postal_code', 'country', 'phone'].flatMap((field) => [
      [`an address without ${field}`, 'PUT', '/cart/address', without(ADDRESS, field), invalid(field)],
      [`an address with an empty ${field}`, 'PUT', '/cart/address', { ...ADDRESS, [field]: '  ' }, invalid(field)],
      [`an address with a number as ${field}`, 'PUT', '/cart/address', { ...ADDRESS, [field]: 7 }, invalid(field)],
      [`an address with a long ${field}`, 'PUT', '/cart/address', { ...ADDRESS, [field]: 'x'.repeat(201) }, invalid(field)],
      [`an address with a line break in ${field}`, 'PUT', '/cart/address', { ...ADDRESS, [field]: 'a\nb' }, invalid(field)],
    ]),
    ['an e-mail address that is none', 'PUT', '/cart/address', { ...ADDRESS, email: 'nobody' }, invalid('email')],
    ...[['latitude', 90.001], ['latitude', -90.001], ['longitude', 180.001], ['longitude', -180.001], ['latitude', '52'], ['longitude', null], ['latitude', 1e300]].map(
      ([field, value]) => [`a ${field} of ${JSON.stringify(value)}`, 'PUT', '/cart/address', { ...ADDRESS, [field]: value }, invalid(field)]),
    ['an address without a latitude', 'PUT', '/cart/address', without(ADDRESS, 'latitude'), invalid('latitude')],
    ['an address without a longitude', 'PUT', '/cart/address', without(ADDRESS, 'longitude'), invalid('longitude')],

    ['a delivery mode that is a number', 'POST', '/cart/place-order', { delivery_mode: 7 }, invalid('delivery_mode')],
    ['an expected total that is text', 'POST', '/cart/place-order', { expected_total: '100' }, invalid('expected_total')],
    ['an expected total with a fraction', 'POST', '/cart/place-order', { expected_total: 99.5 }, invalid('expected_total')],
    ['instructions that are a number', 'POST', '/cart/place-order', { special_instructions: 7 }, invalid('special_instructions')],
    ['instructions that are too long', 'POST', '/cart/place-order', { special_instructions: TOO_LONG }, invalid('special_instructions')],
    ['a reason that is a number', 'POST', '/orders/{order}/cancel', { reason: 7 }, invalid('reason')],
    ['a reason that is too long', 'POST', '/orders/{order}/cancel', { reason: TOO_LONG }, invalid('reason')],
    ...['0', '101', '-1', '1.5', 'many', '', '99999999999'].flatMap((limit) => [
      [`a page of ${limit || 'nothing'}`, 'GET', `/orders?limit=${limit}`, undefined, invalid('limit')],
      [`a page of ${limit || 'nothing'} products`, 'GET', `/products?limit=${limit}`, undefined, invalid('limit')],
    ]),
  ],
  admin: [
    ['an unknown status', 'PATCH', '/api/v1/orders/{order}/status', { status: 'lost' }, invalid('status')],
    ['a status that is a number', 'PATCH', '/api/v1/orders/{order}/status', { status: 1 }, invalid('status')],
    ['no status', 'PATCH', '/api/v1/orders/{order}/status', {}, invalid('status')],
    ['a tracking number that is too long', 'PATCH', '/api/v1/orders/{order}/status', { status: 'paid', tracking_number: TOO_LONG }, invalid('tracking_number')],
    ['a reason that is too long for a status', 'PATCH', '/api/v1/orders/{order}/status', { status: 'paid', reason: TOO_LONG }, invalid('reason')],
    ['placements in no state', 'GET', '/api/admin/placements?state=lost', undefined, invalid('state')],
    ['a desk that is no number', 'GET', '/api/admin/desks/order/x/export', undefined, { status: 404, code: 'not_found' }],
    ['a desk of offers that is no number', 'GET', '/api/admin/desks/offers/x/export', undefined, { status: 404, code: 'not_found' }],
    ['a vendor desk beyond the last', 'GET', '/api/admin/desks/vendor/1024/export', undefined, { status: 404, code: 'not_found' }],
    ['a desk beyond the last', 'GET', '/api/admin/desks/cart/1024/export', undefined, { status: 404, code: 'not_found' }],

    ...['', 'nonsense', 'http://hooks.example/x', 'https://user:word@hooks.example/x', 'https://10.0.0.1/x', 'https://[::1]/x', 'https://localhost/x', 'http://127.0.0.1:8/x', 'https://hooks.example:0/x', `https://hooks.example/${'x'.repeat(2000)}`, 7, null].map((url) =>
      [`an endpoint at ${JSON.stringify(url).slice(0, 40)}`, 'POST', '/api/admin/webhooks', { url }, invalid('url')]),
    ['an endpoint without an address', 'POST', '/api/admin/webhooks', {}, invalid('url')],
    ['an endpoint for no kind', 'POST', '/api/admin/webhooks', { url: 'https://hooks.example/bad', kinds: [] }, invalid('kinds')],
    ['an endpoint for a kind that is none', 'POST', '/api/admin/webhooks', { url: 'https://hooks.example/bad', kinds: ['order.paid', 'order.lost'] }, invalid('kinds[1]')],
    ['an endpoint with a secret of its own', 'POST', '/api/admin/webhooks', { url: 'https://hooks.example/bad', secret: 'whsec_x' }, invalid('secret')],
    ['an endpoint with a long description', 'POST', '/api/admin/webhooks', { url: 'https://hooks.example/bad', description: TOO_LONG }, invalid('description')],
    ['an endpoint moved to a private address', 'PATCH', '/api/admin/webhooks/{webhook}', { url: 'https://192.168.0.1/' }, invalid('url')],
    ['an endpoint switched to neither', 'PATCH', '/api/admin/webhooks/{webhook}', { active: 'yes' }, invalid('active')],
    ['an endpoint for a kind that is a number', 'PATCH', '/api/admin/webhooks/{webhook}', { kinds: [1] }, invalid('kinds[0]')],
    ...['', 'a b', 'x'.repeat(65)].map((cursor) => [`drivers behind ${JSON.stringify(cursor.slice(0, 9))}`, 'GET', `/api/admin/drivers?cursor=${encodeURIComponent(cursor)}`, undefined, invalid('cursor')]),
    ...['', 'x', '2026-01-01T00:00:00.000Z_a', '1_a%20b'].map((cursor) => [`dead letters before ${cursor || 'nothing'}`, 'GET', `/api/admin/dispatch/dead-letters?cursor=${cursor}`, undefined, invalid('cursor')]),
    ['dead letters in no state', 'GET', '/api/admin/dispatch/dead-letters?state=lost', undefined, invalid('state')],
    ['a page of too many dead letters', 'GET', '/api/admin/dispatch/dead-letters?limit=101', undefined, invalid('limit')],
    ...[['latitude=x&longitude=1', 'latitude'], ['longitude=1', 'latitude'], ['latitude=NaN&longitude=1', 'latitude'], ['latitude=91&longitude=1', 'latitude'], ['latitude=1', 'longitude'], ['latitude=1&longitude=-181', 'longitude'], ['latitude=1&longitude=inf', 'longitude']].map(
      ([query, field]) => [`a map of ${query}`, 'GET', `/api/admin/driver-map?${query}`, undefined, invalid(field)]),
    ['deliveries in no state', 'GET', '/api/admin/webhooks/deliveries?state=lost', undefined, invalid('state')],
    ['deliveries of no kind', 'GET', '/api/admin/webhooks/deliveries?kind=order', undefined, invalid('kind')],
    ['a page of no deliveries', 'GET', '/api/admin/webhooks/deliveries?limit=0', undefined, invalid('limit')],
    ['mails in no state', 'GET', '/api/admin/emails?state=lost', undefined, invalid('state')],
    ['a page of too much that is dead', 'GET', '/api/admin/notices/dead?limit=101', undefined, invalid('limit')],
    ['a delivery that is no id', 'GET', '/api/admin/webhooks/deliveries/x', undefined, { status: 404, code: 'not_found' }],
    ['a replay of what is no id', 'POST', '/api/admin/notices/dead/x/replay', undefined, { status: 404, code: 'not_found' }],

    ['an import with an unknown field', 'POST', '/api/admin/import', { product: [] }, invalid('product')],
    ['an import with a list that is none', 'POST', '/api/admin/import', { products: {} }, invalid('products')],
    ['a warehouse off the globe', 'POST', '/api/admin/import', importOf({ warehouses: [{ warehouse_id: 'w', latitude: 91, longitude: 0 }] }), invalid('warehouses[0].latitude')],
    ['a warehouse in a shard that is none', 'POST', '/api/admin/import', importOf({ warehouses: [{ warehouse_id: 'w', latitude: 0, longitude: 0, shard: 2 }] }), invalid('warehouses[0].shard')],
    ['a warehouse with a bad id', 'POST', '/api/admin/import', importOf({ warehouses: [{ warehouse_id: 'w w', latitude: 0, longitude: 0 }] }), invalid('warehouses[0].warehouse_id')],
    ['a product with a bad id', 'POST', '/api/admin/import', { products: [{ product_id: 'ok', title: 'X' }, { product_id: '', title: 'X' }] }, invalid('products[1].product_id')],
    ['a product without a title', 'POST', '/api/admin/import', { products: [{ product_id: 'x' }] }, invalid('products[0].title')],
    ['a product with a long title', 'POST', '/api/admin/import', { products: [{ product_id: 'x', title: TOO_LONG }] }, invalid('products[0].title')],
    ['a variant with a bad SKU', 'POST', '/api/admin/import', { products: [{ product_id: 'x', title: 'X', variants: [{ sku: 'a/b', price_minor: 1 }] }] }, invalid('products[0].variants[0].sku')],
    ...[-1, 1.5, '1', 100_000_000_001, null].map((price_minor) => [
      `a price of ${JSON.stringify(price_minor)}`, 'POST', '/api/admin/import', { products: [{ product_id: 'x', title: 'X', variants: [{ sku: 'x', price_minor }] }] }, invalid('products[0].variants[0].price_minor')]),
    ['stock of no warehouse', 'POST', '/api/admin/import', { stock: [{ warehouse_id: 'nowhere', sku: 'x', quantity: 1 }] }, invalid('stock[0].warehouse_id')],
    ['stock beyond its bound', 'POST', '/api/admin/import', () => ({ stock: [{ warehouse_id: 'berlin', sku: values.sku, quantity: 1_000_000_001 }] }), invalid('stock[0].quantity')],
    ['a fraction of stock', 'POST', '/api/admin/import', { stock: [{ warehouse_id: 'berlin', sku: 'x', quantity: 0.5 }] }, invalid('stock[0].quantity')],
    ['more stock than a counter holds', 'POST', '/api/admin/import', () => ({ stock: [1, 2].map(() => ({ warehouse_id: 'berlin', sku: values.sku, quantity: 600_000_000 })) }), { status: 409, code: 'insufficient_stock' }],

    ['a product without an id', 'POST', '/api/admin/products', { title: 'X' }, invalid('product_id')],
    ['a product with a bad variant', 'PUT', '/api/admin/products/x', { title: 'X', variants: [{ sku: 'x' }] }, invalid('variants[0].price_minor')],
    ['a product changed to a bad id', 'PUT', '/api/admin/products/a%20b', { title: 'X' }, invalid('products[0].product_id')],
    ['a variant of a bad product', 'PUT', '/api/admin/variants/x', { product_id: 'a b', price_minor: 1 }, invalid('product_id')],
    ['a variant without a price', 'PUT', '/api/admin/variants/x', { product_id: 'x' }, invalid('price_minor')],
    ['a variant below nothing', 'PUT', '/api/admin/variants/x', () => ({ product_id: values.product, price_minor: -1 }), invalid('products[0].variants[0].price_minor')],
    ['a warehouse without a place', 'POST', '/api/admin/warehouses', { warehouse_id: 'w' }, invalid('latitude')],
    ['a warehouse with text for a place', 'PUT', '/api/admin/warehouses/w', { latitude: 'north', longitude: 0 }, invalid('latitude')],
  ],
  service: [
    ['a check without lines', 'POST', '/api/fulfillment/check', {}, invalid('lines')],
    ['a check of nothing', 'POST', '/api/fulfillment/check', { lines: [], ...HERE }, invalid('lines')],
    ['a check of 51 lines', 'POST', '/api/fulfillment/check', { lines: lines(51), ...HERE }, invalid('lines')],
    ['a check with an unknown field', 'POST', '/api/fulfillment/check', { lines: lines(1), ...HERE, mode: 'express' }, invalid('mode')],
    ['a check without a place', 'POST', '/api/fulfillment/check', { lines: lines(1) }, invalid('latitude')],
    ['a check of an unknown SKU', 'POST', '/api/fulfillment/check', { lines: lines(1), ...HERE }, { status: 404, code: 'unknown_sku', field: 'sku' }],
    ['a check off the globe', 'POST', '/api/fulfillment/check', { lines: lines(1), latitude: 91, longitude: 0 }, invalid('latitude')],
    ...NOT_QUANTITIES.map((quantity) => [
      `a check of ${JSON.stringify(quantity)}`, 'POST', '/api/fulfillment/check', () => ({ lines: [{ sku: values.sku, quantity: 1 }, { sku: values.sku, quantity }], ...HERE }), invalid('lines[1].quantity')]),
    ['the stock of nothing', 'GET', '/api/stock', undefined, invalid('sku')],
    ['the stock of a bad SKU', 'GET', '/api/stock?sku=a%20b', undefined, invalid('sku')],

    ...['deduct', 'restore'].flatMap((verb) => [
      [`a ${verb} without an order`, 'POST', `/api/stock/${verb}`, () => without(stockLine(), 'order_id'), invalid('order_id')],
      [`a ${verb} without a warehouse`, 'POST', `/api/stock/${verb}`, () => without(stockLine(), 'warehouse_id'), invalid('warehouse_id')],
      [`a ${verb} without a SKU`, 'POST', `/api/stock/${verb}`, () => without(stockLine(), 'sku'), invalid('sku')],
      [`a ${verb} with a bad order`, 'POST', `/api/stock/${verb}`, () => stockLine({ order_id: 'a b' }), invalid('order_id')],
      [`a ${verb} with a number as order`, 'POST', `/api/stock/${verb}`, () => stockLine({ order_id: 7 }), invalid('order_id')],
      [`a ${verb} of no lines`, 'POST', `/api/stock/${verb}`, { lines: [] }, invalid('lines')],
      [`a ${verb} of 51 lines`, 'POST', `/api/stock/${verb}`, () => ({ lines: Array.from({ length: 51 }, () => stockLine()) }), invalid('lines')],
      [`a ${verb} for two orders`, 'POST', `/api/stock/${verb}`, () => ({ lines: [stockLine(), stockLine({ order_id: 'o-2' })] }), invalid('lines[1].order_id')],
      [`a ${verb} in no warehouse`, 'POST', `/api/stock/${verb}`, () => ({ lines: [stockLine(), stockLine({ warehouse_id: 'nowhere' })] }), { status: 404, code: 'not_found', field: 'lines[1].warehouse_id' }],
      ...[0, -1, 1.5, '1', 1_000_000_001, true].map((quantity) => [
        `a ${verb} of ${JSON.stringify(quantity)}`, 'POST', `/api/stock/${verb}`, () => stockLine({ quantity }), invalid('quantity')]),
      [`a ${verb} of a bad second line`, 'POST', `/api/stock/${verb}`, () => ({ lines: [stockLine(), stockLine({ quantity: 0 })] }), invalid('lines[1].quantity')],
    ]),
    ['a deduct of no quantity', 'POST', '/api/stock/deduct', () => without(stockLine(), 'quantity'), invalid('quantity')],
    ['a deduct that expects text', 'POST', '/api/stock/deduct', () => stockLine({ expected_stock: 'x' }), invalid('expected_stock')],
    ...[0, 1.5, '1', 1_000_000_001, -1_000_000_001, null].map((delta) => [
      `an adjustment by ${JSON.stringify(delta)}`, 'POST', '/api/stock/adjust', () => ({ warehouse_id: 'berlin', sku: values.sku, delta, reason: 'x' }), invalid('delta')]),
    ['an adjustment without a reason', 'POST', '/api/stock/adjust', () => ({ warehouse_id: 'berlin', sku: values.sku, delta: 1 }), invalid('reason')],
    ['an adjustment with an empty reason', 'POST', '/api/stock/adjust', () => ({ warehouse_id: 'berlin', sku: values.sku, delta: 1, reason: ' ' }), invalid('reason')],
    ['an adjustment with a long reason', 'POST', '/api/stock/adjust', () => ({ warehouse_id: 'berlin', sku: values.sku, delta: 1, reason: TOO_LONG }), invalid('reason')],
    ['an adjustment of a bad SKU', 'POST', '/api/stock/adjust', { warehouse_id: 'berlin', sku: 'a b', delta: 1, reason: 'x' }, invalid('sku')],
    ['an adjustment in no warehouse', 'POST', '/api/stock/adjust', () => ({ warehouse_id: 'nowhere', sku: values.sku, delta: 1, reason: 'x' }), { status: 404, code: 'not_found', field: 'warehouse_id' }],
  ],
};

for (const [role, cases] of Object.entries(CASES)) {
  for (const [name, method, path, body, expected] of cases) {
    test(`${name} is refused by ${method} ${path.replace(/\?.*/, '')}`, async () => {
      const target = path.replace(/\{(\w+)\}/g, (_, key) => values[key]);
      const answer = await people[role].call(method, target, { body: typeof body === 'function' ? body() : body });
      assertProblem(answer, expected);
    });
  }
}

test('a place-order with an empty cart or without an address is refused by name, and nothing is made', async () => {
  const alice = shop.customer();
  assertProblem(await alice.place(), { status: 422, code: 'empty_cart', field: 'cart' });
  await alice.fill({ [values.sku]: 1 }, null);
  assertProblem(await alice.place({}, { key: 'k' }), { status: 422, code: 'no_address', field: 'address' });
  await alice.put('/cart/address', ADDRESS);
  assert.equal((await alice.place({}, { key: 'k' })).status, 201, 'the key was not used up');
});

test('an Idempotency-Key that is empty, too long or not plain is refused', async () => {
  const alice = shop.customer();
  await alice.fill({ [values.sku]: 1 });
  for (const key of ['', 'a b', 'ä', 'x'.repeat(256), 'x'.repeat(5000)]) {
    assertProblem(await alice.place({}, { key }), invalid('Idempotency-Key'));
  }
  assert.equal((await alice.place({}, { key: `!~${'x'.repeat(253)}` })).status, 201, '255 visible characters are good');
});

test('strange paths and queries are answered with a problem or as what they mean', async () => {
  const { token } = people.admin;
  const strange = [
    '//', '//x', '/%', '/%zz', '/%00', '/orders/%00', '/orders/%ff%fe', '/orders/..%2f..%2fstats', '/products/%00', '/products/%F0%9F%98%80',
    '/products?cursor=%00', '/products?cursor=%ff', '/products?limit=5&limit=x', '/products?%', '/products?=&&==', '/products#x', '/?',
    `/products/${'x'.repeat(8000)}`, `/orders/${'1'.repeat(3000)}`, '/orders/01920000-0000-7fff-bfff-ffffffffffff', '/orders/ORD-9999-ZZZZZZ',
    '/orders/ORD-2026-', "/orders/'%20OR%201=1--", '/products/$%7Bx%7D', '/api//admin///import', '/./stats', '/cart/../stats', '/cart/%2e%2e/stats',
    '*', 'http://elsewhere.example/stats', `/products?cursor=${'x'.repeat(8000)}`, `/orders?cursor=${'%F0%9F%98%80'.repeat(500)}`,
  ];
  for (const path of strange) {
    for (const [method, body] of [['GET'], ['POST', '{}'], ['DELETE'], ['PUT', '{']]) {
      const answer = await shop.raw(method, path, { headers: { authorization: `Bearer ${token}` }, body });
      assert.ok(answer.status < 500, `${method} ${path.slice(0, 60)}: ${answer.status} ${answer.text}`);
      if (answer.status >= 400) assertProblem(answer, { status: answer.status });
    }
  }
});

test('after all of this nothing was lost, taken or broken', async () => {
  assert.deepEqual(shop.panics(), []);
  assert.deepEqual(shop.logs.filter(({ line, level }) => level === 'error' || line?.level === 'error').map(({ text }) => text), []);
  assert.equal((await shop.audit()).drift, 0);
  assert.equal((await people.customer.get(`/orders/${values.order}`)).json.status, 'pending');
  // Nine there were, three were ordered above, and no bad request took or gave any.
  assert.deepEqual(await shop.stock(values.sku), { berlin: { stock: 6, held: 3 } });
  assert.equal((await shop.call('GET', '/products/x')).status, 404, 'no half of a bad import is there');
  assert.deepEqual((await shop.admin.get('/api/admin/placements?state=stuck')).json.placements, []);
});
