import { AtomicError } from '../base/index.ts';

/** A URL as it may be shown: without user, password, and the values of its query (which carry tokens). */
export function redactUrl(url: URL | string): string {
  const parsed = typeof url === 'string' ? tryParseUrl(url) : url;
  if (parsed === undefined) return String(url).replace(/\/\/[^/@]*@/, '//');
  const query = parsed.search === '' ? '' : '?…';
  return parsed.protocol === 'file:' ? `file://${parsed.pathname}` : `${parsed.origin}${parsed.pathname}${query}`;
}

/**
 * The base URL of a remote, its path ending in "/". `RemoteInvalid` naming the remote and the key if it is not an absolute
 * `http:`, `https:` or `file:` URL.
 */
export function parseRemoteUrl(text: string, about: { readonly remote: string; readonly key: string }): URL {
  const url = tryParseUrl(text);
  const problem = url === undefined ? 'it is not an absolute URL' : schemeProblem(url);
  if (url === undefined || problem !== undefined) {
    throw new AtomicError('RemoteInvalid', `Invalid ${about.key} of remote "${about.remote}": ${problem}`, {
      facts: { remote: about.remote, url: redactUrl(text) },
      hint: `Give ${about.key} in the form https://HOST/PATH.`,
    });
  }
  const base = new URL(url);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  base.hash = '';
  return base;
}

/** The address of `path` (plain, not yet escaped) below a base URL; keeps the base's query. */
export function joinUrl(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = base.pathname + path.split('/').map(encodeURIComponent).join('/');
  return url;
}

/** The path of a `file:` URL on this machine. */
export function fileUrlPath(url: URL): string {
  return decodeURIComponent(url.pathname);
}

/** The header that carries the user and password of a URL; undefined if it has none. */
export function basicAuthorization(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
}

function tryParseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** Why the URL cannot be that of a remote; undefined if it can. */
function schemeProblem(url: URL): string | undefined {
  if (['http:', 'https:'].includes(url.protocol)) return undefined;
  if (url.protocol !== 'file:') return `the scheme ${url.protocol.replace(/:$/, '')} is not supported`;
  return url.host === '' ? undefined : 'a file URL with a host is not supported';
}
