// The stock routes for admins and services under the same faults: whoever repeats a request that
// was not answered gets the answer, and it counts once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { scripted } from '../support/faults.mjs';
import { assertProblem, openShop } from '../support/shop.mjs';
import { insist } from '../support/shopper.mjs';

const MODES = ['before', 'lost', 'twice', 'both', 'crash'];
const both = ['stock.deduct.0', 'stock.deduct.1', 'stock.commit.0', 'stock.commit.1'];
const back = ['stock.restore.0', 'stock.restore.1', 'stock.commit.0', 'stock.commit.1'];

let shop;
before(async () => { shop = await openShop({ variant: 'faults', vars: { '*': { LOG_LEVEL: 'error' } } }); });
after(() => shop?.close());

const post = (path, body, options) => shop.service.post(`/api/stock/${path}`, body, options);
const hooks = () => shop.logs.filter(({ line }) => line?.event === 'ORDERLANE_FAULT_HOOK').length;

/** Sends a request whose first try meets the fault, and asserts that it did. */
async function struckOnce(path, body, script) {
  const before = hooks();
  const answer = await insist((attempt) => post(path, body, attempt === 0 ? scripted(script) : {}));
  assert.ok(hooks() > before, `${script} struck nothing`);
  return answer;
}

test('a deduction over both shards, struck by a fault and repeated, holds every line once; so does its restore', async () => {
  let n = 0;
  for (const mode of MODES) {
    for (const [step, giveBack] of both.map((step, at) => [step, back[at]])) {
      n += 1;
      const skus = [await shop.goods({ stock: { berlin: 5 } }), await shop.goods({ stock: { hamburg: 5 } })];
      const lines = skus.map((sku, at) => ({ order_id: `stock-${n}`, warehouse_id: ['berlin', 'hamburg'][at], sku, quantity: 2 }));
      const held = await struckOnce('deduct', { lines }, `d${n};${step};${mode}`);
      assert.equal(held.status, 200, `${step} ${mode}: ${held.text}`);
      for (const sku of skus) assert.deepEqual(Object.values(await shop.stock(sku)), [{ stock: 3, held: 2 }], `${step} ${mode}`);
      const undone = await struckOnce('restore', { lines: lines.map(({ quantity, ...line }) => line) }, `r${n};${giveBack};${mode}`);
      assert.equal(undone.status, 200, `${giveBack} ${mode}: ${undone.text}`);
      for (const sku of skus) assert.deepEqual(Object.values(await shop.stock(sku)), [{ stock: 5, held: 0 }], `${giveBack} ${mode}`);
    }
  }
  assert.equal((await shop.audit()).drift, 0);
});

test('an adjustment under a key, struck by a fault and repeated, counts once', async () => {
  for (const [n, mode] of MODES.entries()) {
    for (const step of ['stock.adjust.0', 'stock.commit.0']) {
      const sku = await shop.goods({ stock: { berlin: 5 } });
      const body = { warehouse_id: 'berlin', sku, delta: 3, reason: 'found behind the shelf' };
      const answer = await insist((attempt) => post('adjust', body,
        { key: `adjust-${n}-${step}`, ...attempt === 0 ? scripted(`a${n}${step};${step};${mode}`) : {} }));
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(await shop.stock(sku), { berlin: { stock: 8, held: 0 } }, `${step} ${mode}`);
    }
  }
  assert.equal((await shop.audit()).drift, 0);
});

test('a deduction that one shard refuses holds nothing in the other, also when the refusal is not heard at first', async () => {
  const skus = [await shop.goods({ stock: { berlin: 5 } }), await shop.goods({ stock: { hamburg: 1 } })];
  const lines = skus.map((sku, at) => ({ order_id: 'refused', warehouse_id: ['berlin', 'hamburg'][at], sku, quantity: 2 }));
  const answer = await struckOnce('deduct', { lines }, 'refused;stock.deduct.1;lost');
  assertProblem(answer, { status: 409, code: 'insufficient_stock' });
  assert.deepEqual(await shop.stock(skus[0]), { berlin: { stock: 5, held: 0 } });
  assert.equal((await shop.audit()).drift, 0);
});
