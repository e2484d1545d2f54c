// The test suites that need a program of the system's, which not every machine has. A suite is
// { name, title, needs, installHint, run }: `needs` is the program, `run()` resolves to { passed, failed }.
// Where the program is missing the suite is named as not run, unless REQUIRE_ALL=1 makes that a
// failure.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { at } from './paths.mjs';
import { ensureReady } from './setup.mjs';

/** Programs that were installed for this folder alone, such as by `.ci/run`. */
const OWN_PROGRAMS = at('.tools/python/bin');

/** Requests made up from openapi.json; see tests/schema. */
export const SCHEMATHESIS = {
  name: 'schemathesis',
  title: 'requests made up from openapi.json (schemathesis)',
  needs: 'schemathesis',
  installHint: 'python3 -m venv .tools/python && .tools/python/bin/pip install -r tests/schema/requirements.txt',
  run: async () => {
    await ensureReady();
    // Loaded when it is wanted: it brings the whole harness along.
    const { fuzzSchema } = await import('../tests/schema/run.mjs');
    return fuzzSchema({ program: findProgram(SCHEMATHESIS.needs) });
  },
};

export const SUITES = [SCHEMATHESIS];

/** Where a program is, here or on the PATH, or undefined. */
export function findProgram(name) {
  const folders = [OWN_PROGRAMS, ...(process.env.PATH ?? '').split(path.delimiter).filter(Boolean)];
  return folders.map((folder) => path.join(folder, name)).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs one suite, or says why it did not. */
export async function runSuite(suite, { requireAll = process.env.REQUIRE_ALL === '1', say = console.log } = {}) {
  if (findProgram(suite.needs)) return suite.run();
  say(`not run: ${suite.name} (${suite.installHint})`);
  return { passed: 0, failed: requireAll ? 1 : 0 };
}
