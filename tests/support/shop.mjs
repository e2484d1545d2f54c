// The one harness of all flows: a shop on real workers, with warehouses over both stock shards,
// goods made for the test that wants them, and people who may knock at its door.
//
//   const shop = await openShop();
//   const sku = await shop.goods({ price: 4999, stock: { berlin: 10, hamburg: 15 } });
//   const alice = shop.customer();
//   await alice.fill({ [sku]: 13 });
//   const { status, json } = await alice.place({ delivery_mode: 'express' }, { key: 'k1' });
//   await shop.close();
//
// Every test takes goods and people of its own, so tests of one file share a shop and do not see
// each other. Nothing here sleeps for a fixed time: `until` polls a condition with a deadline,
// `shop.logged` waits for a log line.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { startRuntime } from '../../tools/runtime.mjs';
import { mintToken } from '../../tools/token.mjs';
import { assertAnswer } from './openapi.mjs';

/** Two warehouses in each of the two stock shards. */
export const WAREHOUSES = [
  { warehouse_id: 'berlin', name: 'Berlin', latitude: 52.52, longitude: 13.405, shard: 0 },
  { warehouse_id: 'hamburg', name: 'Hamburg', latitude: 53.5511, longitude: 9.9937, shard: 1 },
  { warehouse_id: 'munich', name: 'Munich', latitude: 48.1351, longitude: 11.582, shard: 0 },
  { warehouse_id: 'cologne', name: 'Cologne', latitude: 50.9375, longitude: 6.9603, shard: 1 },
];

/** In Berlin: the nearest warehouse is berlin, then hamburg, cologne, munich. */
export const ADDRESS = {
  name: 'Ada Byron', line1: 'Torstr. 1', city: 'Berlin', state: 'BE', postal_code: '10119',
  country: 'DE', phone: '+49 30 1234567', latitude: 52.529, longitude: 13.401,
};

// A request that is not answered by then fails, so that no test hangs on it.
const UNANSWERED_MS = 120_000;

/** What a log line holds, or undefined when it is not one of ours. */
export function parseLine(text) {
  try {
    const line = JSON.parse(text);
    return typeof line?.event === 'string' ? line : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Asks `probe` again and again until it gives something truthy, which is the result. Fails by
 * `what` after the deadline, naming what the probe gave or threw last.
 */
export async function until(what, probe, { deadlineMs = 15_000, everyMs = 20 } = {}) {
  const end = performance.now() + deadlineMs;
  for (;;) {
    let last;
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      const shown = last instanceof Error ? last.stack : JSON.stringify(last);
      throw new assert.AssertionError({ message: `not within ${deadlineMs} ms: ${what} (last: ${shown})` });
    }
    await pause(everyMs);
  }
}

/** An answer as tests look at it. */
async function answerOf(response) {
  const text = await response.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    // Not every answer is JSON; `text` is there.
  }
  return { status: response.status, headers: response.headers, text, json };
}

class Person {
  constructor(shop, role, id) {
    Object.assign(this, { shop, role, id, token: shop.token(role, id) });
  }

  call(method, path, options) { return this.shop.call(method, path, { as: this, ...options }); }
  get(path, options) { return this.call('GET', path, options); }
  post(path, body, options) { return this.call('POST', path, { body, ...options }); }
  put(path, body, options) { return this.call('PUT', path, { body, ...options }); }
  patch(path, body, options) { return this.call('PATCH', path, { body, ...options }); }
  delete(path, options) { return this.call('DELETE', path, options); }

  /** Puts lines (`{ sku: quantity }`) into the cart, and an address; asserts that it worked. */
  async fill(lines, address = ADDRESS) {
    for (const [sku, quantity] of Object.entries(lines)) {
      const { status, text } = await this.put(`/cart/items/${encodeURIComponent(sku)}`, { quantity });
      assert.equal(status, 200, text);
    }
    if (!address) return;
    const { status, text } = await this.put('/cart/address', address);
    assert.equal(status, 200, text);
  }

  place(body = {}, options) { return this.post('/cart/place-order', body, options); }

  /** Fills the cart and places it; asserts 201 and gives the order's JSON. */
  async order(lines, { address, key, ...body } = {}) {
    await this.fill(lines, address);
    const { status, text, json } = await this.place(body, { key });
    assert.equal(status, 201, text);
    return json;
  }
}

class Shop {
  #events = new EventEmitter().setMaxListeners(0);
  #goods = 0;
  #people = 0;
  /** Everything the workers wrote, in order: `{ text, level, line }`, `line` parsed where it is ours. */
  logs = [];
  /** Every mail that was sent, in order: `{ from, to, subject, text, html }`. */
  mails = [];

