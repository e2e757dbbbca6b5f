import type { Dispatcher } from 'undici';
import { AtomicError } from '../base/index.ts';
import { readHostText } from './host-file.ts';
import { maxRequestsInFlight } from './limits.ts';
import type { RemoteConfig } from './remote-config.ts';
import type { TransportTimings } from './transport-timings.ts';

/** A PEM file with a chain or a bundle of authorities; system bundles have some 200 KiB. */
const maxPemBytes = 16 * 1024 * 1024;

/**
 * The undici dispatcher for a remote: its proxy, its TLS options, as many connections as requests may be in flight.
 * `InvalidArgument` naming the key whose file cannot be read. undici is loaded here and nowhere else, on first use.
 */
export async function openDispatcher(remote: RemoteConfig, timings: TransportTimings): Promise<Dispatcher> {
  const { Agent, ProxyAgent } = await import('undici');
  const tls = readTls(remote);
  const options = {
    connections: maxRequestsInFlight,
    pipelining: 1,
    // The speed monitor judges slowness; these two would judge silence alone, and differently.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { ...tls, timeout: timings.connectTimeoutMs },
  };
  if (remote.proxy === undefined) return new Agent(options);
  // Without a tunnel for plain HTTP, as other clients do it: many proxies allow tunnels to TLS ports only.
  return new ProxyAgent({
    ...options,
    uri: proxyUri(remote, remote.proxy),
    requestTls: options.connect,
    proxyTunnel: false,
  });
}

/** The proxy's address; kinds that undici does not speak are refused instead of going past the proxy. */
function proxyUri(remote: RemoteConfig, proxy: string): string {
  const url = URL.canParse(proxy) ? new URL(proxy) : undefined;
  if (url !== undefined && ['http:', 'https:'].includes(url.protocol)) return url.href;
  throw new AtomicError(
    'NotSupported',
    `Remote "${remote.name}" sets proxy to something else than an http or https URL`,
    {
      facts: { remote: remote.name, key: 'proxy' },
      hint: 'Give proxy in the form http://HOST:PORT.',
    },
  );
}

/** The TLS options as undici takes them, their files read. */
function readTls(remote: RemoteConfig): { rejectUnauthorized: boolean; ca?: string; cert?: string; key?: string } {
  const { tls } = remote;
  const read = (key: string, path: string | undefined): string | undefined =>
    path === undefined ? undefined : readPem(remote, key, path);
  const ca = read('tls-ca-path', tls.caPath);
  const cert = read('tls-client-cert-path', tls.clientCertPath);
  const key = read('tls-client-key-path', tls.clientKeyPath);
  if ((cert === undefined) !== (key === undefined)) {
    throw new AtomicError(
      'InvalidArgument',
      `Remote "${remote.name}" sets only one of tls-client-cert-path and tls-client-key-path`,
      { facts: { remote: remote.name }, hint: 'Set both or none.' },
    );
  }
  return {
    rejectUnauthorized: !tls.permissive,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** A PEM file of the host; missing is an error that names the key, never a connection without it. */
function readPem(remote: RemoteConfig, key: string, path: string): string {
  const text = readHostText(path, maxPemBytes);
  if (text !== undefined) return text;
  throw new AtomicError('InvalidArgument', `Remote "${remote.name}": the file of ${key} is missing: ${path}`, {
    facts: { remote: remote.name, key, path },
    hint: `Put the file there, or correct ${key} in ${remote.source}.`,
  });
}
