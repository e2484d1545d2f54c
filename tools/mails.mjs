// The mails that workers send while they run here. Miniflare keeps each as files and says so in its
// log, and there is no other way to them from outside; its words are read here and nowhere else.
import { readFileSync } from 'node:fs';

const SAID = /^send_email binding called with MessageBuilder:\n(?<headers>[\s\S]*?)\n\n(?<files>[\s\S]*)$/;
const COLOURS = /\u001b\[\d+m/g;

const fields = (lines) => Object.fromEntries(lines.split('\n').map((line) => /^(\w+): (.*)$/.exec(line)).filter(Boolean)
  .map(([, name, value]) => [name.toLowerCase(), value]));

/** The mail that a log message of Miniflare's tells of, `{ from, to, subject, text, html }`; undefined for any other message. */
export function mailOf(message) {
  const said = SAID.exec(String(message).replace(COLOURS, ''))?.groups;
  if (!said) return undefined;
  const { from, to, subject } = fields(said.headers);
  const { text, html } = fields(said.files);
  return { from, to, subject, text: text && readFileSync(text, 'utf8'), html: html && readFileSync(html, 'utf8') };
}
