// Offers over a socket: what somebody who was away hears of them and what not, and what a vendor
// hears who answers one that it cannot have. Whoever publishes offers is played here; how vendors
// race for real ones stands in live-race.test.mjs.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertAck, assertDescribed } from '../support/asyncapi.mjs';
import { openShop, until } from '../support/shop.mjs';
import { Live } from '../support/sockets.mjs';

const STREAMS = ['stream-0', 'stream-1'];

let shop;
let live;
before(async () => {
  shop = await openShop({ vars: { realtime: { HUBS: '2', STREAMS: '2' } } });
  live = new Live(shop);
});
after(async () => {
  live?.close();
  await shop?.close();
});

/** Events about one order and one vendor, as an order desk would publish them. */
function offers(vendor, order) {
  const rooms = [`vendor:${vendor.id}`, 'admin'];
  const about = (name, n, rest) => ({ id: `${order}:${n}:${name}`, key: order, rooms, event: name, payload: { orderId: order, n }, ...rest });
  return {
    offer: (n, rest) => about('NEW_ORDER', n, rest),
    off: (n) => about('CANCEL_PUSH', n, { voids: `${order}:${n}:NEW_ORDER` }),
    won: (n) => about('ORDER_ASSIGNED', n, { voids: `${order}:${n}:NEW_ORDER` }),
    end: () => about('end', 0),
  };
}

/** What a client heard of an order, in order: `NEW_ORDER 1`. */
const story = (client, order) => client.got.filter(({ payload }) => payload?.orderId === order).map(({ event, payload }) => `${event} ${payload.n}`);

async function evictStreams() {
  for (const name of STREAMS) {
    await shop.rt.evict('realtime', 'StreamDesk', { name, webSockets: 'hibernate' })
      // Out of memory already is as good.
      .catch((error) => assert.match(error.message, /not currently running/));
  }
}

describe('who was away', () => {
  const between = [['at once', async () => {}], ['after the streams forgot', evictStreams]];

  for (const [when, happens] of between) {
    test(`and is back ${when} hears that offers are off, and not of the offers themselves`, async () => {
      const vendor = shop.person('vendor');
      const order = `void-${when}`;
      const { offer, off, won, end } = offers(vendor, order);
      const [client, witness] = await Promise.all([live.connect(vendor), live.connect(vendor)]);
      await live.publish(offer(1));
      await client.heard('NEW_ORDER', ({ orderId }) => orderId === order);
      await client.drop();
      client.socket.disconnect();
      await live.publish(off(1), offer(2), offer(3), offer(4));
      await live.publish(won(3), off(2));
      await happens();
      client.socket.connect();
      await client.connected();
      assert.equal(client.recovered.at(-1), true);
      await live.publish(end());
      await client.heard('end');
      assert.deepEqual(story(client, order), ['NEW_ORDER 1', 'CANCEL_PUSH 1', 'NEW_ORDER 4', 'ORDER_ASSIGNED 3', 'CANCEL_PUSH 2', 'end 0']);
      await witness.heard('end');
      assert.deepEqual(story(witness, order), ['NEW_ORDER 1', 'CANCEL_PUSH 1', 'NEW_ORDER 2', 'NEW_ORDER 3', 'NEW_ORDER 4', 'ORDER_ASSIGNED 3', 'CANCEL_PUSH 2', 'end 0'],
        'who is there hears everything');
    });

    test(`and is back ${when} does not hear of an offer whose time is over, and is not told it again later`, async () => {
      const vendor = shop.person('vendor');
      const order = `past-${when}`;
      const { offer, end } = offers(vendor, order);
      const client = await live.connect(vendor);
      await client.drop();
      client.socket.disconnect();
      const over = Date.now() + 500;
      await live.publish(offer(1, { until: over }), offer(2, { until: over + 60_000 }), offer(3, { until: over }));
      await happens();
      await until('its time to be over', () => Date.now() > over);
      client.socket.connect();
      await client.connected();
      assert.equal(client.recovered.at(-1), true);
      await client.heard('NEW_ORDER');
      await client.bounce();
      await live.publish(end());
      await client.heard('end');
      assert.deepEqual(story(client, order), ['NEW_ORDER 2', 'end 0']);
      assert.ok(client.recovered.slice(1).every(Boolean));
    });
  }

  test('is where it has come to, past what it was not told', async () => {
    const vendor = shop.person('vendor');
    const { offer, off } = offers(vendor, 'position');
    const [client, witness] = await Promise.all([live.connect(vendor), live.connect(vendor)]);
    await client.drop();
    client.socket.disconnect();
    await live.publish(offer(1), offer(2), off(1));
    await live.publish(offer(3, { until: Date.now() - 1 }));
    await witness.heard('NEW_ORDER', ({ n }) => n === 3);
    client.socket.connect();
    await client.heard('CANCEL_PUSH');
    assert.deepEqual(story(client, 'position'), ['NEW_ORDER 2', 'CANCEL_PUSH 1']);
    assert.equal(client.got.at(-1).offset, witness.got.at(-1).offset, 'as far as one who has heard it all');
  });
});

