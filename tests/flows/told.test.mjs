// What becomes of orders is told to merchants and to customers, each change once: through the whole of the
// shop, to a real endpoint and to the mail.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openCashier } from '../support/cashier.mjs';
import { mailsTo, Merchant } from '../support/notices.mjs';
import { Outside } from '../support/outside.mjs';
import { ADDRESS, until } from '../support/shop.mjs';

let cashier;
let shop;
let outside;
let merchant;
before(async () => {
  outside = await new Outside().open();
  cashier = await openCashier({ vars: { notices: { MAIL_FROM: 'orders@shop.example', WEBHOOK_ALLOW_LOCAL: 'true', RETRY_MS: '100,150,200', ENDPOINT_SECONDS: '0' }, '*': { GATHER_MS: '100' } } });
  ({ shop } = cashier);
  merchant = await new Merchant(shop, outside).open();
});
after(async () => {
  await cashier?.close();
  await outside?.close();
});

const move = (order, status) => shop.admin.patch(`/api/v1/orders/${order.order_id}/status`, { status });
const told = (order) => merchant.got().filter(({ data }) => data.order_id === order.order_id);

test('an order that is paid and delivered is told step by step, and its customer is written to about what matters', async () => {
  const email = 'ada@shop.example';
  const { order, who } = await cashier.order({ address: { ...ADDRESS, email } });
  await cashier.confirm(await cashier.begin(order, who));
  await cashier.until(order, { status: 'paid' });
  for (const status of ['processing', 'shipped', 'delivered']) assert.equal((await move(order, status)).status, 200);
  const refund = await shop.admin.post(`/orders/${order.order_id}/refunds`, { amount_minor: 100 });
  assert.equal(refund.status, 201, refund.text);
  await until('all of it to be told', () => told(order).length >= 7);
  const events = told(order);
  assert.deepEqual(events.map(({ id }) => id).sort(), [1, 2, 3, 4, 5, 6, 7].map((version) => `${order.order_id}:${version}`), 'each version once');
  const kinds = ['order.placed', 'order.paid', 'order.preparing', 'order.out_for_delivery', 'order.delivered', 'order.updated', 'order.refunded'];
  assert.deepEqual(events.toSorted((a, b) => a.data.version - b.data.version).map(({ type }) => type), kinds);
  const paid = events.find(({ type }) => type === 'order.paid').data;
  assert.deepEqual([paid.old_status, paid.status, paid.payment_status, paid.order_number, paid.total_minor], ['pending', 'paid', 'paid', order.order_number, 7500]);
  const mails = await until('four mails', () => mailsTo(shop, { to: email }).length >= 4 && mailsTo(shop, { to: email }));
  assert.deepEqual(mails.map(({ subject }) => subject.replace(`Your order ${order.order_number} `, '')).sort(),
    ['is confirmed', 'is on its way', 'was delivered', 'was refunded']);
});

test('a customer whose cart has no address for mails is written to at the one that the token has', async () => {
  const id = 'grace';
  const who = shop.customer(id);
  const ownAddress = async (claims, address = {}, headers = {}) => {
    const token = shop.token('customer', id, { overrides: { claims } });
    const { status, text, json } = await who.put('/cart/address', { ...ADDRESS, ...address }, { headers: { authorization: `Bearer ${token}`, ...headers } });
    assert.equal(status, 200, text);
    return json.address.email;
  };
  assert.equal(await ownAddress({}, {}, { 'x-orderlane-email': 'eve@evil.example' }), undefined, 'what a caller says so is not believed');
  assert.equal(await ownAddress({ email: 'grace@shop.example' }, { email: 'home@shop.example' }), 'home@shop.example', 'what was asked for comes first');
  assert.equal(await ownAddress({ email: 'grace @ shop.example' }), undefined);
  assert.equal(await ownAddress({ email: 'grace@shop.example' }), 'grace@shop.example');
  const sku = await shop.goods({ stock: { berlin: 5 } });
  const order = await who.order({ [sku]: 1 }, { address: null, payment_method: 'cod' });
  const [mail] = await until('the mail', () => mailsTo(shop, { to: 'grace@shop.example' }).length > 0 && mailsTo(shop, { to: 'grace@shop.example' }));
  assert.equal(mail.subject, `Your order ${order.order_number} is confirmed`);
});

test('what is not heard is told again, and not lost with the process', async () => {
  const { order, who } = await cashier.order({ payment_method: 'cod' });
  assert.equal((await who.post(`/orders/${order.order_id}/cancel`, {})).status, 200);
  await shop.rt.kill();
  await shop.rt.restart();
  await until('both to be told', () => told(order).length >= 2);
  assert.deepEqual(told(order).map(({ type }) => type).sort(), ['order.cancelled', 'order.placed']);
});
