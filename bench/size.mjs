// How large each worker is, gzipped, and how long it takes from nothing to the first answer.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { startRuntime } from '../tools/runtime.mjs';
import { buildDir } from '../tools/setup.mjs';
import { workerNames } from '../tools/paths.mjs';

const KIB = 1024;
const STARTS = 5;

export async function measureSize() {
  const sizes = workerNames().map((name) => {
    const wasm = readFileSync(path.join(buildDir(name, 'release'), 'index_bg.wasm'));
    return { name, raw: wasm.length / KIB, gzipped: gzipSync(wasm, { level: 9 }).length / KIB };
  });
  const starts = [];
  for (let n = 0; n < STARTS; n += 1) {
    const from = performance.now();
    const rt = await startRuntime({ variant: 'release', vars: { '*': { LOG_LEVEL: 'warn' } } });
    const ready = performance.now();
    await fetch(`${rt.url}/health`);
    starts.push({ ready: ready - from, first: performance.now() - ready });
    await rt.close();
  }
  return { sizes, starts };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

export function printSize({ sizes, starts }) {
  console.log('\nWasm of each worker (KiB; at most 350 gzipped)');
  for (const { name, raw, gzipped } of sizes) {
    console.log(`${name.padEnd(12)} ${raw.toFixed(0).padStart(6)} ${gzipped.toFixed(0).padStart(5)} gzipped`);
  }
  console.log(`start: all workers and databases ready after ${median(starts.map(({ ready }) => ready)).toFixed(0)} ms, `
    + `first answer ${median(starts.map(({ first }) => first)).toFixed(0)} ms later (median of ${STARTS})`);
}
