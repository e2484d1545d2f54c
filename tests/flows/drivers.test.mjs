// Drivers through the gateway: the directory that admins write, shifts, where devices are, and the
// messages that came to nothing. How orders find drivers is elsewhere.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { ABSENT_ORDERS } from '../support/routes.mjs';
import { assertProblem, openShop, until } from '../support/shop.mjs';

const HOUR_MS = 3_600_000;
const LETTERS = '/api/admin/dispatch/dead-letters';

let shop;
before(async () => { shop = await openShop({ catalogue: null }); });
after(() => shop?.close());

const ok = ({ status, text, json }, wanted = 200) => {
  assert.equal(status, wanted, text);
  return json;
};
const notFound = { status: 404, code: 'not_found' };
const invalid = (field) => ({ status: 400, code: 'invalid_field', field });

/** A driver who is in the directory. */
async function registered(rest) {
  const driver = shop.person('driver', `driver-${randomUUID()}`);
  await shop.driver({ driver_id: driver.id, ...rest });
  return driver;
}

/** All pages of a list. */
async function allOf(path, name, query = '') {
  const found = [];
  for (let cursor; ;) {
    const page = ok(await shop.admin.get(`${path}?limit=3${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}${query}`));
    assert.ok(page[name].length <= 3);
    found.push(...page[name]);
    cursor = page.next_cursor;
    if (!cursor) return found;
  }
}

describe('the directory', () => {
  const good = { name: 'Dora', phone: '+4930123456', vehicle: 'scooter', capacity: 3 };

  test('registers a driver once, shows and changes one', async () => {
    const made = ok(await shop.admin.post('/api/admin/drivers', { driver_id: 'dora', ...good }), 201);
    const { created_at, updated_at, ...shown } = made;
    assert.ok(Date.parse(created_at) && created_at === updated_at);
    assert.deepEqual(shown, { driver_id: 'dora', ...good, active: true });
    assertProblem(await shop.admin.post('/api/admin/drivers', { driver_id: 'dora', name: 'Another' }), { status: 409, code: 'already_exists', field: 'driver_id' });
    assert.deepEqual(ok(await shop.admin.get('/api/admin/drivers/dora')), made, 'the second changed nothing');

    const changed = ok(await shop.admin.put('/api/admin/drivers/dora', { driver_id: 'another', name: 'Dora B.' }));
    assert.deepEqual({ ...changed, updated_at }, { driver_id: 'dora', name: 'Dora B.', phone: null, vehicle: 'bicycle', capacity: 1, active: true, created_at, updated_at });
    assert.deepEqual(ok(await shop.admin.get('/api/admin/drivers/dora')), changed);
    assertProblem(await shop.admin.get('/api/admin/drivers/nobody'), notFound);
    assertProblem(await shop.admin.delete('/api/admin/drivers/nobody'), notFound);
  });

  test('keeps who is taken off it, who may not come any more', async () => {
    const driver = await registered(good);
    ok(await driver.put('/api/driver/availability', { available: true }));
    assert.equal(ok(await shop.admin.delete(`/api/admin/drivers/${driver.id}`)).active, false);
    const kept = ok(await shop.admin.get(`/api/admin/drivers/${driver.id}`));
    assert.deepEqual([kept.active, kept.name, kept.capacity], [false, good.name, good.capacity]);
    assertProblem(await driver.put('/api/driver/availability', { available: true }), notFound);
    assert.equal(ok(await driver.put('/api/driver/availability', { available: false })).available, false, 'who goes need not be in it');
  });

  test('refuses what is wrong by name of the field', async () => {
    for (const [change, field] of [
      [{ driver_id: 'a b' }, 'driver_id'], [{ name: ' ' }, 'name'], [{ name: 'x'.repeat(1001) }, 'name'], [{ phone: '030' }, 'phone'], [{ vehicle: 'horse' }, 'vehicle'],
      [{ capacity: 0 }, 'capacity'], [{ capacity: 21 }, 'capacity'], [{ capacity: 1.5 }, 'capacity'], [{ active: 'yes' }, 'active'], [{ colour: 'red' }, 'colour'],
    ]) {
      assertProblem(await shop.admin.post('/api/admin/drivers', { driver_id: 'wrong', ...good, ...change }), invalid(field));
    }
    assertProblem(await shop.admin.put('/api/admin/drivers/a%20b', good), invalid('driver_id'));
    assertProblem(await shop.admin.get('/api/admin/drivers/wrong'), notFound);
  });

  test('is read page by page', async () => {
    const ids = Array.from({ length: 7 }, (_, n) => `list-${n}`);
    for (const driver_id of ids) await shop.driver({ driver_id });
    const all = (await allOf('/api/admin/drivers', 'drivers')).map(({ driver_id }) => driver_id);
    assert.deepEqual(all.filter((id) => id.startsWith('list-')), ids);
    assert.equal(new Set(all).size, all.length, 'nobody is on two pages');
    const behind = ok(await shop.admin.get('/api/admin/drivers?limit=2&cursor=list-3'));
    assert.deepEqual(behind.drivers.map(({ driver_id }) => driver_id), ['list-4', 'list-5']);
  });
});

