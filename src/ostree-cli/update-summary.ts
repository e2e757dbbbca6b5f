import type { Job } from '../base/index.ts';
import { writeSummary, type Repo } from '../repo/index.ts';

/**
 * Writes the summary anew if `core.auto-update-summary` asks for that whenever a ref changes. (Its older name,
 * `commit-update-summary`, is about commits alone.)
 */
export async function updateSummaryIfAsked(repo: Repo, job: Job): Promise<void> {
  if (repo.config.get('core', 'auto-update-summary')?.trim() === 'true') await writeSummary(repo, job);
}
