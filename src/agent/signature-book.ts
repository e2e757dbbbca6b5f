import type { Checksum } from '../base/index.ts';
import { wireVariant, type WireVariant } from '../ipc/index.ts';
import { commitSignatureTuples, type RemoteConfig } from '../remote/index.ts';
import { openRepo } from '../repo/index.ts';

/** A commit whose signatures are to be shown as the keys of a remote judge them. */
export interface SignedDeployment {
  readonly checksum: Checksum;
  readonly remote: RemoteConfig;
}

/**
 * What the signatures of deployed commits are worth, judged once while the agent runs: models are read at once and often,
 * judging takes its time. What is not known yet is asked for while a model is read, and learnt afterwards.
 */
export class SignatureBook {
  readonly #known = new Map<string, WireVariant>();
  readonly #asked = new Map<string, SignedDeployment>();

  /** The `av` of tuples, empty until it has been learnt. */
  look(one: SignedDeployment): WireVariant {
    const key = `${one.remote.name}:${one.checksum}`;
    const known = this.#known.get(key);
    if (known === undefined) this.#asked.set(key, one);
    return known ?? wireVariant('av', []);
  }

  /** Judges what was asked for; true if something was learnt that changes what is shown. Never throws. */
  async learn(repoPath: string): Promise<boolean> {
    const asked = [...this.#asked];
    this.#asked.clear();
    let isNews = false;
    for (const [key, one] of asked) {
      const tuples = await judge(repoPath, one);
      this.#known.set(key, wireVariant('av', [...tuples]));
      isNews ||= tuples.length > 0;
    }
    return isNews;
  }
}

/** A commit or a keyring that cannot be read costs the signatures, not the dictionary. */
async function judge(repoPath: string, one: SignedDeployment): ReturnType<typeof commitSignatureTuples> {
  try {
    using repo = openRepo(repoPath);
    return await commitSignatureTuples(repo, one);
  } catch {
    return [];
  }
}
