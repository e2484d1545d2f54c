// Vendors race for an order over their sockets: each is offered it, all accept at the same instant,
// one has it, and everybody concerned hears so; and who comes in later is offered what is open.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertAck, assertDescribed } from '../support/asyncapi.mjs';
import { openShop, until } from '../support/shop.mjs';
import { Live } from '../support/sockets.mjs';

const VENDORS = 8;

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

// Each test has vendors who are better than those of all tests before, so that its order finds them
// and no other's.
let spots = 0;
async function scene({ vendors = VENDORS } = {}) {
  const spot = { latitude: 48 + (spots += 1), longitude: 10 };
  const ids = await Promise.all(Array.from({ length: vendors }, () => shop.vendor({ ...spot, score: 50 + spots })));
  const people = ids.map((id) => shop.person('vendor', id));
  const customer = shop.customer();
  const sku = await shop.goods({ stock: { berlin: 5 } });
  const address = { name: 'Ada Byron', line1: 'Torstr. 1', city: 'Berlin', state: 'BE', postal_code: '10119', country: 'DE', phone: '+49 30 1234567', ...spot };
  const { order_id: orderId } = await customer.order({ [sku]: 1 }, { address, payment_method: 'cod' });
  return { people, customer, orderId };
}

async function route(orderId, limit) {
  const { status, text } = await shop.admin.post(`/api/orders/${orderId}/route-to-vendors`, { limit });
  assert.ok(status < 300, text);
}

const of = (orderId) => (payload) => payload.orderId === orderId;
const heardOf = (client, orderId, event) => client.all(event).filter(of(orderId));

describe('a race', () => {
  test('has one winner, and everyone concerned hears who, and that it is over', async () => {
    const { people, customer, orderId } = await scene();
    const vendors = await Promise.all(people.map((person) => live.connect(person)));
    const [admin, owner] = await Promise.all([live.connect(shop.admin), live.connect(customer)]);
    await route(orderId, VENDORS);
    const offers = await Promise.all(vendors.map((client) => client.heard('NEW_ORDER', of(orderId))));
    for (const [index, offer] of offers.entries()) {
      assertDescribed('NEW_ORDER', offer);
      assert.equal(offer.vendorId, people[index].id);
      assert.ok(offer.ttl > 0 && Math.abs(Date.parse(offer.expiresAt) - Date.parse(offer.serverTime) - offer.ttl * 1000) <= 1000, JSON.stringify(offer));
      assert.ok(offer.distance >= 0 && offer.tag.epoch >= 1 && offer.tag.batch >= 1);
    }
    const answers = await Promise.all(vendors.map((client, index) =>
      client.ask('ACCEPT_ORDER', { orderId, preparationTime: 25, tag: offers[index].tag })));
    for (const [index, answer] of answers.entries()) {
      assertAck('ACCEPT_ORDER', answer);
      assert.deepEqual(heardOf(vendors[index], orderId, 'ACCEPT_RESULT'), [answer]);
    }
    const winners = people.filter((_, index) => answers[index].winner);
    assert.equal(winners.length, 1, JSON.stringify(answers));
    const [{ id: winner }] = winners;
    for (const [index, client] of vendors.entries()) {
      if (people[index].id === winner) {
        assert.deepEqual(answers[index], { ok: true, winner: true, orderId });
        assert.equal((await client.heard('ORDER_ASSIGNED', of(orderId))).vendorId, winner);
        assert.deepEqual(heardOf(client, orderId, 'CANCEL_PUSH'), []);
        continue;
      }
      assert.deepEqual(answers[index], { ok: false, winner: false, orderId, reason: 'ORDER_ALREADY_ACCEPTED' });
      const off = await client.heard('CANCEL_PUSH', of(orderId));
      assertDescribed('CANCEL_PUSH', off);
      assert.deepEqual([off.vendorId, off.tag], [people[index].id, offers[index].tag]);
      assert.deepEqual(heardOf(client, orderId, 'ORDER_ASSIGNED'), [], 'who has it is not told to others');
    }
    const assigned = await owner.heard('ORDER_ASSIGNED', of(orderId));
    assertDescribed('ORDER_ASSIGNED', assigned);
    assert.deepEqual([assigned.vendorId, assigned.status, assigned.preparationTime, assigned.forced], [winner, 'vendor_accepted', 25, false]);
    assert.deepEqual(owner.got.filter(({ event }) => ['NEW_ORDER', 'CANCEL_PUSH'].includes(event)), []);
    await admin.heard('ORDER_ASSIGNED', of(orderId));
    await until('admins to have heard all of it', () => heardOf(admin, orderId, 'CANCEL_PUSH').length === VENDORS - 1);
    assert.equal(heardOf(admin, orderId, 'NEW_ORDER').length, VENDORS);
  });

  test('is over for those who come late, and the winner may say it again', async () => {
    const { people, orderId } = await scene({ vendors: 2 });
    const [first, second] = await Promise.all(people.map((person) => live.connect(person)));
    await route(orderId, 2);
    await Promise.all([first, second].map((client) => client.heard('NEW_ORDER', of(orderId))));
    const won = { ok: true, winner: true, orderId };
    assert.deepEqual(await first.ask('ACCEPT_ORDER', { orderId }), won);
    assert.deepEqual(await second.ask('ACCEPT_ORDER', { orderId }), { ok: false, winner: false, orderId, reason: 'ORDER_ALREADY_ACCEPTED' });
    assert.deepEqual(await first.ask('ACCEPT_ORDER', { orderId }), won);
    const late = await second.ask('REJECT_ORDER', { orderId });
    assertAck('REJECT_ORDER', late);
    assert.equal(late.ok, false);
  });
});

