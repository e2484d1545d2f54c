// What drivers say over their socket: whether they are there, where they are, and what they do with
// orders. Whoever asks drivers for orders is not played here, so nobody gets one.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertAck, assertDescribed } from '../support/asyncapi.mjs';
import { openShop, until } from '../support/shop.mjs';
import { Live } from '../support/sockets.mjs';

const HERE = { latitude: 52.52, longitude: 13.405 };
const ABOUT_ORDERS = ['driver:accept', 'driver:reject', 'driver:picked-up', 'driver:delivered'];
const GATHER_MS = 300;

let shop;
let live;
before(async () => {
  // One hub, so that positions of several drivers are gathered together.
  shop = await openShop({ vars: { realtime: { HUBS: '1', PING_GATHER_MS: String(GATHER_MS) } } });
  live = new Live(shop);
});
after(async () => {
  live?.close();
  await shop?.close();
});

async function admin(method, path, body) {
  const { status, text, json } = await shop.admin.call(method, path, body && { body });
  assert.ok(status < 300, text);
  return json;
}

/** A driver who is registered, and its socket. */
async function driver(rest = {}) {
  const person = shop.person('driver');
  await admin('POST', '/api/admin/drivers', { driver_id: person.id, name: 'Dora', ...rest });
  return { id: person.id, client: await live.connect(person) };
}

async function say(client, event, ...said) {
  const answer = await client.ask(event, ...said);
  assertAck(event, answer);
  return answer;
}

/** A driver as the admin's map of a place shows it. */
async function shown(id, { latitude, longitude } = HERE) {
  const { drivers } = await admin('GET', `/api/admin/driver-map?latitude=${latitude}&longitude=${longitude}`);
  return drivers.find(({ driver_id }) => driver_id === id);
}

const shownAt = (id, longitude) => until(`${id} to be at ${longitude}`, async () => {
  const found = await shown(id);
  return found?.longitude === longitude && found;
});

