// `npm run bench`: every figure beside its floor, measured in the same run, on the release build.
// `npm run bench -- place` runs one section. Sections: place, rush, live, vendors, orders, race, dispatch, drivers,
// size.
// The word `full` beside them makes `race` and `drivers` as large as they are meant to be.
import { ROOT } from '../tools/paths.mjs';
import { ensureReady } from '../tools/setup.mjs';
import { run } from '../tools/steps.mjs';
import { measureDrivers, printDrivers } from './drivers.mjs';
import { measureLive, printLive } from './live.mjs';
import { measureOrders, printOrders } from './orders.mjs';
import { measurePlacing, printPlacing } from './place.mjs';
import { measureRace, printRace } from './race.mjs';
import { measureRush, printRush } from './rush.mjs';
import { measureSize, printSize } from './size.mjs';
import { measureVendors, printVendors } from './vendors.mjs';

const sections = {
  async place() { printPlacing(await measurePlacing()); },
  async rush() { printRush(await measureRush()); },
  async live() { printLive(await measureLive()); },
  async vendors() { printVendors(await measureVendors()); },
  async orders() { printOrders(await measureOrders()); },
  async race() { printRace(await measureRace({ full })); },
  // On the host, since policies are nothing but arithmetic.
  async dispatch() { await run('cargo', ['run', '--release', '--quiet', '-p', 'simulate', '--', 'dispatch-bench'], { cwd: ROOT, echo: true }); },
  async drivers() { printDrivers(await measureDrivers({ full })); },
  async size() { printSize(await measureSize()); },
};

const words = process.argv.slice(2);
const full = words.includes('full');
const wanted = words.filter((word) => word !== 'full');
await ensureReady({ variant: 'release' });
for (const [name, section] of Object.entries(sections)) {
  if (wanted.length === 0 || wanted.includes(name)) await section();
}
