// `npm run fuzz:schema`: more requests from openapi.json than `npm test` has time for.
import { ensureReady } from '../../tools/setup.mjs';
import { main, Stop } from '../../tools/steps.mjs';
import { findProgram, SCHEMATHESIS } from '../../tools/suites.mjs';
import { fuzzSchema } from './run.mjs';

const USAGE = 'usage: npm run fuzz:schema [-- quick | full] [seed]';

await main(async () => {
  const [size = 'full', seed] = process.argv.slice(2);
  if (!['quick', 'full'].includes(size) || (seed !== undefined && !/^\d+$/.test(seed))) throw new Stop(USAGE);
  const program = findProgram(SCHEMATHESIS.needs);
  if (!program) throw new Stop(`${SCHEMATHESIS.needs} is missing (${SCHEMATHESIS.installHint}).`);
  await ensureReady();
  const { passed, failed } = await fuzzSchema({ program, size, ...(seed && { seed: Number(seed) }) });
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
});
