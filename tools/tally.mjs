// Reads from what cargo and node print how many tests passed and failed.
import { stripVTControlCharacters } from 'node:util';

const sum = (text, pattern) => [...text.matchAll(pattern)].reduce((total, [, n]) => total + Number(n), 0);

// A run that ended badly without a failed test (it did not compile, or was killed) failed as a whole.
const settle = (passed, failed, code) => ({ passed, failed: failed === 0 && code !== 0 ? 1 : failed });

/** Of `cargo test`: one result line for each test program. */
export function tallyCargo(output, code) {
  const text = stripVTControlCharacters(output);
  return settle(
    sum(text, /^test result: .*? (\d+) passed;/gm),
    sum(text, /^test result: .*?; (\d+) failed;/gm),
    code,
  );
}

/** Of `node --test` with the tap reporter: the totals at its end. A cancelled test is a failed one. */
export function tallyTap(output, code) {
  return settle(
    sum(output, /^# pass (\d+)$/gm),
    sum(output, /^# fail (\d+)$/gm) + sum(output, /^# cancelled (\d+)$/gm),
    code,
  );
}
