// Looks at what would be uploaded for one worker: it must hold no fault hook, and its wasm must
// stay small, because every cold start of every isolate pays for its size.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

const FAULT_HOOK = 'ORDERLANE_FAULT_HOOK';
const MOST_GZIPPED = 350 * 1024;

const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;

/** Examines `folder`; gives a line to print and, where something is wrong, the problem. */
export function checkArtifact(name, folder) {
  const files = (existsSync(folder) ? readdirSync(folder) : []).filter((file) => /\.(wasm|m?js)$/.test(file));
  const contents = files.map((file) => ({ file, bytes: readFileSync(path.join(folder, file)) }));
  const wasm = contents.filter(({ file }) => file.endsWith('.wasm'));
  const gzipped = wasm.reduce((total, { bytes }) => total + gzipSync(bytes, { level: 9 }).length, 0);
  const hooked = contents.filter(({ bytes }) => bytes.includes(FAULT_HOOK)).map(({ file }) => file);
  const problems = [
    wasm.length === 0 && `${name} has no wasm in its bundle.`,
    hooked.length > 0 && `${name} holds fault hooks (${FAULT_HOOK} in ${hooked.join(', ')}).`,
    gzipped > MOST_GZIPPED && `${name} is ${kilobytes(gzipped)} gzipped; at most ${kilobytes(MOST_GZIPPED)} may ship.`,
  ].filter(Boolean);
  return { line: `${name}: wasm ${kilobytes(gzipped)} gzipped`, problem: problems.join('\n') };
}
