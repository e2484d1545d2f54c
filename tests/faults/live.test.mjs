// Nothing missed (M3): clients that break off and come back, objects that forget or fall asleep,
// a runtime that is killed, all in the midst of a burst. At the end each client has the whole
// sequence, once and in order, or was told that it has not.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertDescribed } from '../support/asyncapi.mjs';
import { end, hangs, scripted, stand, struck } from '../support/faults.mjs';
import { openShop, until } from '../support/shop.mjs';
import { Live } from '../support/sockets.mjs';

const HUBS = ['hub-0', 'hub-1', 'hub-2'];
const STREAMS = ['stream-0', 'stream-1'];
const OPTIONS = { variant: 'faults', vars: { '*': { LOG_LEVEL: 'error' }, realtime: { HUBS: '3', STREAMS: '2' } } };
const EVENTS = 1000;
const BATCH = 5;

let shop;
let live;
before(async () => {
  shop = await openShop(OPTIONS);
  live = new Live(shop);
});
after(async () => {
  live?.close();
  await shop?.close();
});

async function evict(className, name, webSockets = 'hibernate') {
  try {
    await shop.rt.evict('realtime', className, { name, webSockets });
  } catch (error) {
    // Out of memory already is as good.
    assert.match(error.message, /not currently running/);
  }
}

// Drawn from a seed, which a failure names.
function drawer(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Publishes a numbered sequence as an outbox does: again until it is answered. */
async function burst(name, rooms, meanwhile = async () => {}) {
  for (let first = 1; first <= EVENTS; first += BATCH) {
    const events = Array.from({ length: BATCH }, (_, n) => ({
      id: `${name}-${first + n}`, key: name, rooms, event: name, payload: { n: first + n },
    }));
    await until('the events written', () => live.publish(...events).catch(() => false), { deadlineMs: 60_000, everyMs: 100 });
    await meanwhile(first);
  }
}

async function complete(clients, name, seed) {
  const all = Array.from({ length: EVENTS }, (_, n) => n + 1);
  for (const [index, client] of clients.entries()) {
    const got = () => client.all(name).map(({ n }) => n);
    await until(`client ${index} of seed ${seed} has the last event`, () => got().at(-1) === EVENTS, { deadlineMs: 60_000 })
      .catch(() => {});
    assert.deepEqual(got(), all, `client ${index}, seed ${seed}, connections ${client.recovered}`);
    assert.ok(client.recovered.slice(1).every(Boolean), `client ${index}, seed ${seed}: ${client.recovered}`);
  }
}

describe('a burst of a thousand events', () => {
  for (const seed of [1, 2, 3]) {
    test(`is heard whole, once and in order over fifty reconnects, with sleeping and forgetting hubs and streams (seed ${seed})`, async () => {
      const draw = drawer(seed);
      const name = `burst-${seed}`;
      const clients = await Promise.all(Array.from({ length: 10 }, () => live.connect(shop.admin)));
      let bounces = 0;
      await burst(name, ['admin'], async (first) => {
        if (first % 20 === 1 && bounces < 50) {
          bounces += 1;
          const client = clients[draw(clients.length)];
          await client.connected();
          await client.drop();
        }
        if (draw(8) === 0) await evict('Hub', HUBS[draw(3)]);
        if (draw(12) === 0) await evict('StreamDesk', STREAMS[draw(2)]);
        if (draw(40) === 0) await evict('Hub', HUBS[draw(3)], 'close');
      });
      assert.equal(bounces, 50);
      await complete(clients, name, seed);
      for (const client of clients) client.close();
    });
  }

  test('is heard whole also when the runtime is killed in its midst, and started again on what is on disk', async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => live.connect(shop.admin)));
    const draw = drawer(4);
    let kills = 0;
    await burst('kill', ['admin'], async (first) => {
      if (first === 251 || first === 601) {
        // In the midst of what is under way.
        const lost = live.publish({ id: 'kill-under-way', key: 'kill', rooms: ['delivery'], event: 'x' }).catch(() => {});
        await shop.rt.kill();
        await lost;
        await shop.rt.restart();
        kills += 1;
      } else if (first % 50 === 1) {
        await clients[draw(clients.length)].drop().catch(() => {});
      }
    });
    assert.equal(kills, 2);
    await complete(clients, 'kill', 4);
    for (const client of clients) {
      assert.ok(client.recovered.length >= 3);
      client.close();
    }
  });

  test('over several streams is heard in the order of each thing that it is about', async () => {
    const draw = drawer(5);
    const client = await live.connect(shop.admin);
    const keys = ['apple', 'pear', 'plum', 'fig'];
    const sent = new Map(keys.map((key) => [key, 0]));
    for (let round = 0; round < 100; round += 1) {
      const events = Array.from({ length: 5 }, () => {
        const key = keys[draw(keys.length)];
        sent.set(key, sent.get(key) + 1);
        return { id: `fruit-${key}-${sent.get(key)}`, key, rooms: ['admin'], event: 'fruit', payload: { key, n: sent.get(key) } };
      });
      await live.publish(...events);
      if (round % 10 === 5) await client.drop();
      if (round % 10 === 7) await client.connected();
      if (round % 15 === 9) await evict('Hub', HUBS[draw(3)]);
    }
    await until('all of them', () => client.all('fruit').length >= 500);
    for (const key of keys) {
      const got = client.all('fruit').filter((one) => one.key === key).map(({ n }) => n);
      assert.deepEqual(got, Array.from({ length: sent.get(key) }, (_, n) => n + 1), key);
    }
    client.close();
  });
});

