// The fault hooks as tests use them (crates/edge/src/faults.rs says what there is): scripts that
// stand, and waiting for what a script has done.

export const FAULT = 'x-orderlane-fault';

/** The headers of a request that carries these scripts. */
export const scripted = (...scripts) => ({ headers: { [FAULT]: scripts.join(',') } });

// By way of these every worker with steps of its own hears of a script.
const PASSES = ['/cart', '/orders', '/products', '/api/vendor/offers', '/credit', '/api/admin/webhooks',
  '/api/driver/orders', '/api/admin/driver-map?latitude=0&longitude=0', '/api/admin/vendors?limit=1'];

async function pass(shop, paths, scripts) {
  const [customer, driver] = [shop.customer('messenger'), shop.person('driver', 'messenger')];
  const who = (path) => {
    if (path.startsWith('/api/driver/')) return driver;
    return path.includes('?') ? shop.admin : customer;
  };
  for (const path of paths) await who(path).get(path, scripted(...scripts));
}

/** Lets a script stand in every worker: `stand(shop, '*1;orders.project;lost')`; and ends it. */
export const stand = (shop, ...scripts) => pass(shop, PASSES, scripts);
export const end = (shop, ...ids) => stand(shop, ...ids.map((id) => `${id};;off`));

/** Lets go what pauses under an id in the cart or order worker, and asks nothing of a stock desk, which may hang. */
export const release = (shop, id) => pass(shop, ['/cart', '/orders'], [`*${id};;go`]);

const said = (shop, event, id, deadlineMs) =>
  shop.logged((line) => line.event === event && line.id === id, { what: `${event} of ${id}`, deadlineMs });

/** The moments of a script: it struck, it hangs for the kill, it pauses. */
export const struck = (shop, id, deadlineMs) => said(shop, 'ORDERLANE_FAULT_HOOK', id, deadlineMs);
export const hangs = (shop, id, deadlineMs) => said(shop, 'ORDERLANE_FAULT_HOOK_KILL', id, deadlineMs);
export const pauses = (shop, id, deadlineMs) => said(shop, 'ORDERLANE_FAULT_HOOK_PAUSE', id, deadlineMs);

/**
 * Stock goes from a shard while its desk is not looking, with a movement that explains it: only
 * when the desk next deducts will it find out.
 */
export async function steal(shop, shard, sku, warehouse, quantity) {
  const db = shop.shard(shard);
  await db.run('UPDATE stock SET stock = stock - ? WHERE sku = ? AND warehouse_id = ?', quantity, sku, warehouse);
  await db.run(`INSERT INTO stock_movements (kind, key, cause, sku, warehouse_id, stock_delta, held_delta, created_ms)
    VALUES ('adjust', ?, 'theft', ?, ?, ?, 0, 0)`, `theft-${sku}`, sku, warehouse, -quantity);
}
