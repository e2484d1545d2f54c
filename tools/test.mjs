// `npm test`: every check there is, one after the other, none skipped because an earlier one
// failed, and at the end one line with the totals. With arguments, only the checks so named:
// `npm test -- flows tests/place.test.mjs` runs that file alone.
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { at, ROOT } from './paths.mjs';
import { ensureReady } from './setup.mjs';
import { run } from './steps.mjs';
import { runSuite, SUITES } from './suites.mjs';
import { tallyCargo, tallyTap } from './tally.mjs';

// For one file of flows as well as for one test in it: what hangs must not hang for ever.
const FLOW_TIMEOUT_MS = 15 * 60_000;

const env = { ...process.env, ...(process.stdout.isTTY && { CARGO_TERM_COLOR: 'always', FORCE_COLOR: '1' }) };
const shown = (command, args) => run(command, args, { cwd: ROOT, env, echo: true, check: false });

const one = (code) => (code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });
const single = (command, ...args) => async () => one((await shown(command, args)).code);

async function native() {
  const { code, output } = await shown('cargo', ['test', '--workspace', '--no-fail-fast']);
  return tallyCargo(output, code);
}

async function flows(files) {
  await ensureReady({ variant: 'release' });
  await ensureReady({ variant: 'faults' });
  const chosen = files.length > 0 ? files : globSync('tests/**/*.test.mjs', { cwd: ROOT }).sort();
  const total = { passed: 0, failed: 0 };
  for (const [atOnce, group] of groups(chosen)) {
    const result = await nodeTests(group, atOnce);
    total.passed += result.passed;
    total.failed += result.failed;
  }
  return total;
}

/** What looks at the time between two things has the machine for itself; of the rest two files run at once. */
function groups(chosen) {
  const isAlone = (file) => /^tests\/(faults|races)\//.test(file);
  return [[2, chosen.filter((file) => !isAlone(file))], [1, chosen.filter(isAlone)]].filter(([, group]) => group.length > 0);
}

async function nodeTests(files, atOnce) {
  const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-tap-'));
  const tap = path.join(folder, 'tap');
  const { code } = await shown(process.execPath, [
    '--test', `--test-concurrency=${atOnce}`, `--test-timeout=${FLOW_TIMEOUT_MS}`,
    '--test-reporter=spec', '--test-reporter-destination=stdout',
    '--test-reporter=tap', `--test-reporter-destination=${tap}`, ...files,
  ]);
  const result = tallyTap(existsSync(tap) ? readFileSync(tap, 'utf8') : '', code);
  rmSync(folder, { recursive: true });
  return result;
}

async function deploy() {
  await ensureReady({ variant: 'release' });
  return one((await shown(process.execPath, [at('tools/deploy.mjs'), '--dry-run'])).code);
}

const CHECKS = {
  format: { title: 'format (cargo fmt --check)', work: single('cargo', 'fmt', '--check') },
  clippy: {
    title: 'lints (cargo clippy)',
    work: single('cargo', 'clippy', '--workspace', '--all-targets', '--', '-D', 'warnings'),
  },
  purity: { title: 'domain and contract are pure', work: single(process.execPath, at('tools/check-purity.mjs')) },
  native: { title: 'native tests (cargo test)', work: native },
  flows: { title: 'flows on workerd (node --test)', work: flows },
  deploy: { title: 'deploy, as a dry run', work: deploy },
  ...Object.fromEntries(SUITES.map((suite) => [suite.name, { title: suite.title ?? suite.name, work: () => runSuite(suite) }])),
};

const names = process.argv.slice(2).filter((arg) => arg in CHECKS);
const files = process.argv.slice(2).filter((arg) => !(arg in CHECKS));
const missing = files.filter((file) => !existsSync(at(file)));
if (missing.length > 0 || (files.length > 0 && !names.includes('flows'))) {
  console.error(`usage: npm test -- [${Object.keys(CHECKS).join(' | ')}] ... [files of flows]`);
  process.exit(2);
}

const total = { passed: 0, failed: 0 };
const failures = [];
for (const name of names.length > 0 ? names : Object.keys(CHECKS)) {
  const { title, work } = CHECKS[name];
  console.log(`\n== ${title}`);
  const result = await work(files).catch((error) => {
    console.error(error.message);
    return { passed: 0, failed: 1 };
  });
  total.passed += result.passed;
  total.failed += result.failed;
  if (result.failed > 0) failures.push(`${title}: ${result.failed} failed`);
}
if (failures.length > 0) console.log(`\n${failures.join('\n')}`);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
