// One shopper, one order of two lines over two warehouses in two shards, one fault. The shopper
// repeats the request until it is answered, with the same key or with none; or goes away for good
// (`silent`), and the shop has to come to an end by itself.
import assert from 'node:assert/strict';
import { FAULT, hangs, pauses, release, steal, struck } from '../support/faults.mjs';
import { insist } from '../support/shopper.mjs';
import { script } from './steps.mjs';

const STOCK = 5;
/** What is taken of each line, and where it lies. */
const TAKES = [{ warehouse: 'berlin', quantity: 2 }, { warehouse: 'hamburg', quantity: 3 }];
const PATIENCE_MS = 10_000;
/** The fault before the fault: how the claim was left behind that is found out about. */
const LEFT_BY = { unheard: 'cart.mark.written;lost', unanswered: 'cart.complete;before' };

let number = 0;

/**
 * Scenarios for `modes` of all paths, each in every one of the variants; those that have the shop
 * to themselves take time, and have the variants in turn.
 */
export function scenarios(paths, modes, variants) {
  return Object.entries(paths).flatMap(([path, steps]) => steps.flatMap((step) =>
    modes.filter((mode) => step.modes.includes(mode)).flatMap((mode) => {
      const chosen = standsAlone(step, mode) ? [variants[number % variants.length]] : variants;
      return chosen.map((variant) => new Scenario({ path, step, mode, variant }));
    })));
}

// A batch carries what all callers of the moment want, and an object that loses its memory loses
// that of all its customers: others would take the fault, or keep this one from its step.
const standsAlone = (step, mode) => step.kind === 'batch' || mode === 'crash';

export class Scenario {
  constructor({ path, step, mode, variant }) {
    number += 1;
    Object.assign(this, { path, step, mode, variant, id: `f${number}` });
    this.alone = standsAlone(step, mode);
    this.name = `${path}: ${step.step} ${mode} (${variant}, ${this.id})`;
    this.skus = TAKES.map((_, n) => `${this.id}-${n}`);
    this.key = variant === 'key' ? `key-${this.id}` : undefined;
    this.script = script(this.id, step, mode);
  }

  /** Whether something is left behind first, for somebody to find out about. */
  get isLeft() { return this.path in LEFT_BY; }

  /** The goods of many scenarios, in as few requests as the import takes. */
  static async stock(shop, list) {
    for (let at = 0; at < list.length; at += 200) {
      const skus = list.slice(at, at + 200).flatMap((scenario) => scenario.skus.map((sku, n) => ({ sku, ...TAKES[n] })));
      await shop.import({
        products: skus.map(({ sku }) => ({ product_id: sku, title: sku, variants: [{ sku, size: '', price_minor: 1000 }] })),
        stock: skus.map(({ sku, warehouse }) => ({ sku, warehouse_id: warehouse, quantity: STOCK })),
      });
    }
  }

  /** Everything up to the request that the fault strikes. */
  async prepare(shop) {
    this.shop = shop;
    this.shopper = shop.customer(`shopper-${this.id}`);
    await this.shopper.fill(Object.fromEntries(this.skus.map((sku, n) => [sku, TAKES[n].quantity])));
    // A summary makes the stock desks acquainted with the goods, so that the first thing they
    // read for a refused order is what the refusal is built on.
    if (this.path.startsWith('refused')) await insist(() => this.shopper.get('/cart/summary'));
    if (this.path !== 'cancel' && this.path !== 'ship') return;
    this.order = (await insist(() => this.shopper.place({}, { key: this.key }))).json;
    if (this.path === 'cancel') return;
    for (const status of ['paid', 'processing']) await insist(() => this.#move(status));
  }

  #move(status, options) {
    return this.shop.admin.patch(`/api/v1/orders/${this.order.order_id}/status`, { status }, options);
  }

