// Places of vendors: as many as the capacity and no more, for whoever asks first; the same answer
// for ever; and what the database, and so the search, knows of it.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { allTold, claims, DESK, giveBack, inWork, place, take } from '../support/places.mjs';
import { openShop, until } from '../support/shop.mjs';

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

let folder;
let shop;
before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'orderlane-places-'));
  shop = await openShop({ persist: folder });
});
after(async () => {
  await shop?.close();
  rmSync(folder, { recursive: true, force: true });
});

const granted = (answers) => answers.filter(Boolean).length;
const many = (count, work) => Promise.all(Array.from({ length: count }, (_, n) => work(n)));
const change = async (vendor_id, rest) => {
  const { created_at, updated_at, version, in_work, accepting, ...vendor } = (await shop.admin.get(`/api/admin/vendors/${vendor_id}`)).json;
  const { status, text, json } = await shop.admin.put(`/api/admin/vendors/${vendor_id}`, { ...vendor, ...rest });
  assert.equal(status, 200, text);
  return json;
};
const forget = (desk = DESK) => shop.rt.evict('vendors', 'VendorDesk', { name: desk }).catch((error) => assert.match(error.message, /not currently running/));

describe('a place', () => {
  test('is had by three of fifty who ask at once where three is the capacity, and who had none hears so again', async () => {
    const vendor = await shop.vendor({ capacity: 3 });
    const all = () => many(50, (n) => take(shop, place(vendor, `o-${n}`)));
    const first = await all();
    assert.equal(granted(first), 3);
    assert.deepEqual(await all(), first);
    const held = first.flatMap((yes, n) => (yes ? [[`o-${n}/1`, 'held']] : []));
    assert.deepEqual(claims(shop, vendor), Object.fromEntries(held), 'a refused claim is written nowhere');
  });

  test('is free for the next when it is given back, and closed for a copy of the question that comes late', async () => {
    const vendor = await shop.vendor({ capacity: 1 });
    assert.equal(await take(shop, place(vendor, 'a')), true);
    assert.equal(await take(shop, place(vendor, 'b')), false);
    await many(3, () => giveBack(shop, [place(vendor, 'a')]));
    for (const forced of [false, true]) assert.equal(await take(shop, place(vendor, 'a'), { forced }), false);
    assert.equal(await take(shop, place(vendor, 'b')), true);
    assert.equal(await take(shop, place(vendor, 'a', 2)), false, 'a new number is a new question');
    await giveBack(shop, [place(vendor, 'b'), place(vendor, 'never')]);
    assert.equal(await take(shop, place(vendor, 'never')), false, 'also when nothing was held');
    assert.equal(await take(shop, place(vendor, 'a', 2)), true);
    assert.deepEqual(claims(shop, vendor), { 'a/1': 'closed', 'a/2': 'held', 'b/1': 'closed', 'never/1': 'closed' });
    await inWork(shop, vendor, 1);
  });

  test('is had beyond the capacity where an admin forces it, which makes no room for others', async () => {
    const vendor = await shop.vendor({ capacity: 1 });
    assert.deepEqual(await many(4, (n) => take(shop, place(vendor, `o-${n}`), { forced: true })), [true, true, true, true]);
    assert.equal((await inWork(shop, vendor, 4)).accepting, 0);
    for (const n of [0, 1, 2]) {
      await giveBack(shop, [place(vendor, `o-${n}`)]);
      assert.equal(await take(shop, place(vendor, 'late', n)), false);
    }
    await giveBack(shop, [place(vendor, 'o-3')]);
    assert.equal(await take(shop, place(vendor, 'late')), true);
  });

  test('is there for any number of orders where the capacity says so', async () => {
    const vendor = await shop.vendor({ capacity: null });
    assert.equal(granted(await many(40, (n) => take(shop, place(vendor, `o-${n}`)))), 40);
    assert.equal((await inWork(shop, vendor, 40)).accepting, 1);
    const { json } = await shop.admin.get(`/api/admin/vendors/${vendor}`);
    assert.deepEqual([json.capacity, json.in_work, json.accepting], [null, 40, true]);
    await change(vendor, { capacity: 40 });
    await forget();
    assert.equal(await take(shop, place(vendor, 'late')), false, 'and no more once it is bounded');
  });

  test('is had at once when an admin raises the capacity', async () => {
    const vendor = await shop.vendor({ capacity: 1 });
    assert.deepEqual([await take(shop, place(vendor, 'a')), await take(shop, place(vendor, 'b'))], [true, false]);
    await change(vendor, { capacity: 2 });
    assert.equal(await take(shop, place(vendor, 'b')), true);
    await change(vendor, { capacity: null });
    assert.equal(await take(shop, place(vendor, 'c')), true);
    await inWork(shop, vendor, 3);
  });

  test('is not with a vendor who is not there, and the desk does not wait for one to be told of', async () => {
    const [retired, absent] = [await shop.vendor({ capacity: 5 }), 'absent'];
    await shop.admin.delete(`/api/admin/vendors/${retired}`);
    for (const vendor of [retired, absent]) {
      assert.equal(await take(shop, place(vendor, 'a')), false);
      assert.equal(await take(shop, place(vendor, 'b'), { forced: true }), true);
    }
    await allTold(shop);
  });

  test('is the same through evictions and sudden deaths of the desk', async () => {
    const vendor = await shop.vendor({ capacity: 2 });
    const lose = [forget, async () => { await shop.rt.kill(); await shop.rt.restart(); }];
    for (const [n, loses] of lose.entries()) {
      const [a, b, c] = ['a', 'b', 'c'].map((order) => place(vendor, order, n));
      assert.equal(await take(shop, a), true);
      await loses();
      assert.deepEqual([await take(shop, a), await take(shop, b), await take(shop, c)], [true, true, false]);
      await loses();
      assert.deepEqual([await take(shop, b), await take(shop, c)], [true, false]);
      await giveBack(shop, [a, b]);
      await loses();
      assert.deepEqual([await take(shop, a), await take(shop, c), await take(shop, b)], [false, true, false]);
      await inWork(shop, vendor, 1);
      await giveBack(shop, [c]);
    }
    await inWork(shop, vendor, 0);
  });
});