  constructor() {
    this.log = (text, level) => {
      const entry = { text: String(text), level, line: parseLine(text) };
      this.logs.push(entry);
      this.#events.emit('log', entry);
    };
  }

  async open({ goods = 'g', catalogue = { warehouses: WAREHOUSES }, vars = {}, ...options } = {}) {
    this.prefix = goods;
    const onMail = (mail) => this.mails.push(mail);
    this.rt = await startRuntime({ ...options, vars: { ...vars, '*': { ...SOONER, ...vars['*'] } }, onLog: this.log, onMail });
    this.admin = this.person('admin', 'root');
    this.service = this.person('service', 'robot');
    if (catalogue) await this.import(catalogue);
    return this;
  }

  get url() { return this.rt.url; }
  close() { return this.rt?.close(); }

  token(role, id, rest) { return mintToken({ role, id, secret: this.rt.secrets.JWT_SECRET, ...rest }); }
  person(role, id = `${role}-${this.#people += 1}`) { return new Person(this, role, id); }
  customer(id) { return this.person('customer', id); }

  /**
   * One request. `as` is a person or a token; `body` is sent as JSON, or as it is when it is a
   * string or bytes; `key` is the Idempotency-Key. The answer must be one that openapi.json has,
   * unless `described` is false.
   */
  async call(method, path, { as, body, key, headers = {}, signal, described = true } = {}) {
    const token = typeof as === 'string' ? as : as?.token;
    const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(new URL(path, this.url), {
      method,
      signal: AbortSignal.any([AbortSignal.timeout(UNANSWERED_MS), ...(signal ? [signal] : [])]),
      body: raw ? body : JSON.stringify(body),
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(key !== undefined && { 'idempotency-key': key }),
        ...headers,
      },
    });
    const answer = await answerOf(response);
    if (described) assertAnswer(method, path, answer);
    return answer;
  }

  /**
   * One request as it stands, for what `fetch` would tidy up: the path is sent verbatim, and a
   * body in pieces (an array) goes without a length.
   */
  raw(method, path, { headers = {}, body } = {}) {
    const { hostname, port } = new URL(this.url);
    // Of itself node does so for some methods only, and loses the body of a DELETE.
    if (Array.isArray(body)) headers = { ...headers, 'transfer-encoding': 'chunked' };
    return new Promise((resolve, reject) => {
      const request = http.request({ hostname, port, method, path, headers, agent: false }, (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (piece) => { text += piece; });
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status } = response;
          answerOf(new Response(status === 204 || status === 304 ? null : text, { status, headers: response.headers })).then(resolve, reject);
        });
      });
      request.on('error', reject);
      if (Array.isArray(body)) for (const piece of body) request.write(piece);
      request.end(Array.isArray(body) ? undefined : body);
    });
  }

  async import(catalogue) {
    const { status, text } = await this.admin.post('/api/admin/import', catalogue, { key: `import-${randomUUID()}` });
    assert.ok(status < 300, text);
  }

  /** Makes one SKU, with stock by warehouse, and gives its name. */
  async goods({ price = 1000, size = '', stock = {}, sku = `${this.prefix}-${this.#goods += 1}`, product = `p-${sku}` } = {}) {
    await this.import({
      products: [{ product_id: product, title: `Product ${product}`, variants: [{ sku, size, price_minor: price }] }],
      stock: Object.entries(stock).map(([warehouse_id, quantity]) => ({ warehouse_id, sku, quantity })),
    });
    return sku;
  }

  /** Makes one vendor, in Berlin and ready for orders unless it is said otherwise, and gives its id. */
  async vendor({ vendor_id = `v-${this.#goods += 1}`, ...rest } = {}) {
    const vendor = { vendor_id, name: `Vendor ${vendor_id}`, latitude: ADDRESS.latitude, longitude: ADDRESS.longitude, verified: true, open: true, ...rest };
    const { status, text } = await this.admin.post('/api/admin/vendor-import', { vendors: [vendor] });
    assert.equal(status, 200, text);
    return vendor_id;
  }

  /** Registers one driver, whom nobody has seen yet, and gives the id. */
  async driver({ driver_id = `d-${this.#goods += 1}`, ...rest } = {}) {
    const { status, text } = await this.admin.put(`/api/admin/drivers/${driver_id}`, { name: `Driver ${driver_id}`, ...rest });
    assert.equal(status, 200, text);
    return driver_id;
  }

  /** Writes down a message that came to nothing, and gives its id. Sent again it is understood, and finds nobody. */
  async deadLetter({ letter_id = `request-${this.#goods += 1}`, queue = 'ASSIGNMENT_REQUESTS', order_id = randomUUID(), died_at = new Date().toISOString(), body } = {}) {
    const request = {
      eventId: `${order_id}:1`, eventType: 'AssignmentRequested', occurredAt: died_at, orderId: order_id, geoKey: '0_0', restaurantLatitude: 0, restaurantLongitude: 0,
      customerLatitude: 0, customerLongitude: 0, preparationTime: 0, radius: 0, items: [], totalAmount: 1,
    };
    await this.rt.d1('dispatch', 'DB').run(
      'INSERT INTO dead_letters (letter_id, queue, order_id, body, reason, died_at) VALUES (?, ?, ?, ?, ?, ?)',
      letter_id, queue, order_id, body ?? JSON.stringify(request), 'made for a test', died_at);
    return letter_id;
  }

  /** Rows of a stock shard's own database. */
  shard(number) { return this.rt.d1('fulfillment', `STOCK_${number}`); }

  /** The counters of a SKU as they are in the databases: `{ berlin: { stock, held } }`. */
  async stock(sku) {
    const found = {};
    for (const number of [0, 1]) {
      const rows = await this.shard(number).all('SELECT warehouse_id, stock, held FROM stock WHERE sku = ?', sku);
      for (const { warehouse_id, stock, held } of rows) found[warehouse_id] = { stock, held };
    }
    return found;
  }

  /** The rows of `GET /api/stock`, in the same shape. */
  async stockByApi(sku) {
    const { status, text, json } = await this.admin.get(`/api/stock?sku=${encodeURIComponent(sku)}`);
    assert.equal(status, 200, text);
    return Object.fromEntries(json.map(({ warehouse_id, stock, held }) => [warehouse_id, { stock, held }]));
  }

  async audit() {
    const { status, text, json } = await this.admin.get('/api/stock/audit');
    assert.equal(status, 200, text);
    return json;
  }

  /** An order's row in the orders database, once that shows the version or a later one. */
  async projected(order_id, version = 1) {
    const db = this.rt.d1('order', 'DB');
    const [row] = await until(`order ${order_id} in the database at version ${version}`, async () => {
      const rows = await db.all('SELECT * FROM orders WHERE order_id = ? AND version >= ?', order_id, version);
      return rows.length > 0 && rows;
    });
    return row;
  }

  /** The log line for which `wanted(line)` holds, now or soon. */
  async logged(wanted, { deadlineMs = 15_000, what = wanted.toString() } = {}) {
    const found = this.logs.find(({ line }) => line && wanted(line));
    if (found) return found.line;
    return new Promise((resolve, reject) => {
      const look = ({ line }) => {
        if (!line || !wanted(line)) return;
        this.#events.off('log', look);
        clearTimeout(timer);
        resolve(line);
      };
      const timer = setTimeout(() => {
        this.#events.off('log', look);
        reject(new assert.AssertionError({ message: `not logged within ${deadlineMs} ms: ${what}` }));
      }, deadlineMs);
      this.#events.on('log', look);
    });
  }

  /** What a panic of wasm, or a worker that had to start anew after one, leaves in the logs. */
  panics() { return this.logs.filter(({ text }) => /Critical|panicked|Reinitializing/.test(text)); }
}