describe('a client that comes back', () => {
  const between = [
    ['at once', async () => {}],
    ['after its hub slept', () => Promise.all(HUBS.map((name) => evict('Hub', name)))],
    ['after hub and stream forgot', () => Promise.all([...HUBS.map((name) => evict('Hub', name, 'close')), ...STREAMS.map((name) => evict('StreamDesk', name))])],
    ['after the runtime died', async () => { await shop.rt.kill(); await shop.rt.restart(); }],
  ];

  for (const [when, happens] of between) {
    test(`${when}, having heard nothing yet, hears everything since it first came, also in the rooms it joined`, async () => {
      const person = shop.customer();
      const sku = await shop.goods({ stock: { berlin: 5 } });
      const { order_id } = await person.order({ [sku]: 1 });
      const [client, control] = await Promise.all([live.connect(person), live.connect(person)]);
      assert.equal((await client.join(`order:${order_id}`)).ok, true);
      await client.drop();
      client.socket.io.engine?.close();
      client.socket.disconnect();
      await live.publish({ id: `${when}-1`, key: order_id, rooms: [`order:${order_id}`], event: 'missed', payload: { n: 1 } });
      await happens();
      await live.publish({ id: `${when}-2`, key: 'other', rooms: [`user:${person.id}`], event: 'missed', payload: { n: 2 } });
      client.socket.connect();
      await client.connected();
      await until('both', () => client.all('missed').length === 2);
      assert.equal(client.recovered.at(-1), true);
      await live.publish({ id: `${when}-3`, key: order_id, rooms: [`order:${order_id}`], event: 'missed', payload: { n: 3 } });
      await client.heard('missed', ({ n }) => n === 3);
      assert.deepEqual(client.all('missed').map(({ n }) => n).sort(), [1, 2, 3]);
      await control.heard('missed');
      assert.deepEqual(control.all('missed').map(({ n }) => n), [2], 'who did not join is not in the room');
      client.close();
      control.close();
    });
  }

  test('as somebody else is not given the session of another', async () => {
    const [alice, mallory] = [shop.customer(), shop.customer()];
    const sku = await shop.goods({ stock: { berlin: 5 } });
    const { order_id } = await alice.order({ [sku]: 1 });
    const client = await live.connect(alice);
    await client.join(`order:${order_id}`);
    const pid = client.socket._pid;
    await client.drop();
    client.close();
    await live.publish({ id: 'theft', key: order_id, rooms: [`order:${order_id}`, `user:${alice.id}`], event: 'secret' });
    const thief = live.client({ token: mallory.token, pid });
    await thief.connected();
    await live.publish({ id: 'theft-2', key: order_id, rooms: [`order:${order_id}`, `user:${mallory.id}`], event: 'end' });
    await thief.heard('end');
    assert.deepEqual(thief.all('secret'), []);
    thief.close();
  });

  test('with a position that is nonsense, or of another shop, starts anew', async () => {
    const client = await live.connect(shop.admin);
    const { _pid: pid } = client.socket;
    client.close();
    for (const auth of [{ pid: 'x' }, { pid: `${pid.split('~')[0]}~zz-1.zz-1` }, { pid: `${pid}.` }, { pid, offset: '!' }, { pid, offset: '1-zzzzzzzzzz.1-0' }, { pid: `${pid.split('~')[0]}~.` }, { pid: 7 }]) {
      const again = live.client({ token: shop.admin.token, ...auth });
      await again.connected();
      assert.notEqual(again.socket._pid, auth.pid);
      again.close();
    }
  });
});

