// The directory of vendors: written by admins, found by cells, and what a search reads.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertProblem, openShop } from '../support/shop.mjs';

const BERLIN = { latitude: 52.52, longitude: 13.405 };

let shop;
before(async () => { shop = await openShop(); });
after(() => shop?.close());

const find = async (what, { at = BERLIN, ...query } = {}) => {
  const { status, text, json } = await shop.admin.get(`/api/admin/vendor-search/${what}?${new URLSearchParams({ ...at, ...query })}`);
  assert.equal(status, 200, text);
  return json;
};
const ids = ({ vendors }) => vendors.map(({ vendor_id }) => vendor_id);
const put = (vendor_id, rest) => shop.vendor({ vendor_id, ...rest });

/** So far to the north and east of a place, in kilometres. */
const moved = (at, north, east) => ({
  latitude: at.latitude + north / 111.195,
  longitude: at.longitude + east / (111.195 * Math.cos((at.latitude * Math.PI) / 180)),
});

describe('a vendor', () => {
  const good = { name: 'Mona', latitude: 48.1, longitude: 11.5, phone: '+4930123456', score: 71.5, capacity: 3, prep_minutes: 12, warehouse_id: 'munich', verified: true, open: true };

  test('is made, shown, changed and retired', async () => {
    const made = await shop.admin.post('/api/admin/vendors', { vendor_id: 'mona', ...good });
    assert.equal(made.status, 201, made.text);
    const { created_at, updated_at, ...shown } = made.json;
    assert.ok(Date.parse(created_at) && updated_at === created_at);
    assert.deepEqual(shown, { vendor_id: 'mona', ...good, active: true, in_work: 0, accepting: true, version: 1 });
    assertProblem(await shop.admin.post('/api/admin/vendors', { vendor_id: 'mona', ...good }), { status: 409, code: 'already_exists', field: 'vendor_id' });
    for (const [n, [capacity, shown, accepting]] of [[null, null, true], [undefined, 1, true], [0, 0, false]].entries()) {
      const { json } = await shop.admin.put('/api/admin/vendors/mona', { ...good, capacity });
      assert.deepEqual([json.capacity, json.accepting, json.version], [shown, accepting, n + 2]);
    }
    const changed = await shop.admin.put('/api/admin/vendors/mona', { ...good, capacity: 0 });
    assert.deepEqual([changed.json.capacity, changed.json.accepting, changed.json.version], [0, false, 5]);
    assert.deepEqual((await shop.admin.get('/api/admin/vendors/mona')).json, changed.json);
    assert.equal((await shop.admin.delete('/api/admin/vendors/mona')).status, 200);
    assertProblem(await shop.admin.get('/api/admin/vendors/mona'), { status: 404, code: 'not_found' });
    assertProblem(await shop.admin.delete('/api/admin/vendors/mona'), { status: 404, code: 'not_found' });
    assert.deepEqual(ids(await find('within', { at: { latitude: 48.1, longitude: 11.5 } })), []);
  });

  test('is refused by name of the field', async () => {
    const wrong = [
      [{ vendor_id: 'a b' }, 'vendor_id'], [{ name: '' }, 'name'], [{ name: 'x'.repeat(1001) }, 'name'], [{ latitude: 91 }, 'latitude'], [{ phone: '030' }, 'phone'],
      [{ phone: '+12' }, 'phone'], [{ score: 101 }, 'score'], [{ score: -1 }, 'score'], [{ capacity: -1 }, 'capacity'], [{ capacity: 1.5 }, 'capacity'], [{ capacity: 10_001 }, 'capacity'], [{ capacity: 'any' }, 'capacity'],
      [{ prep_minutes: 1441 }, 'prep_minutes'], [{ warehouse_id: '' }, 'warehouse_id'], [{ latitude: undefined }, 'latitude'], [{ colour: 'red' }, 'colour'],
    ];
    for (const [change, field] of wrong) {
      const vendor = { vendor_id: 'wrong', ...good, ...change };
      assertProblem(await shop.admin.post('/api/admin/vendors', vendor), { status: 400, code: 'invalid_field', field });
      const many = await shop.admin.post('/api/admin/vendor-import', { vendors: [{ vendor_id: 'fine', ...good }, vendor] });
      assertProblem(many, { status: 400, code: 'invalid_field', field: `vendors[1].${field}` });
    }
    assertProblem(await shop.admin.get('/api/admin/vendors/fine'), { status: 404, code: 'not_found' });
  });

  test('says itself whether it is there, and no other does', async () => {
    const vendor = shop.person('vendor', 'self');
    assertProblem(await vendor.put('/api/vendor/availability', { open: true }), { status: 404, code: 'not_found' });
    await put('self', { open: false, latitude: 10, longitude: 10 });
    const at = { latitude: 10, longitude: 10 };
    assert.deepEqual(ids(await find('near', { at })), []);
    const opened = await vendor.put('/api/vendor/availability', { open: true });
    assert.deepEqual([opened.json.open, opened.json.accepting, opened.json.version], [true, true, 2]);
    assert.equal((await vendor.put('/api/vendor/availability', { open: true })).json.version, 2, 'a repeat changes nothing');
    assert.deepEqual(ids(await find('near', { at })), ['self']);
  });

  test('is known to other workers by name, also when it is on no list any more', async () => {
    const ask = async (name, body) => {
      const answer = await shop.rt.fetchWorker('vendors', 'http://command/', { method: 'POST', body: JSON.stringify({ [name]: body }) });
      assert.equal(answer.status, 200);
      return answer.json();
    };
    await put('called-b', { name: 'Bea' });
    await put('called-a', { name: 'Ada' });
    assert.deepEqual(await ask('names', { vendor_ids: ['called-a', 'nobody', 'called-b', 'called-a'] }), { 'called-a': 'Ada', 'called-b': 'Bea' });
    assert.deepEqual(await ask('names', { vendor_ids: [] }), {});
    await shop.admin.delete('/api/admin/vendors/called-a');
    assert.deepEqual(await ask('names', { vendor_ids: ['called-a'] }), { 'called-a': 'Ada' }, 'orders of old still name it');
  });

  test('is on one page of the list, with those who would take an order alone where that is asked', async () => {
    await Promise.all(Array.from({ length: 7 }, (_, n) => put(`list-${n}`, { open: n % 2 === 0, latitude: -30, longitude: n })));
    const all = async (query) => {
      const found = [];
      for (let cursor = 'list-'; cursor;) {
        const { json } = await shop.admin.get(`/api/admin/vendors?limit=3&cursor=${cursor}${query}`);
        assert.ok(json.vendors.length <= 3);
        found.push(...ids(json));
        cursor = json.next_cursor;
      }
      return found.filter((id) => id.startsWith('list-'));
    };
    assert.deepEqual(await all(''), [0, 1, 2, 3, 4, 5, 6].map((n) => `list-${n}`));
    assert.deepEqual(await all('&accepting=true'), [0, 2, 4, 6].map((n) => `list-${n}`));
  });
});

