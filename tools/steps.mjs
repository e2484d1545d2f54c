// How the tools show what takes long and how they run other programs: a step has a name, its
// seconds tick on a terminal and become plain lines elsewhere, and when it fails the end of what
// it printed is shown. Progress goes to stderr, results to stdout.
import { spawn } from 'node:child_process';

const TAIL_LINES = 40;
const active = new Map();
let ticker;

/** A failure whose message is meant for the person at the terminal: no stack is shown for it. */
export class Stop extends Error {}

const seconds = (since) => ((Date.now() - since) / 1000).toFixed(1);
const terminal = () => process.stderr.isTTY;

function redraw() {
  const parts = [...active].map(([name, since]) => `${name} ${Math.floor((Date.now() - since) / 1000)} s`);
  process.stderr.write(`\r\x1b[K${parts.length ? `  ... ${parts.join(', ')}` : ''}`);
}

function begin(name) {
  active.set(name, Date.now());
  if (!terminal()) return void console.error(`  ${name} ...`);
  ticker ??= setInterval(redraw, 1000);
  redraw();
}

function end(name, outcome) {
  const since = active.get(name);
  active.delete(name);
  if (terminal()) process.stderr.write('\r\x1b[K');
  console.error(`  ${name}: ${outcome} (${seconds(since)} s)`);
  if (active.size > 0) return void (terminal() && redraw());
  clearInterval(ticker);
  ticker = undefined;
}

/** Runs `work` as a step that is shown, unless `quiet`. */
export async function step(name, work, { quiet = false } = {}) {
  if (!quiet) begin(name);
  try {
    const result = await work();
    if (!quiet) end(name, 'done');
    return result;
  } catch (error) {
    if (!quiet) end(name, 'FAILED');
    throw error;
  }
}

/**
 * Runs a program to its end. Resolves to `{ code, output }`; with `check` (the default) a failure
 * throws a Stop with the tail of the output. `echo` also passes the output on as it comes.
 */
export function run(command, args, { check = true, echo = false, hint = '', ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    for (const [stream, sink] of [[child.stdout, process.stdout], [child.stderr, process.stderr]]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text;
        if (echo) sink.write(text);
      });
    }
    child.on('error', (error) => {
      reject(new Stop(`${command} cannot be run (${error.code ?? error.message}).${hint && ` ${hint}`}`));
    });
    child.on('close', (code, signal) => {
      if (code === 0 || !check) return resolve({ code: code ?? 1, output });
      const tail = echo ? '' : `\n${output.trimEnd().split('\n').slice(-TAIL_LINES).join('\n')}`;
      reject(new Stop(`${[command, ...args].join(' ')} failed (${signal ?? code}).${tail}${hint && `\n${hint}`}`));
    });
  });
}

/** Runs `work` over `items`, at most `width` at a time; the first failure ends the taking of new ones. */
export async function pool(items, width, work) {
  const waiting = [...items];
  let failed = false;
  const lane = async () => {
    while (waiting.length > 0 && !failed) {
      try {
        await work(waiting.shift());
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: width }, lane));
  const failure = ended.find(({ status }) => status === 'rejected');
  if (failure) throw failure.reason;
}

/** The outermost call of a script: a Stop prints its message, anything else its stack. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    console.error(error instanceof Stop ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}
