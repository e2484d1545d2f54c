// What everyone sees, live: the official client on real objects, from a placed order and its steps
// to every screen that it concerns, and to no other.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertAck, assertDescribed } from '../support/asyncapi.mjs';
import { openShop, until } from '../support/shop.mjs';
import { Live } from '../support/sockets.mjs';

let shop;
let live;
before(async () => {
  shop = await openShop({ vars: { realtime: { HUBS: '3', STREAMS: '2' } } });
  live = new Live(shop);
});
after(async () => {
  live?.close();
  await shop?.close();
});

async function placed(person = shop.customer()) {
  const sku = await shop.goods({ stock: { berlin: 5, hamburg: 5 } });
  return { person, order: await person.order({ [sku]: 1 }) };
}

const move = (order, status) => shop.admin.patch(`/api/v1/orders/${order.order_id}/status`, { status });

describe('an order, as it is seen', () => {
  test('a new one is at every admin at once, with the row of their list', async () => {
    const admins = await Promise.all([live.connect(shop.admin), live.connect(shop.person('admin')), live.connect(shop.admin)]);
    const { order } = await placed();
    for (const admin of admins) {
      const row = await admin.heard('order:new', (payload) => payload.orderId === order.order_id);
      const { eventId, occurredAt, ...rest } = row;
      assert.equal(eventId, `${order.order_id}:1:order:new`);
      assert.ok(Math.abs(Date.now() - Date.parse(occurredAt)) < 60_000);
      assert.deepEqual(rest, {
        orderId: order.order_id, order_id: order.order_id, order_number: order.order_number, status: 'pending',
        payment_status: 'pending', fulfilment_status: 'unfulfilled', delivery_status: 'none', payment_method: 'card', version: 1, total_minor: order.totals.total_minor, currency: 'EUR',
        created_at: rest.created_at, updated_at: rest.updated_at,
      });
    }
  });

  test('its steps are told to admins, drivers and its customer, each by the documents\' names, in order', async () => {
    const customer = shop.customer();
    const [admin, driver, owner, follower] = await Promise.all(
      [shop.admin, shop.person('driver'), customer, customer].map((person) => live.connect(person)));
    const { order } = await placed(customer);
    assert.deepEqual((await follower.join(`order:${order.order_id}`)).ok, true);
    const steps = ['paid', 'processing', 'shipped', 'delivered'];
    for (const status of steps) assert.equal((await move(order, status)).status, 200);
    const ours = (payload) => payload.orderId === order.order_id;
    const last = (payload) => ours(payload) && payload.status === 'delivered';
    const heard = async (client, event) => {
      await client.heard(event, last);
      return client.all(event).filter(ours);
    };
    for (const client of [admin, driver]) {
      const updates = await heard(client, 'order:status:updated');
      assert.deepEqual(updates.map(({ status, version }) => [status, version]), steps.map((status, n) => [status, n + 2]));
      for (const update of updates.slice(0, -1)) assert.match(update.estimatedTime, /^\d{4}-\d\d-\d\d$/);
      assert.equal(updates.at(-1).estimatedTime, updates.at(-1).timestamp, 'and then it has come');
      const rows = await heard(client, 'order:updated');
      assert.deepEqual(rows.map(({ status, version, payment_status }) => [status, version, payment_status]),
        steps.map((status, n) => [status, n + 2, 'paid']));
    }
    assert.deepEqual((await heard(admin, 'order:status:changed')).map(({ status }) => status), steps);
    for (const client of [owner, follower]) {
      const updates = await heard(client, 'order:status:update');
      assert.deepEqual(updates.map(({ status }) => status), steps, 'once, though the follower is in two rooms');
      assert.ok(updates.every(({ timestamp, eventId }) => Date.parse(timestamp) > 0 && eventId));
    }
    const all = [...driver.got, ...owner.got, ...follower.got].map(({ event }) => event);
    assert.ok(!all.includes('order:new') && !all.includes('order:status:changed'), 'those are for admins');
  });

  test('what is cancelled is told too', async () => {
    const admin = await live.connect(shop.admin);
    const { person, order } = await placed();
    assert.equal((await person.post(`/orders/${order.order_id}/cancel`, {})).status, 200);
    const row = await admin.heard('order:updated', (payload) => payload.orderId === order.order_id);
    assert.deepEqual([row.status, row.payment_status, row.version], ['cancelled', 'cancelled', 2]);
  });
});

