// An SMSC to test against: the package `smpp` as a server, misbehaving as told.
//
//     node smsc.js '{"log": "smsc.log", "receipts": "early"}'
//
// It prints its port first, then what happens, a JSON object a line. Commands come the same way on stdin:
//
//     {"set": {"throttle": 0.3}}   change the behaviour        {"drop": true}          cut every connection
//     {"garbage": "deadbeef"}      write these octets          {"unbind": true}        send unbind
//     {"deliver": {...}}           a deliver_sm of one's own   {"release": true}       answer what is held
//     {"enquire": true}            send enquire_link
//
// Its log has a line for each submit_sm that it took; numbers stand there as SHA-256 alone.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

// As they came, not as dates.
smpp.filters.time.decode = (value) => value;
smpp.filters.time.encode = (value) => value;

const behaviour = {
  port: 0, // any
  log: null, // a file
  system_id: null, password: null, // what a bind must name, if anything
  bind_status: 0, // answers binds with it
  response_ms: 0, // a submit_sm_resp takes that long
  hold: false, // until released
  statuses: [], // of the next submit_sm, one after the other; then 0
  throttle: 0, // this share is answered "throttled" …
  queue_full: 0, // … and this "queue full"
  rate: 0, // more submit_sm than that in a second are throttled
  drop_after: 0, // each so many taken: the connection is cut instead of an answer
  garbage_after: 0, // each so many taken: noise instead of an answer …
  noises: [], // … these octets (hex), one after the other; then random ones
  is_silent: false, // reads everything and says nothing
  is_mute: false, // takes everything and says nothing, but to a bind
  receipts: 'after', // | early | twice | unknown | never
  receipt_format: 'tlv', // | text
  receipt_state: 'DELIVRD',
  receipt_ms: 0,
  redeliver_ms: 50, // a receipt that was not acknowledged comes again
  seed: 1,
  key: null, cert: null, // files: TLS
  ...JSON.parse(process.argv[2] || '{}'),
};

const STATES = {ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, DELETED: 4, UNDELIV: 5, ACCEPTD: 6, UNKNOWN: 7, REJECTD: 8};
const run = crypto.randomBytes(4).toString('hex');
const log = behaviour.log && fs.openSync(behaviour.log, 'a');
const states = new Map();
const sessions = new Set();
const waiting = []; // receipts that no receiver has acknowledged
const held = [];
let taken = 0;
let second = 0;
let inSecond = 0;

// A generator of our own, so that a seed tells the run: mulberry32.
let state = behaviour.seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

function tell(event, fields) {
  process.stdout.write(JSON.stringify({event, ...fields}) + '\n');
}

function receivers() {
  return [...sessions].filter((session) => session.receives);
}

function statusOf() {
  if (behaviour.statuses.length) return behaviour.statuses.shift();
  if (behaviour.rate) {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) [second, inSecond] = [now, 0];
    if (++inSecond > behaviour.rate) return smpp.ESME_RTHROTTLED;
  }
  const chance = random();
  if (chance < behaviour.throttle) return smpp.ESME_RTHROTTLED;
  if (chance < behaviour.throttle + behaviour.queue_full) return smpp.ESME_RMSGQFUL;
  return 0;
}

function textOf(pdu) {
  if (pdu.message_payload) return pdu.message_payload.message ?? String(pdu.message_payload);
  return pdu.short_message.message;
}

function take(pdu) {
  const id = `${run}-${(++taken).toString(16)}`;
  states.set(id, STATES[behaviour.receipt_state]);
  if (log) {
    const udh = pdu.short_message && pdu.short_message.udh && pdu.short_message.udh[0];
    fs.writeSync(log, JSON.stringify({
      at: Date.now() / 1000,
      source: pdu.source_addr,
      source_ton: pdu.source_addr_ton,
      destination: crypto.createHash('sha256').update(pdu.destination_addr).digest('hex'),
      text: textOf(pdu),
      data_coding: pdu.data_coding,
      part: udh ? [udh[2], udh[4], udh[3]] : null, // concatenation: reference, number, of
      validity: pdu.validity_period,
      registered_delivery: pdu.registered_delivery,
      reference: pdu.user_message_reference ?? null,
      id,
    }) + '\n');
  }
  return id;
}

