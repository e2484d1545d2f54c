// A shop whose customers pay: by card at the stand-in of a provider, from a credit line, or at the door.
//
//   const cashier = await openCashier();
//   const { order, who } = await cashier.order();
//   const paying = await cashier.start(order, who);      // what a shopper's device gets
//   await confirmIntent(cashier.provider.url, paying, METHODS.pay);
//   await cashier.until(order, { status: 'paid' });
//   await cashier.settled(order);                         // money and state agree (P1)
import assert from 'node:assert/strict';
import { confirmIntent, METHODS, openProvider } from './provider.mjs';
import { openShop, until } from './shop.mjs';

export class Cashier {
  async open({ vars = {}, ...options } = {}) {
    this.provider = await openProvider();
    this.shop = await openShop({
      ...options,
      secrets: this.provider.secrets,
      vars: { ...vars, payments: { PAYMENT_PROVIDER_URL: this.provider.url, ...vars.payments } },
    });
    this.listen();
    return this;
  }

  /** Where the provider delivers: it changes with the shop's port. */
  listen() { this.provider.webhookUrl = `${this.shop.url}/webhooks/payments`; }

  async close() {
    await this.shop?.close();
    await this.provider.close();
  }

  /** A placed order of two lines over two shards, and whose it is. */
  async order(body = {}, who = this.shop.customer()) {
    const sku = await this.shop.goods({ price: 1500, stock: { berlin: 2, hamburg: 50 } });
    const order = await who.order({ [sku]: 4 }, body);
    return { sku, order, who };
  }

  start(order, who, options) { return who.post(`/orders/${order.order_id}/payment`, {}, options); }

  /** Begins a payment and gives its intent as a shopper's device knows it. */
  async begin(order, who) {
    const { status, text, json } = await this.start(order, who);
    assert.equal(status, 200, text);
    return { id: json.payment_intent_id, client_secret: json.client_secret, json };
  }

  confirm(intent, method = METHODS.pay) { return confirmIntent(this.provider.url, intent, method); }

  async look({ order_id }) {
    const { status, text, json } = await this.shop.admin.get(`/orders/${order_id}`);
    assert.equal(status, 200, text);
    return json;
  }

  /** Waits until the order stands so. */
  until(order, wanted) {
    return until(`the order ${order.order_id} to be ${JSON.stringify(wanted)}`, async () => {
      const seen = await this.look(order);
      const fits = Object.entries(wanted).every(([key, value]) => seen[key] === value);
      return fits && seen;
    });
  }

  /** P1: at most one charge, and what was kept is what the order's state says is due. */
  async settled(order) {
    const { provider } = this;
    await until(`the money of ${order.order_id} to rest`, async () => {
      const seen = await this.look(order);
      const paid = provider.chargesOf(order.order_id).length > 0;
      return seen.captured_minor - seen.refunded_minor === provider.balance(order.order_id)
        && (!paid || provider.balance(order.order_id) === seen.due_minor) && seen;
    });
    const charges = provider.chargesOf(order.order_id);
    assert.ok(charges.length <= 1, `P1: ${order.order_id} was charged ${charges.length} times`);
    return this.look(order);
  }
}

export const openCashier = (options) => new Cashier().open(options);
