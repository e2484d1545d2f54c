// The first program every npm script runs, on whatever Node the machine has (20 or newer).
// It owns two things only: that the npm packages are those of package-lock.json, and that the
// real script runs on Node 24, which the npm package `node` brings along (wrangler refuses 20).
// Nothing but node: modules may be imported here. All it prints goes to stderr, because scripts
// such as `npm run token` are read through a pipe.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const [script, ...args] = process.argv.slice(2);

const newerOrSame = (version, wanted) => {
  const [a, b] = [version, wanted].map((text) => text.split('.').map(Number));
  return a[0] !== b[0] ? a[0] > b[0] : a[1] >= b[1];
};

function stop(message) {
  console.error(message);
  process.exit(1);
}

// npm keeps a copy of the lock file of what it installed; the two differ after a pull that
// changed a version, and the copy is missing after a fresh clone or a broken-off install.
function packagesCurrent() {
  try {
    const read = (file) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')).packages;
    const wanted = read('package-lock.json');
    const present = read('node_modules/.package-lock.json');
    return Object.entries(wanted).every(([name, { version, optional }]) =>
      name === '' || (present[name] ? present[name].version === version : optional));
  } catch {
    return false;
  }
}

if (!script) stop('usage: node tools/bootstrap.mjs <script> [arguments]');
if (!newerOrSame(process.versions.node, '20.0')) {
  stop(`Node ${process.versions.node} is too old. Install Node 20 or newer and run this again.`);
}
if (!packagesCurrent()) {
  console.error('Installing the npm packages (npm ci) ...');
  const npm = spawnSync('npm', ['ci', '--loglevel=error'], { cwd: ROOT, stdio: ['inherit', 2, 2] });
  if (npm.error) stop(`npm cannot be run (${npm.error.code}). Install npm and run this again.`);
  if (npm.status !== 0) stop('npm ci failed; see its output above. Mend that and run this again.');
}

const bundled = path.join(ROOT, 'node_modules/node/bin/node');
const node = newerOrSame(process.versions.node, '24.0') ? process.execPath : bundled;
if (!existsSync(node)) {
  stop('The npm package `node` is not complete. Run `npm rebuild node`, or install Node 24 or newer.');
}

const file = path.join(ROOT, script);
if (!existsSync(file)) stop(`There is no ${script}.`);
const env = { ...process.env, PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH}` };
const child = spawn(node, [file, ...args], { cwd: ROOT, stdio: 'inherit', env });
// Ctrl-C reaches the whole group by itself: the script decides how to end, this one waits for it.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => stop(`${node} cannot be run: ${error.message}`));
child.on('exit', (code, signal) => {
  process.exit(code ?? (signal === 'SIGINT' ? 130 : 1));
});
