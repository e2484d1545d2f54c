// Where things are, and which workers there are. Every other tool asks here, so that a worker
// added as wrangler/<name>.jsonc and workers/<name>/ is built, run, tested and deployed.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
export const at = (...parts) => path.join(ROOT, ...parts);

/** The one worker with a public door. */
export const PUBLIC_WORKER = 'gateway';

export const STATE_DIR = at('.orderlane/state');
export const SECRETS_FILE = at('wrangler/.dev.vars');

export const workerNames = () =>
  readdirSync(at('wrangler'))
    .filter((file) => file.endsWith('.jsonc'))
    .map((file) => path.basename(file, '.jsonc'))
    .sort();

export const configPath = (worker) => at('wrangler', `${worker}.jsonc`);

/** The folder, inside a worker's crate, that a variant is built into. */
export const BUILD_DIRS = { release: 'build', faults: 'build-faults' };
