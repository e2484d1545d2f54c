// A shop with a little of everything in it, for requests that are made up from openapi.json: goods,
// people of each role, orders at different points of their lives, offers, devices. `ids` is what
// requests may name, by the name of the parameter or field, and `spare` what may be deleted.
import assert from 'node:assert/strict';
import { Browser, Outside } from '../support/outside.mjs';
import { openProvider } from '../support/provider.mjs';
import { ADDRESS, openShop } from '../support/shop.mjs';

const HOUR_S = 3_600;
const ROLES = ['customer', 'vendor', 'driver', 'admin', 'service'];

const ok = ({ status, text }) => assert.ok(status < 300, `${status} ${text}`);
const idsOf = (orders) => orders.map(({ order_id }) => order_id);

/** Opens the shop, its payment provider, and whoever takes pushes and messages. */
export async function openThings() {
  const provider = await openProvider();
  const outside = await new Outside().open();
  let shop;
  const close = async () => {
    await shop?.close();
    await provider.close();
    outside.close();
  };
  try {
    shop = await openShop({
      secrets: provider.secrets,
      vars: {
        // Thousands of requests come from one customer.
        cart: { PLACEMENTS_PER_MINUTE: '1000000' },
        payments: { PAYMENT_PROVIDER_URL: provider.url },
        notices: { WEBHOOK_ALLOW_LOCAL: 'true' },
        vendors: { PUSH_ALLOW_HTTP: 'true', WHATSAPP_BASE_URL: `${outside.url}/`, WHATSAPP_PHONE_NUMBER_ID: '1', WHATSAPP_TOKEN: 'made-up' },
      },
    });
    provider.webhookUrl = `${shop.url}/webhooks/payments`;
    return { shop, close, ...await fill(shop, outside) };
  } catch (error) {
    await close();
    throw error;
  }
}

async function makeGoods(shop) {
  const sku = [];
  for (let n = 0; n < 4; n += 1) sku.push(await shop.goods({ price: 1000 + n, stock: { berlin: 1_000_000, hamburg: 1_000_000 } }));
  const spare = [];
  for (let n = 0; n < 3; n += 1) spare.push(await shop.goods({ stock: { berlin: 5 }, sku: `spare-${n}` }));
  const warehouse = ['spare-w1', 'spare-w2'];
  await shop.import({ warehouses: warehouse.map((warehouse_id) => ({ warehouse_id, latitude: 50, longitude: 10, shard: 1 })) });
  return { sku, spare: { sku: spare, product: spare.map((each) => `p-${each}`), warehouse } };
}

async function makeVendors(shop, vendor, { endpoint, keys }) {
  const made = [];
  for (const [vendor_id, more] of [['store-1', {}], ['store-2', { score: 90 }], ['store-3', { open: false }], [vendor.id, { score: 99 }]]) {
    made.push(await shop.vendor({ vendor_id, capacity: null, ...more }));
  }
  const spare = [];
  for (const vendor_id of ['spare-v1', 'spare-v2']) spare.push(await shop.vendor({ vendor_id, open: false }));
  ok(await vendor.post('/api/vendor/push-subscriptions', { endpoint, keys }));
  return { vendors: made, spare };
}

/** Orders that wait, are paid for, cancelled, offered, and one that the vendor has. */
async function makeOrders(shop, { customer, vendor, admin }, sku) {
  const place = (payment_method) => customer.order({ [sku]: 1 }, { payment_method });
  const waiting = [await place('cod'), await place('card'), await place('card')];
  const cancelled = await place('cod');
  ok(await customer.post(`/orders/${cancelled.order_id}/cancel`, {}));
  const offered = [];
  for (let n = 0; n < 5; n += 1) {
    const order = await place('cod');
    ok(await admin.post(`/api/orders/${order.order_id}/route-to-vendors`, { limit: 10 }));
    offered.push(order);
  }
  const [kept] = offered;
  ok(await admin.post(`/api/admin/orders/${kept.order_id}/force-assign`, { vendorId: vendor.id }));
  return { waiting, cancelled, offered };
}

/** Drivers, of whom one asks, and what the queues could not bring to an end. */
async function makeDrivers(shop, driver) {
  const made = [];
  for (const driver_id of [driver.id, 'driver-1', 'driver-2']) made.push(await shop.driver({ driver_id, capacity: 3 }));
  const letters = [];
  for (let n = 0; n < 3; n += 1) letters.push(await shop.deadLetter());
  return { drivers: made, letters, spare: [await shop.driver({ driver_id: 'spare-d1' })] };
}

async function fill(shop, outside) {
  const people = Object.fromEntries(ROLES.map((role) => [role, shop.person(role, `made-up-${role}`)]));
  for (const person of Object.values(people)) person.token = shop.token(person.role, person.id, { ttlSeconds: HOUR_S });
  const { sku, spare } = await makeGoods(shop);
  const { vendors, spare: spareVendors } = await makeVendors(shop, people.vendor, new Browser(outside).subscription);
  const { drivers, letters, spare: spareDrivers } = await makeDrivers(shop, people.driver);
  const { waiting, cancelled, offered } = await makeOrders(shop, people, sku[0]);
  ok(await people.admin.put(`/api/admin/credit-lines/${people.customer.id}`, { limit_minor: 100_000_000 }));
  await people.customer.fill({ [sku[1]]: 2 }, ADDRESS);

  const product = sku.map((each) => `p-${each}`);
  // On this machine, where somebody takes what is pushed, and therefore no https.
  const device = new Browser(outside).subscription;
  const warehouse = ['berlin', 'hamburg'];
  return {
    people,
    ids: {
      order: idsOf([...offered, ...waiting, cancelled]), routing: offered.map(({ order_id }) => `rtg_${order_id}`), sku, product, warehouse,
      vendor: vendors, customer: [people.customer.id], product_id: product, warehouse_id: warehouse, vendor_id: vendors, vendorId: vendors,
      driver: drivers, driver_id: drivers, letter: letters, endpoint: [device.endpoint],
    },
    // A vendor is shown no others.
    offered: idsOf(offered),
    spare: { ...spare, vendor: spareVendors, driver: spareDrivers },
    device,
    outside: outside.url,
  };
}
