// The two sides of a race for orders, ours and the floor, which are asked the same things: vendors who
// come in with a socket each (the official client) and a kept connection each, orders that are offered
// to the first so many of them, and one accept by one door or the other. An accept says whether it
// won; any answer but a win or "somebody else has it" is a failure.
import { io } from 'socket.io-client';
import { timed } from './crowd.mjs';
import { Client } from './load.mjs';
import { atRest, customer, expect, fill, SKUS } from './shop.mjs';

const WAIT_MAX_MS = 60_000;
const LANES = 8;
const LOST = 'ORDER_ALREADY_ACCEPTED';

async function connected(url, options) {
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false, ...options });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}

class Side {
  sockets = [];
  clients = [];

  /** So many vendors more are there, each with a socket. */
  async come(count, atATime = 16) {
    const from = this.sockets.length;
    await timed(count - from, atATime, async (n) => { this.sockets[from + n] = await connected(this.url, this.auth(from + n)); });
  }

  /** A connection for each of so many vendors, open before anything is timed. */
  async ready(count) {
    this.clients = Array.from({ length: count }, () => new Client(this.url));
    for (const client of this.clients) await expect(client.send('GET', '/health'), 200);
  }

  idle() { for (const client of this.clients.splice(0)) client.close(); }

  ask(vendor, asked) { return this.sockets[vendor].timeout(WAIT_MAX_MS).emitWithAck('ACCEPT_ORDER', asked); }
  http(vendor, order) { return this.post(this.clients[vendor], vendor, order); }

  close() {
    this.idle();
    for (const socket of this.sockets) socket.disconnect();
  }
}

export class Ours extends Side {
  name = 'ours';
  winners = 1;
  #asked = 0;
  #told = new Map();
  #watching = new Map();

  constructor(shop) {
    super();
    Object.assign(this, { shop, url: shop.rt.url, tokens: [] });
  }

  auth(vendor) { return { auth: { token: this.tokens[vendor] } }; }

  /** Vendors with no bound to their work, the first the best. */
  async come(count) {
    const from = this.sockets.length;
    const vendors = Array.from({ length: count - from }, (_, n) => ({
      vendor_id: `v-${from + n}`, name: 'V', latitude: 52.5, longitude: 13.4, verified: true, open: true, capacity: null, score: 100 - (from + n) / 10,
    }));
    await expect(this.shop.setup.send('POST', '/api/admin/vendor-import', { token: this.shop.admin, body: { vendors } }), 200);
    for (const { vendor_id } of vendors) this.tokens.push(this.shop.token('vendor', vendor_id));
    await super.come(count);
    for (const socket of this.sockets.slice(from)) {
      socket.on('NEW_ORDER', ({ orderId }) => this.#heard(`offered ${orderId}`));
      for (const end of ['CANCEL_PUSH', 'ORDER_ASSIGNED']) socket.on(end, ({ orderId }) => this.#heard(`over ${orderId}`));
    }
  }

  #heard(what) {
    const count = (this.#told.get(what) ?? 0) + 1;
    this.#told.set(what, count);
    this.#watching.get(what)?.(count);
  }

  /** Waits until so many vendors have heard this over their sockets. */
  async #all(what, vendors) {
    let late;
    await new Promise((resolve, reject) => {
      late = setTimeout(() => reject(new Error(`${this.#told.get(what) ?? 0} of ${vendors} vendors heard: ${what}`)), WAIT_MAX_MS);
      const look = (count) => { if (count >= vendors) resolve(); };
      this.#watching.set(what, look);
      look(this.#told.get(what) ?? 0);
    });
    clearTimeout(late);
    this.#watching.delete(what);
    this.#told.delete(what);
  }

  /** Orders of a customer each, offered to the best `vendors`, who all have heard. Some lanes at a time. */
  async offered(count, vendors) {
    const orders = [];
    const clients = Array.from({ length: LANES }, () => new Client(this.url));
    const first = this.#asked;
    this.#asked += count;
    await timed(count, LANES, async (n) => {
      const client = clients.pop();
      const token = await customer(this.shop, client, `buyer-${first + n}`);
      await fill(client, token, [[`NEAR-${n % SKUS}`, 1]]);
      const placed = await expect(client.send('POST', '/cart/place-order', { token, body: { payment_method: 'cod' } }), 201);
      const order = JSON.parse(placed.text).order_id;
      await expect(client.send('POST', `/api/orders/${order}/route-to-vendors`, { token: this.shop.admin, body: { limit: vendors } }), 201);
      clients.push(client);
      orders[n] = order;
    });
    for (const client of clients) client.close();
    for (const order of orders) await this.#all(`offered ${order}`, vendors);
    await atRest(this.shop);
    return orders;
  }

  over(order, vendors) { return this.#all(`over ${order}`, vendors); }
  rest() { return atRest(this.shop); }

  async post(client, vendor, order) {
    const { status, text } = await client.send('POST', `/api/vendor/orders/${order}/accept`, { token: this.tokens[vendor], body: {} });
    if (status !== 200 && !(status === 409 && text.includes(LOST))) throw new Error(`${status}: ${text.slice(0, 300)}`);
    return status === 200;
  }

  async socket(vendor, order) {
    const { winner, reason, error } = await this.ask(vendor, { orderId: order });
    if (!winner && reason !== LOST) throw new Error(`an accept was answered with ${reason ?? error}`);
    return winner;
  }
}

/** Nobody wins there, so all are told as losers are. */
export class Floor extends Side {
  name = 'floor';
  winners = 0;
  #orders = 0;

  constructor({ url }) {
    super();
    this.url = url;
  }

  auth() { return {}; }
  offered(count) { return Promise.resolve(Array.from({ length: count }, () => this.#orders += 1)); }
  over() { return undefined; }

  async post(client, vendor, order) {
    await expect(client.send('POST', '/', { body: { order, vendor } }), 200);
    return false;
  }

  async socket(vendor, order) {
    await this.ask(vendor, { order, vendor });
    return false;
  }
}
