// Each step of placing an order meets each fault, on real workerd: an error before the effect, an
// effect whose answer is lost, the step taken twice and taken twice at once, the object at work
// losing its memory, and the process killed right after the effect and started again on the same
// data. Then the shopper has one answer that stays the same, and I1 to I8 hold.
//
// Faults that strike one order run side by side; those that strike more have the shop to
// themselves. Those that end in a kill are brought to their step all together, and die together.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertInvariants } from '../support/invariants.mjs';
import { openShop } from '../support/shop.mjs';
import { Scenario, scenarios } from './scenario.mjs';
import { PATHS, Table } from './steps.mjs';

const ALIVE = ['before', 'lost', 'twice', 'both', 'crash'];
const AT_ONCE = 8;
// Few desks, so that the orders of many meet in one.
const VARS = { '*': { LOG_LEVEL: 'error', CART_DESKS: '4', ORDER_DESKS: '4' } };

const table = new Table();
let shop;
before(async () => { shop = await openShop({ variant: 'faults', vars: VARS }); });
after(() => shop?.close());

async function finish(scenario) {
  await scenario.struck;
  await scenario.answered;
  await scenario.assertAnswer();
  table.count(scenario.path, scenario.step.step, scenario.mode);
}

async function run(scenario) {
  await scenario.prepare(shop);
  scenario.start();
  await finish(scenario);
}

/**
 * What was left behind is found out about by whoever comes first, the shopper or the alarm. Where that
 * was the alarm, the fault had nothing to strike, and another shopper tries.
 */
async function runLeft(scenario, others, tries = 5) {
  await scenario.prepare(shop);
  scenario.start();
  await scenario.answered;
  // The first answer is of what leaves it behind, the second of the fault; the third settles the matter.
  if (tries === 0 || scenario.answer.before.length > 1) return finish(scenario);
  const again = new Scenario(scenario);
  others.push(again);
  await Scenario.stock(shop, [again]);
  return runLeft(again, others, tries - 1);
}

/** Works through a list, some at once. */
async function pool(list, width, work) {
  const queue = [...list];
  await Promise.all(Array.from({ length: width }, async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await work(next);
  }));
}

async function conclude(list) {
  const found = await assertInvariants(shop);
  for (const scenario of list) scenario.assertEnd(found);
}

test('an error, a lost answer, a repeat or a lost object at any step leaves one order or none', async () => {
  const list = scenarios(PATHS, ALIVE, ['key', 'bare']);
  await Scenario.stock(shop, list);
  await pool(list.filter(({ alone }) => !alone), AT_ONCE, run);
  const others = [];
  for (const scenario of list.filter(({ alone }) => alone)) {
    await (scenario.isLeft ? runLeft(scenario, others) : run(scenario));
  }
  await conclude([...list, ...others]);
  assert.deepEqual(table.zeros(ALIVE), []);
});

test('a kill of the process after any step leaves one order or none, with or without the shopper', async () => {
  const list = scenarios(PATHS, ['kill'], ['key', 'bare', 'silent']);
  await Scenario.stock(shop, list);
  const rest = list.filter(({ alone }) => alone);
  // The first round takes all that do not keep each other waiting, each later one a batch.
  for (const round of [list.filter(({ alone }) => !alone), ...rest.map((scenario) => [scenario])]) {
    await pool(round, AT_ONCE, (scenario) => scenario.prepare(shop));
    for (const scenario of round) scenario.start();
    await Promise.all(round.map((scenario) => scenario.hangs));
    await shop.rt.kill();
    await shop.rt.restart();
  }
  await pool(list, AT_ONCE, finish);
  await conclude(list);
  assert.deepEqual(table.zeros(['kill']), []);
});

test('every step met every fault', () => {
  table.print();
  assert.deepEqual(table.zeros(), []);
});