describe('an order and its events', () => {
  // Who takes each step: the order desk, or hub and stream.
  const steps = [
    ...['before', 'lost', 'twice', 'both', 'crash'].map((mode) => ['order', `realtime.publish;${mode}`]),
    ...['before', 'lost', 'twice', 'both'].flatMap((mode) => ['stream.append', 'hub.tell'].map((step) => ['live', `${step};${mode}`])),
    ...['stream.log;before', 'stream.log.written;lost', 'stream.log.written;crash', 'hub.tell;crash'].map((script) => ['live', script]),
  ];

  for (const [where, script] of steps) {
    test(`are told once and in order when ${script} strikes`, async () => {
      const admin = await live.connect(shop.admin);
      const person = shop.customer();
      const sku = await shop.goods({ stock: { berlin: 5 } });
      const { order_id } = await person.order({ [sku]: 1 });
      const ours = (event) => admin.all(event).filter((payload) => payload.orderId === order_id);
      await until('order:new', () => ours('order:new').length > 0);
      const id = `*${script.replace(/[.;]/g, '-')}`;
      await (where === 'order' ? stand(shop, `${id};${script}`) : live.stand(`${id};${script}`));
      const move = (status) => shop.admin.patch(`/api/v1/orders/${order_id}/status`, { status });
      assert.equal((await move('paid')).status, 200);
      await struck(shop, id);
      // An object that was torn down is back for the next call.
      await until('the script ended', () => (where === 'order' ? end(shop, id) : live.stand(`${id};;off`)).then(() => true, () => false));
      assert.equal((await move('processing')).status, 200);
      await admin.heard('order:updated', (payload) => payload.orderId === order_id && payload.version === 3);
      assert.deepEqual(ours('order:updated').map(({ version }) => version), [2, 3]);
      assert.equal(ours('order:new').length, 1);
      assert.ok(admin.recovered.slice(1).every(Boolean));
      admin.close();
    });
  }

  for (const step of ['order.finish.written', 'order.edge.written']) {
    test(`are told though the runtime is killed right after ${step}`, async () => {
      const person = shop.customer();
      const sku = await shop.goods({ stock: { berlin: 5 } });
      const admin = await live.connect(shop.admin);
      const kill = async (request) => {
        const cut = request.catch(() => {});
        await hangs(shop, step);
        await shop.rt.kill();
        await cut;
        await shop.rt.restart();
      };
      let order_id;
      if (step === 'order.finish.written') {
        await person.fill({ [sku]: 1 });
        await kill(person.place({}, { key: 'k', ...scripted(`${step};${step};kill`) }));
        order_id = (await person.place({}, { key: 'k' })).json.order_id;
        await admin.heard('order:new', (payload) => payload.orderId === order_id);
      } else {
        ({ order_id } = await person.order({ [sku]: 1 }));
        await kill(shop.admin.patch(`/api/v1/orders/${order_id}/status`, { status: 'paid' }, scripted(`${step};${step};kill`)));
        await admin.heard('order:updated', (payload) => payload.orderId === order_id && payload.version === 2);
      }
      const events = admin.got.filter(({ payload }) => payload.orderId === order_id).map(({ event }) => event);
      assert.equal(new Set(events).size, events.length, events.join(' '));
      admin.close();
    });
  }

  test('a refused order is never heard of', async () => {
    const admin = await live.connect(shop.admin);
    const sku = await shop.goods({ stock: { berlin: 1 } });
    const buyers = await Promise.all(Array.from({ length: 8 }, async () => {
      const person = shop.customer();
      await person.fill({ [sku]: 1 });
      return person;
    }));
    const answers = await Promise.all(buyers.map((person) => person.place()));
    const won = answers.filter(({ status }) => status === 201).map(({ json }) => json.order_id);
    assert.equal(won.length, 1);
    await live.publish({ id: 'refused-end', key: won[0], rooms: ['admin'], event: 'end' });
    await admin.heard('order:new', ({ orderId }) => orderId === won[0]);
    await admin.heard('end');
    const heard = admin.all('order:new').map(({ orderId }) => orderId);
    assert.deepEqual(heard, won);
    admin.close();
  });
});

describe('when it is too late', () => {
  test('a client is told so, and gets a snapshot of what its role may see, and what is newer than that', async () => {
    const late = await openShop({ vars: { realtime: { RECOVERY_SECONDS: '1' } } });
    const there = new Live(late);
    try {
      const person = late.customer();
      const sku = await late.goods({ stock: { berlin: 5 } });
      const first = await person.order({ [sku]: 1 });
      await late.projected(first.order_id);
      const [admin, customer] = await Promise.all([there.connect(late.admin), there.connect(person)]);
      await there.publish({ id: 'first', rooms: ['admin', `user:${person.id}`], event: 'first' });
      await Promise.all([admin.heard('first'), customer.heard('first')]);
      for (const client of [admin, customer]) {
        await client.drop();
        client.socket.disconnect();
      }
      const gone = performance.now();
      const second = await person.order({ [sku]: 1 });
      await until('the window to have passed', () => there.publish({ id: `tick-${Date.now()}`, rooms: ['admin'], event: 'tick' })
        .then(() => performance.now() > gone + 3_000), { everyMs: 200 });
      for (const client of [admin, customer]) {
        client.socket.connect();
        await client.connected();
        assert.equal(client.recovered.at(-1), false);
        const snapshot = await client.heard('snapshot');
        assertDescribed('snapshot', snapshot);
        const { orders, rooms, time } = snapshot;
        assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
        assert.deepEqual(rooms, [client === admin ? 'admin' : `user:${person.id}`]);
        assert.ok(orders.some(({ order_id, version }) => order_id === first.order_id && version === 1));
        assert.ok(orders.every(({ order_id }) => [first.order_id, second.order_id].includes(order_id)));
      }
      await there.publish({ id: 'last', rooms: ['admin'], event: 'last' });
      await admin.heard('last');
    } finally {
      there.close();
      await late.close();
    }
  });
});
