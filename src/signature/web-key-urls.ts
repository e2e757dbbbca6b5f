import { createHash } from 'node:crypto';

const zBase32 = 'ybndrfg8ejkmcpqxot1uwisza345h769';

/** Where an address publishes its key: the advanced and the direct URL of a Web Key Directory. */
export interface WebKeyUrls {
  readonly advanced: string;
  readonly direct: string;
}

/** The URLs of the Web Key Directory for the address in a user id; undefined if it has none. Nothing is asked there. */
export function webKeyUrls(userId: string): WebKeyUrls | undefined {
  const [, local, host] = /([^\s<>@]+)@([^\s<>@]+)>?$/.exec(userId) ?? [];
  if (local === undefined || host === undefined) return undefined;
  const domain = host.toLowerCase();
  const name = `hu/${encode(createHash('sha1').update(local.toLowerCase()).digest())}?l=${local}`;
  return {
    advanced: `https://openpgpkey.${domain}/.well-known/openpgpkey/${domain}/${name}`,
    direct: `https://${domain}/.well-known/openpgpkey/${name}`,
  };
}

/** Five bits a letter; a SHA-1 has 160 of them, so nothing is left over. */
function encode(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? []).map((five) => zBase32[Number.parseInt(five, 2)]).join('');
}