function receiptOf(id) {
  const word = behaviour.receipt_state;
  const failed = word === 'DELIVRD' ? '000' : '011';
  const fields = {esm_class: 4, source_addr: '77010000001', destination_addr: 'SMART'};
  if (behaviour.receipt_format === 'tlv') {
    return {...fields, short_message: '', receipted_message_id: id, message_state: STATES[word]};
  }
  const at = new Date().toISOString().replace(/\D/g, '').slice(2, 12);
  return {
    ...fields,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:${at} done date:${at} stat:${word} err:${failed} text:id:`,
  };
}

function deliver(fields) {
  const [session] = receivers();
  if (!session) {
    waiting.push(fields);
    return;
  }
  session.unacknowledged.add(fields);
  session.deliver_sm({...fields}, (answer) => {
    if (!session.unacknowledged.delete(fields)) return;
    tell('acknowledged', {status: answer.command_status});
    if (answer.command_status) setTimeout(() => deliver(fields), behaviour.redeliver_ms);
  });
}

function send(id) {
  const receipt = receiptOf(id);
  const go = () => {
    if (behaviour.receipts === 'unknown') return deliver(receiptOf('nobody-' + id));
    deliver(receipt);
    if (behaviour.receipts === 'twice') deliver(receiptOf(id));
  };
  if (behaviour.receipt_ms) setTimeout(go, behaviour.receipt_ms);
  else go();
}

function submitted(session, pdu) {
  if (behaviour.is_silent) return;
  const status = statusOf();
  if (status) return session.send(pdu.response({command_status: status}));
  const id = take(pdu);
  if (behaviour.is_mute) return;
  if (behaviour.drop_after && taken % behaviour.drop_after === 0) return session.destroy();
  if (behaviour.garbage_after && taken % behaviour.garbage_after === 0) {
    return session.socket.write(Buffer.from(behaviour.noises.shift() ?? crypto.randomBytes(64).toString('hex'), 'hex'));
  }
  const asked = pdu.registered_delivery & 1 && behaviour.receipts !== 'never';
  if (asked && behaviour.receipts === 'early') send(id);
  const answer = () => {
    session.send(pdu.response({message_id: id}));
    if (asked && behaviour.receipts !== 'early') send(id);
  };
  if (behaviour.hold) held.push(answer);
  else if (behaviour.response_ms) setTimeout(answer, behaviour.response_ms);
  else answer();
}

function bound(session, pdu) {
  const isRight = (!behaviour.system_id || pdu.system_id === behaviour.system_id)
    && (!behaviour.password || pdu.password === behaviour.password);
  const status = behaviour.bind_status || (isRight ? 0 : smpp.ESME_RINVPASWD);
  session.send(pdu.response(status ? {command_status: status} : {system_id: 'smsc'}));
  tell('bind', {command: pdu.command, status});
  if (status) return;
  session.receives = pdu.command !== 'bind_transmitter';
  if (session.receives) waiting.splice(0).forEach(deliver);
}

function queried(session, pdu) {
  const known = states.get(pdu.message_id);
  if (known === undefined) return session.send(pdu.response({command_status: smpp.ESME_RQUERYFAIL}));
  session.send(pdu.response({message_id: pdu.message_id, final_date: '', message_state: known, error_code: 0}));
}

function serve(session) {
  session.unacknowledged = new Set();
  session.receives = false;
  session.socket.setNoDelay(true);
  sessions.add(session);
  for (const command of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
    session.on(command, (pdu) => bound(session, pdu));
  }
  session.on('submit_sm', (pdu) => submitted(session, pdu));
  session.on('query_sm', (pdu) => queried(session, pdu));
  session.on('enquire_link', (pdu) => {
    tell('asked', {});
    if (behaviour.is_silent || behaviour.is_mute) return;
    session.send(pdu.response());
    tell('enquired', {});
  });
  session.on('enquire_link_resp', () => tell('alive', {}));
  session.on('generic_nack', (pdu) => tell('nack', {status: pdu.command_status}));
  session.on('unbind_resp', () => tell('unbound', {by: 'smsc'}));
  session.on('unbind', (pdu) => {
    tell('unbound', {by: 'client'});
    session.send(pdu.response());
    session.close();
  });
  session.on('error', () => session.destroy());
  session.on('close', () => {
    sessions.delete(session);
    waiting.push(...session.unacknowledged);
    session.unacknowledged.clear();
    tell('closed', {});
    if (receivers().length) waiting.splice(0).forEach(deliver);
  });
}

function obey(command) {
  if (command.set) Object.assign(behaviour, command.set);
  if (command.release) held.splice(0).forEach((answer) => answer());
  if (command.deliver) deliver(command.deliver);
  for (const session of [...sessions]) {
    if (command.drop) session.destroy();
    if (command.garbage) session.socket.write(Buffer.from(command.garbage, 'hex'));
    if (command.unbind) session.unbind();
    if (command.enquire) session.enquire_link();
  }
  tell('done', {});
}

const secure = behaviour.key ? {key: fs.readFileSync(behaviour.key), cert: fs.readFileSync(behaviour.cert)} : {};
const server = smpp.createServer(secure, serve);
server.listen(behaviour.port, '127.0.0.1', () => tell('listening', {port: server.address().port}));
readline.createInterface({input: process.stdin})
  .on('line', (line) => obey(JSON.parse(line)))
  .on('close', () => process.exit(0)); // whoever started us is gone
