// A check of payloads that lets everything through would pass every flow; this one must not.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertAck, assertDescribed } from '../support/asyncapi.mjs';

const ORDER = {
  order_id: 'o-1', order_number: 'ORD-2026-X', status: 'paid', payment_status: 'paid', fulfilment_status: 'unfulfilled',
  delivery_status: 'none', payment_method: 'card', version: 2, total_minor: 500,
  currency: 'EUR', created_at: '2026-01-01T00:00:00.000Z', updated_at: '2026-01-01T00:00:01.000Z',
};
const STAMP = { eventId: 'o-1:2:order:updated', occurredAt: '2026-01-01T00:00:01.000Z' };
const ROW = { orderId: 'o-1', ...ORDER, ...STAMP };
const UPDATE = { orderId: 'o-1', status: 'shipped', estimatedTime: null, timestamp: STAMP.occurredAt, version: 4, ...STAMP };
const LOCATION = { orderId: 'o-1', latitude: 52.5, longitude: 13.4, timestamp: STAMP.occurredAt, ...STAMP };
const DRIVER_ORDER = {
  order_id: 'o-1', order_number: 'ORD-2026-X', progress: 'offered', pickup: { latitude: 52.5, longitude: 13.4 },
  dropoff: { latitude: 52.6, longitude: 13.4 }, site: 'v-1', ready_at: STAMP.occurredAt,
  items: [{ sku: 'a', title: 'A', quantity: 1 }], total_minor: 500, currency: 'EUR',
};
const YES = { ok: true, room: 'order:o-1' };
const NO = { ok: false, room: 'order:o-2', code: 'not_found', error: 'no such room' };

const without = (value, key) => {
  const { [key]: _, ...rest } = value;
  return rest;
};

describe('events', () => {
  test('what is as it was described passes', () => {
    assertDescribed('order:new', ROW);
    assertDescribed('order:updated', ROW);
    assertDescribed('order:assigned', { agentId: 'd-1', ...ROW });
    for (const event of ['order:status:updated', 'order:status:update']) {
      for (const estimatedTime of [null, '2026-01-04']) assertDescribed(event, { ...UPDATE, estimatedTime });
    }
    assertDescribed('order:status:changed', { orderId: 'o-1', status: 'paid', version: 2, ...STAMP });
    assertDescribed('driver:location:update', LOCATION);
    assertDescribed('order:eta:update', without(without(UPDATE, 'status'), 'version'));
    assertDescribed('driver:offer', { orderId: 'o-1', order: DRIVER_ORDER, expiresAt: STAMP.occurredAt, ...STAMP });
    assertDescribed('order:unassigned', { orderId: 'o-1', agentId: 'd-1', reason: 'rejected', ...STAMP });
    assertDescribed('snapshot', { rooms: ['admin'], orders: [ORDER], time: STAMP.occurredAt });
    assertDescribed('session:position', {});
    assertDescribed('ERROR', { code: 'not_found', message: 'no such event: x' });
  });

  test('every field is missed, by its name', () => {
    for (const [event, payload] of [['order:new', ROW], ['order:status:update', UPDATE], ['driver:location:update', LOCATION]]) {
      for (const key of Object.keys(payload)) {
        const message = new RegExp(`^${event} is not as[^]*it must have required property '${key}'`);
        assert.throws(() => assertDescribed(event, without(payload, key)), { message });
      }
    }
  });

  test('what is misspelt is missed and too much', () => {
    const message = /required property 'orderId'\n.*must NOT have additional properties: orderID\n/;
    assert.throws(() => assertDescribed('order:new', { ...without(ROW, 'orderId'), orderID: 'o-1' }), { message });
  });

  test('values are looked at, also inside', () => {
    const snapshot = { rooms: [], orders: [ORDER, { ...ORDER, status: 'lost' }], time: STAMP.occurredAt };
    for (const [event, payload, message] of [
      ['order:new', { ...ROW, status: 'gone' }, /\/status must be equal to one of the allowed values: pending, paid, /],
      ['order:new', { ...ROW, version: '2' }, /\/version must be integer/],
      ['order:new', { ...ROW, currency: null }, /\/currency must be string/],
      ['order:new', { ...ROW, occurredAt: 'yesterday' }, /\/occurredAt must match format "date-time"/],
      ['driver:location:update', { ...LOCATION, latitude: 91 }, /\/latitude must be <= 90/],
      ['snapshot', snapshot, /\/orders\/1\/status must be equal/],
      ['session:position', { at: 1 }, /additional properties: at/],
      ['ERROR', undefined, /it must be object/],
    ]) assert.throws(() => assertDescribed(event, payload), { message });
  });

  test('an event that nobody described is named, and so is one that only clients say', () => {
    assert.throws(() => assertDescribed('order:gone', {}), { message: /no event "order:gone" from the server; it has .*order:new/ });
    assert.throws(() => assertDescribed('join-room', 'admin'), { message: /no event "join-room" from the server/ });
  });
});

describe('answers', () => {
  test('what is as it was described passes', () => {
    for (const event of ['join-room', 'leave-room']) {
      for (const answer of [YES, NO, { ...NO, room: '' }]) assertAck(event, answer);
    }
    assertAck('join-room', { ...YES, order: ORDER });
    assertAck('driver:orders', { ok: true, orders: [DRIVER_ORDER] });
    assertAck('driver:accept', { ok: true, success: true, order_id: 'o-1', done: 'accept' });
    assertAck('driver:location', { ok: true });
    assertAck('driver:location', without(NO, 'room'));
    assert.throws(() => assertAck('driver:location', { ok: false }), { message: /required property 'code'/ });
    assertAck('connect', { sid: 'a', pid: 'b' });
    assertAck('connect', { message: 'say who you are', data: { code: 'unauthenticated' } });
  });

  test('a yes says nothing of what is wrong, and a no says what', () => {
    for (const [answer, message] of [
      [{ ...YES, code: 'not_found' }, /^The answer to join-room is not as[^]*\/code .*must not be there/],
      [without(NO, 'code'), /it must have required property 'code'/],
      [without(NO, 'error'), /it must have required property 'error'/],
      [{ ...NO, order: ORDER }, /\/order .*must not be there/],
      [{ ...YES, order: without(ORDER, 'version') }, /\/order must have required property 'version'/],
      [{ ...YES, order: { ...ORDER, note: '' } }, /\/order must NOT have additional properties: note/],
      [{ ...YES, order: null }, /\/order must be object/],
      [without(YES, 'room'), /it must have required property 'room'/],
      ['yes', /it must be object/],
    ]) assert.throws(() => assertAck('join-room', answer), { message });
  });

  test('where there may be two, one of them must fit', () => {
    assert.throws(() => assertAck('connect', { sid: 'a' }), { message: /'pid'[^]*nor as the other:[^]*'message'/ });
  });

  test('what gets no answer is named', () => {
    assert.throws(() => assertAck('order:new', YES), { message: /no answer to "order:new"; it has answers to .*join-room/ });
  });
});
