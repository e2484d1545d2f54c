// Every route there is, once: who may call it, and how a good call looks. The matrix of roles, the
// questions of browsers, bad bodies and the fuzzer all read this table, so a route that is added
// here is tested by all of them.
import { ADDRESS } from './shop.mjs';

const CUSTOMER = ['customer'];
const VENDOR = ['vendor'];
const DRIVER = ['driver'];
const ADMIN = ['admin'];
const VENDORS = ['vendor', 'admin', 'service'];
const STAFF = ['admin', 'service'];
const WITH_ORDERS = ['customer', 'admin', 'service'];

export const ROLES = ['customer', 'vendor', 'driver', 'admin', 'service'];

/** An order id and number that look right and name nothing. */
export const ABSENT_ORDERS = ['01920000-0000-7001-8000-000000000000', 'ORD-2026-AAAAA1'];

/** Who is no vendor has to say for which one it answers. */
const naming = ({ store, named }) => (named ? { vendorId: store } : {});

/** The keys of a browser that wants to be pushed to, from the example of RFC 8291. */
export const DEVICE_KEYS = {
  p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4', auth: 'BTBZMqHH6r4Tts7J_aSIgg',
};

/**
 * `path` and `body` are functions of `{ order, sku, product, warehouse, vendor, webhook, delivery, driver,
 * letter, n }`: an order's id, a SKU with stock in berlin, its product, a warehouse, a vendor, an endpoint of
 * webhooks, something that was sent there, a driver, a dead letter, and a number that is new each time. `ok`
 * is the status of a good call, `about` what may be absent, `owned` that it belongs to a customer, `cart`
 * that it needs something in the cart, `itself` that its caller has to be in the directory, `offered`
 * that the order is offered to its vendor, `kept` that its vendor has it, `store` that there is a
 * vendor `store` to name, `closed` what everybody is told who has
 * no more than a token.
 */
