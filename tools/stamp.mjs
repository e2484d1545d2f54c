// Tells whether a worker's build is still that of its sources: a hash over every file the build
// reads. Content is hashed, not dates, because a checkout changes dates without changing anything.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { at, BUILD_DIRS, PUBLIC_WORKER, ROOT } from './paths.mjs';

const SHARED = ['Cargo.lock', 'Cargo.toml', '.cargo/config.toml', 'crates'];
// Beside its own folder.
const ALSO_READ = { [PUBLIC_WORKER]: ['openapi.json'] };
// simulate runs on the host only; no worker depends on it.
const NOT_READ = new Set(['crates/simulate', 'target', ...Object.values(BUILD_DIRS)]);

function* filesOf(folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const full = path.join(folder, entry.name);
    if (NOT_READ.has(entry.name) || NOT_READ.has(path.relative(ROOT, full))) continue;
    if (entry.isDirectory()) yield* filesOf(full);
    else yield full;
  }
}

function* sources(worker) {
  for (const name of [...SHARED, ...ALSO_READ[worker] ?? [], path.join('workers', worker)]) {
    const full = at(name);
    if (!existsSync(full)) continue;
    if (path.extname(name) === '') yield* filesOf(full);
    else yield full;
  }
}

/** The hash of all that goes into building `worker` in `variant`. */
export function sourceStamp(worker, variant) {
  const hash = createHash('sha256').update(variant);
  for (const file of sources(worker)) {
    hash.update(`\0${path.relative(ROOT, file)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}