describe('a shift', () => {
  test('is for those in the directory', async () => {
    const stranger = shop.person('driver', `stranger-${randomUUID()}`);
    assertProblem(await stranger.put('/api/driver/availability', { available: true }), notFound);
    const { available, orders } = ok(await stranger.get('/api/driver/availability'));
    assert.deepEqual([available, orders], [false, 0]);
  });

  test('begins and ends, and is as it was said, however often', async () => {
    const driver = await registered({ capacity: 4 });
    const end = new Date(Date.now() + HOUR_MS).toISOString();
    const on = { driver_id: driver.id, available: true, until: end, capacity: 4, orders: 0 };
    for (let n = 0; n < 2; n += 1) assert.deepEqual(ok(await driver.put('/api/driver/availability', { available: true, until: end })), on);
    assert.deepEqual(ok(await driver.get('/api/driver/availability')), on);
    assert.equal(ok(await driver.put('/api/driver/availability', { available: true })).until, null, 'without an end');
    for (let n = 0; n < 2; n += 1) assert.equal(ok(await driver.put('/api/driver/availability', { available: false })).available, false);
    assert.equal(ok(await driver.get('/api/driver/availability')).available, false);
  });

  test('that would be over already is refused and changes nothing', async () => {
    const driver = await registered();
    const past = new Date(Date.now() - 1000).toISOString();
    assertProblem(await driver.put('/api/driver/availability', { available: true, until: past }), invalid('until'));
    assert.equal(ok(await driver.get('/api/driver/availability')).available, false);
  });

  test('has no orders and no history before there were any', async () => {
    const driver = await registered();
    ok(await driver.put('/api/driver/availability', { available: true }));
    assert.deepEqual(ok(await driver.get('/api/driver/orders')), { orders: [] });
    assert.deepEqual(ok(await driver.get('/api/driver/history')), { orders: [] });
    for (const order of ABSENT_ORDERS) {
      for (const what of ['accept', 'reject', 'picked-up']) assertProblem(await driver.post(`/api/driver/orders/${order}/${what}`), notFound);
      assertProblem(await driver.post(`/api/driver/orders/${order}/delivered`, { photo: 'door.jpg' }), notFound);
      assertProblem(await driver.post(`/api/driver/orders/${order}/eaten`, {}), notFound);
    }
  });
});

describe('a position', () => {
  const there = { latitude: 41.15, longitude: -8.61 };
  const further = { latitude: 41.1501, longitude: -8.6102 };
  const mapAt = async ({ latitude, longitude }) => ok(await shop.admin.get(`/api/admin/driver-map?latitude=${latitude}&longitude=${longitude}`));
  const onMap = async (driver, at) => (await mapAt(at)).drivers.find(({ driver_id }) => driver_id === driver.id);
  const tell = (driver, at, sequence, more) => driver.put('/api/driver/location', { ...at, sequence, ...more });

  test('is seen on the map of its cell, with how the driver stands', async () => {
    const driver = await registered({ capacity: 2 });
    ok(await driver.put('/api/driver/availability', { available: true }));
    assert.deepEqual(ok(await tell(driver, there, 1, { accuracy: 8 })), { success: true });
    const { seen_at, ...shown } = await onMap(driver, there);
    assert.ok(Math.abs(Date.now() - Date.parse(seen_at)) < 60_000, seen_at);
    assert.deepEqual(shown, { driver_id: driver.id, ...there, stale: false, available: true, room: 2, orders: [] });
    assert.equal(await onMap(driver, { latitude: -33.9, longitude: 18.4 }), undefined, 'and nowhere else');

    ok(await driver.put('/api/driver/availability', { available: false }));
    await until('the map says that the driver went', async () => (await onMap(driver, there)).available === false);
  });

  test('changes nothing where a later one was there, where it is old or vague', async () => {
    const driver = await registered();
    const at = async () => {
      const { latitude, longitude } = await onMap(driver, there);
      return { latitude, longitude };
    };
    ok(await tell(driver, there, 5));
    for (const [sequence, more] of [[4], [5], [6, { at: new Date(Date.now() - HOUR_MS).toISOString() }], [6, { accuracy: 5000 }]]) {
      assert.deepEqual(ok(await tell(driver, further, sequence, more)), { success: true });
      assert.deepEqual(await at(), there, `${sequence} ${JSON.stringify(more)}`);
    }
    ok(await tell(driver, further, 6));
    assert.deepEqual(await at(), further);
  });

  test('off the globe is refused by name of the field', async () => {
    const driver = await registered();
    assertProblem(await tell(driver, { ...there, latitude: 90.5 }, 1), invalid('latitude'));
    assertProblem(await tell(driver, { ...there, longitude: -181 }, 1), invalid('longitude'));
    assertProblem(await shop.admin.get('/api/admin/driver-map?latitude=1&longitude=181'), invalid('longitude'));
    assert.equal(await onMap(driver, there), undefined);
  });
});