describe('a vendor that connects', () => {
  test('new, or back after too long, hears what was offered in the last seconds and is not off', async () => {
    const vendor = shop.person('vendor');
    const { offer, off, end } = offers(vendor, 'fresh');
    await live.publish(offer(1), offer(2), offer(3, { until: Date.now() - 1 }), off(1));
    const first = await live.connect(vendor);
    const stranger = live.client({ token: vendor.token, pid: 'x~1-1.1-1' });
    await stranger.connected();
    await live.publish(end());
    for (const client of [first, stranger]) {
      await client.heard('end');
      assert.equal(client.recovered.at(-1), false);
      assert.deepEqual(story(client, 'fresh'), ['NEW_ORDER 2', 'CANCEL_PUSH 1', 'end 0']);
    }
    assert.deepEqual([first.all('snapshot').length, stranger.all('snapshot').length], [0, 1]);
    assert.deepEqual(stranger.all('snapshot')[0].orders, []);
    await first.bounce();
    assert.equal(first.recovered.at(-1), true, 'and can be back like anybody');
  });

  test('hears each of what is offered while it comes in once', async () => {
    const vendor = shop.person('vendor');
    const orders = ['apple', 'pear', 'plum', 'fig'].map((name) => `meanwhile-${name}`);
    const numbers = Array.from({ length: 40 }, (_, n) => n + 1);
    const coming = [];
    await Promise.all(orders.map(async (order) => {
      const { offer } = offers(vendor, order);
      for (const n of numbers) {
        if (n % 8 === 0) coming.push(live.connect(vendor));
        await live.publish(offer(n));
      }
    }));
    for (const [index, client] of (await Promise.all(coming)).entries()) {
      for (const order of orders) {
        await client.heard('NEW_ORDER', ({ orderId, n }) => orderId === order && n === numbers.at(-1));
        assert.deepEqual(story(client, order), numbers.map((n) => `NEW_ORDER ${n}`), `client ${index}`);
      }
    }
  });

  test('others who connect hear of nothing that was before', async () => {
    const [vendor, customer] = [shop.person('vendor'), shop.customer()];
    await live.publish({ ...offers(vendor, 'others').offer(1), rooms: [`user:${customer.id}`, 'admin', 'delivery'] });
    const clients = await Promise.all([customer, shop.admin, shop.person('driver')].map((person) => live.connect(person)));
    await live.publish({ id: 'others-end', key: 'others', rooms: [`user:${customer.id}`, 'admin', 'delivery'], event: 'end' });
    for (const client of clients) {
      await client.heard('end');
      assert.deepEqual(story(client, 'others'), []);
    }
  });
});

