// Live clients for flows: the official socket.io-client with its one option, and what it heard.
//
//   const live = new Live(shop);
//   const admin = await live.connect(shop.admin);
//   await admin.heard('order:new', (payload) => payload.orderId === id);
//   live.close();
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { io } from 'socket.io-client';
import { scripted } from './faults.mjs';

const DEADLINE_MS = 20_000;

/** Fails, by name, what does not happen in time. */
export function within(what, promise, ms = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `not within ${ms} ms: ${what}` })), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class LiveClient {
  /** Every event in the order in which it came: `{ event, payload, offset }`. */
  got = [];
  /** Whether each connection was a recovered one, in order. */
  recovered = [];
  #events = new EventEmitter().setMaxListeners(0);

  constructor(url, options) {
    this.socket = io(url, { transports: ['websocket'], forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 200, ...options });
    this.socket.on('connect', () => this.recovered.push(this.socket.recovered));
    this.socket.onAny((event, payload, offset) => {
      const one = { event, payload, offset };
      this.got.push(one);
      this.#events.emit('got', one);
    });
  }

  connected() {
    const { socket } = this;
    if (socket.connected) return Promise.resolve(this);
    return within('a connection', new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(this));
      socket.once('connect_error', reject);
    }));
  }

  /** The next event for which this holds, or one that came already. */
  heard(event, wanted = () => true, ms = DEADLINE_MS) {
    const fits = (one) => one.event === event && wanted(one.payload);
    const found = this.got.find(fits);
    if (found) return Promise.resolve(found.payload);
    let look;
    const soon = new Promise((resolve) => {
      look = (one) => { if (fits(one)) resolve(one.payload); };
      this.#events.on('got', look);
    });
    return within(`${event} (got ${JSON.stringify(this.got.map((one) => one.event))})`, soon, ms)
      .finally(() => this.#events.off('got', look));
  }

  /** The payloads of an event, in order. */
  all(event) { return this.got.filter((one) => one.event === event).map((one) => one.payload); }

  ask(event, ...args) { return this.socket.timeout(DEADLINE_MS).emitWithAck(event, ...args); }
  join(room) { return this.ask('join-room', room); }
  leave(room) { return this.ask('leave-room', room); }

  /** The connection breaks without a word; the client comes back by itself. */
  async drop() {
    await this.connected();
    const down = once(this.socket, 'disconnect');
    this.socket.io.engine.transport.ws.close();
    await within('a disconnect', down);
  }

  /** Breaks, and stays away until `back` is asked for. */
  async away() {
    this.socket.io.reconnection(false);
    await this.drop();
  }

  async back() {
    this.socket.io.reconnection(true);
    this.socket.connect();
    await this.connected();
  }

  /** Breaks, and waits until it is back. */
  async bounce() {
    await this.drop();
    await this.connected();
  }

  close() { this.socket.disconnect(); }
}

export class Live {
  #clients = [];

  constructor(shop) { this.shop = shop; }

  /** A client that has not connected yet. */
  client(auth, options = {}) {
    const client = new LiveClient(this.shop.url, { auth, ...options });
    this.#clients.push(client);
    return client;
  }

  connect(person, options) { return this.client({ token: person.token }, options).connected(); }

  /** Publishes as another worker would: through the service, past the gateway. */
  async publish(...events) { return this.command('publish', { events: events.map(asEvent) }); }

  async command(name, body, { headers } = {}) {
    const response = await this.shop.rt.fetchWorker('realtime', '/command', {
      method: 'POST', headers, body: JSON.stringify({ [name]: body }),
    });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text);
  }

  /** Lets a fault script stand in hubs and streams, or ends it: they hear of it by a question. */
  stand(...scripts) { return this.command('online', { rooms: ['admin'] }, scripted(...scripts)); }

  close() { for (const client of this.#clients) client.close(); }
}

const asEvent = ({ id, key = 'test', rooms, event, payload = {}, latest, voids, until }) => ({
  i: id, k: key, r: rooms, e: event, p: JSON.stringify(payload),
  ...(latest && { l: true }), ...(voids && { v: voids }), ...(until && { u: until }),
});