describe('rooms', () => {
  test('each role is in its own, and hears nothing of the others', async () => {
    const people = [shop.admin, shop.person('driver', 'd1'), shop.person('driver', 'd2'), shop.person('vendor', 'v1'), shop.person('vendor', 'v2'), shop.customer('c1')];
    const clients = await Promise.all(people.map((person) => live.connect(person)));
    const rooms = ['admin', 'delivery', 'delivery:d1', 'vendor:v1', 'vendor_v2', 'user:c1'];
    for (const room of rooms) await live.publish({ id: `role-${room}`, rooms: [room], event: `to ${room}` });
    // What comes last has everything before it.
    await live.publish(...['admin', 'delivery', 'vendor:v1', 'vendor:v2', 'user:c1'].flatMap((room) =>
      [0, 1].map((key) => ({ id: `end-${room}-${key}`, key: `k${key}`, rooms: [room], event: 'end' }))));
    const wanted = [['to admin'], ['to delivery', 'to delivery:d1'], ['to delivery'], ['to vendor:v1'], ['to vendor_v2'], ['to user:c1']];
    for (const [n, client] of clients.entries()) {
      await until('both ends', () => client.all('end').length === 2);
      const mine = client.got.map(({ event }) => event).filter((event) => event.startsWith('to '));
      assert.deepEqual(mine, wanted[n]);
    }
  });

  test('the room of an order is for its customer and staff, by id and by number', async () => {
    const { person, order } = await placed();
    const room = `order:${order.order_id}`;
    for (const who of [person, shop.admin]) {
      const client = await live.connect(who);
      for (const name of [room, `order:${order.order_number}`]) {
        const answer = await client.join(name);
        assert.deepEqual([answer.ok, answer.room, answer.order.version], [true, room, 1]);
      }
    }
  });

  test('a room that is somebody else\'s answers exactly as one that is not there', async () => {
    const { order } = await placed();
    const missing = `order:${order.order_id.slice(0, -4)}0000`;
    const plain = ({ room: _, ...answer }) => answer;
    for (const role of ['customer', 'vendor', 'driver']) {
      const client = await live.connect(shop.person(role));
      const no = plain(await client.join(missing));
      assert.deepEqual(no, { ok: false, code: 'not_found', error: 'no such room' });
      for (const room of [`order:${order.order_id}`, `order:${order.order_number}`, 'admin', 'user:somebody', 'vendor:x', 'vendor_x', 'delivery:x', 'nonsense', '', 'order:']) {
        assert.deepEqual(plain(await client.join(room)), no, `${role} ${room}`);
      }
      assert.equal((await client.ask('join-room')).code, 'not_found');
      assert.equal((await client.ask('join-room', { room: 'admin' })).code, 'not_found');
    }
    const driver = await live.connect(shop.person('driver'));
    assert.equal((await driver.join('delivery')).ok, true, 'one\'s own is joined already');
  });

  test('who has left hears no more', async () => {
    const { person, order } = await placed();
    const room = `order:${order.order_id}`;
    const admin = await live.connect(shop.admin);
    assert.equal((await admin.join(room)).ok, true);
    await live.publish({ id: `${room}-1`, key: room, rooms: [room], event: 'one' });
    await admin.heard('one');
    assert.equal((await admin.leave(room)).ok, true);
    assert.equal((await admin.leave(room)).code, 'not_found');
    assert.equal((await admin.leave('admin')).code, 'forbidden');
    await live.publish({ id: `${room}-2`, key: room, rooms: [room], event: 'two' }, { id: `${room}-3`, key: room, rooms: ['admin'], event: 'three' });
    await admin.heard('three');
    assert.deepEqual(admin.all('two'), []);
    assert.ok(person);
  });

  test('a socket joins fifty rooms and no more', async () => {
    const sku = await shop.goods({ stock: { berlin: 100 } });
    const orders = await Promise.all(Array.from({ length: 51 }, () => shop.customer().order({ [sku]: 1 })));
    const admin = await live.connect(shop.admin);
    const answers = await Promise.all(orders.map(({ order_id }) => admin.join(`order:${order_id}`)));
    assert.deepEqual(answers.map(({ ok }) => ok), orders.map((_, n) => n < 50));
    assert.equal(answers.at(-1).code, 'too_many_rooms');
    assert.equal((await admin.leave(`order:${orders[0].order_id}`)).ok, true);
    assert.equal((await admin.join(`order:${orders[50].order_id}`)).ok, true);
  });
});