describe('a vendor that rejects', () => {
  test('is told so, and does not get the order any more', async () => {
    const { people, orderId } = await scene({ vendors: 2 });
    const [client] = await Promise.all(people.map((person) => live.connect(person)));
    await route(orderId, 2);
    const { tag } = await client.heard('NEW_ORDER', of(orderId));
    const seen = await client.ask('OFFER_SEEN', { orderId, tag });
    assertAck('OFFER_SEEN', seen);
    assert.equal(seen.ok, true);
    const answer = await client.ask('REJECT_ORDER', { orderId, tag, reason: 'closed today' });
    assertAck('REJECT_ORDER', answer);
    assert.deepEqual(answer, { ok: true, orderId });
    assert.deepEqual(heardOf(client, orderId, 'REJECT_RESULT'), [answer]);
    assert.deepEqual(await client.ask('ACCEPT_ORDER', { orderId }), { ok: false, winner: false, orderId, reason: 'OFFER_REJECTED' });
  });
});

describe('a vendor that comes in', () => {
  test('is offered what is open, once and with the time that is left, and nothing that is off', async () => {
    const { people, orderId } = await scene({ vendors: 1 });
    const [person] = people;
    const client = await live.connect(person);
    await route(orderId, 1);
    const offer = await client.heard('NEW_ORDER', of(orderId));
    client.close();
    await until('a second of its time to have passed', () => Date.now() > Date.parse(offer.serverTime) + 1_500);
    const again = await live.connect(person);
    const open = await again.heard('NEW_ORDER', of(orderId));
    assertDescribed('NEW_ORDER', open);
    assert.deepEqual([open.tag, open.expiresAt, open.eventId], [offer.tag, offer.expiresAt, offer.eventId]);
    assert.ok(open.ttl < offer.ttl, `${open.ttl} of ${offer.ttl}`);
    assert.deepEqual(again.recovered, [false]);
    await again.bounce();
    assert.equal(again.recovered.at(-1), true);
    await live.publish({ id: `end-${orderId}`, key: orderId, rooms: [`vendor:${person.id}`], event: 'end' });
    await again.heard('end');
    assert.equal(heardOf(again, orderId, 'NEW_ORDER').length, 1, 'once, and not again when it was back');
    assert.equal((await again.ask('ACCEPT_ORDER', { orderId, tag: open.tag })).winner, true);
    const late = await live.connect(person);
    await live.publish({ id: `late-${orderId}`, key: orderId, rooms: [`vendor:${person.id}`], event: 'late' });
    await late.heard('late');
    assert.deepEqual(heardOf(late, orderId, 'NEW_ORDER'), [], 'it is not open any more');
  });

  test('after somebody else has won is not offered it', async () => {
    const { people, orderId } = await scene({ vendors: 2 });
    const [first, second] = await Promise.all(people.map((person) => live.connect(person)));
    await route(orderId, 2);
    await Promise.all([first, second].map((client) => client.heard('NEW_ORDER', of(orderId))));
    second.close();
    assert.equal((await first.ask('ACCEPT_ORDER', { orderId })).winner, true);
    await first.heard('ORDER_ASSIGNED', of(orderId));
    const again = await live.connect(people[1]);
    await again.heard('CANCEL_PUSH', of(orderId));
    await live.publish({ id: `won-${orderId}`, key: orderId, rooms: [`vendor:${people[1].id}`], event: 'end' });
    await again.heard('end');
    const story = again.got.filter(({ payload }) => of(orderId)(payload ?? {})).map(({ event }) => event);
    assert.ok(!story.includes('NEW_ORDER'), story.join());
  });
});
