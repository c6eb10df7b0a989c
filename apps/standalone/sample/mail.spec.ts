import { describe, expect, it } from '@jest/globals';
import { chooseMail } from './corpus.js';
import { mailText, parseMail, textCharsMax } from './mail.js';

const message = (headers: string[], body: string): string => [...headers, '', body].join('\n');

describe('parsing mail', () => {
  it('keeps subject, body and sender, and drops every other header', () => {
    const mail = parseMail(message(['From x@y Thu Aug 22 12:36:23 2002', 'Received: from relay (relay.example [10.0.0.1])', 'From: "Ann B." <Ann.B@Example.org>', 'Subject: Hello', ' again'], 'First.\n\nSecond.'));
    expect(mail).toEqual({ subject: 'Hello again', body: 'First. Second.', sender: 'ann.b@example.org' });
  });

  it('decodes encoded subjects, quoted-printable and base64 in their charsets', () => {
    const subject = parseMail(message(['Subject: =?iso-8859-1?Q?Gr=FC=DFe_aus_K=F6ln?='], '')).subject;
    const quoted = parseMail(message(['Content-Type: text/plain; charset="utf-8"', 'Content-Transfer-Encoding: quoted-printable'], 'caf=C3=A9 and soft=\n break')).body;
    const base64 = parseMail(message(['Content-Transfer-Encoding: base64'], Buffer.from('plain words').toString('base64'))).body;
    expect([subject, quoted, base64]).toEqual(['Grüße aus Köln', 'café and soft break', 'plain words']);
  });

  it('takes the plain alternative of a multipart, and HTML without its markup when there is none', () => {
    const part = (type: string, text: string): string => `--b1\nContent-Type: ${type}\n\n${text}\n`;
    const both = parseMail(message(['Content-Type: multipart/alternative; boundary="b1"'], `preamble\n${part('text/html', '<b>rich</b>')}${part('text/plain', 'plain')}--b1--\n`));
    const html = parseMail(message(['Content-Type: text/html'], '<style>p{}</style><p>Buy&nbsp;now &#33;</p><!-- x -->'));
    expect([both.body, html.body]).toEqual(['plain', 'Buy now !']);
  });

  it('names the sender unknown when the From line holds no address', () => {
    expect(parseMail(message(['From: The management'], 'x')).sender).toBe('unknown');
  });
});

describe('the corpus', () => {
  const mails = chooseMail(600, 'mizan');

  it('gives the same messages for a seed, and others for another', () => {
    expect(chooseMail(20, 'mizan').map(({ id }) => id)).toEqual(mails.slice(0, 20).map(({ id }) => id));
    expect(chooseMail(20, 'another').map(({ id }) => id)).not.toEqual(mails.slice(0, 20).map(({ id }) => id));
  });

  it('holds both labels, a held-out quarter and readable text throughout', () => {
    const spam = mails.filter(({ label }) => label === 'spam').length;
    expect(spam).toBeGreaterThan(150);
    expect(spam).toBeLessThan(300);
    expect(mails.filter(({ heldOut }) => heldOut)).toHaveLength(150);
    expect(mails.filter(({ body }) => body === '').length).toBeLessThan(12);
    expect(mails.filter(({ sender }) => sender === 'unknown').length).toBeLessThan(24);
  });

  it('sends no headers and no more than the limit', () => {
    for (const text of mails.map(mailText)) {
      expect(text.length).toBeGreaterThan(0);
      expect(text.length).toBeLessThanOrEqual(textCharsMax);
    }
    // One advertiser's body is itself a header block.
    expect(mails.filter((mail) => /^(Received|Return-Path|Delivered-To|Message-Id): /m.test(mailText(mail))).length).toBeLessThanOrEqual(1);
  });

  it('holds personal data in about half of what is sent, and mail of the refused senders', () => {
    const withAddress = mails.filter((mail) => /[\w.+-]+@[\w-]+\.\w/.test(mailText(mail))).length;
    expect(withAddress / mails.length).toBeGreaterThan(0.4);
    expect(withAddress / mails.length).toBeLessThan(0.7);
    expect(mails.filter(({ sender }) => sender === 'rssfeeds@spamassassin.taint.org').length).toBeGreaterThan(20);
  });
});
