// What there is to ask for: the document is the one of this build, and the page shows all of it,
// takes nothing from elsewhere and may not.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { at } from '../../tools/paths.mjs';
import { pageOf } from '../support/pages.mjs';
import { openShop } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop({ catalogue: null }); });
after(() => shop?.close());

const FILES = ['/docs', '/docs/reference.js', '/docs/reference.css'];
const document = JSON.parse(readFileSync(at('openapi.json'), 'utf8'));

test('the document is that of the sources, for everybody, and short', async () => {
  const { status, json, text, headers } = await shop.call('GET', '/openapi.json');
  assert.equal(status, 200);
  assert.deepEqual(json, document);
  assert.ok(!text.includes('\n') && text.length < JSON.stringify(document).length * 1.01, `${text.length} letters`);
  assert.equal(headers.get('content-type'), 'application/json');
});

test('the page and its parts may load what is the shop\'s own and nothing else', async () => {
  for (const path of FILES) {
    const { status, headers, text } = await shop.call('GET', path);
    assert.equal(status, 200, path);
    const policy = headers.get('content-security-policy');
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; /);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.doesNotMatch(text, /(?:https?:)?\/\/[a-z0-9-]+\.[a-z]/i, `${path} names nobody else`);
    assert.doesNotMatch(text, /\bon\w+=|<style|style=|<script>|innerHTML|eval\(/, `${path} has nothing that its policy would stop`);
  }
});

test('the page shows every route with all that is said of it', async () => {
  const [html, script] = await Promise.all(FILES.slice(0, 2).map((path) => shop.call('GET', path)));
  const page = await pageOf(html.text, script.text, shop.url, (path) => shop.call('GET', path));
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const route = page.byId(operation.operationId);
      assert.ok(route, operation.operationId);
      route.toggle();
      const text = route.text();
      assert.ok(text.startsWith(`${method.toUpperCase()} ${path}`), text.slice(0, 80));
      assert.match(text, /curl /);
      for (const { name } of operation.parameters ?? []) assert.ok(text.includes(name), `${name} of ${operation.operationId}`);
      for (const status of Object.keys(operation.responses)) assert.ok(text.includes(status), `${status} of ${operation.operationId}`);
      for (const role of operation['x-roles'] ?? []) assert.ok(text.includes(role), `${role} of ${operation.operationId}`);
    }
  }
  const address = page.byId('setAddress').text();
  for (const field of ['postal_code', 'latitude', '-90 to 90', '1 to 200 characters']) assert.ok(address.includes(field), `${field} in ${address}`);
  assert.ok(page.byId('placeOrder').text().includes('insufficient_stock'));
  assert.ok(page.byId('placeOrder').text().includes("-H 'Idempotency-Key: "));
});

test('a word in the search leaves the routes that have it', async () => {
  const [html, script] = await Promise.all(FILES.slice(0, 2).map((path) => shop.call('GET', path)));
  const page = await pageOf(html.text, script.text, shop.url, (path) => shop.call('GET', path));
  page.type('wanted', 'put cart');
  assert.equal(page.byId('setLine').hidden, false);
  assert.equal(page.byId('cart').hidden, true, 'a GET');
  assert.equal(page.byId('writeProduct').hidden, true, 'not of carts');
  assert.match(page.byId('count').text(), /^2 of /);
});
