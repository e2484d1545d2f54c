// A check of answers that lets everything through would pass every flow; this one must not. And the
// description and the table that tests of roles read are of the same routes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertAnswer, describedPath, operations } from '../support/openapi.mjs';
import { nameOf, ROUTES } from '../support/routes.mjs';

function answer(status, body, type = status < 400 ? 'application/json' : 'application/problem+json', more = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    // Left out, as it is where an answer is no JSON.
  }
  return { status, headers: new Headers({ 'content-type': type, ...more }), text, json };
}

const problem = (status, code, more = {}) => ({
  type: `/problems/${code}`, title: code, status, code, detail: 'x', success: false, message: 'x', error: 'x', ...more,
});
const PRODUCT = { product_id: 'boot', title: 'Boot', description: '', currency: 'EUR', variants: [{ sku: 'b-1', size: '', price_minor: 1 }] };
const notFound = problem(404, 'not_found');

describe('answers', () => {
  test('what is as it was described passes', () => {
    assertAnswer('GET', '/products/boot', answer(200, PRODUCT));
    assertAnswer('GET', '/products/boot?x=1', answer(404, notFound));
    assertAnswer('GET', '/products//boot/', answer(200, PRODUCT, 'application/json; charset=utf-8'));
    assertAnswer('GET', '/docs', answer(200, '<!doctype html>', 'text/html; charset=utf-8'));
    assertAnswer('POST', '/cart/place-order', answer(409, problem(409, 'insufficient_stock', { lines: [{ sku: 'x', requested: 2, available: 1 }] })));
  });

  test('what is not described is not there, and says so', () => {
    assertAnswer('GET', '/nowhere', answer(404, notFound));
    assertAnswer('GET', '/nowhere', answer(401, problem(401, 'unauthenticated')));
    assertAnswer('DELETE', '/products', answer(405, problem(405, 'method_not_allowed'), undefined, { allow: 'GET' }));
    assert.throws(() => assertAnswer('GET', '/nowhere', answer(200, {})), /does not describe GET \/nowhere/);
    assert.throws(() => assertAnswer('DELETE', '/products', answer(200, {})), /does not describe DELETE \/products/);
    assert.throws(() => assertAnswer('DELETE', '/products', answer(404, notFound)), /does not describe/);
    assert.throws(() => assertAnswer('DELETE', '/products', answer(405, problem(405, 'method_not_allowed'))), /Allow of DELETE/);
  });

  test('every other status, type and shape is noticed', () => {
    const { currency: _, ...without } = PRODUCT;
    for (const [method, path, given, message] of [
      ['GET', '/products/boot', answer(201, PRODUCT), /no 201 of GET \/products\/\{product\}/],
      ['GET', '/products/boot', answer(200, PRODUCT, 'text/plain'), /no text\/plain with 200/],
      ['GET', '/products/boot', answer(200, '{'), /what is no JSON/],
      ['GET', '/products/boot', answer(200, without), /must have required property 'currency'/],
      ['GET', '/products/boot', answer(200, { ...PRODUCT, colour: 'red' }), /additional properties: colour/],
      ['GET', '/products/boot', answer(200, { ...PRODUCT, variants: [{ ...PRODUCT.variants[0], price_minor: 1.5 }] }), /variants\/0\/price_minor must be integer/],
      ['GET', '/products/boot', answer(404, problem(404, 'unknown_sku')), /code must be equal to one of the allowed values: not_found/],
      ['GET', '/products/boot', answer(404, problem(409, 'not_found')), /status must be equal to constant: 404/],
      ['GET', '/products/boot', answer(404, { ...notFound, secret: 1 }), /additional properties: secret/],
      ['GET', '/cart', answer(404, notFound), /no 404 of GET \/cart/],
    ]) {
      assert.throws(() => assertAnswer(method, path, given), { message }, `${method} ${path}`);
    }
  });
});

describe('the description and the table of tests', () => {
  const values = { store: 'x', order: 'x', sku: 'x', product: 'x', warehouse: 'x', vendor: 'x', n: 1 };
  const rolesOf = ({ operation }) => {
    if (operation.security.length === 0) return 'anyone';
    return [...operation['x-roles'] ?? []].sort();
  };

  test('have the same routes, for the same roles', () => {
    const described = new Map(operations().map((each) => [`${each.method} ${each.path}`, each]));
    const seen = new Set();
    for (const route of ROUTES) {
      const { pathname } = new URL(route.path(values), 'http://shop');
      const name = `${route.method} ${describedPath(pathname)?.path}`;
      assert.ok(described.has(name), `${nameOf(route)} is in tests/support/routes.mjs and not in openapi.json`);
      assert.deepEqual(rolesOf(described.get(name)), route.roles === 'anyone' ? 'anyone' : [...route.roles].sort(), name);
      assert.ok(described.get(name).operation.responses[route.ok ?? 200], `${name} may answer ${route.ok ?? 200}`);
      assert.equal(Boolean(described.get(name).operation.requestBody), Boolean(route.body) || name.startsWith('POST /webhooks/'), `body of ${name}`);
      seen.add(name);
    }
    assert.deepEqual([...described.keys()].filter((name) => !seen.has(name)), [], 'in openapi.json and not in tests/support/routes.mjs');
  });
});
