// A websocket client that disturbs what it measures as little as it can: plain TCP to loopback, one
// read buffer for all sockets, and frames handed on as bytes where they lie. It speaks as much of
// Engine.IO and Socket.IO as a measurement needs: it says who it is, answers pings, reads the
// number of an event and no more of it.
import { spawnSync } from 'node:child_process';
import net from 'node:net';
import { Stop } from '../tools/steps.mjs';

export const EVENT = 'bench';
const BEFORE_NUMBER = `42["${EVENT}",{"n":`.length;
const CONNECT_MAX_MS = 30_000;
const [ZERO, TWO, THREE, FOUR] = Buffer.from('0234');
// Reads are handled one at a time, so all sockets can share this.
const readBuffer = Buffer.allocUnsafe(256 * 1024);

/** A frame of a client. Its mask is zero, which masks nothing and costs nothing. */
function clientFrame(text) {
  const body = Buffer.from(text);
  if (body.length > 65_535) throw new Error('too long for a frame');
  const long = body.length > 125;
  const head = Buffer.alloc(long ? 8 : 6);
  head[0] = 0x81;
  head[1] = 0x80 | (long ? 126 : body.length);
  if (long) head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

const PONG = clientFrame('3');

/**
 * One client. `auth` is what it says when the other side has greeted it. `onEvent(number, bytes,
 * from, to)` is called for every event; the bytes are good until it returns.
 */
export class Socket {
  #rest = null;
  #tcp;
  #upgraded = false;
  #asked = new Map();
  #settle;
  closed = false;
  /** What the other side said to the connect: the reply's data. */
  reply = '';

  constructor(url, { auth = '', onEvent, onClose = () => {} }) {
    const { hostname, port, pathname, search } = new URL(url);
    if (hostname !== '127.0.0.1') throw new Error('the load goes to loopback only');
    this.auth = auth;
    this.onEvent = onEvent;
    this.opened = new Promise((resolve, reject) => { this.#settle = { resolve, reject }; });
    this.#tcp = net.connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: { buffer: readBuffer, callback: (count, buffer) => { this.#read(buffer, count); return true; } },
    });
    this.#tcp.setTimeout(CONNECT_MAX_MS, () => this.#tcp.destroy(new Error('not connected in time')));
    this.#tcp.on('error', (error) => this.#settle.reject(error));
    this.#tcp.on('close', () => {
      const ours = this.closed;
      this.closed = true;
      this.#settle.reject(new Error(`the connection was closed: ${this.reply}`));
      if (!ours) onClose();
    });
    this.#tcp.write(`GET ${pathname}${search} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n`
      + 'sec-websocket-version: 13\r\nsec-websocket-key: b3JkZXJsYW5lIGJlbmNoIQ==\r\n\r\n');
  }

  #read(buffer, count) {
    let bytes = buffer;
    let end = count;
    if (this.#rest) {
      bytes = Buffer.concat([this.#rest, buffer.subarray(0, count)]);
      end = bytes.length;
      this.#rest = null;
    }
    let from = this.#upgraded ? 0 : this.#upgrade(bytes, end);
    while (from >= 0 && from + 2 <= end) {
      let start = from + 2;
      let length = bytes[from + 1] & 0x7f;
      if (length === 126) {
        if (start + 2 > end) break;
        length = bytes.readUInt16BE(start);
        start += 2;
      } else if (length === 127) {
        if (start + 8 > end) break;
        length = Number(bytes.readBigUInt64BE(start));
        start += 8;
      }
      if (start + length > end) break;
      const kind = bytes[from] & 0x0f;
      from = start + length;
      if (kind === 1) this.#text(bytes, start, from);
      else if (kind === 8) this.#tcp.end();
    }
    if (from < end) this.#rest = Buffer.from(bytes.subarray(Math.max(from, 0), end));
  }

  /** Where the first frame begins, or -1 while the answer to the upgrade is not whole. */
  #upgrade(bytes, end) {
    const text = bytes.latin1Slice(0, end);
    const empty = text.indexOf('\r\n\r\n');
    if (empty < 0) return -1;
    this.#upgraded = true;
    if (!text.startsWith('HTTP/1.1 101')) this.#tcp.destroy(new Error(text.slice(0, 300)));
    return empty + 4;
  }

  #text(bytes, start, end) {
    if (bytes[start] === TWO) this.#tcp.write(PONG);
    else if (bytes[start] === ZERO) this.send(`40${this.auth}`);
    else if (bytes[start] === FOUR) this.#packet(bytes, start, end);
  }

  #packet(bytes, start, end) {
    const kind = bytes[start + 1];
    if (kind === TWO) {
      let number = 0;
      // Another event than ours has no digit there, and comes to 0.
      for (let at = start + BEFORE_NUMBER; bytes[at] >= 48 && bytes[at] <= 57; at += 1) number = number * 10 + bytes[at] - 48;
      this.onEvent(number, bytes, start, end);
    } else if (kind === THREE) {
      const [, id, data] = /^43(\d+)(.*)$/.exec(bytes.latin1Slice(start, end)) ?? [];
      this.#asked.get(Number(id))?.(data);
    } else {
      this.reply = bytes.latin1Slice(start + 2, end);
      if (kind !== ZERO) return this.#tcp.destroy(new Error(`refused: ${this.reply}`));
      this.#tcp.setTimeout(0);
      this.#settle.resolve(this);
    }
    return undefined;
  }

  send(text) { this.#tcp.write(clientFrame(text)); }

  /** Sends an event that wants an answer, and gives that. */
  ask(...args) {
    const id = this.#asked.size;
    const answered = new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no answer to ${args[0]}`)), CONNECT_MAX_MS);
      this.#asked.set(id, (data) => { clearTimeout(late); resolve(JSON.parse(data)[0]); });
    });
    this.send(`42${id}${JSON.stringify(args)}`);
    return answered;
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.#tcp.destroy();
  }
}

/** Fails where this process may not have so many files open at a time. */
export function needFiles(count) {
  const limit = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout?.trim();
  if (limit === 'unlimited' || Number(limit) >= count) return;
  throw new Stop(`${count} files are needed for so many sockets, and ${limit} may be open. Raise the limit first: ulimit -n ${count}`);
}
