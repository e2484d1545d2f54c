// Fails when a crate that must stay free of the platform has it in its dependencies, however far
// down: domain and contract are tested natively and driven by simulators, which ends the day they
// need a JavaScript host.
import { at } from './paths.mjs';
import { main, run, Stop } from './steps.mjs';

const PURE = ['domain', 'contract'];
const PLATFORM = new Set(['worker', 'worker-sys', 'js-sys', 'web-sys', 'wasm-bindgen']);

await main(async () => {
  const found = [];
  for (const crate of PURE) {
    const args = ['tree', '-p', crate, '-e', 'normal', '--target', 'all', '--prefix', 'none', '--format', '{p}'];
    const { output } = await run('cargo', args, { cwd: at() });
    const names = new Set(output.split('\n').map((line) => line.split(' ')[0]));
    found.push(...[...names].filter((name) => PLATFORM.has(name)).map((name) => `${crate} depends on ${name}`));
  }
  if (found.length > 0) throw new Stop(`${found.join('\n')}\nFind the way in with: cargo tree -p <crate> -i <dependency> --target all`);
  console.log(`${PURE.join(' and ')} are free of the platform.`);
});