export const ROUTES = [
  { method: 'GET', path: () => '/health', roles: 'anyone' },
  { method: 'GET', path: () => '/openapi.json', roles: 'anyone' },
  { method: 'GET', path: () => '/docs', roles: 'anyone' },
  { method: 'GET', path: () => '/docs/reference.js', roles: 'anyone' },
  { method: 'GET', path: () => '/docs/reference.css', roles: 'anyone' },
  { method: 'GET', path: () => '/products', roles: 'anyone' },
  { method: 'GET', path: ({ product }) => `/products/${product}`, roles: 'anyone', about: 'product' },

  { method: 'GET', path: () => '/cart', roles: CUSTOMER },
  { method: 'PUT', path: ({ sku }) => `/cart/items/${sku}`, body: () => ({ quantity: 1 }), roles: CUSTOMER, about: 'sku' },
  { method: 'DELETE', path: ({ sku }) => `/cart/items/${sku}`, roles: CUSTOMER },
  { method: 'PUT', path: () => '/cart/address', body: () => ADDRESS, roles: CUSTOMER },
  { method: 'GET', path: () => '/cart/summary', roles: CUSTOMER, cart: true },
  { method: 'POST', path: () => '/cart/place-order', body: () => ({ delivery_mode: 'express' }), roles: CUSTOMER, cart: true, ok: 201 },

  { method: 'GET', path: () => '/orders', roles: WITH_ORDERS },
  { method: 'GET', path: ({ order }) => `/orders/${order}`, roles: [...WITH_ORDERS, 'vendor'], about: 'order', owned: true, kept: true },
  { method: 'POST', path: ({ order }) => `/orders/${order}/cancel`, body: () => ({ reason: 'changed my mind' }), roles: WITH_ORDERS, about: 'order', owned: true },
  { method: 'PATCH', path: ({ order }) => `/api/v1/orders/${order}/status`, body: () => ({ status: 'preparing' }), roles: [...STAFF, 'vendor'], about: 'order', owned: true, kept: true },
  // There is nothing to be paid by card for what is paid at the door.
  { method: 'POST', path: ({ order }) => `/orders/${order}/payment`, body: () => ({}), roles: WITH_ORDERS, about: 'order', owned: true, ok: 409 },
  // A line of one unit is the whole order, which is cancelled otherwise.
  { method: 'POST', path: ({ order }) => `/orders/${order}/lines/cancel`, body: ({ sku }) => ({ lines: [{ sku, quantity: 1 }] }), roles: WITH_ORDERS, about: 'order', owned: true, ok: 409 },
  // Nothing has left, and nothing was paid.
  { method: 'POST', path: ({ order }) => `/orders/${order}/returns`, body: ({ sku }) => ({ lines: [{ sku, quantity: 1 }] }), roles: STAFF, about: 'order', ok: 409 },
  { method: 'POST', path: ({ order }) => `/orders/${order}/refunds`, body: () => ({ reason: 'late' }), roles: STAFF, about: 'order', ok: 409 },
  { method: 'GET', path: ({ order }) => `/orders/${order}/tracking`, roles: [...WITH_ORDERS, 'vendor'], about: 'order', owned: true, kept: true },
  { method: 'GET', path: ({ order }) => `/orders/${order}/notes`, roles: STAFF, about: 'order' },
  { method: 'POST', path: ({ order }) => `/orders/${order}/notes`, body: () => ({ text: 'rang twice' }), roles: STAFF, about: 'order', ok: 201 },
  { method: 'GET', path: () => '/credit', roles: CUSTOMER },
  { method: 'GET', path: ({ n }) => `/api/admin/credit-lines/buyer-${n}`, roles: STAFF },
  { method: 'PUT', path: ({ n }) => `/api/admin/credit-lines/buyer-${n}`, body: () => ({ limit_minor: 5000 }), roles: STAFF },

  { method: 'POST', path: () => '/api/fulfillment/check', body: ({ sku }) => ({ lines: [{ sku, quantity: 1 }], latitude: 52.5, longitude: 13.4 }), roles: STAFF },
  { method: 'GET', path: ({ sku }) => `/api/stock?sku=${sku}`, roles: STAFF },
  { method: 'GET', path: () => '/api/stock/audit', roles: STAFF },
  { method: 'POST', path: () => '/api/stock/deduct', body: ({ sku, n }) => ({ order_id: `o-${n}`, warehouse_id: 'berlin', sku, quantity: 1 }), roles: STAFF, about: 'sku' },
  { method: 'POST', path: () => '/api/stock/restore', body: ({ sku, n }) => ({ order_id: `o-${n}`, warehouse_id: 'berlin', sku }), roles: STAFF },
  { method: 'POST', path: () => '/api/stock/adjust', body: ({ sku }) => ({ warehouse_id: 'berlin', sku, delta: 1, reason: 'found' }), roles: STAFF },

  { method: 'POST', path: () => '/api/admin/import', body: ({ sku }) => ({ stock: [{ warehouse_id: 'berlin', sku, quantity: 1 }] }), roles: ADMIN },
  { method: 'POST', path: () => '/api/admin/products', body: ({ n }) => ({ product_id: `new-${n}`, title: 'New' }), roles: ADMIN, ok: 201 },
  { method: 'PUT', path: ({ product }) => `/api/admin/products/${product}`, body: () => ({ title: 'Changed' }), roles: ADMIN },
  { method: 'PUT', path: ({ sku }) => `/api/admin/variants/${sku}`, body: ({ product }) => ({ product_id: product, price_minor: 77 }), roles: ADMIN, about: 'product' },
  { method: 'DELETE', path: ({ sku }) => `/api/admin/variants/${sku}`, roles: ADMIN, about: 'sku' },
  { method: 'DELETE', path: ({ product }) => `/api/admin/products/${product}`, roles: ADMIN, about: 'product' },
  { method: 'GET', path: () => '/api/admin/warehouses', roles: ADMIN },
  { method: 'POST', path: () => '/api/admin/warehouses', body: ({ n }) => ({ warehouse_id: `new-${n}`, latitude: 1, longitude: 2 }), roles: ADMIN, ok: 201 },
  { method: 'PUT', path: ({ warehouse }) => `/api/admin/warehouses/${warehouse}`, body: () => ({ latitude: 1, longitude: 2 }), roles: ADMIN },
  { method: 'DELETE', path: ({ warehouse }) => `/api/admin/warehouses/${warehouse}`, roles: ADMIN, about: 'warehouse' },
  { method: 'GET', path: () => '/api/admin/vendors', roles: ADMIN },
  { method: 'POST', path: () => '/api/admin/vendors', body: ({ n }) => ({ vendor_id: `new-${n}`, name: 'New', latitude: 1, longitude: 2 }), roles: ADMIN, ok: 201 },
  { method: 'POST', path: () => '/api/admin/vendor-import', body: ({ n }) => ({ vendors: [{ vendor_id: `import-${n}`, name: 'New', latitude: 1, longitude: 2 }] }), roles: ADMIN },
  { method: 'GET', path: () => '/api/admin/vendor-search/near?latitude=1&longitude=2', roles: ADMIN },
  { method: 'GET', path: () => '/api/admin/vendor-search/best?latitude=1&longitude=2', roles: ADMIN },
  { method: 'GET', path: () => '/api/admin/vendor-search/within?latitude=1&longitude=2', roles: ADMIN },
  { method: 'GET', path: ({ vendor }) => `/api/admin/vendors/${vendor}`, roles: ADMIN, about: 'vendor' },
  { method: 'PUT', path: ({ vendor }) => `/api/admin/vendors/${vendor}`, body: () => ({ name: 'Changed', latitude: 1, longitude: 2 }), roles: ADMIN },
  { method: 'DELETE', path: ({ vendor }) => `/api/admin/vendors/${vendor}`, roles: ADMIN, about: 'vendor' },
  { method: 'PUT', path: () => '/api/vendor/availability', body: () => ({ open: true }), roles: VENDOR, itself: true },
  { method: 'GET', path: () => '/api/vendor/push-key', roles: VENDOR },
  { method: 'POST', path: () => '/api/vendor/push-subscriptions', body: ({ n }) => ({ endpoint: `https://push.example/${n}`, expirationTime: null, keys: DEVICE_KEYS }), roles: VENDOR, ok: 201 },
  { method: 'DELETE', path: () => '/api/vendor/push-subscriptions', body: ({ n }) => ({ endpoint: `https://push.example/${n}` }), roles: VENDOR },

  { method: 'GET', path: () => '/api/vendor/offers', roles: VENDOR },
  { method: 'POST', path: ({ order }) => `/api/vendor/orders/${order}/accept`, body: naming, roles: VENDORS, about: 'order', owned: true, offered: true },
  { method: 'POST', path: ({ order }) => `/api/vendor/orders/${order}/reject`, body: naming, roles: VENDORS, about: 'order', owned: true, offered: true },
  { method: 'POST', path: ({ order }) => `/api/vendor/orders/${order}/seen`, body: () => ({}), roles: VENDOR, offered: true },
  { method: 'POST', path: ({ order }) => `/api/vendor/orders/${order}/release`, body: () => ({ reason: 'no cook' }), roles: VENDOR, about: 'order', owned: true, kept: true },
  { method: 'POST', path: ({ order }) => `/api/admin/orders/${order}/start-assignment`, body: () => ({ maxRadius: 15, parallelPushCount: 5 }), roles: ADMIN, about: 'order' },
  { method: 'POST', path: ({ order }) => `/api/admin/orders/${order}/force-assign`, body: ({ store }) => ({ vendorId: store }), roles: ADMIN, about: 'order', store: true },
  { method: 'POST', path: ({ order }) => `/api/admin/orders/${order}/release`, body: () => ({ reason: 'too slow' }), roles: ADMIN, about: 'order', kept: true },
  { method: 'GET', path: ({ order }) => `/api/admin/orders/${order}/assignments`, roles: ADMIN, about: 'order', offered: true },
  { method: 'POST', path: ({ order }) => `/api/orders/${order}/route-to-vendors`, body: () => ({ limit: 2 }), roles: STAFF, about: 'order', ok: 201 },
  { method: 'POST', path: ({ order }) => `/api/routing/rtg_${order}/vendor-response`, body: (values) => ({ response: 'ACCEPT', ...naming(values) }), roles: VENDORS, about: 'order', owned: true, offered: true },
  { method: 'POST', path: ({ order }) => `/api/routing/rtg_${order}/accept`, body: naming, roles: VENDORS, about: 'order', owned: true, offered: true },
  { method: 'POST', path: ({ order }) => `/api/routing/rtg_${order}/timeout`, body: () => ({}), roles: STAFF, about: 'order', offered: true },
  { method: 'GET', path: ({ order }) => `/api/routing/rtg_${order}/status`, roles: STAFF, about: 'order', offered: true },

  { method: 'GET', path: () => '/api/admin/drivers', roles: ADMIN },
  { method: 'POST', path: () => '/api/admin/drivers', body: ({ n }) => ({ driver_id: `new-${n}`, name: 'New' }), roles: ADMIN, ok: 201 },
  { method: 'GET', path: ({ driver }) => `/api/admin/drivers/${driver}`, roles: ADMIN, about: 'driver' },
  { method: 'PUT', path: ({ driver }) => `/api/admin/drivers/${driver}`, body: () => ({ name: 'Changed', vehicle: 'van', capacity: 3 }), roles: ADMIN },
  { method: 'DELETE', path: ({ driver }) => `/api/admin/drivers/${driver}`, roles: ADMIN, about: 'driver' },
  { method: 'GET', path: () => '/api/admin/driver-map?latitude=1&longitude=2', roles: ADMIN },
  { method: 'GET', path: () => '/api/admin/dispatch/dead-letters', roles: ADMIN },
  { method: 'GET', path: ({ letter }) => `/api/admin/dispatch/dead-letters/${letter}`, roles: ADMIN, about: 'letter' },
  { method: 'POST', path: ({ letter }) => `/api/admin/dispatch/dead-letters/${letter}/replay`, roles: ADMIN, about: 'letter' },
  { method: 'POST', path: ({ order }) => `/api/admin/orders/${order}/assign-driver`, body: ({ driver }) => ({ driver_id: driver }), roles: ADMIN, about: 'order', ok: 409 },
  { method: 'PUT', path: () => '/api/driver/location', body: ({ n }) => ({ latitude: 1, longitude: 2, sequence: Number.parseInt(n, 10) || 0 }), roles: DRIVER },
  { method: 'GET', path: () => '/api/driver/availability', roles: DRIVER },
  { method: 'PUT', path: () => '/api/driver/availability', body: () => ({ available: true }), roles: DRIVER, itself: true },
  { method: 'GET', path: () => '/api/driver/orders', roles: DRIVER },
  { method: 'GET', path: () => '/api/driver/history', roles: DRIVER },
  // No driver was asked about the order.
  { method: 'POST', path: ({ order }) => `/api/driver/orders/${order}/accept`, roles: DRIVER, about: 'order', ok: 404 },
  { method: 'POST', path: ({ order }) => `/api/driver/orders/${order}/reject`, roles: DRIVER, about: 'order', ok: 404 },
  { method: 'POST', path: ({ order }) => `/api/driver/orders/${order}/picked-up`, roles: DRIVER, about: 'order', ok: 404 },
  { method: 'POST', path: ({ order }) => `/api/driver/orders/${order}/delivered`, body: () => ({ code: '4711' }), roles: DRIVER, about: 'order', ok: 404 },

  { method: 'GET', path: () => '/api/admin/orders?status=pending&limit=5', roles: STAFF },
  { method: 'GET', path: () => '/api/admin/orders.csv?limit=5', roles: STAFF },
  { method: 'GET', path: () => '/api/admin/orders/counts', roles: STAFF },
  { method: 'GET', path: () => '/api/admin/stock/low?threshold=5', roles: STAFF },
  { method: 'GET', path: () => '/api/admin/placements?state=stuck', roles: ADMIN },
  { method: 'POST', path: ({ order }) => `/api/admin/placements/${order}/retry`, roles: ADMIN, about: 'order', ok: 409 },
  { method: 'GET', path: () => '/api/admin/desks/order/0/export', roles: ADMIN },
  { method: 'GET', path: () => '/api/admin/desks/offers/0/export', roles: ADMIN },
  { method: 'GET', path: () => '/api/admin/routings?status=FAILED', roles: ADMIN },
  { method: 'GET', path: () => '/api/admin/desks/cart/0/export', roles: ADMIN },
  { method: 'GET', path: () => '/api/admin/desks/vendor/0/export', roles: ADMIN },
  { method: 'GET', path: () => '/api/admin/desks/payments/0/export', roles: ADMIN },

  { method: 'GET', path: () => '/api/admin/webhooks', roles: ADMIN },
  { method: 'POST', path: () => '/api/admin/webhooks', body: ({ n }) => ({ url: `https://hooks.example/${n}`, kinds: ['order.paid'], description: 'New' }), roles: ADMIN, ok: 201 },
  { method: 'GET', path: () => '/api/admin/webhooks/deliveries?state=dead', roles: ADMIN },
  { method: 'GET', path: ({ delivery }) => `/api/admin/webhooks/deliveries/${delivery}`, roles: ADMIN, about: 'delivery' },
  { method: 'POST', path: ({ delivery }) => `/api/admin/webhooks/deliveries/${delivery}/replay`, roles: ADMIN, about: 'delivery' },
  { method: 'GET', path: ({ webhook }) => `/api/admin/webhooks/${webhook}`, roles: ADMIN, about: 'webhook' },
  { method: 'PATCH', path: ({ webhook }) => `/api/admin/webhooks/${webhook}`, body: () => ({ kinds: null, description: 'Changed', active: true }), roles: ADMIN, about: 'webhook' },
  { method: 'POST', path: ({ webhook }) => `/api/admin/webhooks/${webhook}/rotate`, roles: ADMIN, about: 'webhook' },
  { method: 'POST', path: ({ webhook }) => `/api/admin/webhooks/${webhook}/ping`, roles: ADMIN, about: 'webhook' },
  { method: 'DELETE', path: ({ webhook }) => `/api/admin/webhooks/${webhook}`, roles: ADMIN, about: 'webhook' },
  { method: 'GET', path: ({ order }) => `/api/admin/emails?order=${order}`, roles: ADMIN },
  { method: 'GET', path: () => '/api/admin/notices/dead', roles: ADMIN },
  { method: 'POST', path: ({ delivery }) => `/api/admin/notices/dead/${delivery}/replay`, roles: ADMIN, about: 'delivery' },

  { method: 'GET', path: () => '/stats', roles: ADMIN },
  // With proofs of their own: no role opens them.
  { method: 'GET', path: () => '/metrics', roles: [], closed: { status: 401, code: 'unauthenticated' }, scrape: true },
  { method: 'GET', path: () => '/webhooks/whatsapp', roles: [], closed: { status: 403, code: 'forbidden' } },
  { method: 'POST', path: () => '/webhooks/whatsapp', roles: [], closed: { status: 401, code: 'unauthenticated' } },
  { method: 'POST', path: () => '/webhooks/payments', roles: [], closed: { status: 401, code: 'bad_signature' } },
];

/** The path without its values, to name tests by. */
export const nameOf = (route) => `${route.method} ${route.path({
  store: '{store}', order: '{order}', sku: '{sku}', product: '{product}', warehouse: '{warehouse}', vendor: '{vendor}',
  webhook: '{webhook}', delivery: '{delivery}', driver: '{driver}', letter: '{letter}', n: '{n}' }).replace(/\?.*/, '')}`;