describe('a driver', () => {
  test('comes and goes', async () => {
    const { id, client } = await driver({ capacity: 3 });
    const ends = new Date(Date.now() + 3_600_000).toISOString();
    const on = { ok: true, driver_id: id, available: true, until: null, capacity: 3, orders: 0 };
    assert.deepEqual(await say(client, 'driver:availability', { available: true }), on);
    assert.deepEqual(await say(client, 'driver:availability', { available: true, until: ends }), { ...on, until: ends });
    assert.deepEqual(await say(client, 'driver:location', { ...HERE, sequence: 1 }), { ok: true });
    const { seen_at: _, ...there } = await until('the driver on the map', () => shown(id));
    assert.deepEqual(there, { driver_id: id, ...HERE, stale: false, available: true, room: 3, orders: [] });
    assert.deepEqual(await say(client, 'driver:availability', { available: false }), { ...on, available: false });
    await until('the map to show that it is off', async () => (await shown(id))?.available === false);
  });

  test('speaks for itself alone, whatever it says', async () => {
    const [{ id, client }, other] = [await driver(), await driver()];
    const { driver_id } = await say(client, 'driver:availability', { available: true, driver_id: other.id, driver: other.id });
    assert.equal(driver_id, id);
    await say(client, 'driver:location', { ...HERE, sequence: 1, driver_id: other.id });
    await until('the driver on the map', () => shown(id));
    assert.equal(await shown(other.id), undefined);
    assert.equal((await say(other.client, 'driver:availability', { available: false })).available, false);
  });

  test('whom nobody has registered cannot come, nor can one who was retired', async () => {
    const stranger = await live.connect(shop.person('driver'));
    const { error, ...no } = await say(stranger, 'driver:availability', { available: true });
    assert.deepEqual([no, error], [{ ok: false, code: 'not_found' }, 'no such driver']);
    const { id, client } = await driver();
    await admin('DELETE', `/api/admin/drivers/${id}`);
    assert.equal((await say(client, 'driver:availability', { available: true })).code, 'not_found');
  });

  test('has no orders of which it was not told, and can do nothing with those of others', async () => {
    const { client } = await driver();
    assert.deepEqual(await say(client, 'driver:orders'), { ok: true, orders: [] });
    assert.deepEqual(await say(client, 'driver:orders', { anything: 'else' }), { ok: true, orders: [] });
    const { order_id } = await shop.customer().order({ [await shop.goods({ stock: { berlin: 5 } })]: 1 });
    for (const event of ABOUT_ORDERS) {
      for (const orderId of [order_id, 'nothing', '../x', 'x'.repeat(1000)]) {
        const { error, ...no } = await say(client, event, { orderId, code: '1234' });
        assert.deepEqual([no, error], [{ ok: false, code: 'not_found' }, 'no such order'], `${event} ${orderId}`);
      }
    }
  });

  test('who wants no answer hears of what was wrong, and of nothing else', async () => {
    const { client } = await driver();
    const { socket } = client;
    socket.emit('driver:accept', { orderId: 'nothing' });
    socket.emit('driver:availability', { available: true });
    socket.emit('driver:location', { ...HERE, sequence: 1 });
    socket.emit('driver:location', { ...HERE, latitude: 91, sequence: 2 });
    await until('both complaints', () => client.all('ERROR').length === 2);
    assert.equal((await say(client, 'driver:orders')).ok, true);
    for (const complaint of client.all('ERROR')) assertDescribed('ERROR', complaint);
    assert.deepEqual(client.all('ERROR').map(({ code }) => code).sort(), ['invalid_field', 'not_found']);
    assert.deepEqual(client.got.filter(({ event }) => event !== 'ERROR'), []);
  });

  test('is a driver, and nobody else says such things', async () => {
    for (const person of [shop.person('vendor'), shop.customer(), shop.admin]) {
      const client = await live.connect(person);
      for (const event of [...ABOUT_ORDERS, 'driver:availability', 'driver:orders', 'driver:location']) {
        const { error, ...no } = await say(client, event, { orderId: 'x', available: true, ...HERE, sequence: 1 });
        assert.deepEqual([no, error], [{ ok: false, code: 'forbidden' }, 'only drivers say this'], `${person.role} ${event}`);
      }
      client.socket.emit('driver:location', { ...HERE, sequence: 1 });
      assert.equal((await client.heard('ERROR')).code, 'forbidden');
      assert.equal(await shown(person.id), undefined);
    }
  });
});

describe('what means nothing is refused by its field, and the driver stays:', () => {
  const time = 'yesterday';
  const wrong = {
    'driver:location': [
      [[], 'body'], [[null], 'body'], [['x'], 'body'], [[7], 'body'], [[{}], 'latitude'],
      [[{ latitude: 1, sequence: 1 }], 'longitude'], [[{ latitude: 1, longitude: 1 }], 'sequence'],
      [[{ ...HERE, sequence: 1, latitude: '52' }], 'latitude'], [[{ ...HERE, sequence: 1, latitude: -90.1 }], 'latitude'],
      [[{ ...HERE, sequence: 1, longitude: 180.1 }], 'longitude'], [[{ ...HERE, sequence: 1, longitude: 1e300 }], 'longitude'],
      [[{ ...HERE, sequence: 1, accuracy: -1 }], 'accuracy'], [[{ ...HERE, sequence: 1, accuracy: [] }], 'accuracy'],
      [[{ ...HERE, sequence: -1 }], 'sequence'], [[{ ...HERE, sequence: 1.5 }], 'sequence'], [[{ ...HERE, sequence: 1e15 }], 'sequence'],
      [[{ ...HERE, sequence: 1, at: time }], 'at'], [[{ ...HERE, sequence: 1, at: 7 }], 'at'],
    ],
    'driver:availability': [
      [[], 'body'], [['on'], 'body'], [[{}], 'available'], [[{ available: 1 }], 'available'],
      [[{ available: true, until: time }], 'until'], [[{ available: true, until: '2020-01-01T00:00:00Z' }], 'until'],
    ],
    'driver:delivered': [
      [[{ orderId: 'x' }], 'code'], [[{ orderId: 'x', code: ' ' }], 'code'], [[{ orderId: 'x', photo: 7 }], 'photo'],
      [[{ orderId: 'x', code: 'x'.repeat(1001) }], 'code'], [[{ code: '1234' }], 'orderId'],
    ],
    ...Object.fromEntries(ABOUT_ORDERS.slice(0, 3).map((event) => [event, [
      [[], 'orderId'], [[null], 'orderId'], [['x'], 'orderId'], [[{}], 'orderId'], [[{ orderId: 7 }], 'orderId'],
    ]])),
  };

  for (const [event, cases] of Object.entries(wrong)) {
    test(event, async () => {
      const { id, client } = await driver();
      for (const [said, field] of cases) {
        const { error, ...no } = await say(client, event, ...said);
        const what = JSON.stringify(said).slice(0, 100);
        assert.deepEqual(no, { ok: false, code: 'invalid_field' }, `${what}: ${error}`);
        assert.ok(error.startsWith(`${field}: `), `${what}: ${error}`);
      }
      assert.deepEqual(client.recovered, [false], 'it was never cut off');
      assert.equal(await shown(id), undefined);
      assert.deepEqual(shop.panics(), []);
    });
  }
});