  /** The request, of which the first (or, after a crash, the second) carries the fault. */
  #send(attempt) {
    const scripts = this.path in LEFT_BY ? [`${this.id}-left;${LEFT_BY[this.path]}`, this.script] : [this.script];
    if (this.path.startsWith('refused')) scripts[0] += `,${this.id}-wait;order.place;pause`;
    const options = {
      headers: scripts[attempt] ? { [FAULT]: scripts[attempt] } : {},
      // As a shopper's browser does, sooner or later.
      signal: AbortSignal.timeout(PATIENCE_MS),
    };
    if (this.path === 'cancel') return this.shopper.post(`/orders/${this.order.order_id}/cancel`, {}, options);
    if (this.path === 'ship') return this.#move('shipped', options);
    return this.shopper.place({}, { key: this.key, ...options });
  }

  /** Starts the request, and what else has to happen for the step to be taken. */
  start() {
    const { shop, id } = this;
    const theft = this.path.startsWith('refused') ? this.#steal() : Promise.resolve();
    const answered = this.variant === 'silent' ? this.#silent() : insist((attempt) => this.#send(attempt));
    this.struck = struck(shop, id);
    this.hangs = Promise.all([this.mode === 'kill' && hangs(shop, id), theft]);
    this.answered = Promise.all([answered, theft]).then(([answer]) => { this.answer = answer; });
    // Whoever awaits them hears of it; until then it is no unhandled rejection.
    for (const promise of [this.struck, this.hangs, this.answered]) promise.catch(() => {});
  }

  /** As far as the fault, and not once more. */
  async #silent() {
    for (let attempt = 0; attempt <= (this.path in LEFT_BY ? 1 : 0); attempt += 1) {
      await this.#send(attempt).catch(() => {});
    }
  }

  // The goods go between plan and deduction, and the desk, which takes itself for the only one to
  // write here, is not told.
  async #steal() {
    const { shop, path } = this;
    const shard = path === 'refused' ? 1 : 0;
    await pauses(shop, `${this.id}-wait`);
    await steal(shop, shard, this.skus[shard], TAKES[shard].warehouse, STOCK);
    await release(shop, `${this.id}-wait`);
  }

  /** The answer the shopper got in the end, and whether the same comes again. */
  async assertAnswer() {
    const { answer, name, shopper } = this;
    if (this.variant === 'silent') return;
    if (this.path.startsWith('refused')) {
      const sku = this.skus[this.path === 'refused' ? 1 : 0];
      assert.equal(answer.status, 409, `${name}: ${answer.text}`);
      assert.equal(answer.json.code, 'insufficient_stock', name);
      assert.deepEqual(answer.json.lines.map((line) => [line.sku, line.available]), [[sku, 0]], name);
      const cart = await insist(() => shopper.get('/cart'));
      assert.deepEqual([cart.json.status, cart.json.lines.length], ['active', 2], `${name}: ${cart.text}`);
      return;
    }
    if (this.path === 'cancel' || this.path === 'ship') {
      assert.equal(answer.status, 200, `${name}: ${answer.text}`);
      assert.equal(answer.json.status, this.path === 'cancel' ? 'cancelled' : 'shipped', name);
      return;
    }
    assert.equal(answer.status, 201, `${name}: ${answer.text}`);
    // Others' faults may strike these, as anybody's may.
    const again = await insist(() => shopper.place({}, { key: this.key }));
    assert.equal(again.status, 201, `${name}: ${again.text}`);
    assert.equal(again.text, answer.text, `${name}: other bytes`);
    assert.equal(again.headers.get('idempotent-replayed'), 'true', name);
    const read = await insist(() => shopper.get(`/orders/${answer.json.order_id}`));
    for (const field of ['order_id', 'order_number', 'totals', 'allocations', 'estimated_delivery_date', 'created_at', 'currency']) {
      assert.deepEqual(read.json[field], answer.json[field], `${name}: the order has another ${field}: ${read.text}`);
    }
  }

  /** What is left of it when all is at rest, in the dump of invariants.mjs. */
  assertEnd(found) {
    const { name, path, variant, step, answer } = this;
    const placed = found.placements.filter((row) => row.customer_id === this.shopper.id && row.phase === 'placed');
    const refused = path.startsWith('refused');
    const before = path === 'cancel' || path === 'ship';
    const stands = !refused && (variant !== 'silent' || before || step.stands === true);
    assert.equal(placed.length, stands ? 1 : 0, `${name}: ${placed.length} orders`);
    if (answer?.status === 201) assert.equal(placed[0].order_id, answer.json.order_id, `${name}: another order than was told`);
    const cart = JSON.parse(found.carts.find((row) => row.customer_id === this.shopper.id).doc).current;
    assert.equal(cart?.lines.length ?? 0, stands ? 0 : 2, `${name}: the cart holds ${JSON.stringify(cart)}`);
    for (const [n, sku] of this.skus.entries()) {
      const { stock, held } = found.stock.find((row) => row.sku === sku);
      const { quantity } = TAKES[n];
      const stolen = refused && n === (path === 'refused' ? 1 : 0);
      const wanted = {
        cancel: [STOCK, 0], ship: [STOCK - quantity, 0],
      }[path] ?? (stolen ? [0, 0] : stands ? [STOCK - quantity, quantity] : [STOCK, 0]);
      assert.deepEqual([stock, held], wanted, `${name}: stock and held of ${sku}`);
    }
  }
}
