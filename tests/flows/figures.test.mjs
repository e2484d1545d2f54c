// Health, figures and logs: what the shop says of itself.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { assertProblem, openShop, until } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop({ vars: { cart: { PLACEMENTS_PER_MINUTE: '2' } } }); });
after(() => shop?.close());

const stats = async (of = shop) => (await of.admin.get('/stats')).json;
const scrape = async (of = shop) => (await of.call('GET', '/metrics', { as: of.rt.secrets.SCRAPE_TOKEN })).text;

/** Figures arrive in batches after the replies: waits until they satisfy. */
const figures = (what, satisfy, of = shop) => until(what, async () => {
  const now = await stats(of);
  return satisfy(now) && now;
});

test('the health of the shop is for everybody', async () => {
  const { status, json } = await shop.call('GET', '/health');
  assert.equal(status, 200);
  assert.equal(json.status, 'ok');
  assert.match(json.version, /^\d+\.\d+\.\d+$/);
});

test('placements are counted with their latencies, refusals by their reason', async () => {
  const start = await stats();
  const sku = await shop.goods({ stock: { berlin: 2, hamburg: 3 } });
  const [alice, bob, eve] = [shop.customer(), shop.customer(), shop.customer()];
  await alice.order({ [sku]: 1 });
  await alice.order({ [sku]: 1 });
  await alice.fill({ [sku]: 1 });
  assert.equal((await alice.place()).status, 429);
  await bob.fill({ [sku]: 4 });
  assert.equal((await bob.place()).status, 409);
  assert.equal((await eve.place()).status, 422);
  await bob.fill({ [sku]: 1 });
  assert.equal((await bob.place({ expected_total: 1 })).status, 409);

  const wanted = { insufficient_stock: 1, too_many_requests: 1, empty_cart: 1, total_changed: 1 };
  const since = (now, reason) => (now.placements_refused[reason] ?? 0) - (start.placements_refused[reason] ?? 0);
  const now = await figures('the figures of these requests', (all) =>
    all.placements === start.placements + 2 && Object.keys(wanted).every((reason) => since(all, reason) >= 1));
  for (const [reason, count] of Object.entries(wanted)) assert.equal(since(now, reason), count, reason);
  const { count, p50, p95, p99 } = now.latencies.place_order_ms;
  assert.ok(count >= 2 && p50 > 0 && p50 <= p95 && p95 <= p99 && p99 < 60_000, JSON.stringify(now.latencies));
  assert.ok(now.latencies.request_ms.count > count);
  assert.equal(now.stuck, 0);
});

test('a race that was lost and a roll-back in each shard are counted', async () => {
  const start = await stats();
  const rolled = (now, shard) => (now.rollbacks[shard] ?? 0) - (start.rollbacks[shard] ?? 0);
  // Between the look that a plan is made on and the order, somebody else takes the goods.
  await until('roll-backs in both shards', async () => {
    const near = await shop.goods({ stock: { berlin: 1 } });
    const far = await shop.goods({ stock: { hamburg: 1 } });
    const alice = shop.customer();
    await alice.fill({ [near]: 1, [far]: 1 });
    await alice.get('/cart/summary');
    await Promise.all([
      shop.service.post('/api/stock/deduct', { order_id: `other-${far}`, warehouse_id: 'hamburg', sku: far, quantity: 1 }), alice.place(),
    ]);
    const now = await stats();
    return rolled(now, 0) > 0 && rolled(now, 1) > 0;
  }, { everyMs: 0 });
  // A counter that is not what the desk takes it for is a race that the desk loses.
  const sku = await shop.goods({ stock: { berlin: 5 } });
  await shop.shard(0).run('UPDATE stock SET stock = 4 WHERE sku = ?', sku);
  const line = { order_id: 'race', warehouse_id: 'berlin', sku, quantity: 1 };
  assert.equal((await shop.service.post('/api/stock/deduct', line)).status, 200);
  await figures('the lost race', (now) => now.races_lost > start.races_lost);
  await shop.logged(({ event }) => event === '[stock-deduct] race lost, read again');
});

