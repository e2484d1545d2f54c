// What the shop says to the outside, as tests tell it to say something and as merchants hear it:
// endpoints on this machine, and the official library to believe them or not.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { command } from './outside.mjs';
import { until } from './shop.mjs';

let events = 0;

/** An event of an order, as the shop would tell it. */
export function notice(order_id, kind = 'order.paid', rest = {}) {
  events += 1;
  return { id: `${order_id}:${events}`, kind, order_id, at: new Date().toISOString(), data: JSON.stringify({ orderId: order_id, n: events }), ...rest };
}

export const anOrder = () => randomUUID();

/** Whom to write to. */
export const somebody = (rest) => ({
  to: `ada-${events += 1}@shop.example`, name: 'Ada Byron', order_number: 'ORD-2026-K7P3Q9', total_minor: 4999, currency: 'EUR', ...rest,
});

/** Tells the worker, as another worker would; asserts that it took it. */
export async function notify(shop, ...notices) {
  const { status, json } = await command(shop, 'notices', 'notify', { notices });
  assert.equal(status, 200, JSON.stringify(json));
}

let paths = 0;

/** A merchant's endpoint. */
export class Merchant {
  constructor(shop, outside) {
    Object.assign(this, { shop, outside, path: `/hook/${paths += 1}` });
  }

  async open(rest) {
    const { status, text, json } = await this.shop.admin.post('/api/admin/webhooks', { url: `${this.outside.url}${this.path}`, ...rest });
    assert.equal(status, 201, text);
    Object.assign(this, { id: json.id, secret: json.secret });
    return this;
  }

  get route() { return `/api/admin/webhooks/${this.id}`; }
  answers(answer) { this.outside.answers.set(this.path, answer); }

  /** What came, believed: `{ id, type, timestamp, data, headers }`. A bad signature throws. */
  got() {
    return this.outside.at(this.path).map(({ headers, body }) => ({
      headers, id: headers['webhook-id'], ...new Webhook(this.secret).verify(body.toString(), headers),
    }));
  }

  ids() { return this.outside.at(this.path).map(({ headers }) => headers['webhook-id']); }

  heard(...notices) {
    return until(`${this.path} hears of ${notices.map(({ id }) => id).join(', ')}`, () => notices.every(({ id }) => this.ids().includes(id)));
  }

  async seen() {
    const { status, json, text } = await this.shop.admin.get(this.route);
    assert.equal(status, 200, text);
    return json;
  }

  /** Deliveries to it as admins list them. */
  async deliveries(query = '') {
    const { status, json, text } = await this.shop.admin.get(`/api/admin/webhooks/deliveries?endpoint=${this.id}&limit=100${query}`);
    assert.equal(status, 200, text);
    return json.deliveries;
  }

  /** The delivery of an event, once the list shows it in that state. */
  delivery({ id }, state) {
    return until(`${id} is ${state}`, async () => (await this.deliveries()).find((one) => one.event_id === id && one.state === state));
  }

  async detail(delivery) {
    const { status, json, text } = await this.shop.admin.get(`/api/admin/webhooks/deliveries/${delivery.id}`);
    assert.equal(status, 200, text);
    return json;
  }
}

export const dead = async (shop) => (await shop.admin.get('/api/admin/notices/dead?limit=100')).json.dead;

export const replayDead = (shop, { id }) => shop.admin.post(`/api/admin/notices/dead/${id}/replay`);

/** The mails to somebody, in order. */
export const mailsTo = (shop, { to }) => shop.mails.filter((mail) => mail.to === to);