describe('what other workers publish', () => {
  test('an event is heard once however often it is published, and in two rooms it is one event', async () => {
    const driver = await live.connect(shop.person('driver', 'once'));
    const event = { id: 'same', key: 'same', rooms: ['delivery', 'delivery:once'], event: 'said' };
    assert.deepEqual(await live.publish(event, event), { accepted: 1, repeated: 1 });
    assert.deepEqual(await live.publish(event, { ...event, id: 'other' }), { accepted: 1, repeated: 1 });
    await live.publish({ ...event, id: 'end', event: 'end' });
    await driver.heard('end');
    assert.equal(driver.all('said').length, 2);
  });

  test('positions and times of arrival reach who follows the order, and only the latest counts', async () => {
    const { person, order } = await placed();
    const room = `order:${order.order_id}`;
    const orderId = order.order_id;
    const follower = await live.connect(person);
    await follower.join(room);
    const location = (n) => ({ id: `loc-${orderId}-${n}`, key: orderId, rooms: [room], event: 'driver:location:update', latest: true,
      payload: { orderId, latitude: 52.5 + n / 1000, longitude: 13.4, timestamp: new Date().toISOString(), eventId: `loc-${n}`, occurredAt: new Date().toISOString() } });
    await live.publish(location(1));
    assert.equal((await follower.heard('driver:location:update')).latitude, 52.501);
    assert.equal(follower.got.at(-1).offset, undefined, 'it moves nobody');
    await follower.away();
    for (let n = 2; n <= 5; n += 1) await live.publish(location(n));
    await live.publish({ id: `eta-${orderId}`, key: orderId, rooms: [room], event: 'order:eta:update', latest: true,
      payload: { orderId, estimatedTime: '2026-01-01T10:00:00.000Z', timestamp: new Date().toISOString(), eventId: `eta-${orderId}`, occurredAt: new Date().toISOString() } });
    await follower.back();
    await follower.heard('order:eta:update');
    await follower.heard('driver:location:update', ({ latitude }) => latitude === 52.505);
    assert.equal(follower.recovered.at(-1), true);
    const between = follower.all('driver:location:update').filter(({ latitude }) => latitude > 52.501 && latitude < 52.505);
    assert.deepEqual(between, [], 'old positions are not sent again');
  });

  test('devices answer what they are asked, and who does not answer in time is left out', async () => {
    const [one, two, mute] = await Promise.all([0, 1, 2].map(() => live.connect(shop.person('vendor', 'asked'))));
    one.socket.on('ring', (payload, answer) => answer({ seen: payload.n }));
    two.socket.on('ring', (payload, answer) => answer('ok', 2));
    const ask = { room: 'vendor_asked', event: 'ring', payload: '{"n":7}', wait_ms: 1000 };
    const answers = await live.command('ask', ask);
    const told = answers.map(({ by, answer }) => [by, JSON.stringify(answer)]).sort();
    assert.deepEqual(told, [['vendor:asked', '["ok",2]'], ['vendor:asked', '[{"seen":7}]']]);
    assert.equal(mute.all('ring').length, 1);
    assert.deepEqual(await live.command('ask', { ...ask, room: 'vendor:nobody' }), []);
  });

  test('what cannot be an event is refused by name of the field', async () => {
    const send = async (event) => (await shop.rt.fetchWorker('realtime', '/command', {
      method: 'POST', body: JSON.stringify({ publish: { events: [event] } }),
    })).json();
    const good = { i: 'x', k: 'x', r: ['admin'], e: 'x', p: '{}' };
    assert.equal((await send({ ...good, r: ['nowhere'] })).field, 'rooms');
    for (const p of ['', '[]', '1', '{', '{}]']) assert.equal((await send({ ...good, p })).field, 'payload', p);
  });
});