test('the figures for a scraper are OpenMetrics, and say the same', async () => {
  const { headers } = await shop.call('GET', '/metrics', { as: shop.rt.secrets.SCRAPE_TOKEN });
  assert.match(headers.get('content-type'), /^application\/openmetrics-text; version=1\.0\.0/);
  const text = await scrape();
  assert.ok(text.endsWith('# EOF\n'));
  const types = new Map();
  const seen = new Set();
  const sums = new Map();
  for (const line of text.trimEnd().split('\n').slice(0, -1)) {
    const type = /^# TYPE (\w+) (counter|histogram)$/.exec(line);
    if (type) {
      assert.ok(!types.has(type[1]), `${type[1]} is declared twice`);
      types.set(type[1], type[2]);
      continue;
    }
    const sample = /^(orderlane_\w+?)_(total|bucket|count|sum)(\{(?:\w+="[^"\\\n]*"(?:,|(?=\})))+\})? (\d+(?:\.\d+)?)$/.exec(line);
    assert.ok(sample, line);
    const [, name, kind, labels = '', value] = sample;
    assert.equal(types.get(name), kind === 'total' ? 'counter' : 'histogram', line);
    assert.ok(!seen.has(`${name}_${kind}${labels}`), `${line} is there twice`);
    seen.add(`${name}_${kind}${labels}`);
    if (kind !== 'bucket') continue;
    // Buckets only grow, and the last is that of everything.
    const series = name + labels.replace(/,?le="[^"]*"/, '');
    assert.ok(Number(value) >= (sums.get(series) ?? 0), line);
    sums.set(series, Number(value));
  }
  assert.match(text, /^orderlane_place_order_seconds_bucket\{le="\+Inf"\} \d+$/m);
  assert.match(text, /^orderlane_placements_refused_total\{reason="empty_cart"\} \d+$/m);
  const { placements } = await stats();
  assert.match(text, new RegExp(`^orderlane_placements_total ${placements}$`, 'm'));
});

test('figures are kept over the death of the process and go on from there', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-figures-'));
  const kept = await openShop({ persist: folder });
  t.after(async () => {
    await kept.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const sku = await kept.goods({ stock: { berlin: 9 } });
  const order = () => kept.customer().order({ [sku]: 1 });
  // Batch after batch, more than there are objects for them, so that some object adds to what it has.
  let then;
  for (let n = 1; n <= 5; n += 1) {
    await order();
    then = await figures(`placement ${n}`, (now) => now.placements === n && now.latencies.place_order_ms.count === n, kept);
  }
  await kept.rt.kill();
  await kept.rt.restart();
  const now = await stats(kept);
  assert.equal(now.placements, 5);
  assert.deepEqual(now.latencies.place_order_ms, then.latencies.place_order_ms);
  assert.match(await scrape(kept), /^orderlane_placements_total 5$/m);
  await order();
  await figures('the next placement', (all) => all.placements === 6, kept);
});

test('every line of the log is one JSON object with event, level and time', async () => {
  assert.ok(shop.logs.length > 0);
  for (const { text } of shop.logs) {
    const line = JSON.parse(text);
    assert.equal(typeof line.event, 'string');
    assert.ok(['info', 'warn', 'error'].includes(line.level), text);
    assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  }
});

test('an order can be followed through all workers by its id and one trace id', async () => {
  const sku = await shop.goods({ stock: { berlin: 1, hamburg: 1 } });
  const alice = shop.customer();
  const { order_id } = await alice.order({ [sku]: 2 });
  const answered = await shop.logged(({ event, customer_id }) => event === '[place-order] answered' && customer_id === alice.id);
  assert.equal(answered.outcome, 'placed');
  assert.ok(Number(answered.ms) >= 0);
  const lines = shop.logs.map(({ line }) => line).filter((line) => line?.order_id === order_id);
  const events = lines.map(({ event }) => event);
  for (const [event, count] of [['[place-order] journaled', 1], ['[stock-deduct]', 2], ['[place-order] ended', 1]]) {
    assert.equal(events.filter((each) => each === event).length, count, `${event} in ${events}`);
  }
  assert.match(answered.trace_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  for (const line of lines.filter(({ event }) => /^\[(place-order|stock-deduct)\]/.test(event))) {
    assert.equal(line.trace_id, answered.trace_id, line.event);
  }
  for (const line of lines.filter(({ event }) => event === '[stock-deduct]')) assert.equal(line.outcome, 'held');
});

test('every answer names the trace of its request', async () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
  const [a, b] = [await shop.admin.get('/stats'), await shop.admin.get('/nowhere')];
  for (const { headers } of [a, b]) assert.match(headers.get?.('x-trace-id') ?? headers['x-trace-id'], uuid);
});

test('what is given back on a cancel is logged with the order and the trace of that request', async () => {
  const sku = await shop.goods({ stock: { berlin: 1, hamburg: 1 } });
  const alice = shop.customer();
  const { order_id } = await alice.order({ [sku]: 2 });
  await alice.post(`/orders/${order_id}/cancel`);
  const moved = await shop.logged(({ event, order_id: id }) => event === 'order_moved' && id === order_id);
  const lines = shop.logs.map(({ line }) => line).filter((line) => line?.order_id === order_id);
  const restored = lines.filter(({ event }) => event === '[stock-restore]');
  assert.deepEqual(restored.map(({ outcome }) => outcome), ['done', 'done']);
  for (const { trace_id } of restored) assert.equal(trace_id, moved.trace_id);
  assert.notEqual(moved.trace_id, lines.find(({ event }) => event === '[stock-deduct]').trace_id);
});

test('what is refused is logged with the reason as its outcome', async () => {
  const sku = await shop.goods({ stock: { berlin: 1 } });
  const alice = shop.customer();
  await alice.fill({ [sku]: 2 });
  assertProblem(await alice.place(), { status: 409, code: 'insufficient_stock' });
  const line = await shop.logged(({ event, customer_id }) => event === '[place-order] answered' && customer_id === alice.id);
  assert.equal(line.outcome, 'insufficient_stock');
  const order_id = 'refused-in-the-log';
  await shop.service.post('/api/stock/deduct', { order_id, warehouse_id: 'berlin', sku, quantity: 2 });
  assert.equal((await shop.logged(({ event, order_id: id }) => event === '[stock-deduct]' && id === order_id)).outcome, 'short');
});

test('the level of the log is configuration', async (t) => {
  const quiet = await openShop({ vars: { '*': { LOG_LEVEL: 'warn' } } });
  t.after(() => quiet.close());
  const sku = await quiet.goods({ stock: { berlin: 1 } });
  await quiet.customer().order({ [sku]: 1 });
  assert.deepEqual(quiet.logs.filter(({ line }) => line?.level === 'info'), []);
});