describe('a vendor that answers', () => {
  const NOT_OFFERED = 'NOT_OFFERED';
  const placed = async () => shop.customer().order({ [await shop.goods({ stock: { berlin: 5 } })]: 1 });
  const accept = async (client, ...said) => {
    const count = client.all('ACCEPT_RESULT').length;
    const answer = await client.ask('ACCEPT_ORDER', ...said);
    const result = client.all('ACCEPT_RESULT')[count];
    assert.deepEqual(result, answer, 'the event says what the answer says');
    assertAck('ACCEPT_ORDER', answer);
    assertDescribed('ACCEPT_RESULT', result);
    return answer;
  };

  test('what it was not offered is not its, whether there is such an order or not', async () => {
    const client = await live.connect(shop.person('vendor'));
    const order = await placed();
    const missing = `${order.order_id.slice(0, -4)}0000`;
    for (const orderId of [order.order_id, order.order_number, missing, 'nonsense', 'ORD-2026-ZZZZZZZZ', '../x', 'x'.repeat(1000)]) {
      const said = { orderId, preparationTime: 20, tag: { epoch: 1, batch: 1 }, vendorId: 'somebody else' };
      const { orderId: named, ...answer } = await accept(client, said);
      assert.ok([orderId, order.order_id].includes(named));
      assert.deepEqual(answer, { ok: false, winner: false, reason: NOT_OFFERED }, orderId);
      for (const event of ['REJECT_ORDER', 'OFFER_SEEN']) {
        const { error, orderId: about, ...no } = await client.ask(event, { orderId, reason: 'no' });
        assertAck(event, { ...no, error, orderId: about });
        if (event === 'OFFER_SEEN' && no.ok) continue;
        assert.deepEqual(no, { ok: false, code: NOT_OFFERED }, `${event} ${orderId}`);
      }
    }
    assert.deepEqual(client.all('REJECT_RESULT'), []);
  });

  test('without wanting an answer hears of it all the same, and nobody else does', async () => {
    const vendor = shop.person('vendor');
    const [client, other] = await Promise.all([live.connect(vendor), live.connect(vendor)]);
    client.socket.emit('ACCEPT_ORDER', { orderId: 'nothing' });
    assert.deepEqual(await client.heard('ACCEPT_RESULT'), { ok: false, winner: false, orderId: 'nothing', reason: NOT_OFFERED });
    client.socket.emit('REJECT_ORDER', { orderId: 'nothing' });
    const complaint = await client.heard('ERROR');
    assertDescribed('ERROR', complaint);
    assert.equal(complaint.code, NOT_OFFERED);
    await live.publish({ id: 'alone', rooms: [`vendor:${vendor.id}`], event: 'end' });
    await other.heard('end');
    assert.deepEqual(other.got.map(({ event }) => event), ['end']);
  });

  test('in a way that means nothing is told what is wrong, and stays', async () => {
    const client = await live.connect(shop.person('vendor'));
    const wrong = [
      [[], 'orderId'], [[null], 'orderId'], [['x'], 'orderId'], [[7], 'orderId'], [[[]], 'orderId'], [[{}], 'orderId'],
      [[{ orderId: null }], 'orderId'], [[{ orderId: '' }], 'orderId'], [[{ orderId: { $ne: 1 } }], 'orderId'],
      [[{ orderId: 'x', preparationTime: 1441 }], 'preparationTime'], [[{ orderId: 'x', preparationTime: -1 }], 'preparationTime'],
      [[{ orderId: 'x', preparationTime: '20' }], 'preparationTime'], [[{ orderId: 'x', preparationTime: 1e300 }], 'preparationTime'],
      [[{ orderId: 'x', tag: 'now' }], 'tag'], [[{ orderId: 'x', tag: { epoch: 1, batch: -1 } }], 'tag'],
    ];
    for (const [said, field] of wrong) {
      const { error, ...answer } = await accept(client, ...said);
      assert.deepEqual(answer, { ok: false, winner: false }, JSON.stringify(said));
      assert.ok(error.includes(field), `${JSON.stringify(said)}: ${error}`);
    }
    for (const event of ['REJECT_ORDER', 'OFFER_SEEN']) {
      for (const said of [[], ['x'], [{ orderId: 7 }], [{ orderId: 'x', tag: 0 }]]) {
        const answer = await client.ask(event, ...said);
        assertAck(event, answer);
        assert.deepEqual([answer.ok, answer.code, answer.orderId], [false, 'invalid_field', ''], JSON.stringify(said));
      }
    }
    assert.equal((await client.ask('REJECT_ORDER', { orderId: 'x', reason: 'x'.repeat(1001) })).code, 'invalid_field');
    assert.deepEqual(client.recovered, [false], 'it was never cut off');
    assert.deepEqual(shop.panics(), []);
  });

  test('is a vendor, and nobody else answers offers', async () => {
    const { order_id: orderId } = await placed();
    for (const person of [shop.customer(), shop.person('driver'), shop.admin]) {
      const client = await live.connect(person);
      const { error, ...answer } = await accept(client, { orderId });
      assert.deepEqual([answer, error], [{ ok: false, winner: false }, 'offers are answered by vendors'], person.role);
      for (const event of ['REJECT_ORDER', 'OFFER_SEEN']) {
        assert.equal((await client.ask(event, { orderId })).code, 'forbidden');
        client.socket.emit(event, { orderId });
      }
      await until('both complaints', () => client.all('ERROR').filter(({ code }) => code === 'forbidden').length === 4);
    }
  });

  test('many at once are all answered', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => live.connect(shop.person('vendor'))));
    const orders = await Promise.all(Array.from({ length: 5 }, placed));
    const answers = await Promise.all(clients.flatMap((client) => orders.map(({ order_id: orderId }) => client.ask('ACCEPT_ORDER', { orderId }))));
    assert.ok(answers.every(({ ok, reason }) => !ok && reason === NOT_OFFERED));
    for (const client of clients) assert.equal(client.all('ACCEPT_RESULT').length, orders.length);
  });
});
