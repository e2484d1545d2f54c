// The catalogue as shoppers see it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProblem, openShop, until, WAREHOUSES } from '../support/shop.mjs';

let shop;
before(async () => {
  shop = await openShop();
  const sizes = ['S', 'M'];
  await shop.import({
    products: ['a', 'b', 'c', 'd', 'e'].map((id) => ({
      product_id: id, title: `Title ${id}`, description: `About ${id}`,
      variants: sizes.map((size, n) => ({ sku: `${id}-${size}`, size, price_minor: 100 * (n + 1) })),
    })),
    stock: [
      { warehouse_id: 'berlin', sku: 'a-S', quantity: 3 }, { warehouse_id: 'hamburg', sku: 'a-S', quantity: 4 },
      { warehouse_id: 'cologne', sku: 'b-M', quantity: 1 },
    ],
  });
});
after(() => shop?.close());

test('anyone may read products, with their variants, prices and stock hints', async () => {
  const { status, json } = await shop.call('GET', '/products/a');
  assert.equal(status, 200);
  assert.deepEqual(json, {
    product_id: 'a', title: 'Title a', description: 'About a', currency: 'EUR',
    variants: [
      { sku: 'a-M', size: 'M', price_minor: 200, stock_hint: 0 },
      { sku: 'a-S', size: 'S', price_minor: 100, stock_hint: 7 },
    ],
  });
});

test('a list of products goes on at its cursor until nothing is left, and misses none', async () => {
  const seen = [];
  let path = '/products?limit=2';
  for (let page = 0; path; page += 1) {
    assert.ok(page < 10, 'the pages never end');
    const { status, json } = await shop.call('GET', path);
    assert.equal(status, 200);
    assert.ok(json.products.length <= 2);
    seen.push(...json.products.map(({ product_id }) => product_id));
    path = json.next_cursor && `/products?limit=2&cursor=${json.next_cursor}`;
  }
  assert.deepEqual(seen, ['a', 'b', 'c', 'd', 'e']);
});

test('one page may hold everything, and then names no next one', async () => {
  const { json } = await shop.call('GET', '/products');
  assert.equal(json.products.length, 5);
  assert.ok(!('next_cursor' in json));
  assert.deepEqual((await shop.call('GET', '/products?cursor=e')).json, { products: [] });
});

test('a stock hint follows what is sold', async () => {
  const hint = async () => (await shop.call('GET', '/products/b')).json.variants.find(({ sku }) => sku === 'b-M').stock_hint;
  assert.equal(await hint(), 1);
  await shop.customer().order({ 'b-M': 1 });
  await until('the hint to fall to 0', async () => (await hint()) === 0);
});

test('a stock hint does not count what lies in a warehouse that sends nothing any more', async () => {
  const sku = await shop.goods({ stock: { munich: 5, cologne: 2 } });
  const hint = async () => (await shop.call('GET', `/products/p-${sku}`)).json.variants[0].stock_hint;
  assert.equal(await hint(), 7);
  assert.equal((await shop.admin.delete('/api/admin/warehouses/munich')).status, 200);
  try {
    assert.equal(await hint(), 2);
  } finally {
    await shop.import({ warehouses: WAREHOUSES });
  }
  assert.equal(await hint(), 7);
});

test('a product that is absent or retired is not found, alone and in lists', async () => {
  const sku = await shop.goods({ stock: { berlin: 1 } });
  const path = `/products/p-${sku}`;
  assert.equal((await shop.call('GET', path)).status, 200);
  assert.equal((await shop.admin.delete(`/api/admin/products/p-${sku}`)).status, 200);
  const retired = await shop.call('GET', path);
  const absent = await shop.call('GET', '/products/nobody');
  assertProblem(retired, { status: 404, code: 'not_found' });
  assert.equal(retired.text, absent.text);
  const { json } = await shop.call('GET', '/products?limit=100');
  assert.ok(!json.products.some(({ product_id }) => product_id === `p-${sku}`));
});

test('a retired variant leaves its product with the others', async () => {
  const one = await shop.goods({ product: 'pair', sku: 'pair-1' });
  await shop.goods({ product: 'pair', sku: 'pair-2' });
  assert.equal((await shop.admin.delete(`/api/admin/variants/${one}`)).status, 200);
  const { json } = await shop.call('GET', '/products/pair');
  assert.deepEqual(json.variants.map(({ sku }) => sku), ['pair-2']);
});