describe('messages that came to nothing', () => {
  const list = (query = '') => allOf(LETTERS, 'letters', query);

  test('are none, as long as all is well', async () => {
    assert.deepEqual(ok(await shop.admin.get(LETTERS)), { letters: [], waiting: 0 });
    assertProblem(await shop.admin.get(`${LETTERS}/request-0`), notFound);
    assertProblem(await shop.admin.post(`${LETTERS}/request-0/replay`), notFound);
  });

  test('are listed, the latest first, shown as they came, and sent again', async () => {
    const at = (n) => new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString();
    // Two died at once.
    for (const [n, second] of [1, 2, 2, 3, 4].entries()) await shop.deadLetter({ letter_id: `request-${n}`, order_id: `o-${n}`, body: `{"orderId":"o-${n}"}`, died_at: at(second) });
    const ids = (letters) => letters.map(({ letter_id }) => letter_id);
    const latestFirst = [4, 3, 2, 1, 0].map((n) => `request-${n}`);
    assert.deepEqual(ids(await list()), latestFirst);
    assert.equal(ok(await shop.admin.get(LETTERS)).waiting, 5);

    const shown = ok(await shop.admin.get(`${LETTERS}/request-3`));
    const { body, ...listed } = shown;
    assert.deepEqual(listed, { letter_id: 'request-3', queue: 'ASSIGNMENT_REQUESTS', order_id: 'o-3', reason: 'made for a test', died_at: at(3), replayed_at: null });
    assert.equal(body, '{"orderId":"o-3"}');
    assert.deepEqual((await list()).find(({ letter_id }) => letter_id === 'request-3'), listed, 'lists leave the body out');

    const replayed = ok(await shop.admin.post(`${LETTERS}/request-3/replay`));
    assert.ok(Math.abs(Date.now() - Date.parse(replayed.replayed_at)) < 60_000, replayed.replayed_at);
    assert.ok(!ids(await list()).includes('request-3'));
    assert.ok(ids(await list('&state=all')).includes('request-3'));
    // It went to the queue, whose taker can do nothing with it and writes that down.
    const again = await until('the message died once more', async () => (await list()).find(({ letter_id, order_id }) => order_id === 'o-3' && letter_id !== 'request-3'));
    assert.equal(ok(await shop.admin.get(`${LETTERS}/${again.letter_id}`)).body, body);
  });
});

test('what is a driver\'s or an admin\'s is nobody else\'s', async () => {
  const [driver, vendor] = [await registered(), shop.person('vendor')];
  for (const person of [driver, vendor, shop.customer(), shop.service]) {
    for (const path of ['/api/admin/drivers', `/api/admin/drivers/${driver.id}`, '/api/admin/driver-map?latitude=1&longitude=1', LETTERS]) {
      assertProblem(await person.get(path), { status: 403, code: 'forbidden' });
    }
    assertProblem(await person.post(`/api/admin/orders/${ABSENT_ORDERS[0]}/assign-driver`, { driver_id: driver.id }), { status: 403, code: 'forbidden' });
  }
  for (const person of [vendor, shop.customer(), shop.service, shop.admin]) {
    for (const path of ['availability', 'orders', 'history']) assertProblem(await person.get(`/api/driver/${path}`), { status: 403, code: 'forbidden' });
    assertProblem(await person.put('/api/driver/location', { latitude: 1, longitude: 1, sequence: 1 }), { status: 403, code: 'forbidden' });
    assertProblem(await person.post(`/api/driver/orders/${ABSENT_ORDERS[0]}/accept`), { status: 403, code: 'forbidden' });
  }
});