describe('positions', () => {
  test('that are older than what is known change nothing, gathered together or not', async () => {
    const [one, witness] = [await driver(), await driver()];
    const at = (client, sequence, longitude) => say(client, 'driver:location', { ...HERE, sequence, longitude });
    await at(one.client, 5, 13.405);
    await shownAt(one.id, 13.405);
    // What was passed on together with the witness, or before, has been looked at.
    await at(one.client, 4, 13.404);
    await at(witness.client, 1, 13.401);
    await shownAt(witness.id, 13.401);
    assert.equal((await shown(one.id)).longitude, 13.405);
    await Promise.all([at(one.client, 7, 13.407), at(one.client, 6, 13.406)]);
    await at(witness.client, 2, 13.402);
    await shownAt(witness.id, 13.402);
    assert.equal((await shown(one.id)).longitude, 13.407);
  });

  test('go on at once where it is quiet, and together where it is not, the latest of each driver', async () => {
    const drivers = await Promise.all(Array.from({ length: 5 }, () => driver()));
    const passed = async () => {
      const { text } = await shop.call('GET', '/metrics', { as: shop.rt.secrets.SCRAPE_TOKEN });
      return Number(/^orderlane_driver_pings_total(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? 0);
    };
    const [start, from] = [await passed(), Date.now()];
    const rounds = 40;
    for (let sequence = 1; sequence <= rounds; sequence += 1) {
      await Promise.all(drivers.map(({ client }) => say(client, 'driver:location', { ...HERE, longitude: 13.4 + sequence / 10_000, sequence })));
    }
    for (const { id } of drivers) await shownAt(id, 13.4 + rounds / 10_000);
    const calls = (Date.now() - from) / GATHER_MS + 2;
    const count = await until('figures of positions', async () => {
      const now = await passed() - start;
      return now >= drivers.length && now;
    });
    assert.ok(count <= calls * drivers.length, `${count} positions in ${calls} calls at most`);
  });

  test('are passed on by a hub that has slept', async () => {
    const { id, client } = await driver();
    await say(client, 'driver:location', { ...HERE, sequence: 1 });
    await shownAt(id, HERE.longitude);
    await shop.rt.evict('realtime', 'Hub', { name: 'hub-0', webSockets: 'hibernate' })
      // Out of memory already is as good.
      .catch((error) => assert.match(error.message, /not currently running/));
    assert.deepEqual(await say(client, 'driver:location', { ...HERE, longitude: 13.406, sequence: 2 }), { ok: true });
    await shownAt(id, 13.406);
    assert.deepEqual(client.recovered, [false], 'on the same socket');
  });

  test('may be so many a minute, and who sends more hears it as it hears of anything', async () => {
    const { client } = await driver();
    for (let sequence = 1; sequence <= 600; sequence += 1) client.socket.emit('driver:location', { ...HERE, sequence });
    for (const event of ['driver:location', ...ABOUT_ORDERS]) {
      assert.equal((await say(client, event, { ...HERE, sequence: 601, orderId: 'x' })).code, 'too_many_requests');
    }
    assert.deepEqual(shop.panics(), []);
  });
});