describe('a search', () => {
  test('finds those who would take an order, nearest first, and nobody else', async () => {
    const at = { latitude: 40, longitude: -3 };
    await put('here', moved(at, 0.1, 0));
    await put('near', moved(at, 0, 2));
    await put('far', moved(at, 9.9, 0));
    await put('beyond', moved(at, 10.1, 0));
    for (const [id, not] of Object.entries({ closed: { open: false }, unverified: { verified: false }, inactive: { active: false }, full: { capacity: 0 } })) {
      await put(id, { ...moved(at, 0.2, 0), ...not });
    }
    const { vendors, truncated } = await find('near', { at, radius_km: 10 });
    assert.deepEqual(vendors.map(({ vendor_id }) => vendor_id), ['here', 'near', 'far']);
    assert.ok(!truncated);
    for (const [n, km] of [0.1, 2, 9.9].entries()) assert.ok(Math.abs(vendors[n].distance_km - km) < 0.01);
    assert.deepEqual(ids(await find('near', { at, radius_km: 10, limit: 2 })), ['here', 'near']);
    assert.deepEqual(ids(await find('near', { at, radius_km: 10.2 })), ['here', 'near', 'far', 'beyond']);
    assert.deepEqual(ids(await find('within', { at, radius_km: 1 })).sort(), ['closed', 'full', 'here', 'inactive', 'unverified']);
  });

  test('goes over the date line', async () => {
    await put('east', { latitude: 0, longitude: 179.99 });
    await put('west', { latitude: 0, longitude: -179.99 });
    assert.deepEqual(ids(await find('near', { at: { latitude: 0, longitude: 179.999 } })), ['east', 'west']);
    assert.deepEqual(ids(await find('within', { at: { latitude: 0, longitude: -179.999 } })), ['west', 'east']);
  });

  test('for the best goes by score, and among equals by name', async () => {
    for (const [id, score] of [['s-1', 99.5], ['s-2', 99.75], ['s-3', 99.5], ['s-4', 100]]) await put(id, { score, latitude: -45, longitude: 170 });
    await put('s-0', { score: 100, open: false });
    assert.deepEqual(ids(await find('best', { limit: 4 })), ['s-4', 's-2', 's-1', 's-3']);
  });

  test('wants a place on the globe and a bounded distance', async () => {
    const ask = (query) => shop.admin.get(`/api/admin/vendor-search/near?${query}`);
    for (const [query, field] of [['', 'latitude'], ['latitude=1', 'longitude'], ['latitude=x&longitude=1', 'latitude'], ['latitude=91&longitude=1', 'latitude'],
      ['latitude=NaN&longitude=1', 'latitude'], ['latitude=1&longitude=1&radius_km=0', 'radius_km'], ['latitude=1&longitude=1&radius_km=101', 'radius_km'], ['latitude=1&longitude=1&limit=51', 'limit']]) {
      assertProblem(await ask(query), { status: 400, code: 'invalid_field', field });
    }
  });

  for (const share of [1, 0.3, 0.05]) {
    test(`reads about a hundred rows of 5,000 vendors of whom ${share * 100} % would take an order`, async () => {
      const centre = { latitude: 20 + share * 10, longitude: 60 };
      const vendors = Array.from({ length: 5_000 }, (_, n) => {
        const [km, angle] = [25 * Math.sqrt(n / 5_000), n * 2.399_963];
        return { vendor_id: `many-${share}-${n}`, name: 'One of many', ...moved(centre, km * Math.sin(angle), km * Math.cos(angle)), verified: true, open: n % Math.round(1 / share) === 0 };
      });
      for (let n = 0; n < vendors.length; n += 2_500) {
        assert.equal((await shop.admin.post('/api/admin/vendor-import', { vendors: vendors.slice(n, n + 2_500) })).status, 200);
      }
      const first = await find('near', { at: centre, radius_km: 10, limit: 30 });
      const second = await find('near', { at: centre, radius_km: 10, limit: 30 });
      const truth = vendors.filter(({ open }) => open).slice(0, 30).map(({ vendor_id }) => vendor_id);
      assert.deepEqual(ids(first), truth);
      assert.deepEqual(ids(second), truth);
      assert.ok(first.rows_read < 700 && second.rows_read < 250 && second.trips === 1, JSON.stringify([first.rows_read, first.trips, second.rows_read, second.trips]));
    });
  }

  test('in an empty countryside reads next to nothing', async () => {
    const nowhere = { latitude: -60, longitude: -120 };
    const first = await find('near', { at: nowhere, radius_km: 10, limit: 30 });
    const second = await find('near', { at: nowhere, radius_km: 10, limit: 30 });
    assert.deepEqual([first.vendors, second.vendors], [[], []]);
    assert.ok(first.rows_read < 250 && second.rows_read < 150 && second.trips === 1, JSON.stringify([first.rows_read, second.rows_read]));
  });
});
