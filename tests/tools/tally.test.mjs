// The totals of `npm test` are read from output; a reader that misreads would hide failures.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSuite } from '../../tools/suites.mjs';
import { tallyCargo, tallyTap } from '../../tools/tally.mjs';

test('cargo: the result lines of all test programs are added up', () => {
  const output = [
    'test result: \u001b[32mok\u001b[0m. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out',
    'test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out',
  ].join('\n');
  assert.deepEqual(tallyCargo(output, 101), { passed: 15, failed: 2 });
});

test('a run that ended badly without a failed test is one failure', () => {
  assert.deepEqual(tallyCargo('error: could not compile', 101), { passed: 0, failed: 1 });
  assert.deepEqual(tallyTap('', 1), { passed: 0, failed: 1 });
});

test('tap: cancelled tests are failed ones', () => {
  assert.deepEqual(tallyTap('# tests 9\n# pass 6\n# fail 1\n# cancelled 2\n# skipped 0\n', 1), { passed: 6, failed: 3 });
});

test('a suite without its program is not run, and fails only where all are required', async () => {
  const suite = { name: 'x', needs: 'no-such-program-anywhere', installHint: 'install it', run: assert.fail };
  const said = [];
  const say = (line) => said.push(line);
  assert.deepEqual(await runSuite(suite, { requireAll: false, say }), { passed: 0, failed: 0 });
  assert.deepEqual(await runSuite(suite, { requireAll: true, say }), { passed: 0, failed: 1 });
  assert.deepEqual(said, Array(2).fill('not run: x (install it)'));
  const here = { ...suite, needs: 'sh', run: async () => ({ passed: 4, failed: 1 }) };
  assert.deepEqual(await runSuite(here), { passed: 4, failed: 1 });
});
