// The one way the workers run on this machine, for `npm start`, tests and benchmarks alike: all of
// them in one workerd process, through Miniflare, from wrangler/*.jsonc. It owns that process: its
// data on disk, its log lines, its sudden death (a real SIGKILL) and its return on the same data.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { mailOf } from './mails.mjs';
import { applyMigrations } from './migrate.mjs';
import { queryObjects } from './objects.mjs';
import { at, PUBLIC_WORKER } from './paths.mjs';
import { makeSecrets } from './secrets.mjs';
import { Stop } from './steps.mjs';
import { miniflare, miniflareWorkers, readConfigs, scriptName } from './workers.mjs';

const FEWEST_FILES = 4096;
const require = createRequire(import.meta.url);
const workerdProgram = createRequire(require.resolve('wrangler'))('workerd').default;

let warned = false;
function warnOfFewFiles() {
  if (warned) return;
  warned = true;
  const limit = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout?.trim();
  if (Number(limit) >= FEWEST_FILES || limit === 'unlimited') return;
  console.error(`Warning: at most ${limit} files may be open (ulimit -Hn). Each Durable Object in use holds `
    + `three; below ${FEWEST_FILES} requests fail under load.`);
}

// What Miniflare itself has to say (a crash of workerd, a date too new) goes where the logs go.
class MiniflareLog extends miniflare.Log {
  #onMail;

  constructor(onLog, onMail) {
    super(miniflare.LogLevel.WARN);
    this.log = onLog;
    this.#onMail = onMail;
  }

  logWithLevel(level, message) {
    const mail = mailOf(message);
    if (mail) this.#onMail(mail);
    else super.logWithLevel(level, message);
  }
}

class Runtime {
  #options;
  #configs = readConfigs();
  #mf;
  #url;

  constructor(options) {
    this.#options = options;
    this.secrets = options.secrets;
  }

