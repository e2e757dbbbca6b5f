import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { createJob } from '../../../src/base/index.ts';
import type { RemoteTls } from '../../../src/remote/index.ts';
import { Transport } from '../../../src/remote/transport.ts';
import { makeRemote, quickTimings } from '../../support/make-remote.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/tls');
const certPath = join(fixtures, 'server.crt');
const keyPath = join(fixtures, 'server.key');

const noTls: RemoteTls = {
  permissive: false,
  caPath: undefined,
  clientCertPath: undefined,
  clientKeyPath: undefined,
};

/** Fetches `/` of a TLS server that answers with the name of the client's certificate, or redirects. */
async function ask(tls: Partial<RemoteTls>, redirectTo?: string): Promise<string> {
  const options = {
    cert: readFileSync(certPath),
    key: readFileSync(keyPath),
    requestCert: true,
    rejectUnauthorized: false,
  };
  const server = createServer(options, (request, response) => {
    const subject = (request.socket as TLSSocket).getPeerCertificate().subject as { CN?: string } | undefined;
    if (redirectTo === undefined) response.end(`client ${subject?.CN ?? 'unknown'}`);
    else response.writeHead(302, { location: redirectTo }).end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  try {
    await using transport = await Transport.open(
      makeRemote(url, { tls: { ...noTls, ...tls } }),
      quickTimings,
      createJob(),
    );
    const body = await transport.fetch(new URL(url), { maxBytes: 1000 });
    return body?.kind === 'memory' ? Buffer.from(body.bytes).toString() : 'nothing';
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

it('refuses a certificate that nobody it trusts has signed', async () => {
  await expect(ask({})).rejects.toMatchObject({
    code: 'RemoteUnreachable',
    message: expect.stringContaining('the TLS connection was refused') as string,
  });
});

it('trusts the authority of tls-ca-path', async () => {
  expect(await ask({ caPath: certPath })).toBe('client unknown');
});

it('trusts everybody with tls-permissive', async () => {
  expect(await ask({ permissive: true })).toBe('client unknown');
});

it('shows the certificate of tls-client-cert-path', async () => {
  const tls = { caPath: certPath, clientCertPath: certPath, clientKeyPath: keyPath };
  expect(await ask(tls)).toBe('client localhost');
});

it('does not follow a redirect from https to http', async () => {
  await expect(ask({ permissive: true }, 'http://127.0.0.1:1/')).rejects.toMatchObject({ code: 'RemoteInvalid' });
});

it.each([
  [{ caPath: '/nowhere/ca.pem' }, 'the file of tls-ca-path is missing: /nowhere/ca.pem'],
  [{ clientCertPath: certPath }, 'sets only one of tls-client-cert-path and tls-client-key-path'],
])('names the setting that is wrong (%j)', async (tls, reason) => {
  await expect(ask(tls)).rejects.toMatchObject({
    code: 'InvalidArgument',
    message: expect.stringContaining(reason) as string,
  });
});
