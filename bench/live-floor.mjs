// The floor of live events: one bare Durable Object in plain JavaScript on the same workerd. It
// accepts sockets that may outlive its sleep, greets them as the protocol has it (one trip to and
// fro), and on a POST sends each text to everyone in its room. No log, no tokens, no positions, no
// other worker in front. It is bare, and not tuned: what sends in a better order may be below it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { at } from '../tools/paths.mjs';
import { miniflare } from '../tools/workers.mjs';

const hall = `import { DurableObject } from 'cloudflare:workers';
export default {
  fetch(request, env) { return env.HALL.get(env.HALL.idFromName('hall')).fetch(request); },
};
export class Hall extends DurableObject {
  rooms = new Map();
  sent = [];
  constructor(state, env) {
    super(state, env);
    for (const socket of state.getWebSockets()) this.enter(socket);
  }
  enter(socket) {
    const [room] = this.ctx.getTags(socket);
    if (!this.rooms.has(room)) this.rooms.set(room, new Set());
    this.rooms.get(room).add(socket);
  }
  async fetch(request) {
    if (request.headers.get('upgrade')) {
      const { 0: client, 1: server } = new WebSocketPair();
      this.ctx.acceptWebSocket(server, [new URL(request.url).searchParams.get('room')]);
      this.enter(server);
      server.send('0');
      return new Response(null, { status: 101, webSocket: client });
    }
    this.sent = await request.json();
    for (const [room, text] of this.sent) {
      for (const socket of this.rooms.get(room) ?? []) socket.send(text);
    }
    return new Response('{}');
  }
  webSocketMessage(socket, text) {
    socket.send('40');
    // One who was away gets the last POST again.
    if (text === '40again') for (const [, missed] of this.sent) socket.send(missed);
  }
  webSocketClose(socket) {
    const [room] = this.ctx.getTags(socket);
    this.rooms.get(room)?.delete(socket);
    socket.close();
  }
}`;

/** Starts the floor on a workerd of its own: `url`, its `pid()`, `close`. */
export async function startLiveFloor() {
  const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-floor-'));
  const pidFile = path.join(folder, 'workerd.pid');
  const program = createRequire(createRequire(import.meta.url).resolve('wrangler'))('workerd').default;
  process.env.MINIFLARE_WORKERD_PATH = at('tools/workerd.sh');
  const mf = new miniflare.Miniflare(miniflare.convertV4MiniflareOptions({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    resourcePersistencePath: folder,
    unsafeRuntimeEnv: { ORDERLANE_WORKERD: program, ORDERLANE_PID_FILE: pidFile },
    workers: [{
      name: 'hall',
      script: hall,
      modules: true,
      compatibilityDate: '2026-10-01',
      durableObjects: { HALL: { className: 'Hall', useSQLite: true } },
      unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
    }],
  }));
  const url = await mf.unsafeGetDirectURL('hall');
  return {
    url: url.origin,
    pid: () => Number(readFileSync(pidFile, 'utf8')),
    async close() {
      await mf.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
