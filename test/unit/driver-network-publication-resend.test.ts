/** A publication sends again what its receivers ask for, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nak, PublicationSender, statusMessage } from '../support/publication-sender.ts';
import { MTU, TERM_LENGTH } from '../support/stream-fixtures.ts';

const WINDOW = TERM_LENGTH / 2;

test('a NAK is answered at once, repeats only after the linger time', () => {
  using sender = new PublicationSender();
  sender.connect();
  for (let i = 0; i < 4; i++) sender.publisher.offer(Buffer.alloc(MTU - 32, i));
  sender.cycle();
  sender.transport.takeSent();
  sender.receive(nak(MTU, 2 * MTU), nak(MTU, 2 * MTU), nak(2 * MTU, MTU));
  const sent = sender.transport.takeSent();
  assert.deepEqual(
    sent.map(({ view }) => view.getInt32(8, true)),
    [MTU, 2 * MTU],
  );
  assert.equal(sender.agent.counter(11).get(), 1, 'retransmits sent');
  assert.equal(sender.agent.counter(36).get(), 2 * MTU, 'retransmitted bytes');
  assert.equal(sender.agent.counter(6).get(), 3, 'NAKs received');
  assert.equal(sender.value(sender.spec.senderNaksReceivedCounterId), 3);
  sender.agent.run(12);
  sender.receive(nak(MTU, MTU));
  assert.equal(sender.transport.takeSent().length, 1);
});

test('a NAK for the middle of a frame gets nothing: what lies there need not be a frame', () => {
  using sender = new PublicationSender();
  sender.connect();
  // Reads as the header of a frame of 96 bytes at each multiple of 32.
  const payload = Buffer.alloc(MTU - 32);
  for (let at = 0; at < payload.length; at += 32) payload.writeInt32LE(96, at);
  sender.publisher.offer(payload);
  sender.cycle();
  sender.transport.takeSent();
  sender.receive(nak(64, 96));
  assert.deepEqual(sender.transport.takeSent(), []);
  sender.agent.run(12);
  sender.receive(nak(0, MTU));
  assert.equal(sender.transport.takeSent().length, 1);
});

test('a receiver that the padding at the end of a term put far behind is heard, and gets what it lacks', () => {
  // A message of the longest payload, 8192 bytes, takes twice of that: it does not fit into the end of the term.
  const mtu = 64;
  const padding = 2 * (TERM_LENGTH / 8) - mtu;
  using sender = new PublicationSender({ mtu });
  sender.connect();
  const position = TERM_LENGTH - padding;
  for (let end = 0; end < position; end += mtu) {
    sender.publisher.offer(Buffer.alloc(mtu - 32, 1));
    sender.receive(statusMessage(Math.max(0, end - WINDOW)));
  }
  assert.equal(sender.publisher.offer(Buffer.alloc(padding)), false, 'padding only');
  // The window ends behind the header of the padding.
  const behind = position - WINDOW + 32;
  sender.receive(statusMessage(behind));
  assert.equal(sender.senderPosition, TERM_LENGTH);
  sender.transport.takeSent();
  const rejected = sender.agent.counter(44).get();
  sender.receive(statusMessage(behind), nak(behind - 32, mtu));
  assert.equal(sender.agent.counter(44).get(), rejected, 'status messages rejected');
  assert.equal(sender.transport.takeSent().length, 1);
  sender.receive(statusMessage(behind - 128));
  assert.equal(sender.agent.counter(44).get(), rejected + 1);
});

test('a NAK never gets what was not sent yet', () => {
  using sender = new PublicationSender();
  sender.receive(statusMessage(0, 0));
  sender.publisher.offer(Buffer.alloc(64));
  sender.transport.takeSent();
  sender.receive(nak(0, 96));
  assert.equal(sender.transport.takeSent().length, 0);
});
