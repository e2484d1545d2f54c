// Places of vendors when something is lost on the way: an answer, the desk's memory, the process,
// or the database. A vendor never has too many, nothing unknown is called full, and what was
// written gets to the database in the end.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { hangs, scripted, struck } from '../support/faults.mjs';
import { allTold, ask, claims, giveBack, inWork, place, take } from '../support/places.mjs';
import { openShop } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop({ variant: 'faults', vars: { '*': { LOG_LEVEL: 'error' } } }); });
after(() => shop?.close());

const asked = (of, ...scripts) => ask(shop, 'take', { place: of, forced: false }, scripts.length > 0 ? scripted(...scripts) : {});
const back = (of, script) => ask(shop, 'give_back', { places: [of] }, scripted(script));

/** Lets a script stand in the desk and its worker, which hear of it by a question. */
const stand = (...scripts) => ask(shop, 'export', { after: '' }, scripted(...scripts));

test('while the capacity cannot be looked at the outcome is unknown, which is not full', async () => {
  const vendor = await shop.vendor({ capacity: 1 });
  const [a, b] = [place(vendor, 'a'), place(vendor, 'b')];
  for (const mode of ['before', 'lost']) {
    const { status, json } = await asked(a, `look-${mode};vendors.capacity;${mode}`);
    assert.deepEqual([status, json.code], [503, 'unavailable']);
  }
  assert.deepEqual(claims(shop, vendor), {});
  assert.equal(await take(shop, a), true);
  await stand('*down;vendors.capacity;down');
  assert.equal((await asked(b)).status, 503, 'it may have been raised');
  assert.equal(await take(shop, a), true, 'who has it needs no look');
  assert.equal(await take(shop, place(vendor, 'c'), { forced: true }), true, 'nor does who is forced');
  await stand('*down;;off');
  assert.equal(await take(shop, b), false);
  assert.deepEqual(claims(shop, vendor), { 'a/1': 'held', 'c/1': 'held' });
});

test('those who share a look that fails are all told so, and the next one looks again', async () => {
  const vendor = await shop.vendor({ capacity: 2 });
  const all = () => Promise.all(Array.from({ length: 8 }, (_, n) => asked(place(vendor, `o-${n}`))));
  await stand('*shared;vendors.capacity;down');
  assert.deepEqual((await all()).map(({ status }) => status), Array(8).fill(503));
  await stand('*shared;;off');
  const answers = await all();
  assert.equal(answers.filter(({ status, json }) => status === 200 && json).length, 2);
});

for (const mode of ['before', 'lost', 'crash', 'kill']) {
  test(`a place that is taken and given back is so once though its writing meets "${mode}"`, async () => {
    const vendor = await shop.vendor({ capacity: 1 });
    const [a, b] = [place(vendor, 'a'), place(vendor, 'b')];
    const strike = async (step, of, does) => {
      const id = `${step}-${mode}`;
      const answer = does(of, `${id};${step}${mode === 'before' ? '' : '.written'};${mode}`).then(({ status }) => status, () => 'none');
      if (mode === 'kill') {
        await hangs(shop, id);
        await shop.rt.kill();
        await shop.rt.restart();
      }
      assert.notEqual(await answer, 200);
      await struck(shop, id);
    };
    await strike('vendor.hold', a, asked);
    assert.deepEqual(claims(shop, vendor), mode === 'before' ? {} : { 'a/1': 'held' });
    assert.equal(await take(shop, a), true);
    assert.equal(await take(shop, b), false);
    await inWork(shop, vendor, 1);
    await strike('vendor.close', a, back);
    assert.deepEqual(claims(shop, vendor), { 'a/1': mode === 'before' ? 'held' : 'closed' });
    await giveBack(shop, [a]);
    assert.deepEqual([await take(shop, a), await take(shop, b)], [false, true]);
    await inWork(shop, vendor, 1);
    await allTold(shop);
  });
}

test('what the database did not get, or not say that it got, it gets by the alarm', async () => {
  for (const mode of ['down', 'lost']) {
    const vendor = await shop.vendor({ capacity: 2 });
    await stand(`*${mode};vendors.project;${mode}`);
    assert.equal(await take(shop, place(vendor, 'a')), true);
    await struck(shop, `*${mode}`);
    await stand(`*${mode};;off`);
    await inWork(shop, vendor, 1);
    await allTold(shop);
  }
});
