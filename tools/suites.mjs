// The test suites that need a program of the system's, which not every machine has. A suite is
// { name, needs, installHint, run }: `needs` is the program, `run()` resolves to { passed, failed }.
// Where the program is missing the suite is named as not run, unless REQUIRE_ALL=1 makes that a
// failure.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

export const SUITES = [];

/** Where a program is on the PATH, or undefined. */
export function findProgram(name) {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean);
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
