// Makes a fresh clone ready to run: the wasm target, the two build tools in .tools, local secrets,
// and every worker built, in the variant asked for. What is ready already costs a hash over the
// sources and nothing else. Nothing here downloads but cargo, rustup and npm themselves.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { at, BUILD_DIRS, workerNames } from './paths.mjs';
import { ensureSecrets } from './secrets.mjs';
import { sourceStamp } from './stamp.mjs';
import { main, pool, run, step, Stop } from './steps.mjs';

const WASM_TARGET = 'wasm32-unknown-unknown';
const GET_RUST = 'Install Rust with rustup (https://rustup.rs), open a new terminal and run this again.';
const BUILD_TOOLS = [
  { crate: 'worker-build', pin: 'worker', flags: ['--locked'] },
  // Its lock file names a package version that registries no longer hand out.
  { crate: 'wasm-bindgen-cli', pin: 'wasm-bindgen', flags: [] },
];

export const buildDir = (worker, variant) => at('workers', worker, BUILD_DIRS[variant]);
const stampFile = (worker, variant) => path.join(buildDir(worker, variant), '.stamp');

/** Whether a worker's build is of the sources as they are now. */
export function isBuilt(worker, variant) {
  const file = stampFile(worker, variant);
  return existsSync(file) && readFileSync(file, 'utf8') === sourceStamp(worker, variant);
}

async function ensureRust(quiet) {
  await run('cargo', ['--version'], { hint: GET_RUST });
  const { output } = await run('rustc', ['--print', 'sysroot'], { hint: GET_RUST });
  if (existsSync(path.join(output.trim(), 'lib/rustlib', WASM_TARGET))) return;
  const hint = `This Rust has no ${WASM_TARGET} target and no rustup to add it. ${GET_RUST}`;
  await step(`adding the Rust target ${WASM_TARGET}`,
    () => run('rustup', ['target', 'add', WASM_TARGET], { cwd: at(), hint }), { quiet });
}

// The tools must be of the very version of the crates they work on, so Cargo.toml has the say.
function pinned(crate) {
  const found = new RegExp(`^${crate} = .*"=([0-9.]+)"`, 'm').exec(readFileSync(at('Cargo.toml'), 'utf8'));
  if (!found) throw new Stop(`Cargo.toml pins no exact version ("=x.y.z") of ${crate}.`);
  return found[1];
}

async function ensureBuildTools(quiet) {
  const listing = at('.tools/.crates.toml');
  const installed = existsSync(listing) ? readFileSync(listing, 'utf8') : '';
  const missing = BUILD_TOOLS.filter(({ crate, pin }) => !installed.includes(`"${crate} ${pinned(pin)} `));
  // Without debug information they are a tenth of the size, and sooner built.
  const env = { ...process.env, CARGO_TARGET_DIR: at('.tools/target'), CARGO_PROFILE_DEV_DEBUG: '0' };
  for (const { crate, pin, flags } of missing) {
    // Unoptimised they are built in a third of the time, and build the workers as fast.
    const args = ['install', crate, '--version', pinned(pin), '--debug', '--root', at('.tools'), ...flags];
    await step(`installing ${crate} ${pinned(pin)} (once, a minute or two)`,
      () => run('cargo', args, { cwd: at(), env }), { quiet });
  }
  if (missing.length > 0) rmSync(at('.tools/target'), { recursive: true, force: true });
}

// What rustc emits for this target, and the exception handling of wasm-bindgen: no newer encoding
// may get in that a runtime does not know.
const WASM_FEATURES = ['mutable-globals', 'sign-ext', 'nontrapping-float-to-int', 'bulk-memory',
  'multivalue', 'reference-types', 'exception-handling'];

// worker-build would keep the names of all functions, a fifth of the size.
async function optimise(wasm, env) {
  const features = WASM_FEATURES.map((feature) => `--enable-${feature}`);
  await run(at('node_modules/.bin/wasm-opt'), ['-Os', '--strip-debug', '--strip-producers', ...features, wasm, '-o', wasm], { env });
}

async function build(worker, variant) {
  const stamp = sourceStamp(worker, variant);
  rmSync(stampFile(worker, variant), { force: true });
  const bin = (name) => at('node_modules/.bin', name);
  const env = {
    ...process.env,
    // Absolute paths keep worker-build from downloading its own copies.
    WASM_BINDGEN_BIN: at('.tools/bin/wasm-bindgen'),
    WASM_OPT_BIN: bin('wasm-opt'),
    ESBUILD_BIN: bin('esbuild'),
    // The npm programs are scripts for Node, and want the new one.
    PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`,
    RUST_BACKTRACE: '0',
  };
  const args = ['--release', '--out-dir', BUILD_DIRS[variant], '--no-opt'];
  if (variant === 'faults') args.push('.', '--', '--features', 'faults');
  await run(at('.tools/bin/worker-build'), args, { cwd: at('workers', worker), env });
  // Optimising takes most of a small build and gives the fault tests nothing.
  if (variant === 'release') await optimise(path.join(buildDir(worker, variant), 'index_bg.wasm'), env);
  writeFileSync(stampFile(worker, variant), stamp);
}

/** Gets everything ready that running the workers in `variant` needs; returns the local secrets. */
export async function ensureReady({ variant = 'release', quiet = false } = {}) {
  if (!(variant in BUILD_DIRS)) throw new Stop(`There is no variant "${variant}".`);
  const secrets = ensureSecrets();
  const stale = workerNames().filter((worker) => !isBuilt(worker, variant));
  if (stale.length === 0) return secrets;
  await ensureRust(quiet);
  await ensureBuildTools(quiet);
  const suffix = variant === 'release' ? '' : ` (${variant})`;
  // Cargo builds one worker at a time, but the next may compile while one is being optimised.
  await pool(stale, Math.min(2, availableParallelism()),
    (worker) => step(`building ${worker}${suffix}`, () => build(worker, variant), { quiet }));
  return secrets;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(() => ensureReady({ variant: process.argv[2] ?? 'release' }));
}