describe('what is in work', () => {
  const at = { latitude: -12, longitude: 34 };
  const found = async () => {
    const { json } = await shop.admin.get(`/api/admin/vendor-search/near?${new URLSearchParams(at)}`);
    return json.vendors.map(({ vendor_id, in_work, capacity }) => [vendor_id, in_work, capacity]);
  };

  test('is known to the search, which passes by who is full', async () => {
    const vendor = await shop.vendor({ capacity: 2, ...at });
    const other = await shop.vendor({ capacity: null, ...at, latitude: at.latitude + 0.01 });
    assert.equal(await take(shop, place(vendor, 'a')), true);
    await take(shop, place(other, 'a'), { desk: 'vendor-1' });
    await inWork(shop, vendor, 1);
    await inWork(shop, other, 1);
    assert.deepEqual(await found(), [[vendor, 1, 2], [other, 1, null]]);
    await take(shop, place(vendor, 'b'));
    assert.equal((await inWork(shop, vendor, 2)).accepting, 0);
    assert.deepEqual(await found(), [[other, 1, null]]);
    await giveBack(shop, [place(vendor, 'a')]);
    assert.equal((await inWork(shop, vendor, 1)).accepting, 1);
    assert.deepEqual(await found(), [[vendor, 1, 2], [other, 1, null]]);
  });

  test('is not touched by who writes the directory', async () => {
    const vendor = await shop.vendor({ capacity: 2, name: 'Before' });
    await take(shop, place(vendor, 'a'));
    const { work_version } = await inWork(shop, vendor, 1);
    await shop.vendor({ vendor_id: vendor, capacity: 1, name: 'After' });
    const { accepting, in_work } = await change(vendor, { name: 'Later' });
    assert.deepEqual([accepting, in_work], [false, 1]);
    const row = await inWork(shop, vendor, 1);
    assert.deepEqual([row.work_version, row.name, row.version], [work_version, 'Later', 3], 'nor is the version of the directory by the desk');
  });

  test('is written forward only', async () => {
    const vendor = await shop.vendor({ capacity: 9 });
    await take(shop, place(vendor, 'a'));
    const { work_version } = await inWork(shop, vendor, 1);
    const db = shop.rt.d1('vendors', 'DB');
    const later = work_version + WEEK_MS;
    await db.run('UPDATE vendors SET in_work = 7, work_version = ? WHERE vendor_id = ?', later, vendor);
    await take(shop, place(vendor, 'b'));
    await allTold(shop);
    assert.deepEqual(await db.all('SELECT in_work, work_version FROM vendors WHERE vendor_id = ?', vendor), [{ in_work: 7, work_version: later }]);
  });
});

test('an admin sees the rows of a desk, page by page', async () => {
  const vendor = await shop.vendor({ capacity: null });
  const orders = Array.from({ length: 130 }, (_, n) => `o-${String(n).padStart(3, '0')}`);
  await giveBack(shop, orders.map((order) => place(vendor, order, 7)), { desk: 'vendor-5' });
  await take(shop, place(vendor, 'o-099', 8), { desk: 'vendor-5' });
  const seen = [];
  for (let after_ = ''; after_ !== null;) {
    const { status, text, json } = await shop.admin.get(`/api/admin/desks/vendor/5/export?after=${encodeURIComponent(after_)}`);
    assert.equal(status, 200, text);
    assert.ok(json.places.length <= 100);
    seen.push(...json.places.map(({ vendor_id, order_id, claim, state }) => [vendor_id, order_id, claim, state]));
    after_ = json.next_after;
  }
  // The page ends in the midst of an order.
  const rows = orders.map((order) => [vendor, order, 7, 'closed']);
  assert.deepEqual(seen, rows.toSpliced(100, 0, [vendor, 'o-099', 8, 'held']));
});

test('a closed claim is forgotten after a week, a held one never', async () => {
  const vendor = await shop.vendor({ capacity: 3 });
  await take(shop, place(vendor, 'old'));
  await giveBack(shop, [place(vendor, 'done'), place(vendor, 'new')]);
  await shop.rt.kill();
  const files = path.join(folder, 'v3/do/orderlane-vendors-VendorDesk');
  for (const file of readdirSync(files).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name))) {
    const database = new DatabaseSync(path.join(files, file));
    if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'places'").get()) {
      database.prepare("UPDATE places SET at_ms = at_ms - ? WHERE vendor_id = ? AND order_id IN ('old', 'done')").run(WEEK_MS, vendor);
    }
    database.close();
  }
  await shop.rt.restart();
  // With the next change the alarm is set, and goes off.
  await take(shop, place(vendor, 'next'));
  await until('the alarm has forgotten what is done', () => claims(shop, vendor)['done/1'] === undefined);
  assert.deepEqual(claims(shop, vendor), { 'new/1': 'closed', 'next/1': 'held', 'old/1': 'held' });
});