describe('what goes over the wire', () => {
  test('is what asyncapi.json says, event by event and answer by answer', async () => {
    const customer = shop.customer();
    const [admin, driver, owner] = await Promise.all([shop.admin, shop.person('driver', 'wire'), customer].map((person) => live.connect(person)));
    const { order } = await placed(customer);
    const orderId = order.order_id;
    const room = `order:${orderId}`;
    assertAck('join-room', await owner.join(room));
    assertAck('join-room', await owner.join('admin'));
    await move(order, 'paid');
    const { eventId: _, occurredAt: __, ...row } = await admin.heard('order:updated', (payload) => payload.orderId === orderId);
    const stamp = (id) => ({ eventId: id, occurredAt: new Date().toISOString() });
    const timestamp = new Date().toISOString();
    await live.publish(
      { id: 'wire-1', key: orderId, rooms: ['admin', 'delivery', 'delivery:wire'], event: 'order:assigned', payload: { ...row, agentId: 'wire', ...stamp('wire-1') } },
      { id: 'wire-2', key: orderId, rooms: [room], event: 'driver:location:update', latest: true, payload: { orderId, latitude: 52.5, longitude: 13.4, timestamp, ...stamp('wire-2') } },
      { id: 'wire-3', key: orderId, rooms: [room], event: 'order:eta:update', latest: true, payload: { orderId, estimatedTime: timestamp, timestamp, ...stamp('wire-3') } },
    );
    const wanted = [
      [admin, ['order:new', 'order:updated', 'order:status:updated', 'order:status:changed', 'order:assigned']],
      [driver, ['order:updated', 'order:status:updated', 'order:assigned']],
      [owner, ['order:status:update', 'driver:location:update', 'order:eta:update']],
    ];
    for (const [client, events] of wanted) {
      for (const event of events) assertDescribed(event, await client.heard(event, (payload) => payload.orderId === orderId));
      assert.deepEqual([...new Set(client.got.filter(({ payload }) => payload.orderId === orderId).map(({ event }) => event))].sort(), events.sort());
    }
    assert.equal(driver.all('order:assigned').length, 1, 'once, though the driver is in two of its rooms');
    assertAck('leave-room', await owner.leave(room));
  });
});

describe('who is online', () => {
  test('is known within moments of coming and going', async () => {
    const online = (rooms) => live.command('online', { rooms });
    const rooms = ['vendor_on', 'delivery:on'];
    assert.deepEqual(await online(rooms), []);
    const vendor = await live.connect(shop.person('vendor', 'on'));
    const [driver, second] = await Promise.all([0, 1].map(() => live.connect(shop.person('driver', 'on'))));
    assert.deepEqual(await online(rooms), ['delivery:on', 'vendor:on']);
    assert.ok((await online([])).includes('vendor:on'), 'all of them, when none is named');
    vendor.close();
    driver.close();
    await until('the vendor gone', async () => (await online(rooms)).join() === 'delivery:on', { deadlineMs: 3_000 });
    second.close();
    await until('nobody left', async () => (await online(rooms)).length === 0, { deadlineMs: 3_000 });
  });
});
