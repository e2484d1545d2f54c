// What is running low, over both shards: in order, page by page, and without a look at what there is
// plenty of.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProblem, openShop, until } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop({ vars: { fulfillment: { LOG_LEVEL: 'debug' } } }); });
after(() => shop?.close());

const low = async (query = {}) => {
  const answer = await shop.admin.get(`/api/admin/stock/low?${new URLSearchParams(query)}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
};
const brief = ({ rows }) => rows.map(({ sku, warehouse_id, stock }) => [sku, warehouse_id, stock]);

const made = () => shop.logs.flatMap(({ line }) => (line?.event === 'd1_statement' && line.step === 'stock.low' ? [line] : []));

async function all(query) {
  const found = [];
  for (let cursor; ;) {
    const page = await low({ ...query, ...cursor && { cursor } });
    assert.ok(page.rows.length > 0, 'no page is empty');
    found.push(...page.rows);
    if (!page.next_cursor) return found;
    cursor = page.next_cursor;
  }
}

test('shows what has ten or fewer, the least first, of all shards, with its title and what is held of it', async () => {
  assert.deepEqual(brief(await low()), []);
  const a = await shop.goods({ sku: 'a', stock: { berlin: 3, hamburg: 0, munich: 11 } });
  const b = await shop.goods({ sku: 'b', stock: { cologne: 3, berlin: 10 } });
  await shop.goods({ sku: 'plenty', stock: { berlin: 5000, hamburg: 1001 } });
  assert.deepEqual(brief(await low()), [[a, 'hamburg', 0], [a, 'berlin', 3], [b, 'cologne', 3], [b, 'berlin', 10]]);
  assert.deepEqual(brief(await low({ threshold: 0 })), [[a, 'hamburg', 0]]);
  assert.equal((await low({ threshold: 11 })).rows.length, 5);
  assert.equal((await low({ threshold: 1000 })).rows.length, 5);

  const taken = await shop.service.post('/api/stock/deduct', { order_id: 'low-1', warehouse_id: 'munich', sku: a, quantity: 10 });
  assert.equal(taken.status, 200, taken.text);
  const { rows } = await low({ threshold: 1 });
  assert.deepEqual(rows, [
    { warehouse_id: 'hamburg', sku: a, stock: 0, held: 0, title: 'Product p-a' },
    { warehouse_id: 'munich', sku: a, stock: 1, held: 10, title: 'Product p-a' },
  ]);
  await shop.admin.post('/api/stock/adjust', { warehouse_id: 'hamburg', sku: a, delta: 2000, reason: 'came' });
  await shop.admin.post('/api/stock/adjust', { warehouse_id: 'munich', sku: a, delta: 5, reason: 'found' });
  assert.deepEqual(brief(await low({ threshold: 6 })), [[a, 'berlin', 3], [b, 'cologne', 3], [a, 'munich', 6]], 'as it stands now');

  await shop.admin.delete(`/api/admin/variants/${b}`);
  const [, retired] = (await low({ threshold: 6 })).rows;
  assert.deepEqual(retired, { warehouse_id: 'cologne', sku: b, stock: 3, held: 0 }, 'what is not for sale has no title');
});

test('pages over all shards miss none and show none twice, and read about what they show, of 100,000 rows', async () => {
  // Fifty in a thousand have ten or fewer; most of all have plenty.
  for (const [shard, warehouses] of [[0, ['berlin', 'munich']], [1, ['hamburg', 'cologne']]]) {
    for (const warehouse of warehouses) {
      await shop.shard(shard).run(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 25000)
        INSERT INTO stock (sku, warehouse_id, stock) SELECT printf('many-%05d', n), ?1, iif(n % 100 < 5, n % 11, iif(n % 100 < 20, 500, 2000 + n)) FROM numbers`, warehouse);
    }
  }
  const wanted = (await Promise.all([0, 1].map((shard) => shop.shard(shard).all('SELECT * FROM stock WHERE stock <= 10')))).flat()
    .sort((one, other) => one.stock - other.stock || (one.sku < other.sku ? -1 : one.sku > other.sku ? 1 : one.warehouse_id < other.warehouse_id ? -1 : 1));
  assert.ok(wanted.length > 4_000);
  const seen = await all({ limit: 200 });
  assert.deepEqual(brief({ rows: seen }), brief({ rows: wanted }));
  assert.deepEqual(brief({ rows: await all({ threshold: 0, limit: 7 }) }), brief({ rows: wanted.filter(({ stock }) => stock === 0) }));

  const middle = wanted[wanted.length / 2 | 0];
  for (const query of [{}, { threshold: 1000 }, { cursor: `${middle.stock},${middle.sku},${middle.warehouse_id}` }]) {
    const before = made().length;
    assert.equal((await low({ ...query, limit: 50 })).rows.length, 50);
    const statements = await until('a statement for each shard', () => made().length >= before + 2 && made().slice(before));
    assert.equal(statements.length, 2, 'each is asked once');
    for (const shard of [0, 1]) {
      const { sql, values } = statements[shard];
      const { rows_read: read } = await shop.shard(shard).run(sql, ...JSON.parse(values));
      assert.ok(read >= 50 && read <= 2 * 51, `${read} rows read`);
      const plan = await shop.shard(shard).all(`EXPLAIN QUERY PLAN ${sql}`, ...JSON.parse(values));
      assert.match(plan.map(({ detail }) => detail).join('\n'), /^SEARCH stock USING (COVERING )?INDEX stock_running_low[^\n]*$/);
    }
  }
});

test('what there is plenty of costs no more to sell than before', async () => {
  const change = (stock) => shop.shard(0).run('UPDATE stock SET stock = ? WHERE sku = ? AND warehouse_id = ?', stock, 'plenty', 'berlin');
  assert.equal((await change(4000)).rows_written, 1);
  assert.equal((await change(900)).rows_written, 2);
});

test('refuses what it does not know, and names it', async () => {
  for (const [field, value] of [['threshold', '-1'], ['threshold', '1001'], ['threshold', 'few'], ['limit', '0'], ['limit', '201'],
    ['cursor', ''], ['cursor', '1,a'], ['cursor', 'x,a,b'], ['cursor', '1,a,b,c'], ['cursor', '-1,a,b'], ['cursor', '1,a b,c']]) {
    assertProblem(await shop.admin.get(`/api/admin/stock/low?${new URLSearchParams({ [field]: value })}`), { status: 400, code: 'invalid_field', field });
  }
});