/** What a crash left is taken up sooner than in a shop, so that no test waits long for it. */
// Orders are the house's own unless a test wants vendors to be asked by themselves, and nobody looks
// for drivers unless a test has some.
const SOONER = { RECOVER_AFTER_SECONDS: '4', FULFILMENT_MODE: 'warehouse', DRIVERS_FOR: 'none' };

/**
 * Opens a shop. Options are those of startRuntime (`variant`, `vars`, `persist`, ...); besides,
 * `goods` is the prefix of made-up SKUs and `catalogue` what is imported (null for nothing).
 */
export async function openShop(options) {
  const shop = new Shop();
  try {
    return await shop.open(options);
  } catch (error) {
    await shop.close();
    throw error;
  }
}

/** Asserts a problem document: its status, code, field, and everything that every problem has. */
export function assertProblem({ status, headers, json, text }, { status: wanted, code, field }) {
  assert.equal(status, wanted, text);
  assert.equal(headers.get('content-type'), 'application/problem+json', text);
  assert.equal(json?.status, status, text);
  assert.equal(json.success, false, text);
  for (const name of ['type', 'title', 'code', 'detail', 'message', 'error']) {
    assert.ok(typeof json[name] === 'string' && json[name].length > 0, `${name} in ${text}`);
  }
  if (code) assert.equal(json.code, code, text);
  if (field) assert.equal(json.field, field, text);
}
