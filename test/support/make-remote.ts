/** A remote as a config would describe it, unsigned unless told, without a repo that holds the config. */
import type { RemoteConfig, TransportTimings } from '../../src/remote/index.ts';

/** The remote called `origin` at `url`. */
export function makeRemote(url: string, settings: Partial<RemoteConfig> = {}): RemoteConfig {
  return {
    name: 'origin',
    url,
    contentUrl: undefined,
    branches: [],
    gpgVerify: false,
    gpgVerifySummary: false,
    signVerify: undefined,
    signVerifySummary: undefined,
    trust: {
      gpgKeyPaths: [],
      ed25519: { key: undefined, file: undefined },
      spki: { key: undefined, file: undefined },
    },
    proxy: undefined,
    tls: { permissive: false, caPath: undefined, clientCertPath: undefined, clientKeyPath: undefined },
    unconfiguredState: undefined,
    unsupported: [],
    source: 'config',
    ...settings,
  };
}

/** Patience for servers on the same machine: failures are told in a fraction of a second. */
export const quickTimings: Partial<TransportTimings> = {
  connectTimeoutMs: 2000,
  lowSpeedWindowMs: 1500,
  retries: 2,
  stallRetries: 0,
  backoffBaseMs: 5,
  backoffMaxMs: 20,
  retryAfterMaxMs: 50,
};