  /** Where the gateway listens. Stays the same over a restart, but for a port lost meanwhile. */
  get url() { return this.#url; }

  async start(port) {
    const { folder, variant, vars, direct, onLog, onMail } = this.#options;
    mkdirSync(folder, { recursive: true });
    process.env.MINIFLARE_WORKERD_PATH = at('tools/workerd.sh');
    this.#mf = new miniflare.Miniflare(miniflare.convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      cf: false,
      logRequests: false,
      log: new MiniflareLog(onLog, onMail),
      handleStructuredLogs: ({ message, level }) => onLog(message, level),
      // The folder `wrangler --persist-to` would use.
      resourcePersistencePath: path.join(folder, 'v3'),
      unsafeRuntimeEnv: { ORDERLANE_WORKERD: workerdProgram, ORDERLANE_PID_FILE: this.#pidFile() },
      workers: miniflareWorkers({ configs: this.#configs, variant, secrets: this.secrets, vars, direct, port }),
    }));
    try {
      const url = await this.#mf.unsafeGetDirectURL(this.#script(PUBLIC_WORKER));
      await applyMigrations(this.#configs, (worker, binding) => this.#database(worker, binding));
      this.#url = url.origin;
    } catch (error) {
      await this.#dispose();
      if (error.code !== 'ERR_ADDRESS_IN_USE') throw error;
      throw new Stop(`Port ${port} is taken. Stop what uses it, or choose another: PORT=${port + 1} npm start`, { cause: error });
    }
    return this;
  }

  #pidFile() { return path.join(this.#options.folder, 'workerd.pid'); }
  #script(worker) { return scriptName(this.#configs, worker); }
  #database(worker, binding) { return this.#running().getD1Database(binding, this.#script(worker)); }

  #running() {
    if (this.#mf) return this.#mf;
    throw new Stop('The workers are not running: they were killed or closed.');
  }

  // Miniflare complains about calls that its end cut short; those who made them know by then.
  async #dispose() {
    const mf = this.#mf;
    this.#mf = undefined;
    await mf?.dispose().catch(() => {});
  }

  /** The process id of workerd. */
  pid() { return Number(readFileSync(this.#pidFile(), 'utf8')); }

  /**
   * A database as a worker has it bound: `all(sql, ...params)` gives rows, `run(sql, ...params)`
   * gives D1's meta. Good over restarts.
   */
  d1(worker, binding) {
    const prepare = async (sql, params) => (await this.#database(worker, binding)).prepare(sql).bind(...params);
    return {
      all: async (sql, ...params) => (await (await prepare(sql, params)).all()).results,
      run: async (sql, ...params) => (await (await prepare(sql, params)).run()).meta,
    };
  }

  /**
   * Asks `sql` of every object of a class, where it lies on disk, and gives all rows with the
   * object's id in `object_id`. Works while workerd runs, and between kill() and restart().
   */
  objects(worker, className, sql, ...params) {
    const folder = path.join(this.#options.folder, 'v3/do', `${this.#script(worker)}-${className}`);
    return queryObjects(folder, sql, params);
  }

  /** A request straight to one worker, past the gateway: for inspection by tests. */
  async fetchWorker(worker, pathname, init) {
    const fetcher = await this.#running().getWorker(this.#script(worker));
    return fetcher.fetch(new URL(pathname, 'http://internal').href, init);
  }

  /** A request straight to the object of that name in a worker's namespace, past all workers: for inspection by tests. */
  async fetchObject(worker, binding, name, init) {
    const namespace = await this.#running().getDurableObjectNamespace(binding, this.#script(worker));
    return namespace.get(namespace.idFromName(name)).fetch('http://command/', init);
  }

  /** Where a worker of `direct` listens by itself, past the gateway. Another port after each start. */
  async directUrl(worker) {
    const url = await this.#running().unsafeGetDirectURL(this.#script(worker));
    return url.origin;
  }

  /** A queue as a worker has it bound: `send(body)` puts a message on it, as anybody might. */
  queue(worker, binding) { return this.#running().getQueueProducer(binding, this.#script(worker)); }

  /** Fires a worker's cron handler, which nothing does locally by itself. */
  async scheduled(worker, options) {
    return (await this.#running().getWorker(this.#script(worker))).scheduled(options);
  }

  /**
   * Puts an object out of memory, as the platform does with idle ones. `target` is `{ name }` or
   * `{ id }`, with `webSockets: 'hibernate' | 'close'`.
   */
  evict(worker, className, target) {
    return this.#running().unsafeEvictDurableObject(this.#script(worker), className, target);
  }

  /** Kills workerd, for real. Until restart() nothing runs and nothing answers. */
  async kill() {
    this.#running();
    process.kill(this.pid(), 'SIGKILL');
    // In the same breath, so that Miniflare does not take the death for a crash to mend.
    await this.#dispose();
  }

  /** Starts again, on the data as the last process left it. */
  async restart() {
    await this.#dispose();
    const port = Number(new URL(this.#url).port);
    try {
      return await this.start(port);
    } catch (error) {
      if (this.#options.port !== 0 || error.cause?.code !== 'ERR_ADDRESS_IN_USE') throw error;
      return this.start(0);
    }
  }

  async close() {
    await this.#dispose();
    rmSync(this.#pidFile(), { force: true });
    if (this.#options.temporary) rmSync(this.#options.folder, { recursive: true, force: true });
  }
}

// Two runtimes on one folder would be two owners of every object. A file that a dead process left
// behind, or whose number another program has by now, stops nobody.
function refuseSecond(folder) {
  let pid;
  try {
    pid = Number(readFileSync(path.join(folder, 'workerd.pid'), 'utf8'));
    process.kill(pid, 0);
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('workerd')) return;
  } catch (error) {
    // Without /proc the number has to do.
    if (!(error.code === 'ENOENT' && error.path?.startsWith('/proc') && process.platform !== 'linux')) return;
  }
  throw new Stop(`The data in ${folder} is in use by process ${pid}. Stop that one first (Ctrl-C where it runs).`);
}

/**
 * Starts the workers and resolves when they answer, with their databases migrated. Without
 * `persist` the data lives in a folder of its own, kept over kill and restart, gone at close.
 * No mail leaves the machine: `onMail` gets each, and without it they are log lines.
 */
export async function startRuntime({
  persist = null, port = 0, variant = 'release', vars = {}, direct = [], onLog = () => {}, secrets = makeSecrets(),
  onMail = ({ from, to, subject, text }) => onLog(JSON.stringify({ level: 'info', event: 'mail', from, to, subject, text })),
} = {}) {
  warnOfFewFiles();
  if (persist) refuseSecond(persist);
  const folder = persist ?? mkdtempSync(path.join(tmpdir(), 'orderlane-'));
  // Nobody is charged from here: cards are taken where somebody names a provider.
  const localVars = { ...vars, payments: { PAYMENT_PROVIDER_URL: '', ...vars.payments } };
  const runtime = new Runtime({ folder, temporary: !persist, port, variant, vars: localVars, direct, onLog, onMail, secrets });
  try {
    return await runtime.start(port);
  } catch (error) {
    await runtime.close();
    throw error;
  }
}
